package campaign

import (
	"time"

	"github.com/wantgo/wantgo/services/store"
)

// NextEdge is when what may start at a fence next changes by the clock, after now and before until; until if nothing does:
// the schedule of a campaign that its moments may start begins or ceases to hold by the wall clock of loc, or its store
// opens or closes and one of them asks for that. s is nil for a free fence. A change of the clocks counts as an edge:
// hours move with it.
func (x *Index) NextEdge(f *store.Fence, s *store.Store, now, until time.Time, loc *time.Location) time.Time {
	tags := f.Tags
	if s != nil {
		tags = s.Tags
	}
	local, found, hours := now.In(loc), false, false
	for _, kind := range [...]Kind{Entered, Dwelled, Exited, Approached} {
		x.each(placeKey{kind, f.Purpose}, s, tags, func(c *Campaign) {
			found, hours = true, hours || c.OpenOnly
			until = c.Schedule.nextEdge(local, until)
		})
	}
	if _, change := local.ZoneBounds(); found && !change.IsZero() && change.After(now) && change.Before(until) {
		until = change
	}
	if hours && s != nil {
		if edge, ok := s.Hours.NextEdge(now, loc); ok && edge.At.Before(until) {
			until = edge.At
		}
	}
	return until
}

// nextEdge looks at the days from yesterday, whose stretches may reach into today, to the one until falls on.
func (s *Schedule) nextEdge(local, until time.Time) time.Time {
	if s.StartDate == "" && s.EndDate == "" && len(s.Weekly) == 0 {
		return until
	}
	year, month, date := local.Date()
	for day := -1; day <= 1+int(until.Sub(local)/(24*time.Hour)); day++ {
		at := func(minute int) time.Time { return time.Date(year, month, date+day, 0, minute, 0, 0, local.Location()) }
		until = s.edgeAt(at(0), local, until)
		for _, span := range s.Weekly {
			end := span.Until
			if end <= span.From {
				end += minutesOfDay
			}
			until = s.edgeAt(at(end), local, s.edgeAt(at(span.From), local, until))
		}
	}
	return until
}

// edgeAt is at, if the schedule changes there and that is before until.
func (s *Schedule) edgeAt(at, after, until time.Time) time.Time {
	if at.After(after) && at.Before(until) && s.At(at) != s.At(at.Add(-time.Minute)) {
		return at
	}
	return until
}
