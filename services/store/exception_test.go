package store_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/store"
)

// except reads "2026-12-25 off" or "2026-12-24 10:00-15:00,22:00-02:00".
func except(t testing.TB, h store.Hours, texts ...string) store.Hours {
	t.Helper()
	for _, text := range texts {
		day, times, _ := strings.Cut(text, " ")
		date, err := store.ParseDate(day)
		require.NoError(t, err)
		e := store.Exception{Date: date}
		if times != "off" {
			for _, s := range hours(t, "Mo "+times).Weekly {
				e.Spans = append(e.Spans, store.DaySpan{From: s.From, Until: s.Until})
			}
		}
		h.Exceptions = append(h.Exceptions, e)
	}
	return h
}

func TestExceptions(t *testing.T) {
	week := except(t, hours(t, "Mo-Su 18:00-02:00"), "2026-12-24 10:00-15:00,22:00-04:00", "2026-12-25 off", "2027-02-28 00:00-24:00")
	always := except(t, hours(t, "24/7"), "2027-06-01 off")
	rolling := except(t, hours(t, "Mo-Su 06:00-06:00"), "2027-06-01 off")
	alone := except(t, store.Hours{}, "2026-12-24 22:00-04:00", "2026-12-25 off")
	for _, c := range []struct {
		name, zone, at string
		hours          store.Hours
		open, known    bool
		edge           string // empty: none
		opens          bool
	}{
		{"the night before goes on", "Asia/Seoul", "2026-12-24T01:00:00+09:00", week, true, true, "2026-12-24T02:00:00+09:00", false},
		{"other hours", "Asia/Seoul", "2026-12-24T10:00:00+09:00", week, true, true, "2026-12-24T15:00:00+09:00", false},
		{"the week's hours do not hold", "Asia/Seoul", "2026-12-24T18:30:00+09:00", week, false, true, "2026-12-24T22:00:00+09:00", true},
		{"past midnight into a closed day", "Asia/Seoul", "2026-12-25T03:59:59+09:00", week, true, true, "2026-12-25T04:00:00+09:00", false},
		{"closed", "Asia/Seoul", "2026-12-25T19:00:00+09:00", week, false, true, "2026-12-26T18:00:00+09:00", true},
		{"the week again", "Asia/Seoul", "2026-12-26T19:00:00+09:00", week, true, true, "2026-12-27T02:00:00+09:00", false},
		{"joined with the night before", "Asia/Seoul", "2027-02-27T19:00:00+09:00", week, true, true, "2027-03-01T00:00:00+09:00", false},
		{"always but once", "Asia/Seoul", "2026-11-22T12:00:00+09:00", always, true, true, "2027-06-01T00:00:00+09:00", false},
		{"always but once, on the day", "Asia/Seoul", "2027-06-01T12:00:00+09:00", always, false, true, "2027-06-02T00:00:00+09:00", true},
		{"always, once it is over", "Asia/Seoul", "2027-06-02T12:00:00+09:00", always, true, true, "", false},
		{"always by spans that meet", "Asia/Seoul", "2026-11-22T12:00:00+09:00", rolling, true, true, "2027-06-01T06:00:00+09:00", false},
		{"nothing known but a date, before", "Asia/Seoul", "2026-11-22T12:00:00+09:00", alone, false, false, "2026-12-24T22:00:00+09:00", true},
		{"nothing known but a date", "Asia/Seoul", "2026-12-24T12:00:00+09:00", alone, false, true, "2026-12-24T22:00:00+09:00", true},
		{"nothing known but a date, its night", "Asia/Seoul", "2026-12-25T03:00:00+09:00", alone, true, true, "2026-12-25T04:00:00+09:00", false},
		{"nothing known but a date, after", "Asia/Seoul", "2026-12-26T03:00:00+09:00", alone, false, false, "", false},
		// New York, 2026-03-08: 02:00 to 03:00 does not exist; 2026-11-01: 01:00 to 02:00 comes twice.
		{"spring", "America/New_York", "2026-03-08T06:59:59Z", except(t, hours(t, "Mo-Su 12:00-13:00"), "2026-03-08 02:30-04:00"), false, true, "2026-03-08T07:00:00Z", true},
		{"autumn", "America/New_York", "2026-11-01T06:15:00Z", except(t, hours(t, "Mo-Su 12:00-13:00"), "2026-10-31 22:00-01:30", "2026-11-01 off"), false, true, "2026-11-02T17:00:00Z", true},
	} {
		loc, now := zone(t, c.zone), at(t, c.at)
		open, known := c.hours.Open(now, loc)
		require.Equal(t, []bool{c.open, c.known}, []bool{open, known}, c.name)
		e, ok := c.hours.NextEdge(now, loc)
		require.Equal(t, c.edge != "", ok, c.name)
		if ok {
			require.Equal(t, c.opens, e.Opens, c.name)
			require.True(t, e.At.Equal(at(t, c.edge)), "%s: %s", c.name, e.At)
		}
	}
}

