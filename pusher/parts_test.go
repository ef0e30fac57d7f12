package pusher

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestRetryWaits(t *testing.T) {
	p, err := RetryPolicy{}.withDefaults()
	require.NoError(t, err)
	for _, c := range []struct {
		attempt int
		asked   time.Duration
		random  float64
		want    time.Duration
	}{
		{0, 0, 0, 10 * time.Second}, {1, 0, 0, 10 * time.Second}, {2, 0, 0, 20 * time.Second}, {3, 0, 0.5, 50 * time.Second},
		{6, 0, 0, 5 * time.Minute}, {60, 0, 0, 5 * time.Minute}, {1 << 30, 0, 0, 5 * time.Minute},
		{5, 3 * time.Second, 0, 10 * time.Second}, {1, time.Hour, 0, time.Hour}, {1, time.Minute, 0.5, 75 * time.Second},
	} {
		require.Equal(t, c.want, p.wait(c.attempt, Result{RetryAfter: c.asked}, c.random), "%+v", c)
	}
	quarter := Result{FirstWait: 15 * time.Minute}
	require.Equal(t, 15*time.Minute, p.wait(1, quarter, 0))
	require.Equal(t, 15*time.Minute, p.wait(3, quarter, 0), "a first wait above the longest stays what it is")
	require.Equal(t, 2*time.Minute, p.wait(2, Result{FirstWait: time.Minute}, 0))
	require.Equal(t, 20*time.Second, p.wait(2, Result{FirstWait: time.Minute, RetryAfter: 20 * time.Second}, 0))
}

func TestWaitBeforeTheEnd(t *testing.T) {
	p, err := RetryPolicy{}.withDefaults()
	require.NoError(t, err)
	for _, c := range []struct {
		wait, left time.Duration
		random     float64
		want       time.Duration
	}{
		{time.Minute, 10 * time.Minute, 0, time.Minute}, {15 * time.Minute, 10 * time.Minute, 0, 5 * time.Minute},
		{15 * time.Minute, 10 * time.Minute, 1, 450 * time.Second}, {time.Minute, 59 * time.Second, 0, time.Minute},
		{2 * time.Minute, time.Minute, 0, 30 * time.Second}, {time.Minute, -time.Second, 0, time.Minute},
	} {
		require.Equal(t, c.want, p.beforeEnd(c.wait, c.left, c.random), "%+v", c)
	}
}

func TestGate(t *testing.T) {
	g, p, d := newGate(), project{uuid.UUID{1}, FCM}, device{uuid.UUID{1}, uuid.UUID{2}}
	minutes := func(round int) time.Duration { return time.Duration(round) * time.Minute }
	require.Equal(t, pass{}, g.admit(p, d, 0, time.Second))
	require.Equal(t, time.Minute, g.hold(p, 0, false, minutes))
	require.Equal(t, 61*time.Second, g.hold(p, time.Second, false, minutes), "an answer of the same round only lengthens it")
	require.Equal(t, pass{wait: time.Second, reason: DeferredProjectPaused}, g.admit(p, d, time.Minute, time.Second))
	require.Equal(t, pass{}, g.admit(project{p.brand, APNs}, d, time.Minute, time.Second), "another provider goes on")
	require.True(t, g.admit(p, d, 61*time.Second, time.Second).probe)
	require.Equal(t, pass{wait: time.Second, reason: DeferredProjectPaused}, g.admit(p, d, 61*time.Second, time.Second))
	require.Equal(t, 3*time.Minute+2*time.Second, g.hold(p, 62*time.Second, true, minutes), "the second round")
	require.True(t, g.admit(p, d, 4*time.Minute, time.Second).probe)
	g.settle(p, false)
	require.True(t, g.admit(p, d, 4*time.Minute, time.Second).probe, "an unanswered probe lets the next one try")
	g.settle(p, true)
	require.Equal(t, pass{}, g.admit(p, d, 4*time.Minute, time.Second))

	g.slow(d, 5*time.Minute)
	require.Equal(t, pass{wait: time.Minute, reason: DeferredDeviceSlowed}, g.admit(p, d, 4*time.Minute, time.Second))
	g.prune(5 * time.Minute)
	require.Empty(t, g.devices)
}

func TestGathererKeepsGoingPastABadItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		written, largest, fails := map[int]int{}, 0, 0
		g := newGatherer(64, time.Millisecond, func(_ context.Context, batch []int) error {
			mu.Lock()
			defer mu.Unlock()
			largest = max(largest, len(batch))
			for _, n := range batch {
				if n == 13 {
					return errors.New("bad item")
				}
			}
			for _, n := range batch {
				written[n]++
			}
			return nil
		}, func(error, int) { fails++ })
		ctx, cancel := context.WithCancel(context.Background())
		left := make(chan int, 1)
		go func() { left <- g.run(ctx) }()
		for n := range 500 {
			g.add(n)
		}
		time.Sleep(3 * time.Minute) // the bubble's clock
		mu.Lock()
		require.Len(t, written, 499)
		mu.Unlock()
		cancel()
		require.Equal(t, 1, <-left)
		require.Equal(t, 64, largest)
		require.Greater(t, fails, 6)
		for n, times := range written {
			require.Equal(t, 1, times, n)
		}
	})
}

func TestGathererWritesEverythingBeforeItCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails, written := 5, 0
		g := newGatherer(10, time.Millisecond, func(_ context.Context, batch []int) error {
			if fails--; fails >= 0 {
				return errDown
			}
			written += len(batch)
			return nil
		}, func(error, int) {})
		for n := range 35 {
			g.add(n)
		}
		g.close()
		require.Zero(t, g.run(context.Background()))
		require.Equal(t, 35, written)
	})
}

func TestClean(t *testing.T) {
	require.Equal(t, "ab", clean("a\x00b\n\xff"))
	require.Len(t, clean(strings.Repeat("x", 1000)), 200)
	require.Equal(t, strings.Repeat("가", 66), clean(strings.Repeat("가", 100)), "no half character")
}

// instant accepts at once; its outbox writes nothing: what is left is the dispatcher's own cost.
type instant struct{ ended chan int }

func (instant) For(uuid.UUID, Provider) Sender { return instant{} }
func (instant) Send(context.Context, Address, *Delivery) Result {
	return Result{Outcome: OutcomeAccepted}
}
func (instant) Claim(context.Context, uuid.UUID, time.Duration, int) ([]Delivery, error) {
	return nil, nil
}
func (instant) Begin(_ context.Context, _ uuid.UUID, _ time.Duration, ids []Key) ([]Key, error) {
	return ids, nil
}
func (instant) Postpone(context.Context, uuid.UUID, []Wait) error { return nil }
func (i instant) Finish(_ context.Context, _ uuid.UUID, ends []End) ([]Key, error) {
	keys := make([]Key, len(ends))
	for n, e := range ends {
		keys[n] = e.Key
	}
	i.ended <- len(ends)
	return keys, nil
}

func BenchmarkDispatcher(b *testing.B) {
	i := instant{make(chan int, 1000)}
	d, err := New(Config{Node: uuid.New(), Outbox: i, Senders: i, Recheck: gateKeeper(nil), Queue: 1 << 20, Pace: Pace{Project: -1}})
	require.NoError(b, err)
	go func() { _ = d.Run(context.Background()) }()
	b.ReportAllocs()
	const batch = 200
	for b.Loop() {
		ds := make([]Delivery, batch)
		for n := range ds {
			ds[n] = delivery(1, time.Hour)
			ds[n].LeaseNode = d.Node()
		}
		d.OfferSince(ds, d.Monotonic())
		for got := 0; got < batch; got += <-i.ended {
		}
	}
	b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "deliveries/s")
	require.NoError(b, d.Stop(context.Background()))
}
