package campaign

import (
	"time"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/store"
)

// NextEdge is when what may start at a fence next changes by the clock, after now and before until; until if nothing does:
// the schedule of a campaign that its moments may start begins or ceases to hold by the wall clock of loc, or its store
// opens or closes, with lead and tail, and one of them asks for that. s is nil for a free fence. A change of the clocks counts as an edge:
// hours move with it.
func (x *Index) NextEdge(f *store.Fence, s *store.Store, now, until time.Time, loc *time.Location, holidays map[string]brand.Holidays) time.Time {
	local, found, hours := now.In(loc), false, false
	for _, kind := range [...]Kind{Entered, Dwelled, Exited, Approached} {
		x.around(kind, f, s, func(e *entry) {
			c := e.campaign
			found = true
			until = c.Schedule.nextEdge(local, until, holidays)
			switch {
			case !c.OpenOnly || s == nil:
			case c.OpenLead == 0 && c.OpenTail == 0:
				hours = true
			default:
				until = c.nextOpenEdge(s.Hours, now, until, loc)
			}
		})
	}
	if _, change := local.ZoneBounds(); found && !change.IsZero() && change.After(now) && change.Before(until) {
		until = change
	}
	if hours {
		if edge, ok := s.Hours.NextEdge(now, loc); ok && edge.At.Before(until) {
			until = edge.At
		}
	}
	return until
}
