package store

import (
	"fmt"
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
		validateMinutes(vs, f, s.From, s.Until)
	}
	h.validateExceptions(vs, field+"_exceptions")
}

func validateMinutes(vs *brand.Violations, field string, from, until int) {
	vs.Check(from >= 0 && from < minutesOfDay, field+".from", "must be a minute of the day, 0 to 1439")
	vs.Check(until >= 0 && until <= minutesOfDay, field+".until", "must be a minute of the day, 0 to 1440")
}

// Known tells whether there are hours for every day. Exceptions alone say something of their dates only.
func (h Hours) Known() bool { return len(h.Weekly) > 0 }

// Open tells whether the store is open at a time by the wall clock of its zone, both where hours are known. The opening
// minute counts, the closing one does not.
func (h Hours) Open(at time.Time, loc *time.Location) (open, known bool) {
	if len(h.Weekly) == 0 && len(h.Exceptions) == 0 {
		return false, false
	}
	today := dateOf(at.In(loc).Date())
	var room [8]DaySpan
	for _, d := range [...]Date{today, today.add(-1)} {
		for _, s := range h.on(d, room[:0]) {
			from, until := s.instants(d, loc)
			if !at.Before(from) && at.Before(until) {
				return true, true
			}
		}
	}
	return false, h.knownOn(today)
}

// Edge is a time at which a store opens or closes.
type Edge struct {
	At    time.Time
	Opens bool
}

// NextEdge is the first opening or closing after a time. ok is false where there is none: unknown hours, or always open.
// Spans that meet or overlap have no edge between them.
//
// Spans are taken in the order in which they begin, until one begins after a gap. Fifteen days without an exception
// show every span of the week; if they have no edge, only a date with an exception can, and those between are skipped.
func (h Hours) NextEdge(after time.Time, loc *time.Location) (e Edge, ok bool) {
	if len(h.Weekly) == 0 && len(h.Exceptions) == 0 {
		return Edge{}, false
	}
	var room [8]DaySpan
	day := dateOf(after.In(loc).Date()).add(-1)
	begun, plain := time.Time{}, 0 // the end of the opening that holds at after; days in a row without an exception
	for {
		next, excepted := h.exception(day)
		if plain++; excepted {
			plain = 0
		}
		if plain > horizon {
			if next == len(h.Exceptions) {
				return Edge{}, false
			}
			eve := h.Exceptions[next].Date.add(-1)
			if resume := eve.add(-1); day.compare(resume) < 0 { // what begins there may reach into the eve
				day = resume
				if !begun.IsZero() {
					begun = wallInstant(eve, 0, loc) // open all along
				}
			}
		}
		for _, s := range h.on(day, room[:0]) {
			from, until := s.instants(day, loc)
			switch {
			case !from.Before(until) || !until.After(after): // swallowed by a change of clocks, or over
			case begun.IsZero() && from.After(after):
				return Edge{At: from, Opens: true}, true
			case !begun.IsZero() && from.After(begun):
				return Edge{At: begun}, true
			case until.After(begun):
				begun = until
			}
		}
		day = day.add(1)
		if !begun.IsZero() && begun.Before(wallInstant(day, 0, loc)) {
			return Edge{At: begun}, true
		}
	}
}

// instants are the first and the last moment of a span that begins on a day.
func (s DaySpan) instants(d Date, loc *time.Location) (from, until time.Time) {
	minute := s.Until
	if s.Until <= s.From {
		minute += minutesOfDay
	}
	return wallInstant(d, s.From, loc), wallInstant(d, minute, loc)
}

// WallTime is when the clocks of a zone show a date and time of day: those that wall's own fields say, whatever its
// zone. What they show twice is the first time, what they skip the moment of the change.
func WallTime(wall time.Time, loc *time.Location) time.Time {
	return wallInstant(dateOf(wall.Date()), wall.Hour()*60+wall.Minute(), loc)
}

// wallInstant is when the clocks of a zone show a minute of a day: the first time where they show it twice, the moment
// of the change where they skip it. (time.Date leaves open which of two it takes.)
func wallInstant(d Date, minute int, loc *time.Location) time.Time {
	wall := time.Date(d.Year, d.Month, d.Day, 0, minute, 0, 0, time.UTC)
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
