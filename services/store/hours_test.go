package store_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/store"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func hours(t testing.TB, text string) store.Hours {
	t.Helper()
	h, err := store.ParseHours(text)
	require.NoError(t, err)
	return h
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return v
}

func TestParseHours(t *testing.T) {
	for text, want := range map[string]string{
		"24/7":                                 "24/7",
		"Mo-Su 00:00-24:00":                    "24/7",
		"Mo-Fr 09:00-22:00; Sa,Su 10:00-02:00": "Mo-Fr 09:00-22:00; Sa-Su 10:00-02:00",
		"9:00-18:00":                           "Mo-Su 09:00-18:00",
		"Mo-Su 10:00-22:00; Tu off":            "Mo 10:00-22:00; We-Su 10:00-22:00",
		"Fr-Mo 18:00-26:00":                    "Mo 18:00-02:00; Fr-Su 18:00-02:00",
		"Mo 11:00-14:00,17:00-21:00":           "Mo 11:00-14:00,17:00-21:00",
		"monday-wed 10:00-11:00":               "Mo-We 10:00-11:00",
		"월-금 10:00~21:00; 토요일,일 휴무":            "Mo-Fr 10:00-21:00",
		"매일 10:00-22:00":                       "Mo-Su 10:00-22:00",
		"Sa 10:00-10:00":                       "Sa 10:00-10:00",
		"Mo-Fr: 09:00-17:00 ;":                 "Mo-Fr 09:00-17:00",
	} {
		h, err := store.ParseHours(text)
		require.NoError(t, err, text)
		require.Equal(t, want, h.String(), text)
	}
	for _, text := range []string{
		"", ";", "Mo", "Mo-Fr", "Mo 9-17", "Mo 25:00-26:00", "Mo 09:00-49:00", "Mo 09:60-10:00", "Xx 09:00-10:00", "Mo-Xx 09:00-10:00",
		"PH off", "Mo-Fr 09:00-17:00; PH off", "Mo 09:00", "Mo off", "Jan 09:00-17:00", "Mo 10:00-36:00", "Mo +9:00-17:00", "Mo 09:00-17:00 || ask",
	} {
		_, err := store.ParseHours(text)
		require.Error(t, err, text)
	}
}

