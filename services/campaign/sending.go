package campaign

import (
	"cmp"
	"time"

	"github.com/wantgo/wantgo/services/brand"
)

// A campaign whose kind the clock makes has occurrences: instants at which it begins to ask people, one by one, whether
// it may tell them. Each occurrence is one sending.
//
//	flashed, scheduled  at Send.At, and scheduled again every day, week or month until Send.Until
//	dated, absent       every day at Send.TimeOfDay
//
// Repeating goes by the wall clock of the brand's zone: ten in the morning stays ten in the morning when clocks change. A
// time that the clock skips is the instant at which it skips; of a time that it shows twice the first counts. A month
// without the day has its last one instead. A day on which the schedule does not hold at that time has no occurrence.

const (
	// sendingDeadline is for how long after its occurrence a sending may tell people, where the campaign sets nothing.
	sendingDeadline = 24 * time.Hour
	// flashDeadline is that of a flash: who comes near so much later has not seen its beginning.
	flashDeadline = time.Hour
)

// Sends tells whether the clock starts the campaign.
func (c *Campaign) Sends() bool { return c.Trigger.Send != nil && c.SendKind() != "" }

// SendKind is the one kind by which the clock starts the campaign; empty: there is none.
func (c *Campaign) SendKind() Kind {
	for _, k := range c.Trigger.Kinds {
		if k.ByClock() {
			return k
		}
	}
	return ""
}

// SendingDeadline is when the sending of an occurrence may tell nobody any more.
func (c *Campaign) SendingDeadline(at time.Time) time.Time {
	if c.SendKind() == Flashed {
		return at.Add(cmp.Or(c.Deadline, flashDeadline))
	}
	return at.Add(cmp.Or(c.Deadline, sendingDeadline))
}

// Occurrence is the latest occurrence at or before now; ok=false: there is none yet, or the zone of a brand that repeats
// is not known.
func (c *Campaign) Occurrence(b *brand.Brand, now time.Time) (at time.Time, ok bool) {
	return c.occurrence(b, now, false)
}

// NextOccurrence is the first occurrence after now; ok=false: there is none any more.
func (c *Campaign) NextOccurrence(b *brand.Brand, now time.Time) (at time.Time, ok bool) {
	return c.occurrence(b, now, true)
}

// mostSkipped bounds how many occurrences are looked at for one at which the schedule holds.
const mostSkipped = 400

// begins is At as it is stored everywhere: to the millisecond.
func (s *Send) begins() time.Time { return s.At.Truncate(time.Millisecond) }

func (c *Campaign) occurrence(b *brand.Brand, now time.Time, next bool) (time.Time, bool) {
	if !c.Sends() {
		return time.Time{}, false
	}
	loc := zone(b.Settings.TimeZone)
	s := c.Trigger.Send
	if loc == nil || !c.SendRepeats() {
		once := !s.At.IsZero() && !c.SendRepeats() && s.begins().After(now) == next
		return s.begins(), once
	}
	n, step := c.latest(now, loc), -1
	if next {
		if n, step = n+1, 1; !s.At.IsZero() {
			n = max(n, 0)
		}
	}
	for range mostSkipped {
		at := c.nth(n, now, loc)
		if c.beyond(n, at) {
			return time.Time{}, false
		}
		if c.Schedule.At(at.In(loc), b.Settings.Holidays) == "" {
			return at, true
		}
		n += step
	}
	return time.Time{}, false
}

// SendRepeats tells whether it sends more than once.
func (c *Campaign) SendRepeats() bool {
	return c.SendKind() == Dated || c.SendKind() == Absent || c.Trigger.Send.Repeat != ""
}

// beyond tells an occurrence before the first or after the last.
func (c *Campaign) beyond(n int, at time.Time) bool {
	s := c.Trigger.Send
	if !s.Until.IsZero() && at.After(s.Until) {
		return true
	}
	return !s.At.IsZero() && (n < 0 || at.Before(s.begins()))
}

// latest is the number of the last occurrence at or before now.
func (c *Campaign) latest(now time.Time, loc *time.Location) int {
	n := 0
	first, today := c.first(now, loc), now.In(loc)
	switch c.Trigger.Send.Repeat {
	case RepeatMonthly:
		n = (today.Year()-first.Year())*12 + int(today.Month()) - int(first.Month())
	case RepeatWeekly:
		n = daysBetween(first, today) / 7
	default:
		n = daysBetween(first, today)
	}
	for n++; c.nth(n, now, loc).After(now); n-- {
	}
	return n
}

// first is the occurrence that the others are counted from: of what happens every day today's.
func (c *Campaign) first(now time.Time, loc *time.Location) time.Time {
	s := c.Trigger.Send
	if s.At.IsZero() {
		year, month, day := now.In(loc).Date()
		return wallClock(year, month, day, time.Duration(s.TimeOfDay)*time.Minute, loc)
	}
	return s.begins().In(loc)
}

// nth is the n-th occurrence after the first, or before it.
func (c *Campaign) nth(n int, now time.Time, loc *time.Location) time.Time {
	s := c.Trigger.Send
	first := c.first(now, loc)
	year, month, day := first.Date()
	hour, minute, second := first.Clock()
	clock := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + time.Duration(first.Nanosecond())
	if s.At.IsZero() { // the first may stand at the end of a skipped hour
		year, month, day = now.In(loc).Date()
		clock = time.Duration(s.TimeOfDay) * time.Minute
	}
	switch s.Repeat {
	case RepeatMonthly:
		month += time.Month(n)
		day = min(day, lastDay(year, month))
	case RepeatWeekly:
		day += 7 * n
	default:
		day += n
	}
	return wallClock(year, month, day, clock, loc)
}

// lastDay is the number of days of a month, which may be beyond its year.
func lastDay(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 12, 0, 0, 0, time.UTC).Day()
}

// daysBetween counts midnights, by the dates of two local times.
func daysBetween(from, to time.Time) int {
	midnight := func(t time.Time) time.Time {
		year, month, day := t.Date()
		return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	}
	return int(midnight(to).Sub(midnight(from)) / (24 * time.Hour))
}

// wallClock is the first instant at which the clock of a zone shows a time of a day, or, if it skips that, the instant at
// which it does so.
func wallClock(year int, month time.Month, day int, clock time.Duration, loc *time.Location) time.Time {
	shown := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Add(clock)
	_, before := shown.Add(-24 * time.Hour).In(loc).Zone()
	_, after := shown.Add(24 * time.Hour).In(loc).Zone()
	early := shown.Add(-time.Duration(max(before, after)) * time.Second).In(loc)
	late := shown.Add(-time.Duration(min(before, after)) * time.Second).In(loc)
	shows := func(t time.Time) bool {
		_, offset := t.Zone()
		return t.Add(time.Duration(offset) * time.Second).UTC().Equal(shown)
	}
	switch {
	case shows(early):
		return early
	case shows(late):
		return late
	}
	start, _ := late.ZoneBounds()
	return start
}