func TestExceptionsAreChecked(t *testing.T) {
	shop := store.Store{ExternalID: "s", TimeZone: "Asia/Seoul"}
	shop.Place.Lat = 37
	shop.Hours = except(t, hours(t, "24/7"), "2026-12-24 10:00-12:00", "2026-12-25 off")
	require.NoError(t, shop.Validate())
	body, err := json.Marshal(shop.Hours)
	require.NoError(t, err)
	require.Contains(t, string(body), `"exceptions":[{"date":"2026-12-24","spans":[{"from":600,"until":720}]},{"date":"2026-12-25"}]`)
	var again store.Hours
	require.NoError(t, json.Unmarshal(body, &again))
	require.Equal(t, shop.Hours, again)
	for field, h := range map[string]store.Hours{
		"hours_exceptions[1].date":           except(t, store.Hours{}, "2026-12-25 off", "2026-12-25 off"),
		"hours_exceptions[2].date":           except(t, store.Hours{}, "2026-12-24 off", "2026-12-26 off", "2026-12-25 off"),
		"hours_exceptions[0].spans[0].from":  {Exceptions: []store.Exception{{Spans: []store.DaySpan{{From: -1}}}}},
		"hours_exceptions[0].spans[1].until": {Exceptions: []store.Exception{{Spans: []store.DaySpan{{}, {Until: 1441}}}}},
	} {
		shop.Hours = h
		require.ErrorContains(t, shop.Validate(), field)
	}
	for _, text := range []string{"2026-02-30", "2026-13-01", "26-01-01", "", "2026-1-1"} {
		_, err := store.ParseDate(text)
		require.Error(t, err, text)
	}
	require.Error(t, json.Unmarshal([]byte(`{"exceptions":[{"date":"x"}]}`), &again))
}

// A list has no column for exceptions, so it must not remove them.
func TestListsKeepExceptions(t *testing.T) {
	before := store.Store{ExternalID: "a", Hours: except(t, hours(t, "24/7"), "2026-12-25 off")}
	rows, _, err := store.Read(strings.NewReader("id,lat,lng,hours\na,37,127,Mo 09:00-10:00\n"), store.FormatCSV, "")
	require.NoError(t, err)
	require.Len(t, rows, 1)
	after := rows[0].Merged(&before, "Asia/Seoul")
	require.Equal(t, "Mo 09:00-10:00", after.Hours.String())
	require.Equal(t, before.Hours.Exceptions, after.Hours.Exceptions)
}

// Minute by minute, with exceptions on some of the days, through nights on which clocks change.
func TestExceptionsAgainstMinuteWalk(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	for _, c := range []struct{ zone, from string }{
		{"America/New_York", "2026-03-06T12:00:00Z"}, {"Europe/London", "2026-10-23T12:00:00Z"}, {"Asia/Seoul", "2026-03-27T12:00:00Z"},
	} {
		loc, start := zone(t, c.zone), at(t, c.from)
		for range 30 {
			var h store.Hours
			for range 1 + rng.IntN(4) {
				h.Weekly = append(h.Weekly, store.Span{Day: time.Weekday(rng.IntN(7)), From: rng.IntN(144) * 10, Until: rng.IntN(145) * 10})
			}
			for day := -1; day < 5; day++ {
				if rng.IntN(2) == 0 {
					continue
				}
				date, err := store.ParseDate(start.AddDate(0, 0, day).Format(time.DateOnly))
				require.NoError(t, err)
				e := store.Exception{Date: date}
				for range rng.IntN(3) {
					e.Spans = append(e.Spans, store.DaySpan{From: rng.IntN(144) * 10, Until: rng.IntN(145) * 10})
				}
				h.Exceptions = append(h.Exceptions, e)
			}
			walk(t, h, start, start.AddDate(0, 0, 4), loc)
		}
	}
}

func walk(t *testing.T, h store.Hours, start, end time.Time, loc *time.Location) {
	t.Helper()
	was, _ := h.Open(start, loc)
	edge, ok := h.NextEdge(start, loc)
	for m := start.Add(time.Minute); m.Before(end); m = m.Add(time.Minute) {
		open, _ := h.Open(m, loc)
		require.Equal(t, slowOpenWith(h, m, loc), open, "%v %s %s", h, m, loc)
		told := ok && edge.At.Equal(m)
		require.Equal(t, told, was != open, "%v %s %s", h, m, loc)
		if told {
			require.Equal(t, edge.Opens, open)
			edge, ok = h.NextEdge(m, loc)
		}
		was = open
	}
}

// slowOpenWith is slowOpen on the week of each date alone, its exception put in.
func slowOpenWith(h store.Hours, m time.Time, loc *time.Location) bool {
	local := m.In(loc)
	for back := range 2 {
		day := time.Date(local.Year(), local.Month(), local.Day()-back, 0, 0, 0, 0, time.UTC)
		one := store.Hours{}
		for _, s := range h.Weekly {
			if s.Day == day.Weekday() {
				one.Weekly = append(one.Weekly, s)
			}
		}
		for _, e := range h.Exceptions {
			if e.Date.String() == day.Format(time.DateOnly) {
				one.Weekly = nil
				for _, s := range e.Spans {
					one.Weekly = append(one.Weekly, store.Span{Day: day.Weekday(), From: s.From, Until: s.Until})
				}
			}
		}
		if slowOpen(one, m, loc) {
			return true
		}
	}
	return false
}

func BenchmarkNextEdge(b *testing.B) {
	h, loc := except(b, hours(b, "Mo-Fr 09:00-22:00; Sa,Su 10:00-02:00"), "2026-12-25 off"), zone(b, "Asia/Seoul")
	now := time.Unix(1_790_000_000, 0)
	b.ReportAllocs()
	for b.Loop() {
		h.NextEdge(now, loc)
	}
}
