package campaign

import (
	"time"

	"github.com/wantgo/wantgo/services/brand"
)

// always tells a schedule that holds at all times.
func (s *Schedule) always() bool {
	return s.StartDate == "" && s.EndDate == "" && s.Start.IsZero() && s.End.IsZero() && len(s.Weekly)+len(s.Exceptions) == 0 && s.Holidays == ""
}

// nextEdge is when the schedule next says something else, after local and before until; until if it does not. It looks
// at the days from yesterday, whose stretches may reach into today, to the one until falls on. A change of the clocks is the
// caller's to look for.
func (s *Schedule) nextEdge(local, until time.Time, holidays map[string]brand.Holidays) time.Time {
	if s.always() {
		return until
	}
	loc := local.Location()
	edge := func(at time.Time) {
		if at.After(local) && at.Before(until) && s.At(at.In(loc), holidays) != s.At(at.Add(-1).In(loc), holidays) {
			until = at.In(loc)
		}
	}
	edge(s.Start)
	edge(s.End)
	year, month, date := local.Date()
	for i := -1; i <= 1+int(until.Sub(local)/(24*time.Hour)); i++ {
		day := time.Date(year, month, date+i, 0, 0, 0, 0, time.UTC)
		edges := func(minute int) {
			first, again := wallTimes(day, minute, loc)
			edge(first)
			if !again.Equal(first) {
				edge(again)
			}
		}
		edges(0)
		s.stretches(day, func(from, until int) { edges(from); edges(until) })
	}
	return until
}

// wallTimes are when the clocks of a zone may show a minute of a day (of its fields, whatever its zone): by what the zone
// keeps the day before and by what it keeps the day after. They differ where the clocks change; then one of them, or neither,
// may not show it.
func wallTimes(day time.Time, minute int, loc *time.Location) (first, again time.Time) {
	year, month, date := day.Date()
	wall := time.Date(year, month, date, 0, minute, 0, 0, time.UTC)
	_, before := wall.AddDate(0, 0, -1).In(loc).Zone()
	_, after := wall.AddDate(0, 0, 1).In(loc).Zone()
	return wall.Add(-time.Duration(before) * time.Second), wall.Add(-time.Duration(after) * time.Second)
}
