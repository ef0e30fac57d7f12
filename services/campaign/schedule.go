package campaign

import (
	"slices"
	"time"

	"github.com/wantgo/wantgo/services/brand"
)

// At tells whether the schedule holds at local, a time in the store's zone: "" or OutsideDates or OutsideHours.
// Hours go by the wall clock: what the clock skips in spring does not occur, what it repeats in autumn occurs
// twice. A stretch past midnight belongs to the day it begins on, dates, exceptions and holidays included: with the last day
// a Friday, Friday 22:00 to 02:00 still ends on Saturday at 02:00. Everything that is given must hold: hours of an exception
// on a holiday that is skipped do not. holidays are the brand's changes to what is known of countries; a day of a year that
// is not known is no holiday, so that it is not skipped, and with "only" nothing happens on it.
func (s *Schedule) At(local time.Time, holidays map[string]brand.Holidays) Reason {
	reason, _ := s.Why(local, holidays)
	return reason
}

// Why is At with what narrows the reason: "before", "over", "holiday", "no_holiday", "exception" or nothing.
func (s *Schedule) Why(local time.Time, holidays map[string]brand.Holidays) (Reason, string) {
	switch {
	case !s.Start.IsZero() && local.Before(s.Start):
		return OutsideDates, "before"
	case !s.End.IsZero() && !local.Before(s.End):
		return OutsideDates, "over"
	}
	days := calendarOf(s, local.Location(), holidays)
	minute := local.Hour()*60 + local.Minute()
	reason, why := s.on(local, minute, &days)
	if reason == "" || s.withinDays() {
		return reason, why
	}
	if before, _ := s.on(previousDay(local), minute+minutesOfDay, &days); before == "" {
		return "", ""
	}
	return reason, why
}

// withinDays: no stretch reaches into the next day.
func (s *Schedule) withinDays() bool { return len(s.Weekly)+len(s.Exceptions) == 0 }

// on tells whether what begins on a day holds at a minute after that day's midnight.
func (s *Schedule) on(day time.Time, minute int, days *calendar) (Reason, string) {
	if reason, why := s.rulesOut(day, days); reason != "" {
		return reason, why
	}
	held, why := false, ""
	excepted := s.stretches(day, func(from, until int) { held = held || from <= minute && minute < until })
	if held {
		return "", ""
	}
	if excepted {
		why = "exception"
	}
	return OutsideHours, why
}

// rulesOut tells why nothing can begin on a day, whatever its hours.
func (s *Schedule) rulesOut(day time.Time, days *calendar) (Reason, string) {
	if !s.covers(day) {
		if start, ok := dateNumber(s.StartDate); s.StartDate != "" && (!ok || dayNumber(day) < start) {
			return OutsideDates, "before"
		}
		return OutsideDates, "over"
	}
	if s.Holidays == "" {
		return "", ""
	}
	is, known := days.on(day)
	switch {
	case s.Holidays == HolidaysSkip && is && known:
		return OutsideDates, "holiday"
	case s.Holidays != HolidaysSkip && !(is && known):
		return OutsideDates, "no_holiday"
	}
	return "", ""
}

// stretches calls visit with each stretch that begins on a day, in minutes after its midnight. The answer is whether the day
// is an exception.
func (s *Schedule) stretches(day time.Time, visit func(from, until int)) (excepted bool) {
	if i := s.exception(day); i >= 0 {
		for _, h := range s.Exceptions[i].Hours {
			visit(h.From, h.Until)
		}
		return true
	}
	if len(s.Weekly) == 0 {
		visit(0, minutesOfDay)
		return false
	}
	for _, span := range s.Weekly {
		if span.Day != day.Weekday() {
			continue
		}
		until := span.Until
		if until <= span.From {
			until += minutesOfDay
		}
		visit(span.From, until)
	}
	return false
}

// exception is the index of a day's exception; -1: it has none.
func (s *Schedule) exception(day time.Time) int {
	if len(s.Exceptions) == 0 {
		return -1
	}
	var room [16]byte
	date := string(day.AppendFormat(room[:0], time.DateOnly))
	return slices.IndexFunc(s.Exceptions, func(e Exception) bool { return e.Date == date })
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

const minutesOfDay = 24 * 60