func TestOpen(t *testing.T) {
	const weekend = "Mo-Fr 09:00-22:00; Sa,Su 10:00-02:00"
	for _, c := range []struct {
		hours, zone, at string
		open            bool
	}{
		{weekend, "Asia/Seoul", "2026-11-20T08:59:59+09:00", false}, // a Friday
		{weekend, "Asia/Seoul", "2026-11-20T09:00:00+09:00", true},
		{weekend, "Asia/Seoul", "2026-11-20T21:59:59+09:00", true},
		{weekend, "Asia/Seoul", "2026-11-20T22:00:00+09:00", false},
		{weekend, "Asia/Seoul", "2026-11-21T01:00:00+09:00", false},
		{weekend, "Asia/Seoul", "2026-11-22T01:59:59+09:00", true}, // Saturday's night
		{weekend, "Asia/Seoul", "2026-11-22T02:00:00+09:00", false},
		{weekend, "Asia/Seoul", "2026-11-23T01:00:00+09:00", true}, // Sunday's night into Monday
		{weekend, "America/New_York", "2026-11-20T13:59:59Z", false},
		{weekend, "America/New_York", "2026-11-20T14:00:00Z", true},
		// New York, 2026-03-08: 02:00 to 03:00 does not exist.
		{"Su 02:30-04:00", "America/New_York", "2026-03-08T06:59:59Z", false},
		{"Su 02:30-04:00", "America/New_York", "2026-03-08T07:00:00Z", true},
		{"Su 02:30-04:00", "America/New_York", "2026-03-08T08:00:00Z", false},
		{"Su 02:10-02:50", "America/New_York", "2026-03-08T07:00:00Z", false},
		{"Sa 22:00-02:30", "America/New_York", "2026-03-08T06:59:59Z", true},
		{"Sa 22:00-02:30", "America/New_York", "2026-03-08T07:00:00Z", false},
		// 2026-11-01: 01:00 to 02:00 comes twice; the first one counts.
		{"Sa 22:00-01:30", "America/New_York", "2026-11-01T05:29:59Z", true},
		{"Sa 22:00-01:30", "America/New_York", "2026-11-01T05:30:00Z", false},
		{"Sa 22:00-01:30", "America/New_York", "2026-11-01T06:15:00Z", false},
		{"Su 01:30-03:00", "America/New_York", "2026-11-01T05:30:00Z", true},
		{"Su 01:30-03:00", "America/New_York", "2026-11-01T06:15:00Z", true},
		{"Su 01:30-03:00", "America/New_York", "2026-11-01T08:00:00Z", false},
		// Beirut, 2026-03-29: midnight does not exist.
		{"Su 00:00-06:00", "Asia/Beirut", "2026-03-28T21:59:59Z", false},
		{"Su 00:00-06:00", "Asia/Beirut", "2026-03-28T22:00:00Z", true},
		// Apia left out 30 December 2011.
		{"Fr 08:00-20:00", "Pacific/Apia", "2011-12-30T10:00:00Z", false},
		{"Sa 08:00-20:00", "Pacific/Apia", "2011-12-30T18:00:00Z", true},
	} {
		open, known := hours(t, c.hours).Open(at(t, c.at), zone(t, c.zone))
		require.True(t, known)
		require.Equal(t, c.open, open, "%s in %s at %s", c.hours, c.zone, c.at)
	}
	_, known := store.Hours{}.Open(time.Unix(0, 0), time.UTC)
	require.False(t, known)
}

func TestNextEdge(t *testing.T) {
	for _, c := range []struct {
		hours, zone, after, edge string
		opens                    bool
	}{
		{"Mo-Fr 09:00-22:00", "Asia/Seoul", "2026-11-20T22:00:00+09:00", "2026-11-23T09:00:00+09:00", true},
		{"Mo-Fr 09:00-22:00", "Asia/Seoul", "2026-11-23T09:00:00+09:00", "2026-11-23T22:00:00+09:00", false},
		{"Mo-Su 10:00-02:00", "Asia/Seoul", "2026-11-23T01:00:00+09:00", "2026-11-23T02:00:00+09:00", false},
		{"Mo 18:00-24:00; Tu 00:00-03:00", "Asia/Seoul", "2026-11-23T19:00:00+09:00", "2026-11-24T03:00:00+09:00", false},
		{"Su 02:10-02:50", "America/New_York", "2026-03-02T12:00:00Z", "2026-03-15T06:10:00Z", true}, // swallowed on the 8th
		{"Su 01:30-03:00", "America/New_York", "2026-11-01T04:00:00Z", "2026-11-01T05:30:00Z", true},
		{"Sa 22:00-02:30", "America/New_York", "2026-03-08T05:00:00Z", "2026-03-08T07:00:00Z", false},
	} {
		e, ok := hours(t, c.hours).NextEdge(at(t, c.after), zone(t, c.zone))
		require.True(t, ok)
		require.Equal(t, c.opens, e.Opens)
		require.True(t, e.At.Equal(at(t, c.edge)), "%s after %s: %s", c.hours, c.after, e.At.UTC())
	}
	for _, h := range []store.Hours{{}, hours(t, "24/7"), hours(t, "Mo-Su 06:00-06:00")} {
		_, ok := h.NextEdge(at(t, "2026-11-20T22:00:00+09:00"), zone(t, "Asia/Seoul"))
		require.False(t, ok)
	}
}

