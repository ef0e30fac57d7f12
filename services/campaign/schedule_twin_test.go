package campaign

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/holiday"
	"github.com/wantgo/wantgo/services/store"
)

// changes are days on which the clocks of a zone change, by half an hour on Lord Howe; Seoul's do not.
var clockChanges = map[string][]time.Time{
	"Asia/Seoul":          {time.Date(2026, 10, 4, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)},
	"Europe/Berlin":       {time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)},
	"America/New_York":    {time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
	"Australia/Lord_Howe": {time.Date(2026, 4, 5, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 4, 0, 0, 0, 0, time.UTC)},
}

// slowAt is At as it is read: the clock's minute is in a stretch of today, or of a yesterday whose stretch goes on.
func slowAt(s *Schedule, at time.Time, holidays map[string]brand.Holidays) bool {
	if !s.Start.IsZero() && at.Before(s.Start) || !s.End.IsZero() && !at.Before(s.End) {
		return false
	}
	wall, err := time.Parse(time.DateTime, at.Format(time.DateTime)) // the clock's fields, without a zone
	if err != nil {
		panic(err)
	}
	for _, back := range []int{0, 1} {
		day := wall.AddDate(0, 0, -back)
		date := day.Format(time.DateOnly)
		minute := int(wall.Sub(day.Truncate(24*time.Hour)) / time.Minute)
		if s.StartDate != "" && date < s.StartDate || s.EndDate != "" && date > s.EndDate {
			continue
		}
		country := holiday.Country(at.Location().String())
		is, known := holiday.On(country, day.Year(), day.Month(), day.Day())
		for _, d := range holidays[country].Added {
			is, known = is || d == date, known || d == date
		}
		for _, d := range holidays[country].Removed {
			is, known = is && d != date, known || d == date
		}
		if s.Holidays == HolidaysSkip && is || s.Holidays == HolidaysOnly && !(is && known) {
			continue
		}
		hours, excepted := []DayHours(nil), false
		for _, e := range s.Exceptions {
			if e.Date == date {
				hours, excepted = e.Hours, true
			}
		}
		if !excepted && len(s.Weekly) == 0 {
			hours = []DayHours{{0, 1440}}
		}
		for _, w := range s.Weekly {
			if !excepted && w.Day == day.Weekday() {
				until := w.Until
				if until <= w.From {
					until += 1440
				}
				hours = append(hours, DayHours{w.From, until})
			}
		}
		for _, h := range hours {
			if h.From <= minute && minute < h.Until {
				return true
			}
		}
	}
	return false
}

// someSchedule is one round a day.
func someSchedule(rng *rand.Rand, around time.Time) Schedule {
	var s Schedule
	date := func(spread int) string {
		return around.AddDate(0, 0, rng.IntN(2*spread+1)-spread).Format(time.DateOnly)
	}
	minute := func() int {
		if rng.IntN(3) == 0 {
			return []int{0, 60, 90, 120, 150, 180, 1439}[rng.IntN(7)]
		}
		return rng.IntN(1440)
	}
	for range rng.IntN(4) {
		s.Weekly = append(s.Weekly, store.Span{Day: around.AddDate(0, 0, rng.IntN(5)-2).Weekday(), From: minute(), Until: 1 + rng.IntN(1440)})
	}
	if rng.IntN(3) == 0 {
		s.StartDate = date(2)
	}
	if rng.IntN(3) == 0 {
		s.EndDate = date(2)
	}
	if rng.IntN(4) == 0 {
		s.Start = around.Add(time.Duration(rng.IntN(100*3600)-50*3600) * time.Second)
	}
	if rng.IntN(4) == 0 {
		s.End = around.Add(time.Duration(rng.IntN(100*3600)-50*3600) * time.Second)
	}
	for day := -2; day <= 2 && rng.IntN(2) == 0; day++ {
		e := Exception{Date: around.AddDate(0, 0, day).Format(time.DateOnly)}
		for range rng.IntN(3) {
			from := minute()
			e.Hours = append(e.Hours, DayHours{from, from + 1 + rng.IntN(1440)})
		}
		s.Exceptions = append(s.Exceptions, e)
	}
	s.Holidays = []string{"", "", HolidaysSkip, HolidaysOnly}[rng.IntN(4)]
	return s
}

func someHolidays(rng *rand.Rand, zone string, around time.Time) map[string]brand.Holidays {
	date := func() string { return around.AddDate(0, 0, rng.IntN(5)-2).Format(time.DateOnly) }
	var h brand.Holidays
	if rng.IntN(2) == 0 {
		h.Added = []string{date()}
	}
	if rng.IntN(4) == 0 {
		h.Removed = []string{date()}
	}
	if len(h.Added) > 0 && len(h.Removed) > 0 && h.Added[0] == h.Removed[0] {
		h.Added = nil
	}
	return map[string]brand.Holidays{holiday.Country(zone): h}
}

// walk goes from edge to edge, and from one change of the clocks to the next, and requires that nothing changes between.
func walk(t *testing.T, from, end time.Time, next func(now time.Time) time.Time, twin func(time.Time) bool, told string) (edges int) {
	t.Helper()
	for now := from; now.Before(end); edges++ {
		edge := next(now)
		require.True(t, edge.After(now), "%s: an edge at %v after %v", told, edge, now)
		if _, change := now.ZoneBounds(); !change.IsZero() && change.Before(edge) {
			edge = change.In(now.Location())
		}
		want := twin(now)
		for at := now.Truncate(time.Minute).Add(time.Minute); at.Before(edge); at = at.Add(time.Minute) {
			require.Equal(t, want, twin(at), "%s: changed at %v, and no edge was told between %v and %v", told, at, now, edge)
		}
		now = edge
	}
	return edges
}

