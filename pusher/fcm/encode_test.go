package fcm

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"firebase.google.com/go/v4/messaging"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
)

// libraryBody is what firebase-admin-go would send.
func libraryBody(t *testing.T, m *messaging.Message) string {
	t.Helper()
	text, err := json.Marshal(struct {
		Message *messaging.Message `json:"message"`
	}{m})
	require.NoError(t, err)
	return string(text)
}

// Our encoder writes what the library's does, byte for byte, whatever a notification holds.
func TestEncodesAsTheLibrary(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	pieces := []string{"a", "쿠폰 ", "<b>", "&", `"`, `\`, "\n", "\x00", "\u2028", "\xff", "😀", "", "\x7f", "é", "\xed\xa0\x80", "\ufffd"}
	text := func() (s string) {
		for range random.IntN(4) {
			s += pieces[random.IntN(len(pieces))]
		}
		return s
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC)
	for range 2000 {
		d := &pusher.Delivery{ID: uuid.New(), HighPriority: random.IntN(2) == 0, Deadline: now.Add(time.Duration(random.Int64N(int64(60 * 24 * time.Hour)))),
			Notification: pusher.Notification{ID: uuid.New(), Title: text(), Body: text(), ImageURL: text(), DeepLink: text(), Category: text(),
				CollapseKey: text(), NowOrNever: random.IntN(4) == 0, Data: map[string]string{}}}
		if random.IntN(2) == 0 {
			d.CampaignID = uuid.New()
		}
		for range random.IntN(20) {
			d.Notification.Data[text()] = text()
		}
		m := ProviderMessage(pusher.Address{Kind: kindToken, Value: "T" + text()}, d, now)
		require.Equal(t, libraryBody(t, m), string(encode(m, false)))
	}
}

// An installation id stands where the token would; the rest is the same.
func TestEncodesAnInstallationID(t *testing.T) {
	now := time.Now()
	m := ProviderMessage(pusher.Address{Kind: kindFID, Value: "F"}, &pusher.Delivery{Deadline: now.Add(time.Minute)}, now)
	var token, fid struct{ Message map[string]any }
	require.NoError(t, json.Unmarshal(encode(m, false), &token))
	require.NoError(t, json.Unmarshal(encode(m, true), &fid))
	require.Equal(t, "F", fid.Message[kindFID])
	token.Message[kindFID] = token.Message[kindToken]
	delete(token.Message, kindToken)
	require.Equal(t, token, fid)
	short := 1500 * time.Millisecond
	require.Equal(t, "1.500000000s", seconds(short), "as the library spells it")
}

func BenchmarkEncode(b *testing.B) {
	now := time.Now()
	m := ProviderMessage(pusher.Address{Kind: kindToken, Value: "T"}, &pusher.Delivery{ID: uuid.New(), CampaignID: uuid.New(), Deadline: now.Add(time.Minute),
		Notification: pusher.Notification{ID: uuid.New(), Title: "(광고) 라떼", Body: "30% 할인 쿠폰", Category: "ad"}}, now)
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			encode(m, false)
		}
	})
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.Marshal(m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
