package apns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/emulator"
)

// However narrow the provider's stream limit, nothing is lost and few connections are opened.
func TestConnectionsUnderStreamLimits(t *testing.T) {
	for _, c := range []struct {
		name             string
		cold, warm, most int
		sends            int
	}{
		{"one stream for ever", 1, 1, 1, 100},
		{"one stream for ever, three connections", 1, 1, 3, 100},
		{"one, then a hundred", 1, 100, 1, 1000},
		{"a hundred from the start", 100, 100, 1, 1000},
		{"one, then a thousand", 1, 1000, 2, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, emulator.APNsOptions{ColdStreams: c.cold, Streams: c.warm}, connections(c.most))
			require.Equal(t, map[string]int{"OK": c.sends}, b.burst(t, c.sends, "ab"))
			n := b.apns.Counts()
			require.Equal(t, c.sends, n.DistinctDeliveries)
			require.Equal(t, c.sends, n.Requests)
			require.LessOrEqual(t, n.Connections, c.most)
			require.Zero(t, n.OverLimit)
		})
	}
}

// The limit goes from 1 to 50 to 1 and back while requests are under way.
func TestLimitThatChanges(t *testing.T) {
	b := start(t, emulator.APNsOptions{ColdStreams: 1, Streams: 50}, connections(1))
	for _, limit := range []int{1, 50, 1, 7} {
		b.apns.SetStreams(limit)
		require.Equal(t, map[string]int{"OK": 200}, b.burst(t, 200, "ab"))
	}
	n := b.apns.Counts()
	require.Equal(t, 800, n.DistinctDeliveries)
	require.Equal(t, 1, n.Connections)
}

func TestLimitDropsAfterARefusal(t *testing.T) {
	b := start(t, emulator.APNsOptions{ColdStreams: 1, Streams: 50, DropOnRefusal: true}, connections(1))
	require.NoError(t, b.apns.On("bad0", emulator.Outcome{Status: 400, Code: "BadDeviceToken", Times: -1}))
	for range 5 {
		require.Equal(t, "BadDeviceToken", b.send(t, "bad0").Code)
		require.Equal(t, map[string]int{"OK": 50}, b.burst(t, 50, "ab"))
	}
	require.Equal(t, 1, b.apns.Counts().Connections)
}

// Requests under way when GOAWAY comes are answered; later ones go to a new connection.
func TestGoAwayLosesNothing(t *testing.T) {
	b := start(t, emulator.APNsOptions{}, connections(1))
	require.Equal(t, "OK", b.send(t, "ab").Code)
	b.apns.Stall()
	ended := make(chan map[string]int)
	go func() { ended <- b.burst(t, 20, "ab") }()
	require.Eventually(t, func() bool { return b.apns.Counts().Held == 20 }, 10*time.Second, time.Millisecond)
	b.apns.GoAway("Shutdown")
	b.apns.Release()
	require.Equal(t, map[string]int{"OK": 20}, <-ended)
	require.Equal(t, map[string]int{"OK": 20}, b.burst(t, 20, "ab"))
	n := b.apns.Counts()
	require.Equal(t, 41, n.DistinctDeliveries)
	require.Equal(t, 41, n.Accepted)
	require.Equal(t, 2, n.Connections)
}

// A provider that sends GOAWAY every so often while many requests come: each is answered, none twice.
func TestGoAwayInTheMiddle(t *testing.T) {
	b := start(t, emulator.APNsOptions{}, connections(2))
	require.NoError(t, b.apns.On("ab",
		emulator.Outcome{Times: 40}, emulator.Outcome{GoAway: true, Code: "Shutdown"},
		emulator.Outcome{Times: 40}, emulator.Outcome{GoAway: true, Code: "Shutdown"}))
	require.Equal(t, map[string]int{"OK": 200}, b.burst(t, 200, "ab"))
	n := b.apns.Counts()
	require.Equal(t, 200, n.DistinctDeliveries)
	require.Equal(t, 200, n.Accepted)
}

func TestTooManyBadTokensMoveToANewConnection(t *testing.T) {
	b := start(t, emulator.APNsOptions{BadTokens: 3}, connections(1))
	require.NoError(t, b.apns.On("bad0", emulator.Outcome{Status: 400, Code: "BadDeviceToken", Times: -1}))
	for range 7 {
		require.Equal(t, "BadDeviceToken", b.send(t, "bad0").Code)
	}
	require.Equal(t, 3, b.apns.Counts().Connections)
}

func TestShutdownMovesToANewConnection(t *testing.T) {
	b := start(t, emulator.APNsOptions{}, connections(1))
	require.NoError(t, b.apns.On("ab", emulator.Outcome{Status: 503, Code: "Shutdown"}))
	require.Equal(t, "Shutdown", b.send(t, "ab").Code)
	require.Equal(t, "OK", b.send(t, "ab").Code)
	require.Equal(t, 2, b.apns.Counts().Connections)
}
