package api

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/store"
)

// minuteOf reads "HH:MM" as a minute of the day, 24:00 included.
func minuteOf(text string) (int, bool) {
	if len(text) != 5 || text[2] != ':' {
		return 0, false
	}
	hour, err := strconv.Atoi(text[:2])
	minute, err2 := strconv.Atoi(text[3:])
	return hour*60 + minute, err == nil && err2 == nil && hour*60+minute <= 24*60
}

func clockText(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

// weekday of the contract, in which Monday is 1 and Sunday 7.
func weekday(d v1.WeeklyHours_Day) time.Weekday { return time.Weekday(int(d) % 7) }

// spansFrom reads weekly hours, one span a day. Times are as the contract has checked them.
func spansFrom(given []*v1.WeeklyHours) []store.Span {
	var spans []store.Span
	for _, g := range given {
		from, _ := minuteOf(g.GetStart())
		until, _ := minuteOf(g.GetEnd())
		days := g.GetDays()
		if len(days) == 0 {
			days = []v1.WeeklyHours_Day{v1.WeeklyHours_MONDAY, v1.WeeklyHours_TUESDAY, v1.WeeklyHours_WEDNESDAY,
				v1.WeeklyHours_THURSDAY, v1.WeeklyHours_FRIDAY, v1.WeeklyHours_SATURDAY, v1.WeeklyHours_SUNDAY}
		}
		for _, day := range days {
			spans = append(spans, store.Span{Day: weekday(day), From: from, Until: until})
		}
	}
	return spans
}

// exceptionsFrom reads the dates with hours of their own, in their order. One that is no date of the calendar is a fault.
func exceptionsFrom(given []*v1.HoursException, field string, fs *faults) []store.Exception {
	var list []store.Exception
	for i, g := range given {
		date, err := store.ParseDate(g.GetDate())
		if err != nil {
			fs.add(fmt.Sprintf("%s[%d].date", field, i), v1.ErrorReason_INVALID_FIELD, "no date of the calendar")
			continue
		}
		e := store.Exception{Date: date}
		for _, s := range g.GetSpans() {
			from, _ := minuteOf(s.GetStart())
			until, _ := minuteOf(s.GetEnd())
			e.Spans = append(e.Spans, store.DaySpan{From: from, Until: until})
		}
		list = append(list, e)
	}
	slices.SortStableFunc(list, func(a, b store.Exception) int { return strings.Compare(a.Date.String(), b.Date.String()) })
	return list
}

func exceptionsTo(list []store.Exception) []*v1.HoursException {
	var out []*v1.HoursException
	for _, e := range list {
		g := &v1.HoursException{Date: e.Date.String()}
		for _, s := range e.Spans {
			g.Spans = append(g.Spans, &v1.HoursException_Span{Start: clockText(s.From), End: clockText(s.Until)})
		}
		out = append(out, g)
	}
	return out
}

// spansTo writes spans with the days of equal hours together, in the order of the hours.
func spansTo(spans []store.Span) []*v1.WeeklyHours {
	type hours struct{ from, until int }
	days := map[hours][]v1.WeeklyHours_Day{}
	for _, s := range spans {
		day := v1.WeeklyHours_Day((int(s.Day)+6)%7 + 1)
		if h := (hours{s.From, s.Until}); !slices.Contains(days[h], day) {
			days[h] = append(days[h], day)
		}
	}
	var out []*v1.WeeklyHours
	for h, on := range days {
		slices.Sort(on)
		out = append(out, &v1.WeeklyHours{Days: on, Start: clockText(h.from), End: clockText(h.until)})
	}
	slices.SortFunc(out, func(a, b *v1.WeeklyHours) int {
		return cmp.Or(cmp.Compare(a.Days[0], b.Days[0]), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	return out
}
