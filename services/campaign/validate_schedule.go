package campaign

import (
	"fmt"
	"time"

	"github.com/wantgo/wantgo/services/store"
)

func (r *review) schedule() {
	s := &r.c.Schedule
	before := len(r.faults)
	start := r.date("schedule.start_date", s.StartDate)
	end := r.date("schedule.end_date", s.EndDate)
	r.spans()
	r.exceptions()
	if s.Holidays != "" && s.Holidays != HolidaysSkip && s.Holidays != HolidaysOnly {
		r.fault("schedule.holidays", FaultUnknown, "%q: want skip or only", clip(tidy(s.Holidays), 20))
	}
	r.openHours()
	if len(r.faults) > before || r.over() {
		return
	}
	switch {
	case !start.IsZero() && !end.IsZero() && end.Before(start):
		r.fault("schedule.end_date", FaultNeverOccurs, "the last day %s is before the first day %s", s.EndDate, s.StartDate)
	case !s.Start.IsZero() && !s.End.IsZero() && !s.End.After(s.Start):
		r.fault("schedule.end", FaultNeverOccurs, "the end %s is not after the start %s", instant(s.End), instant(s.Start))
	case !r.occurs(s):
		r.neverOccurs()
	case r.c.OpenOnly:
		r.everOpen()
	}
}

// over tells a campaign that is not asked whether it could still act.
func (r *review) over() bool { return r.c.State == Ended || r.c.State == Archived }

// occurs tells whether a schedule holds anywhere from now on.
func (r *review) occurs(s *Schedule) bool {
	for _, loc := range r.zones() {
		if s.occursAfter(r.known.Now, loc, r.known.Brand.Settings.Holidays) {
			return true
		}
	}
	return false
}

// neverOccurs says which part of the schedule leaves nothing over: the first with which nothing of what stands before it
// occurs any more.
func (r *review) neverOccurs() {
	s := &r.c.Schedule
	parts := Schedule{StartDate: s.StartDate, EndDate: s.EndDate}
	if !r.occurs(&parts) {
		r.fault("schedule.end_date", FaultNeverOccurs, "the last day %s is over", s.EndDate)
		return
	}
	parts.Start, parts.End = s.Start, s.End
	if !r.occurs(&parts) {
		if !s.End.IsZero() && !s.End.After(r.known.Now) {
			r.fault("schedule.end", FaultNeverOccurs, "the end %s is over", instant(s.End))
		} else {
			r.fault("schedule.end", FaultNeverOccurs, "no day of the dates lies between the start and the end")
		}
		return
	}
	parts.Weekly = s.Weekly
	weekly := r.occurs(&parts)
	parts.Exceptions = s.Exceptions
	switch {
	case r.occurs(&parts):
		r.noHoliday()
	case weekly:
		r.excepted(&parts)
	default:
		r.fault("schedule.weekly", FaultNeverOccurs, "none of the weekly hours falls on a day that is left of the dates")
	}
}

// excepted names the exception without which something would occur.
func (r *review) excepted(parts *Schedule) {
	for i, e := range parts.Exceptions {
		without := *parts
		without.Exceptions = parts.Exceptions[i+1:]
		if r.occurs(&without) {
			r.fault(fmt.Sprintf("schedule.exceptions[%d]", i), FaultNeverOccurs,
				"with the hours of %s and of the exceptions before it, none are left", e.Date)
			return
		}
	}
}

func (r *review) noHoliday() {
	if r.c.Schedule.Holidays == HolidaysSkip {
		r.fault("schedule.holidays", FaultNeverOccurs, "every day that is left is a public holiday, and those are skipped")
		return
	}
	r.fault("schedule.holidays", FaultNeverOccurs,
		"no public holiday that is known of the stores' country is left in its dates and hours; the brand's settings can add days")
}

// openHours are the lead and the tail of a store's hours.
func (r *review) openHours() {
	for _, of := range []struct {
		field string
		d     time.Duration
	}{{"open_lead", r.c.OpenLead}, {"open_tail", r.c.OpenTail}} {
		switch {
		case of.d < 0 || of.d > maxOpen || of.d%time.Second != 0:
			r.fault(of.field, FaultOutOfRange, "%s is not whole seconds within 0..%s", of.d, maxOpen)
		case of.d > 0 && !r.c.OpenOnly:
			r.fault(of.field, FaultContradiction, "only a campaign that runs while the store is open has one")
		}
	}
}

// maxOpen is the longest lead or tail of opening hours.
const maxOpen = 24 * time.Hour

