package store

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxHoursText bounds what ParseHours reads.
const maxHoursText = 1000

var weekdays = []string{"Su", "Mo", "Tu", "We", "Th", "Fr", "Sa"}

// dayNames are the words for days: OpenStreetMap's, English and Korean.
var dayNames = func() map[string]time.Weekday {
	names := map[string]time.Weekday{}
	korean := []rune("일월화수목금토")
	for d := time.Sunday; d <= time.Saturday; d++ {
		english := strings.ToLower(d.String())
		for _, name := range []string{english, english[:2], english[:3], string(korean[d]), string(korean[d]) + "요일"} {
			names[name] = d
		}
	}
	return names
}()

// ParseHours reads weekly opening hours, in this part of OpenStreetMap's opening_hours:
//
//	hours = "24/7" | rule { ";" rule }
//	rule  = [ days ] ( times | "off" | "closed" )      no days: every day
//	days  = range { "," range }      range = day [ "-" day ]
//	times = time "-" time { "," time "-" time }        time = H:MM or HH:MM, the last also 24:00 to 48:00
//
// for example "Mo-Fr 09:00-22:00; Sa,Su 10:00-02:00". Days are Mo to Su, English words or Korean ones (월-금, 매일).
// A closing time at or before the opening one is of the next day, as is one beyond 24:00. A later rule replaces earlier
// ones for its days. Holidays (PH, SH), months and dates are not understood, and what is not understood is an error.
func ParseHours(text string) (Hours, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxHoursText {
		return Hours{}, errors.New("too long")
	}
	if text == "24/7" || text == "24시간" || text == "연중무휴 24시간" {
		text = "00:00-24:00"
	}
	var week [7][]Span
	for rule := range strings.SplitSeq(text, ";") {
		if rule = strings.TrimSpace(rule); rule == "" {
			continue
		}
		if err := parseRule(rule, &week); err != nil {
			return Hours{}, err
		}
	}
	h := Hours{Weekly: slices.Concat(week[:]...)}
	switch {
	case len(h.Weekly) == 0:
		return Hours{}, errors.New("no opening time at all")
	case len(h.Weekly) > maxSpans:
		return Hours{}, errors.New("too many spans")
	}
	return h, nil
}

func parseRule(rule string, week *[7][]Span) error {
	days, times := cutDays(rule)
	on, err := parseDays(days)
	if err != nil {
		return err
	}
	spans, err := parseTimes(times)
	if err != nil {
		return err
	}
	for day := range week {
		if !on[day] {
			continue
		}
		week[day] = nil
		for _, s := range spans {
			s.Day = time.Weekday(day)
			week[day] = append(week[day], s)
		}
	}
	return nil
}

// cutDays splits a rule before its first time, or before its closing word.
func cutDays(rule string) (days, times string) {
	lower := strings.ToLower(rule)
	for _, word := range []string{"off", "closed", "휴무"} {
		if days, ok := strings.CutSuffix(lower, word); ok {
			return strings.TrimSpace(days), "off"
		}
	}
	at := strings.IndexAny(rule, "0123456789")
	if at < 0 {
		return rule, ""
	}
	return strings.TrimSpace(rule[:at]), rule[at:]
}

func parseDays(text string) (on [7]bool, err error) {
	text = strings.TrimSuffix(strings.ToLower(text), ":")
	if text == "" || text == "매일" || text == "daily" {
		return [7]bool{true, true, true, true, true, true, true}, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(part, "-")
		from, known := dayNames[strings.TrimSpace(first)]
		until, also := from, true
		if ranged {
			until, also = dayNames[strings.TrimSpace(last)]
		}
		if !known || !also {
			return on, fmt.Errorf("%q is no day", clip(strings.TrimSpace(part)))
		}
		for d := from; ; d = (d + 1) % 7 {
			on[d] = true
			if d == until {
				break
			}
		}
	}
	return on, nil
}

func parseTimes(text string) ([]Span, error) {
	if text == "off" {
		return nil, nil
	}
	var spans []Span
	for part := range strings.SplitSeq(text, ",") {
		first, last, ok := strings.Cut(part, "-")
		if !ok {
			first, last, ok = strings.Cut(part, "~")
		}
		from, okFrom := parseClock(first, minutesOfDay-1)
		until, okUntil := parseClock(last, 2*minutesOfDay)
		if !ok || !okFrom || !okUntil {
			return nil, fmt.Errorf("%q is no span of times such as 09:00-22:00", clip(strings.TrimSpace(part)))
		}
		if until > minutesOfDay {
			if until -= minutesOfDay; until > from {
				return nil, fmt.Errorf("%q is longer than a day", clip(strings.TrimSpace(part)))
			}
		}
		spans = append(spans, Span{From: from, Until: until})
	}
	return spans, nil
}

// parseClock reads HH:MM as minutes.
func parseClock(text string, limit int) (minutes int, ok bool) {
	hour, minute, ok := strings.Cut(strings.TrimSpace(text), ":")
	if !ok || len(hour) < 1 || len(hour) > 2 || len(minute) != 2 {
		return 0, false
	}
	h, err := strconv.ParseUint(hour, 10, 8)
	if err != nil {
		return 0, false
	}
	m, err := strconv.ParseUint(minute, 10, 8)
	if err != nil || m > 59 {
		return 0, false
	}
	minutes = int(h)*60 + int(m)
	return minutes, minutes <= limit
}

// String writes the hours so that ParseHours reads the same; empty where unknown.
func (h Hours) String() string {
	if slices.Equal(h.byDay(time.Monday), []Span{{Until: minutesOfDay}}) && h.sameAllWeek() {
		return "24/7"
	}
	var rules []string
	for i := 0; i < 7; {
		spans := h.byDay(monday(i))
		last := i
		for last < 6 && slices.Equal(h.byDay(monday(last+1)), spans) {
			last++
		}
		if len(spans) > 0 {
			rules = append(rules, dayRange(i, last)+" "+timesText(spans))
		}
		i = last + 1
	}
	return strings.Join(rules, "; ")
}

// monday counts days from Monday.
func monday(i int) time.Weekday { return time.Weekday((i + 1) % 7) }

func dayRange(first, last int) string {
	if first == last {
		return weekdays[monday(first)]
	}
	return weekdays[monday(first)] + "-" + weekdays[monday(last)]
}

// byDay are the spans of a day, without the day.
func (h Hours) byDay(day time.Weekday) []Span {
	var spans []Span
	for _, s := range h.Weekly {
		if s.Day == day {
			spans = append(spans, Span{From: s.From, Until: s.Until})
		}
	}
	return spans
}

func (h Hours) sameAllWeek() bool {
	for d := time.Sunday; d < time.Saturday; d++ {
		if !slices.Equal(h.byDay(d), h.byDay(d+1)) {
			return false
		}
	}
	return true
}

func timesText(spans []Span) string {
	texts := make([]string, len(spans))
	for i, s := range spans {
		texts[i] = fmt.Sprintf("%02d:%02d-%02d:%02d", s.From/60, s.From%60, s.Until/60, s.Until%60)
	}
	return strings.Join(texts, ",")
}

// clip shortens foreign text for a reason.
func clip(text string) string {
	if len(text) > 40 {
		text = text[:40]
	}
	return strings.ToValidUTF8(text, "?")
}
