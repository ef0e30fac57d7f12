package cap

import (
	"fmt"
	"time"
)

// Quiet is a nightly span of wall-clock time in which a notification is held: from From-CloseMargin on
// (inclusive) until Until+OpenMargin (exclusive), in every zone that counts. Make one with KoreanNight or
// RecipientNight; the zero value holds always.
type Quiet struct {
	from, until time.Duration // since midnight by the wall clock, margins included, each in [0, 24 h)
	home        *time.Location
}

const wallDay = 24 * time.Hour

// The margins of the Korean night a brand gets unless it sets others.
const (
	DefaultCloseMargin = 10 * time.Minute
	DefaultOpenMargin  = time.Minute
	maxMargin          = 120 * time.Minute
)

// Zone loads a zone by its IANA name. It refuses what time.LoadLocation takes silently: "" (which is UTC) and
// "Local" (which is the server's).
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("time zone: %q is not an IANA name", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone: %w", err)
	}
	return loc, nil
}

// KoreanNight is the span in which advertising by push needs a consent of its own (Network Act, article 50(3)):
// 21:00 to 08:00 by the wall clock of Seoul, widened by the margins (0 to 120 min each), never narrowed. It holds
// where it is night in Seoul or in any zone passed along; with no zone known, Seoul decides. It fails where the
// zone cannot be loaded: without it nothing may be sent.
func KoreanNight(closeMargin, openMargin time.Duration) (Quiet, error) {
	seoul, err := Zone("Asia/Seoul")
	if err != nil {
		return Quiet{}, err
	}
	q, err := RecipientNight(21*time.Hour, 8*time.Hour, closeMargin, openMargin)
	q.home = seoul
	return q, err
}

// RecipientNight is the span from from to until (since midnight by the wall clock, whole minutes; from later
// than until passes midnight), widened by the margins (0 to 120 min each), in the zones passed along. With no
// zone known it holds always. The common setting is 21 h, 8 h.
func RecipientNight(from, until, closeMargin, openMargin time.Duration) (Quiet, error) {
	for _, f := range []struct {
		name  string
		value time.Duration
		limit time.Duration
	}{
		{"from", from, wallDay - time.Minute}, {"until", until, wallDay - time.Minute},
		{"close_margin", closeMargin, maxMargin}, {"open_margin", openMargin, maxMargin},
	} {
		if f.value < 0 || f.value > f.limit || f.value%time.Minute != 0 {
			return Quiet{}, fmt.Errorf("%s: %s is not whole minutes in 0..%s", f.name, f.value, f.limit)
		}
	}
	span := (until - from + wallDay) % wallDay
	if span == 0 || span+closeMargin+openMargin >= wallDay {
		return Quiet{}, fmt.Errorf("until: the span with its margins must be longer than nothing and shorter than a day")
	}
	return Quiet{from: (from - closeMargin + wallDay) % wallDay, until: (until + openMargin) % wallDay}, nil
}

// In tells whether t is held: whether it is night in any of the zones (nil ones are unknown and skipped).
func (q Quiet) In(t time.Time, zones ...*time.Location) bool {
	known := q.known(zones)
	if len(known) == 0 {
		return true
	}
	for _, loc := range known {
		if q.inOne(t, loc) {
			return true
		}
	}
	return false
}

// NextOpen is the first moment from t on that is not held: t itself when it is not. ok is false when there is
// none within eight days: no zone is known, or the nights of the zones leave no gap.
func (q Quiet) NextOpen(t time.Time, zones ...*time.Location) (open time.Time, ok bool) {
	known := q.known(zones)
	limit := t.Add(8 * wallDay)
	for open = t; len(known) > 0 && open.Before(limit); {
		moved := false
		for _, loc := range known {
			if q.inOne(open, loc) {
				open, moved = q.change(open, loc, q.until), true
			}
		}
		if !moved {
			return open, true
		}
	}
	return time.Time{}, false
}

// LatestArrival is the first moment from t on that is held: what has not arrived by then must not arrive, so a
// provider's expiry is never later. It is t itself when t is held.
func (q Quiet) LatestArrival(t time.Time, zones ...*time.Location) time.Time {
	known := q.known(zones)
	if q.In(t, known...) {
		return t
	}
	var first time.Time
	for _, loc := range known {
		if at := q.change(t, loc, q.from); first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}

func (q Quiet) known(zones []*time.Location) []*time.Location {
	if q.from == q.until { // the zero value
		return nil
	}
	known := make([]*time.Location, 0, len(zones)+1)
	if q.home != nil {
		known = append(known, q.home)
	}
	for _, loc := range zones {
		if loc != nil && loc != q.home {
			known = append(known, loc)
		}
	}
	return known
}

func (q Quiet) inOne(t time.Time, loc *time.Location) bool {
	wall := sinceMidnight(t.In(loc))
	if q.from < q.until {
		return wall >= q.from && wall < q.until
	}
	return wall >= q.from || wall < q.until
}

// change is the first moment after t at which the answer in loc differs from the answer at t, boundary being
// the wall-clock time that normally changes it. Clocks that are put forward or back are followed from one
// change of offset to the next: within one offset wall clock and time run alike.
func (q Quiet) change(t time.Time, loc *time.Location, boundary time.Duration) time.Time {
	was := q.inOne(t, loc)
	for {
		at := t.Add((boundary - sinceMidnight(t.In(loc)) + wallDay) % wallDay)
		_, end := t.In(loc).ZoneBounds()
		if end.IsZero() || at.Before(end) {
			return at
		}
		if t = end; q.inOne(t, loc) != was {
			return t
		}
	}
}

func sinceMidnight(t time.Time) time.Duration {
	hour, minute, sec := t.Clock()
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(sec)*time.Second +
		time.Duration(t.Nanosecond())
}