// TestScheduleMinuteByMinute holds At and the edges to the twin, in every minute of days round changes of the clocks.
func TestScheduleMinuteByMinute(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 5))
	edges := 0
	for name, days := range clockChanges {
		loc := zone(name)
		for _, change := range days {
			for range 4 {
				around := time.Date(change.Year(), change.Month(), change.Day(), 12, 0, 0, 0, loc)
				s, holidays := someSchedule(rng, around), someHolidays(rng, name, around)
				from := around.Add(-30 * time.Hour).Add(time.Duration(rng.IntN(3600)) * time.Second)
				end := from.Add(60 * time.Hour)
				told := fmt.Sprintf("%s %+v %+v", name, s, holidays)
				for at := from; at.Before(end); at = at.Add(time.Minute) {
					require.Equal(t, slowAt(&s, at, holidays), s.At(at, holidays) == "", "%s: %v", told, at)
				}
				next := func(now time.Time) time.Time { return s.nextEdge(now, end, holidays) }
				edges += walk(t, from, end, next, func(at time.Time) bool { return slowAt(&s, at, holidays) }, told)
				soon := inAnyMinute(from, end, func(at time.Time) bool { return slowAt(&s, at, holidays) })
				if soon {
					require.True(t, s.occursAfter(from, loc, holidays), told)
				}
			}
		}
	}
	require.Greater(t, edges, 20)
}

// inAnyMinute tells whether something holds in any minute of a time.
func inAnyMinute(from, end time.Time, holds func(time.Time) bool) bool {
	for at := from; at.Before(end); at = at.Add(time.Minute) {
		if holds(at) {
			return true
		}
	}
	return false
}

// TestOccursAgainstEveryMinute: a schedule bound to a few days occurs exactly if one of their minutes does.
func TestOccursAgainstEveryMinute(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 6))
	told := map[bool]int{}
	for name, days := range clockChanges {
		loc := zone(name)
		for i := range 24 {
			around := days[i%len(days)].Add(12 * time.Hour)
			s, holidays := someSchedule(rng, around), someHolidays(rng, name, around)
			s.EndDate = around.AddDate(0, 0, rng.IntN(2)).Format(time.DateOnly)
			now := time.Date(around.Year(), around.Month(), around.Day(), rng.IntN(30)-6, rng.IntN(60), 0, 0, loc)
			want := inAnyMinute(now, now.Add(5*24*time.Hour), func(at time.Time) bool { return slowAt(&s, at, holidays) })
			require.Equal(t, want, s.occursAfter(now, loc, holidays), "%s from %v: %+v %+v", name, now, s, holidays)
			told[want]++
		}
	}
	require.Greater(t, told[true], 0)
	require.Greater(t, told[false], 0)
}

// slowOpen lists the openings round a time minute by minute, and looks for one that at lies in, lead and tail considered.
func slowOpen(c *Campaign, h store.Hours, loc *time.Location, around time.Time) func(at time.Time) bool {
	type opening struct{ from, until time.Time }
	var all []opening
	open := false
	from := around.Add(-6 * 24 * time.Hour).Truncate(time.Minute)
	for at := from; at.Before(around.Add(6 * 24 * time.Hour)); at = at.Add(time.Minute) {
		is, known := h.Open(at, loc)
		is = is && known
		switch {
		case is && !open:
			all = append(all, opening{from: at})
		case !is && open:
			all[len(all)-1].until = at
		}
		open = is
	}
	if open {
		all[len(all)-1].until = around.AddDate(1, 0, 0)
	}
	return func(at time.Time) bool {
		if _, known := h.Open(at, loc); !known {
			return false
		}
		for _, o := range all {
			if !at.Before(o.from.Add(-c.OpenLead)) && at.Before(o.until.Add(-c.OpenTail)) {
				return true
			}
		}
		return false
	}
}

// TestOpenMinuteByMinute holds lead and tail of opening hours, and their edges, to the twin.
func TestOpenMinuteByMinute(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 7))
	edges := 0
	for name, days := range clockChanges {
		loc := zone(name)
		for i := range 8 {
			change := days[i%len(days)]
			around := time.Date(change.Year(), change.Month(), change.Day(), 12, 0, 0, 0, loc)
			var h store.Hours
			for range rng.IntN(6) {
				h.Weekly = append(h.Weekly, store.Span{Day: time.Weekday(rng.IntN(7)), From: rng.IntN(1440), Until: rng.IntN(1441)})
			}
			for day := -2; day <= 2 && rng.IntN(2) == 0; day++ {
				date, err := store.ParseDate(around.AddDate(0, 0, day).Format(time.DateOnly))
				require.NoError(t, err)
				e := store.Exception{Date: date}
				for range rng.IntN(3) {
					e.Spans = append(e.Spans, store.DaySpan{From: rng.IntN(1440), Until: rng.IntN(1441)})
				}
				h.Exceptions = append(h.Exceptions, e)
			}
			minutes := func() time.Duration { return time.Duration([]int{0, 1, 10, 90, 600}[rng.IntN(5)]) * time.Minute }
			c := &Campaign{OpenOnly: true, OpenLead: minutes(), OpenTail: minutes()}
			told := fmt.Sprintf("%s %v %v %+v", name, c.OpenLead, c.OpenTail, h)
			twin := slowOpen(c, h, loc, around)
			from := around.Add(-30 * time.Hour)
			end := from.Add(60 * time.Hour)
			for at := from; at.Before(end); at = at.Add(time.Minute) {
				require.Equal(t, twin(at), c.mayAt(h, at, loc), "%s: %v", told, at)
			}
			edges += walk(t, from, end, func(now time.Time) time.Time { return c.nextOpenEdge(h, now, end, loc) }, twin, told)
		}
	}
	require.Greater(t, edges, 20)
}
