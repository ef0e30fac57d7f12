package campaign

import (
	"time"

	"github.com/wantgo/wantgo/services/store"
)

// OpenAt tells whether a campaign that runs only while its store is open may run at a time: from OpenLead before the store
// opens until OpenTail before it closes. Openings that meet are one. A time on a day whose hours are unknown is refused.
func (c *Campaign) OpenAt(h store.Hours, at time.Time, loc *time.Location) (open, known bool) {
	open, known = h.Open(at, loc)
	if !known || c.OpenLead == 0 && c.OpenTail == 0 {
		return open, known
	}
	for from := at; ; {
		if open {
			closes, ok := h.NextEdge(from, loc)
			if !ok || at.Before(closes.At.Add(-c.OpenTail)) {
				return true, true
			}
			from = closes.At
		}
		opens, ok := h.NextEdge(from, loc)
		if !ok || at.Before(opens.At.Add(-c.OpenLead)) {
			return false, true
		}
		from, open = opens.At, true
	}
}

// nextOpenEdge is when OpenAt next answers otherwise, after now and before until; until if it does not.
func (c *Campaign) nextOpenEdge(h store.Hours, now, until time.Time, loc *time.Location) time.Time {
	edge := func(at time.Time) {
		if at.After(now) && at.Before(until) && c.mayAt(h, at, loc) != c.mayAt(h, at.Add(-1), loc) {
			until = at.In(loc)
		}
	}
	for from := now; ; {
		e, ok := h.NextEdge(from, loc)
		if !ok || !e.At.Add(-max(c.OpenLead, c.OpenTail)).Before(until) {
			break
		}
		edge(e.At.Add(-c.OpenLead))
		edge(e.At.Add(-c.OpenTail))
		from = e.At
	}
	if !h.Known() { // whether they are known changes from day to day
		year, month, date := now.In(loc).Date()
		for i := range 2 + int(until.Sub(now)/(24*time.Hour)) {
			first, again := wallTimes(time.Date(year, month, date+i, 0, 0, 0, 0, time.UTC), 0, loc)
			edge(first)
			edge(again)
		}
	}
	return until
}

func (c *Campaign) mayAt(h store.Hours, at time.Time, loc *time.Location) bool {
	open, known := c.OpenAt(h, at, loc)
	return open && known
}
