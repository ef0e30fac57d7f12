package store

import (
	"fmt"
	"slices"
	"time"

	"github.com/wantgo/wantgo/services/brand"
)

const (
	minutesOfDay = 24 * 60
	maxSpans     = 100
	// horizon, days: within it every weekly span comes at least once, even where a change of clocks swallows one.
	horizon = 15
)

// validate notes what makes the hours no hours.
func (h Hours) validate(vs *brand.Violations, field string) {
	vs.Check(len(h.Weekly) <= maxSpans, field, "more than %d spans", maxSpans)
	for i, s := range h.Weekly {
		f := fmt.Sprintf("%s[%d]", field, i)
		vs.Check(s.Day >= time.Sunday && s.Day <= time.Saturday, f+".day", "must be 0 (Sunday) to 6 (Saturday)")
		vs.Check(s.From >= 0 && s.From < minutesOfDay, f+".from", "must be a minute of the day, 0 to 1439")
		vs.Check(s.Until >= 0 && s.Until <= minutesOfDay, f+".until", "must be a minute of the day, 0 to 1440")
	}
}

// Known tells whether there are any hours.
func (h Hours) Known() bool { return len(h.Weekly) > 0 }

// Open tells whether the store is open at a time by the wall clock of its zone, both where hours are known. The opening
// minute counts, the closing one does not.
func (h Hours) Open(at time.Time, loc *time.Location) (open, known bool) {
	if !h.Known() {
		return false, false
	}
	year, month, day := at.In(loc).Date()
	for _, back := range [...]int{0, 1} {
		weekday := time.Date(year, month, day-back, 0, 0, 0, 0, time.UTC).Weekday()
		for _, s := range h.Weekly {
			if s.Day != weekday {
				continue
			}
			from, until := s.instants(year, month, day-back, loc)
			if !at.Before(from) && at.Before(until) {
				return true, true
			}
		}
	}
	return false, true
}

// Edge is a time at which a store opens or closes.
type Edge struct {
	At    time.Time
	Opens bool
}

// NextEdge is the first opening or closing after a time. ok is false where there is none: unknown hours, or always open.
// Spans that meet or overlap have no edge between them.
func (h Hours) NextEdge(after time.Time, loc *time.Location) (e Edge, ok bool) {
	stretches, end := h.stretches(after, loc)
	for _, s := range stretches {
		if s.from.After(after) {
			return Edge{At: s.from, Opens: true}, true
		}
		if s.until.After(after) && s.until.Before(end) {
			return Edge{At: s.until}, true
		}
	}
	return Edge{}, false
}

type stretch struct{ from, until time.Time }

// stretches are the times of opening from the day before on, in order and joined, up to the end of the horizon.
func (h Hours) stretches(from time.Time, loc *time.Location) (joined []stretch, end time.Time) {
	year, month, day := from.In(loc).Date()
	var all []stretch
	for d := -1; d < horizon; d++ {
		weekday := time.Date(year, month, day+d, 0, 0, 0, 0, time.UTC).Weekday()
		for _, s := range h.Weekly {
			if s.Day == weekday {
				a, b := s.instants(year, month, day+d, loc)
				all = append(all, stretch{a, b})
			}
		}
	}
	slices.SortFunc(all, func(a, b stretch) int { return a.from.Compare(b.from) })
	for _, s := range all {
		switch last := len(joined) - 1; {
		case !s.from.Before(s.until): // swallowed by a change of clocks
		case last >= 0 && !s.from.After(joined[last].until):
			if s.until.After(joined[last].until) {
				joined[last].until = s.until
			}
		default:
			joined = append(joined, s)
		}
	}
	return joined, wallInstant(year, month, day+horizon, 0, loc)
}

// instants are the first and the last moment of a span that begins on a day.
func (s Span) instants(year int, month time.Month, day int, loc *time.Location) (from, until time.Time) {
	next := 0
	if s.Until <= s.From {
		next = 1
	}
	return wallInstant(year, month, day, s.From, loc), wallInstant(year, month, day+next, s.Until, loc)
}

// wallInstant is when the clocks of a zone show a minute of a day: the first time where they show it twice, the moment
// of the change where they skip it. (time.Date leaves open which of two it takes.)
func wallInstant(year int, month time.Month, day, minute int, loc *time.Location) time.Time {
	wall := time.Date(year, month, day, 0, minute, 0, 0, time.UTC)
	before := offset(wall.AddDate(0, 0, -1), loc)
	after := offset(wall.AddDate(0, 0, 1), loc)
	early := wall.Add(-before)
	if before == after || offset(early, loc) == before {
		return early.In(loc)
	}
	if late := wall.Add(-after); offset(late, loc) == after {
		return late.In(loc)
	}
	change, _ := early.In(loc).ZoneBounds()
	return change
}

func offset(t time.Time, loc *time.Location) time.Duration {
	_, seconds := t.In(loc).Zone()
	return time.Duration(seconds) * time.Second
}
