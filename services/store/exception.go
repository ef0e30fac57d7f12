package store

import (
	"fmt"
	"slices"
	"time"

	"github.com/wantgo/wantgo/services/brand"
)

const (
	maxExceptions     = 400
	maxExceptionSpans = 10
)

// Date is a day of the calendar, without a zone. As text it is YYYY-MM-DD.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads YYYY-MM-DD.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return Date{}, fmt.Errorf("%q is no date such as 2026-12-25", clip(text))
	}
	return dateOf(t.Date()), nil
}

func dateOf(year int, month time.Month, day int) Date { return Date{year, month, day} }

// String writes the date as ParseDate reads it.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// MarshalText writes the date as ParseDate reads it.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDate(string(text))
	return err
}

func (d Date) compare(e Date) int {
	if d.Year != e.Year {
		return d.Year - e.Year
	}
	if d.Month != e.Month {
		return int(d.Month - e.Month)
	}
	return d.Day - e.Day
}

func (d Date) add(days int) Date {
	return dateOf(time.Date(d.Year, d.Month, d.Day+days, 0, 0, 0, 0, time.UTC).Date())
}

func (d Date) weekday() time.Weekday {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Weekday()
}

// Exception says that on one date other hours hold than those of the week, such as on a holiday. It is about the spans
// that begin on that date: a night that began the day before goes on into it.
type Exception struct {
	Date  Date      `json:"date"`
	Spans []DaySpan `json:"spans,omitempty"` // empty: closed
}

// DaySpan is one stretch of a day: minutes of the day (0 to 1440); Until <= From ends the next day.
type DaySpan struct {
	From  int `json:"from"`
	Until int `json:"until"`
}

// validateExceptions also holds them to the order that finding them relies on.
func (h Hours) validateExceptions(vs *brand.Violations, field string) {
	vs.Check(len(h.Exceptions) <= maxExceptions, field, "more than %d dates", maxExceptions)
	for i, e := range h.Exceptions {
		f := fmt.Sprintf("%s[%d]", field, i)
		if i > 0 {
			vs.Check(h.Exceptions[i-1].Date.compare(e.Date) < 0, f+".date", "dates must be in order, each once")
		}
		vs.Check(len(e.Spans) <= maxExceptionSpans, f+".spans", "more than %d", maxExceptionSpans)
		for j, s := range e.Spans {
			validateMinutes(vs, fmt.Sprintf("%s.spans[%d]", f, j), s.From, s.Until)
		}
	}
}

// exception finds the exception of a date, and how many are before it.
func (h Hours) exception(on Date) (at int, found bool) {
	if len(h.Exceptions) == 0 {
		return 0, false
	}
	return slices.BinarySearchFunc(h.Exceptions, on, func(e Exception, d Date) int { return e.Date.compare(d) })
}

// on appends the spans that begin on a date, by their beginning.
func (h Hours) on(d Date, dst []DaySpan) []DaySpan {
	if at, excepted := h.exception(d); excepted {
		dst = append(dst, h.Exceptions[at].Spans...)
	} else if weekday := d.weekday(); len(h.Weekly) > 0 {
		for _, s := range h.Weekly {
			if s.Day == weekday {
				dst = append(dst, DaySpan{s.From, s.Until})
			}
		}
	}
	if len(dst) > 1 {
		slices.SortFunc(dst, func(a, b DaySpan) int { return a.From - b.From })
	}
	return dst
}

// knownOn tells whether hours are known for what begins on a date.
func (h Hours) knownOn(d Date) bool {
	if len(h.Weekly) > 0 {
		return true
	}
	_, excepted := h.exception(d)
	return excepted
}
