package campaign

import (
	"time"

	"github.com/wantgo/wantgo/services/store"
)

// At tells whether the schedule holds at local, a time in the store's zone: "" or OutsideDates or OutsideHours.
// Hours go by the wall clock: what the clock skips in spring does not occur, what it repeats in autumn occurs
// twice. A stretch past midnight belongs to the day it begins on, dates included: with the last day a Friday,
// Friday 22:00 to 02:00 still ends on Saturday at 02:00.
func (s *Schedule) At(local time.Time) Reason {
	if len(s.Weekly) == 0 {
		if s.covers(local) {
			return ""
		}
		return OutsideDates
	}
	minute := local.Hour()*60 + local.Minute()
	yesterday := previousDay(local)
	reason := OutsideHours
	if !s.covers(local) {
		reason = OutsideDates
	}
	for _, span := range s.Weekly {
		begun, ok := holds(span, local, yesterday, minute)
		if ok && s.covers(begun) {
			return ""
		}
	}
	return reason
}

// holds tells whether a span of the week holds the minute of local's day, and the day it began on.
func holds(span store.Span, local, yesterday time.Time, minute int) (begun time.Time, ok bool) {
	if span.From < span.Until {
		return local, span.Day == local.Weekday() && span.From <= minute && minute < span.Until
	}
	if span.Day == local.Weekday() && minute >= span.From {
		return local, true
	}
	return yesterday, span.Day == yesterday.Weekday() && minute < span.Until
}

// covers tells whether the day is one of the schedule's dates. A date that cannot be read covers nothing.
func (s *Schedule) covers(day time.Time) bool {
	n := dayNumber(day)
	if s.StartDate != "" {
		start, ok := dateNumber(s.StartDate)
		if !ok || n < start {
			return false
		}
	}
	if s.EndDate != "" {
		end, ok := dateNumber(s.EndDate)
		if !ok || n > end {
			return false
		}
	}
	return true
}

// dayNumber is the number YYYYMMDD of a day.
func dayNumber(day time.Time) int {
	year, month, date := day.Date()
	return year*10000 + int(month)*100 + date
}

// dateNumber reads YYYY-MM-DD as the number YYYYMMDD.
func dateNumber(date string) (int, bool) {
	if len(date) != len(time.DateOnly) || date[4] != '-' || date[7] != '-' {
		return 0, false
	}
	n := 0
	for i := range len(date) {
		if i == 4 || i == 7 {
			continue
		}
		if date[i] < '0' || date[i] > '9' {
			return 0, false
		}
		n = n*10 + int(date[i]-'0')
	}
	return n, true
}

// previousDay is noon of the day before, so that no change of clocks can skip a day.
func previousDay(local time.Time) time.Time {
	year, month, day := local.Date()
	return time.Date(year, month, day-1, 12, 0, 0, 0, local.Location())
}

// occursAfter tells whether the schedule holds at any minute after now, by the wall clock of loc. It looks at each
// day of a little over a week from the first one that counts: the hours repeat weekly, and a second week differs
// only where clocks change.
func (s *Schedule) occursAfter(now time.Time, loc *time.Location) bool {
	first := previousDay(now.In(loc))
	if start, err := time.ParseInLocation(time.DateOnly, s.StartDate, loc); err == nil && start.After(first) {
		first = start.Add(12 * time.Hour)
	}
	year, month, date := first.Date()
	for i := range 16 {
		day := time.Date(year, month, date+i, 12, 0, 0, 0, loc)
		if s.covers(day) && s.occursOn(day, now) {
			return true
		}
	}
	return false
}

func (s *Schedule) occursOn(day, now time.Time) bool {
	if len(s.Weekly) == 0 {
		return occurs(day, 0, now) || occurs(day, minutesOfDay-1, now)
	}
	for _, span := range s.Weekly {
		last := span.Until - 1
		if span.Until <= span.From {
			last += minutesOfDay
		}
		if span.Day == day.Weekday() && (occurs(day, span.From, now) || occurs(day, last, now)) {
			return true
		}
	}
	return false
}

const minutesOfDay = 24 * 60

// occurs tells whether the wall clock shows that minute of the day (1440 and more: of the next) after now.
func occurs(day time.Time, minute int, now time.Time) bool {
	year, month, date := day.Date()
	at := time.Date(year, month, date, 0, minute, 0, 0, day.Location())
	return at.Hour()*60+at.Minute() == minute%minutesOfDay && at.Add(time.Minute).After(now)
}
