package campaign

import (
	"fmt"
	"time"
)

func (r *review) schedule() {
	s := &r.c.Schedule
	start, startOK := r.date("schedule.start_date", s.StartDate)
	end, endOK := r.date("schedule.end_date", s.EndDate)
	spansOK := r.spans()
	if !startOK || !endOK || !spansOK || r.c.State == Ended {
		return
	}
	if !start.IsZero() && !end.IsZero() && end.Before(start) {
		r.fault("schedule.end_date", FaultNeverOccurs, "the last day %s is before the first day %s", s.EndDate, s.StartDate)
		return
	}
	zones := r.zones()
	for _, loc := range zones {
		if s.occursAfter(r.known.Now, loc) {
			return
		}
	}
	dates := Schedule{StartDate: s.StartDate, EndDate: s.EndDate}
	for _, loc := range zones {
		if dates.occursAfter(r.known.Now, loc) {
			r.fault("schedule.weekly", FaultNeverOccurs, "none of the weekly hours falls on a day that is left of the dates")
			return
		}
	}
	r.fault("schedule.end_date", FaultNeverOccurs, "the last day %s is over", s.EndDate)
}

// zones are those of the stores that the campaign names; where it names none, the brand's.
func (r *review) zones() []*time.Location {
	seen := map[*time.Location]struct{}{}
	var list []*time.Location
	add := func(loc *time.Location) {
		if _, ok := seen[loc]; !ok && loc != nil {
			seen[loc] = struct{}{}
			list = append(list, loc)
		}
	}
	for _, id := range r.c.Trigger.Stores {
		if s := r.store(id); s != nil {
			add(zone(s.TimeZone))
		}
	}
	if len(list) == 0 || len(r.c.Trigger.Tags) > 0 {
		add(zone(r.known.Brand.Settings.TimeZone))
	}
	if len(list) == 0 {
		add(time.UTC)
	}
	return list
}

func (r *review) date(field, date string) (day time.Time, ok bool) {
	if date == "" {
		return time.Time{}, true
	}
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		r.fault(field, FaultMalformed, "%q is not a day as YYYY-MM-DD", clip(tidy(date), 20))
		return day, false
	}
	return day, true
}

// spans refuses hours that are no stretch of a day. From equal to until could mean nothing or round the clock, so
// it is refused; round the clock is 0 to 1440.
func (r *review) spans() bool {
	weekly := r.c.Schedule.Weekly
	if len(weekly) > maxSpans {
		r.fault("schedule.weekly", FaultTooLong, "%d stretches, at most %d", len(weekly), maxSpans)
		return false
	}
	before := len(r.faults)
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
	return len(r.faults) == before
}