// Minute by minute through nights on which clocks change: a plain walk that opens at the first minute whose wall clock
// has reached the opening time, and NextEdge and Open must say the same.
func TestOpenAgainstMinuteWalk(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	for _, c := range []struct{ zone, from string }{
		{"America/New_York", "2026-03-06T12:00:00Z"}, {"America/New_York", "2026-10-30T12:00:00Z"},
		{"Europe/London", "2026-03-27T12:00:00Z"}, {"Australia/Lord_Howe", "2026-04-03T12:00:00Z"},
		{"Asia/Beirut", "2026-03-27T12:00:00Z"}, {"Asia/Seoul", "2026-03-27T12:00:00Z"},
	} {
		loc := zone(t, c.zone)
		for range 30 {
			var h store.Hours
			for range 1 + rng.IntN(4) {
				h.Weekly = append(h.Weekly, store.Span{Day: time.Weekday(rng.IntN(7)), From: rng.IntN(144) * 10, Until: rng.IntN(145) * 10})
			}
			start := at(t, c.from)
			end := start.AddDate(0, 0, 4)
			was, _ := h.Open(start, loc)
			edge, ok := h.NextEdge(start, loc)
			for m := start.Add(time.Minute); m.Before(end); m = m.Add(time.Minute) {
				open, _ := h.Open(m, loc)
				require.Equal(t, slowOpen(h, m, loc), open, "%v %s %s", h, m, c.zone)
				if ok && edge.At.Equal(m) {
					require.NotEqual(t, was, open, "%v %s %s", h, m, c.zone)
					require.Equal(t, edge.Opens, open)
					edge, ok = h.NextEdge(m, loc)
				} else {
					require.Equal(t, was, open, "no edge told: %v %s %s", h, m, c.zone)
				}
				was = open
			}
		}
	}
}

// slowOpen finds every span's first and last minute by looking at each minute's wall clock.
func slowOpen(h store.Hours, m time.Time, loc *time.Location) bool {
	local := m.In(loc)
	for back := range 2 {
		day := time.Date(local.Year(), local.Month(), local.Day()-back, 0, 0, 0, 0, time.UTC)
		for _, s := range h.Weekly {
			if s.Day != day.Weekday() {
				continue
			}
			until := day.Add(time.Duration(s.Until) * time.Minute)
			if s.Until <= s.From {
				until = until.AddDate(0, 0, 1)
			}
			from := firstAt(day.Add(time.Duration(s.From)*time.Minute), loc)
			if !m.Before(from) && m.Before(firstAt(until, loc)) {
				return true
			}
		}
	}
	return false
}

var firsts = map[[2]string]time.Time{}

// firstAt is the first minute whose wall clock shows wall or later.
func firstAt(wall time.Time, loc *time.Location) time.Time {
	key := [2]string{wall.String(), loc.String()}
	if found, ok := firsts[key]; ok {
		return found
	}
	for m := wall.Add(-15 * time.Hour); ; m = m.Add(time.Minute) {
		l := m.In(loc)
		if shown := time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), 0, 0, time.UTC); !shown.Before(wall) {
			firsts[key] = m
			return m
		}
	}
}

func FuzzParseHours(f *testing.F) {
	for _, text := range []string{"24/7", "Mo-Fr 09:00-22:00; Sa,Su 10:00-02:00", "월-금 10:00~21:00; 일 휴무", "Mo 11:00-14:00,17:00-26:00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := store.ParseHours(text)
		if err != nil {
			return
		}
		again, err := store.ParseHours(h.String())
		require.NoError(t, err, h.String())
		require.Equal(t, h.String(), again.String())
		require.ElementsMatch(t, h.Weekly, again.Weekly)
		h.NextEdge(time.Unix(1e9, 0), time.UTC)
	})
}

func BenchmarkOpen(b *testing.B) {
	h, loc := hours(b, "Mo-Fr 09:00-22:00; Sa,Su 10:00-02:00"), zone(b, "Asia/Seoul")
	now := time.Unix(1_790_000_000, 0)
	for b.Loop() {
		h.Open(now, loc)
	}
}
