package payload

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
)

func TestKeysOfTheSenderWin(t *testing.T) {
	d := &pusher.Delivery{
		ID:         uuid.MustParse("11111111-1111-7111-8111-111111111111"),
		CampaignID: uuid.MustParse("33333333-3333-7333-8333-333333333333"),
		Deadline:   time.Date(2026, 3, 1, 9, 0, 0, 5e8, time.FixedZone("KST", 9*3600)),
		Notification: pusher.Notification{
			ID:       uuid.MustParse("22222222-2222-7222-8222-222222222222"),
			Category: "ad", DeepLink: "app://coupon/1",
			Data: map[string]string{"wantgo_coupon": "c1", "google.x": "y", "wantgo_delivery": "forged"},
		},
	}
	require.Equal(t, map[string]string{
		"wantgo_coupon":       "c1",
		"wantgo_google.x":     "y",
		"wantgo_delivery":     "11111111-1111-7111-8111-111111111111",
		"wantgo_notification": "22222222-2222-7222-8222-222222222222",
		"wantgo_campaign":     "33333333-3333-7333-8333-333333333333",
		"wantgo_category":     "ad",
		"wantgo_deep_link":    "app://coupon/1",
		"wantgo_deadline":     "2026-03-01T00:00:00Z",
	}, Keys(d))
	require.Equal(t, "forged", d.Notification.Data["wantgo_delivery"], "the caller's map stays as it was")
}

func TestCollapseID(t *testing.T) {
	id := uuid.MustParse("22222222-2222-7222-8222-222222222222")
	for _, c := range []struct{ name, key, want string }{
		{"none", "", id.String()},
		{"plain", "campaign-1", "campaign-1"},
		{"64 bytes", strings.Repeat("a", 64), strings.Repeat("a", 64)},
		{"65 bytes", strings.Repeat("a", 65), ""},
		{"header injection", "a\r\nx: y", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := CollapseID(&pusher.Notification{ID: id, CollapseKey: c.key})
			if c.want == "" {
				require.Len(t, got, 43)
				require.Equal(t, got, CollapseID(&pusher.Notification{CollapseKey: c.key}), "the same key, the same id")
				require.NotEqual(t, got, CollapseID(&pusher.Notification{CollapseKey: c.key + "b"}))
				return
			}
			require.Equal(t, c.want, got)
		})
	}
}
