package campaign

import (
	"time"

	"github.com/wantgo/wantgo/services/brand"
)

// The days in which a schedule is looked for an occurrence, from the first that counts. Hours repeat weekly, and a second
// week differs only where clocks change. Holidays are listed for some years ahead.
const (
	horizonWeekly   = 16
	horizonHolidays = 6 * 366
)

// occursAfter tells whether the schedule holds at any time from now on, by the wall clock of loc.
func (s *Schedule) occursAfter(now time.Time, loc *time.Location, holidays map[string]brand.Holidays) bool {
	return s.anyStretch(now, loc, holidays, "", func(_, _ time.Time) bool { return true })
}

// anyStretch calls accept with times in which the schedule holds, from now on, until it accepts one. to is a day up to which
// it looks at least, or empty.
func (s *Schedule) anyStretch(now time.Time, loc *time.Location, holidays map[string]brand.Holidays, to string, accept func(from, until time.Time) bool) bool {
	first := now
	if s.Start.After(first) {
		first = s.Start
	}
	first = previousDay(first.In(loc))
	if start, err := time.ParseInLocation(time.DateOnly, s.StartDate, loc); err == nil && start.After(first) {
		first = start.Add(12 * time.Hour)
	}
	days := calendarOf(s, loc, holidays)
	year, month, date := first.Date()
	for i := range s.horizon(first, to) {
		day := time.Date(year, month, date+i, 12, 0, 0, 0, loc)
		if end, ok := dateNumber(s.EndDate); ok && dayNumber(day) > end || !s.End.IsZero() && day.Add(-24*time.Hour).After(s.End) {
			return false
		}
		if reason, _ := s.rulesOut(day, &days); reason == "" && s.anyOn(day, now, holidays, accept) {
			return true
		}
	}
	return false
}

// horizon is how many days from first on are looked at.
func (s *Schedule) horizon(first time.Time, to string) int {
	most := horizonWeekly
	if s.Holidays != "" {
		most = horizonHolidays
	}
	reach := func(date string) {
		if day, err := time.ParseInLocation(time.DateOnly, date, first.Location()); err == nil {
			most = max(most, 3+int(day.Sub(first)/(24*time.Hour)))
		}
	}
	for _, e := range s.Exceptions {
		reach(e.Date)
		if len(e.Hours) == 0 {
			most++ // a day that falls out may be the one that would have counted
		}
	}
	reach(to)
	return min(most, horizonHolidays)
}

// anyOn is anyStretch for what begins on a day: it looks at the times at which that may begin to hold, now among them.
func (s *Schedule) anyOn(day, now time.Time, holidays map[string]brand.Holidays, accept func(from, until time.Time) bool) (found bool) {
	loc := day.Location()
	try := func(at, end time.Time) {
		if at.Before(now) {
			at = now
		}
		if at.Before(s.Start) {
			at = s.Start
		}
		if found || !at.Before(end) || s.At(at.In(loc), holidays) != "" {
			return
		}
		found = accept(at, s.nextEdge(at.In(loc), end, holidays))
	}
	s.stretches(day, func(from, until int) {
		begin, again := wallTimes(day, from, loc)
		end, later := wallTimes(day, until, loc)
		if later.After(end) {
			end = later
		}
		try(begin, end)
		try(again, end)
		if _, change := begin.In(loc).ZoneBounds(); !change.IsZero() && change.Before(end) {
			try(change, end)
		}
	})
	return found
}
