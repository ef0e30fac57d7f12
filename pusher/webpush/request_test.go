package webpush_test

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
	"github.com/wantgo/wantgo/pusher/webpush"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// The golden files are the payload contract with web apps. A change to one is a change to every app.
func TestGoldenPayloads(t *testing.T) {
	full := &pusher.Delivery{
		ID:         uuid.MustParse("0195f000-0000-7000-8000-0000000000d1"),
		CampaignID: uuid.MustParse("0195f000-0000-7000-8000-0000000000c1"),
		Deadline:   time.Date(2026, 3, 1, 12, 10, 0, 0, time.UTC),
		Notification: pusher.Notification{
			ID: uuid.MustParse("0195f000-0000-7000-8000-0000000000a1"), Title: "아메리카노 2,000원", Body: "(광고) 오늘 9시까지",
			ImageURL: "https://cdn.example.com/a.png", DeepLink: "https://example.com/coupon/7", Category: "ad",
			Data: map[string]string{"wantgo_coupon": "K7-22"}, CollapseKey: "camp-7",
		},
	}
	plain := &pusher.Delivery{
		ID:       uuid.MustParse("0195f000-0000-7000-8000-0000000000d2"),
		Deadline: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		Notification: pusher.Notification{
			ID: uuid.MustParse("0195f000-0000-7000-8000-0000000000a2"), Title: "Your order", Body: "is ready", DeepLink: "shop://order/7",
			Category: "informational",
		},
	}
	for file, d := range map[string]*pusher.Delivery{"full.json": full, "plain.json": plain} {
		body, err := webpush.Payload(d)
		require.NoError(t, err)
		var got bytes.Buffer
		require.NoError(t, json.Indent(&got, body, "", "  "))
		got.WriteByte('\n')
		file = filepath.Join("testdata", file)
		if *rewrite {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(file, got.Bytes(), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err, "go test ./pusher/webpush -rewrite writes it")
		require.Equal(t, string(want), got.String())
	}
}