// everOpen refuses a campaign whose stores, where it names them, are never open while its schedule holds.
func (r *review) everOpen() {
	t := &r.c.Trigger
	if len(t.Stores) == 0 || len(t.Tags)+len(t.Districts)+len(t.Inside)+len(t.Sets)+len(t.Fences)+len(t.FenceTags) > 0 {
		return
	}
	known := false
	for _, id := range t.Stores {
		s := r.store(id)
		if s == nil {
			return // that is told already
		}
		known = known || len(s.Hours.Weekly)+len(s.Hours.Exceptions) > 0
		if r.overlaps(s) {
			return
		}
	}
	if !known {
		r.fault("open_only", FaultNeverOccurs, "no opening hours are known of any store that it names, and it runs only while they are open")
		return
	}
	r.fault("open_only", FaultNeverOccurs, "none of the stores that it names is open, lead and tail included, at any time of its schedule")
}

// overlaps tells whether a store is ever open while the schedule holds.
func (r *review) overlaps(s *store.Store) bool {
	loc := firstZone(s.TimeZone, r.known.Brand.Settings.TimeZone)
	if loc == nil || len(s.Hours.Weekly)+len(s.Hours.Exceptions) == 0 {
		return false
	}
	last := ""
	if n := len(s.Hours.Exceptions); n > 0 {
		last = s.Hours.Exceptions[n-1].Date.String()
	}
	return r.c.Schedule.anyStretch(r.known.Now, loc, r.known.Brand.Settings.Holidays, last, func(from, until time.Time) bool {
		return r.c.mayAt(s.Hours, from, loc) || r.c.nextOpenEdge(s.Hours, from, until, loc).Before(until)
	})
}

func (r *review) zones() []*time.Location {
	return r.c.Zones(r.known.Brand.Settings.TimeZone, r.store)
}

func (r *review) date(field, date string) (day time.Time) {
	if date == "" {
		return day
	}
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		r.fault(field, FaultMalformed, "%q is not a day as YYYY-MM-DD", clip(tidy(date), 20))
	}
	return day
}

// maxExceptions and maxDayHours bound the exceptions of a schedule and the stretches of each.
const (
	maxExceptions = 400
	maxDayHours   = 20
)

func (r *review) exceptions() {
	list := r.c.Schedule.Exceptions
	if len(list) > maxExceptions {
		r.fault("schedule.exceptions", FaultTooLong, "%d days, at most %d", len(list), maxExceptions)
		return
	}
	seen := map[string]int{}
	for i, e := range list {
		field := fmt.Sprintf("schedule.exceptions[%d]", i)
		r.date(field+".date", e.Date)
		if e.Date == "" {
			r.fault(field+".date", FaultRequired, "an exception is of a day")
		}
		if first, twice := seen[e.Date]; twice {
			r.fault(field+".date", FaultContradiction, "schedule.exceptions[%d] is of the same day", first)
		}
		seen[e.Date] = i
		if len(e.Hours) > maxDayHours {
			r.fault(field+".hours", FaultTooLong, "%d stretches, at most %d", len(e.Hours), maxDayHours)
		}
		for j, h := range e.Hours {
			at := fmt.Sprintf("%s.hours[%d]", field, j)
			switch {
			case h.From < 0 || h.From >= minutesOfDay:
				r.fault(at+".open", FaultOutOfRange, "minute %d is not within 0..1439", h.From)
			case h.Until <= h.From || h.Until > h.From+minutesOfDay:
				r.fault(at+".close", FaultOutOfRange, "minute %d is not within the day after minute %d", h.Until, h.From)
			}
		}
	}
}

// spans refuses hours that are no stretch of a day. From equal to until could mean nothing or round the clock, so
// it is refused; round the clock is 0 to 1440.
func (r *review) spans() {
	weekly := r.c.Schedule.Weekly
	if len(weekly) > maxSpans {
		r.fault("schedule.weekly", FaultTooLong, "%d stretches, at most %d", len(weekly), maxSpans)
		return
	}
	for i, span := range weekly {
		field := fmt.Sprintf("schedule.weekly[%d]", i)
		switch {
		case span.Day < time.Sunday || span.Day > time.Saturday:
			r.fault(field+".day", FaultOutOfRange, "%d is not within 0 (Sunday)..6", int(span.Day))
		case span.From < 0 || span.From >= minutesOfDay:
			r.fault(field+".from", FaultOutOfRange, "minute %d is not within 0..1439", span.From)
		case span.Until < 0 || span.Until > minutesOfDay:
			r.fault(field+".until", FaultOutOfRange, "minute %d is not within 0..1440", span.Until)
		case span.From == span.Until:
			r.fault(field+".until", FaultNeverOccurs, "the stretch has no length; round the clock is 0 to 1440")
		}
	}
}
