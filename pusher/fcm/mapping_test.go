package fcm_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/fcm"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// The golden files are the payload contract with apps. A change to one is a change to every app.
func TestGoldenRequests(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC)
	full := &pusher.Delivery{
		ID:           uuid.MustParse("0195f000-0000-7000-8000-0000000000d1"),
		CampaignID:   uuid.MustParse("0195f000-0000-7000-8000-0000000000c1"),
		HighPriority: true, Deadline: now.Add(10 * time.Minute),
		Notification: pusher.Notification{
			ID: uuid.MustParse("0195f000-0000-7000-8000-0000000000a1"), Title: "아메리카노 2,000원", Body: "(광고) 오늘 9시까지 <강남점>",
			ImageURL: "https://cdn.example.com/a.png", DeepLink: "shop://coupon/7", Category: "ad",
			Data: map[string]string{"wantgo_coupon": "K7-22", "store": "x"}, CollapseKey: "camp-7",
		},
	}
	plain := &pusher.Delivery{
		ID:       uuid.MustParse("0195f000-0000-7000-8000-0000000000d2"),
		Deadline: now.Add(40 * 24 * time.Hour),
		Notification: pusher.Notification{
			ID: uuid.MustParse("0195f000-0000-7000-8000-0000000000a2"), Title: "Your order", Body: "is ready", Category: "informational",
		},
	}
	late := *full
	late.Deadline = now.Add(900 * time.Millisecond)
	for _, c := range []struct {
		file string
		to   pusher.Address
		d    *pusher.Delivery
	}{
		{"full.json", pusher.Address{Kind: "token", Value: "TOKEN"}, full},
		{"plain.json", pusher.Address{Kind: "token", Value: "TOKEN"}, plain},
		{"late.json", pusher.Address{Kind: "token", Value: "TOKEN"}, &late},
	} {
		t.Run(c.file, func(t *testing.T) {
			golden(t, c.file, fcm.ProviderMessage(c.to, c.d, now))
		})
	}
}

func golden(t *testing.T, file string, value any) {
	t.Helper()
	var got bytes.Buffer
	encoder := json.NewEncoder(&got)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	require.NoError(t, encoder.Encode(value))
	file = filepath.Join("testdata", file)
	if *rewrite {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "go test ./pusher/fcm -rewrite writes it")
	require.Equal(t, string(want), got.String())
}

// Now or never: FCM is to try once and keep nothing, for Android and for an iPhone behind it, however far the deadline.
func TestNowOrNever(t *testing.T) {
	b := start(t)
	d := delivery(b.clock.now())
	require.Equal(t, pusher.OutcomeAccepted, b.sender.Send(t.Context(), address("a"), d).Outcome)
	require.Equal(t, d.Deadline, b.fcm.Accepted(0)[0].Expires, "without it FCM keeps trying until the deadline")

	d = delivery(b.clock.now())
	d.Notification.NowOrNever = true
	m := fcm.ProviderMessage(address("a"), d, b.clock.now())
	require.Zero(t, *m.Android.TTL)
	require.Equal(t, "0", m.APNS.Headers["apns-expiration"])
	require.Equal(t, pusher.OutcomeAccepted, b.sender.Send(t.Context(), address("a"), d).Outcome)
	require.Equal(t, b.clock.now(), b.fcm.Accepted(1)[0].Expires)
}
