package postgres

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
)

func textOf(random *rand.Rand) string {
	return []string{"", "latte", "라떼 30% 할인", "a\"b\\c\n\t", "<&>\u2028", "😀", "\x00\x1f", "null", "{\"a\":[1]}"}[random.IntN(9)]
}

func timeOf(random *rand.Rand) time.Time {
	if random.IntN(3) == 0 {
		return time.Time{}
	}
	return time.Unix(random.Int64N(4e9), random.Int64N(1e9)).UTC()
}

func notificationOf(random *rand.Rand) (n pusher.Notification) {
	n = pusher.Notification{ID: uuid.New(), Title: textOf(random), Body: textOf(random), ImageURL: textOf(random), DeepLink: textOf(random),
		Category: textOf(random), CollapseKey: textOf(random), Rank: pusher.Rank(random.IntN(256)), NowOrNever: random.IntN(2) == 0}
	if random.IntN(2) == 0 {
		n.Batch = uuid.New()
	}
	for range random.IntN(4) {
		if n.Data == nil {
			n.Data = map[string]string{}
		}
		n.Data["wantgo_"+textOf(random)] = textOf(random)
	}
	return n
}

func profileOf(random *rand.Rand) (p audience.Profile) {
	p = audience.Profile{ExternalID: textOf(random), TimeZone: textOf(random), Locale: textOf(random), BirthDate: textOf(random), OfAge: random.IntN(2) == 0,
		PausedUntil: timeOf(random), PausedFrom: timeOf(random), ResumedAt: timeOf(random), Test: random.IntN(2) == 0, Staff: random.IntN(2) == 0,
		Tier: textOf(random), FavouriteStore: textOf(random), LastOpenedAt: timeOf(random)}
	for _, purpose := range []audience.Purpose{audience.AdPush, audience.LocUse, audience.OSPush}[:random.IntN(4)] {
		if p.Consents == nil {
			p.Consents = map[audience.Purpose]audience.Standing{}
		}
		p.Consents[purpose] = audience.Standing{Granted: random.IntN(2) == 0, EventID: uuid.New(), At: timeOf(random), For: textOf(random)}
	}
	if random.IntN(2) == 0 {
		p.Attributes = map[string]any{"a": textOf(random), "b": random.Float64(), "c": []any{"x", textOf(random)}, "d": true}
		p.Segments = []uuid.UUID{uuid.New(), uuid.New()}
	}
	if random.IntN(2) == 0 {
		p.Purchases = &audience.Purchases{Count: random.IntN(9), First: timeOf(random), Last: timeOf(random), Amount: map[string]float64{"KRW": 1e4}}
		p.Limits = &audience.Limits{PerDay: random.IntN(9), MutedTopics: []string{textOf(random)}, QuietFrom: random.IntN(1440)}
	}
	return p
}

// What this program wrote is read as encoding/json reads it.
func TestQuickJSON(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 4_000 {
		text := asStored(t, random, notificationOf(random))
		var n pusher.Notification
		fault := json.Unmarshal(text, &n)
		gotN, err := readNotification(text)
		sameReading(t, text, n, gotN, fault, err)

		text = asStored(t, random, profileOf(random))
		var p audience.Profile
		fault = json.Unmarshal(text, &p)
		gotP, err := readProfile(text)
		sameReading(t, text, p, gotP, fault, err)
	}
	_, err := readNotification([]byte(`{"rank": "x"}`))
	require.Error(t, err)
}

// asStored is a value as it is written, or as PostgreSQL gives jsonb back.
func asStored(t *testing.T, random *rand.Rand, value any) []byte {
	text, err := json.Marshal(value)
	require.NoError(t, err)
	if random.IntN(2) == 0 {
		return text
	}
	var b bytes.Buffer
	require.NoError(t, json.Indent(&b, text, "", " "))
	return b.Bytes()
}

func sameReading(t *testing.T, text []byte, want, got any, fault, err error) {
	t.Helper()
	require.Equal(t, fault == nil, err == nil, "%q", text)
	if fault == nil {
		require.Equal(t, want, got, "%q", text)
	}
}

func BenchmarkNotification(b *testing.B) {
	text, err := json.Marshal(notificationOf(rand.New(rand.NewPCG(3, 1))))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readNotification(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProfile(b *testing.B) {
	text, err := json.Marshal(profileOf(rand.New(rand.NewPCG(5, 1))))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readProfile(text); err != nil {
			b.Fatal(err)
		}
	}
}
