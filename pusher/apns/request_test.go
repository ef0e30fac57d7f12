package apns_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/apns"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// The golden files are the payload contract with apps. A change to one is a change to every app.
func TestGoldenRequests(t *testing.T) {
	full := &pusher.Delivery{
		ID:           uuid.MustParse("0195F000-0000-7000-8000-0000000000D1"),
		CampaignID:   uuid.MustParse("0195f000-0000-7000-8000-0000000000c1"),
		HighPriority: true, Deadline: time.Date(2026, 3, 1, 12, 10, 0, 0, time.UTC),
		Notification: pusher.Notification{
			ID: uuid.MustParse("0195f000-0000-7000-8000-0000000000a1"), Title: "아메리카노 2,000원", Body: "(광고) 오늘 9시까지",
			ImageURL: "https://cdn.example.com/a.png", DeepLink: "shop://coupon/7", Category: "ad",
			Data: map[string]string{"wantgo_coupon": "K7-22", "aps": "forged"}, CollapseKey: "camp-7",
		},
	}
	plain := &pusher.Delivery{
		ID:       uuid.MustParse("0195f000-0000-7000-8000-0000000000d2"),
		Deadline: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		Notification: pusher.Notification{
			ID: uuid.MustParse("0195f000-0000-7000-8000-0000000000a2"), Title: "Your order", Body: "is ready", Category: "informational",
		},
	}
	for file, d := range map[string]*pusher.Delivery{"full.txt": full, "plain.txt": plain} {
		t.Run(file, func(t *testing.T) { golden(t, file, d) })
	}
}

func golden(t *testing.T, file string, d *pusher.Delivery) {
	t.Helper()
	body := apns.Payload(d)
	require.True(t, json.Valid(body))
	header := apns.Header(d, "dev.wantgo.demo")
	var got bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(header)) {
		got.WriteString(name + ": " + header.Get(name) + "\n")
	}
	got.WriteByte('\n')
	require.NoError(t, json.Indent(&got, body, "", "  "))
	got.WriteByte('\n')
	file = filepath.Join("testdata", file)
	if *rewrite {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "go test ./pusher/apns -rewrite writes it")
	require.Equal(t, string(want), got.String())
}
