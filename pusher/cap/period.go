package cap

import "time"

// period is the calendar period that holds t in loc, [from, until).
func period(c Calendar, t time.Time, loc *time.Location) (from, until time.Time) {
	year, month, day := t.In(loc).Date()
	months, days := 0, 1
	switch c {
	case Week:
		day -= (int(t.In(loc).Weekday()) + 6) % 7
		days = 7
	case Month:
		day, months, days = 1, 1, 0
	}
	from, until = midnight(year, month, day, loc), midnight(year, month+time.Month(months), day+days, loc)
	// Where clocks go back over midnight a date comes twice: the instants decide, not the date.
	for t.Before(from) {
		until, from = from, midnight(year, month-time.Month(months), day-days, loc)
		year, month, day = from.In(loc).Date()
	}
	for !t.Before(until) {
		from = until
		year, month, day = from.In(loc).Date()
		until = midnight(year, month+time.Month(months), day+days, loc)
	}
	return from, until
}

// midnight is the first instant of a date in loc. Where clocks go forward over midnight the date begins later
// than 00:00; where 00:00 comes twice the earlier one begins it.
func midnight(year int, month time.Month, day int, loc *time.Location) time.Time {
	date := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	t := time.Date(year, month, day, 0, 0, 0, 0, loc)
	start, end := t.ZoneBounds()
	if hour, minute, sec := t.Clock(); hour != 0 || minute != 0 || sec != 0 || t.Day() != date.Day() {
		if civil(t).Before(date) {
			return end
		}
		return start
	}
	if start.IsZero() {
		return t
	}
	_, now := t.Zone()
	_, before := start.Add(-1).In(loc).Zone()
	if twin := t.Add(-time.Duration(before-now) * time.Second); twin.Before(start) && civil(twin).Equal(date) {
		return twin
	}
	return t
}

// civil is t's wall clock, read as if it were UTC, so that wall clocks can be compared.
func civil(t time.Time) time.Time {
	year, month, day := t.Date()
	hour, minute, sec := t.Clock()
	return time.Date(year, month, day, hour, minute, sec, t.Nanosecond(), time.UTC)
}
