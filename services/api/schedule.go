package api

import (
	"fmt"

	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

var holidayWords = map[v1.Schedule_Holidays]string{v1.Schedule_SKIP: campaign.HolidaysSkip, v1.Schedule_ONLY: campaign.HolidaysOnly}

func scheduleTo(c *campaign.Campaign) *v1.Schedule {
	s := &c.Schedule
	out := &v1.Schedule{
		StartTime: stamp(s.Start), EndTime: stamp(s.End), StartDate: s.StartDate, EndDate: s.EndDate, WeeklyHours: spansTo(s.Weekly),
		OnlyWhileOpen: c.OpenOnly, Exceptions: scheduleExceptionsTo(s.Exceptions), Holidays: keyOf(holidayWords, s.Holidays),
	}
	if c.OpenLead > 0 {
		out.OpenLead = durationpb.New(c.OpenLead)
	}
	if c.OpenTail > 0 {
		out.OpenTail = durationpb.New(c.OpenTail)
	}
	always := s.Start.IsZero() && s.End.IsZero() && s.StartDate == "" && s.EndDate == "" && len(s.Weekly) == 0 &&
		len(s.Exceptions) == 0 && s.Holidays == "" && !c.OpenOnly && c.OpenLead == 0 && c.OpenTail == 0
	if always {
		return nil
	}
	return out
}

func scheduleFrom(g *v1.Schedule, c *campaign.Campaign, fs *faults) {
	c.Schedule = campaign.Schedule{
		Start: instant(g.GetStartTime()), End: instant(g.GetEndTime()), StartDate: g.GetStartDate(), EndDate: g.GetEndDate(),
		Weekly: spansFrom(g.GetWeeklyHours()), Exceptions: scheduleExceptionsFrom(g.GetExceptions(), fs), Holidays: holidayWords[g.GetHolidays()],
	}
	c.OpenOnly, c.OpenLead, c.OpenTail = g.GetOnlyWhileOpen(), duration(g.GetOpenLead(), 0), duration(g.GetOpenTail(), 0)
}

// scheduleExceptionsFrom reads the days with hours of their own, in the order in which they were given.
func scheduleExceptionsFrom(given []*v1.ScheduleException, fs *faults) (list []campaign.Exception) {
	for i, g := range given {
		at := fmt.Sprintf("campaign.schedule.exceptions[%d]", i)
		if _, err := store.ParseDate(g.GetDate()); err != nil {
			fs.add(at+".date", v1.ErrorReason_INVALID_FIELD, "no date of the calendar")
		}
		e := campaign.Exception{Date: g.GetDate()}
		for _, h := range g.GetHours() {
			from, _ := minuteOf(h.GetOpen())
			until, _ := minuteOf(h.GetClose())
			if until <= from {
				until += 24 * 60
			}
			e.Hours = append(e.Hours, campaign.DayHours{From: from, Until: until})
		}
		list = append(list, e)
	}
	return list
}

func scheduleExceptionsTo(list []campaign.Exception) (out []*v1.ScheduleException) {
	for _, e := range list {
		g := &v1.ScheduleException{Date: e.Date}
		for _, h := range e.Hours {
			until := h.Until
			if until > 24*60 {
				until -= 24 * 60
			}
			g.Hours = append(g.Hours, &v1.ScheduleException_Hours{Open: clockText(h.From), Close: clockText(until)})
		}
		out = append(out, g)
	}
	return out
}
