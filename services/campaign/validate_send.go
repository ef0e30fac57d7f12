package campaign

import (
	"slices"

	"github.com/wantgo/wantgo/services/brand"
)

// maxPerMinute is the fastest pace that can be asked for.
const maxPerMinute = 10_000_000

// The dates that every brand has beside its attributes of type date.
const (
	DateBirthday  = "birthday"
	DateCouponEnd = "coupon_end"
)

// The absences that a sending may be about.
const (
	WithoutVisit    = "visit"
	WithoutPurchase = "purchase"
	WithoutOpening  = "opening"
)

// The ways to repeat a sending.
const (
	RepeatDaily   = "daily"
	RepeatWeekly  = "weekly"
	RepeatMonthly = "monthly"
)

// send is what goes out by the clock.
func (r *review) send() {
	t := &r.c.Trigger
	s := t.Send
	switch {
	case s == nil && t.byClock():
		r.fault("trigger.send", FaultRequired, "%s needs to know what is sent when", t.Kinds[0])
		return
	case s == nil:
		return
	case !t.byClock():
		r.fault("trigger.send", FaultContradiction, "only %s are sent by the clock", kindList([]Kind{Flashed, Scheduled, Dated, Absent}))
		return
	}
	r.within("trigger.send.per_minute", s.PerMinute, 0, maxPerMinute)
	r.within("trigger.send.time_of_day", s.TimeOfDay, 0, minutesOfDay-1)
	r.within("trigger.send.days", s.Days, 0, maxDays)
	switch {
	case t.any(Flashed, Scheduled):
		r.begins(s)
	case t.On(Dated):
		r.dated(s)
	default:
		r.absent(s)
	}
}

func (r *review) begins(s *Send) {
	t := &r.c.Trigger
	if s.Date != "" || s.Without != "" || s.Days != 0 {
		r.fault("trigger.send.date", FaultContradiction, "a date, days and an absence are for dated and absent")
	}
	if s.At.IsZero() {
		r.fault("trigger.send.at", FaultRequired, "say when it begins")
		return
	}
	switch {
	case !slices.Contains([]string{"", RepeatDaily, RepeatWeekly, RepeatMonthly}, s.Repeat):
		r.fault("trigger.send.repeat", FaultUnknown, "want daily, weekly or monthly")
	case s.Repeat != "" && t.On(Flashed):
		r.fault("trigger.send.repeat", FaultContradiction, "a flash happens once")
	}
	if s.Repeat == "" && !s.Until.IsZero() {
		r.fault("trigger.send.until", FaultContradiction, "only a sending that is repeated has an end")
	}
	if !s.Until.IsZero() && !s.Until.After(s.At) {
		r.fault("trigger.send.until", FaultNeverOccurs, "it is not after the beginning")
	}
	over := s.Repeat == "" && s.At.Before(r.known.Now) || !s.Until.IsZero() && s.Until.Before(r.known.Now)
	if over && !r.begun() {
		r.fault("trigger.send.at", FaultNeverOccurs, "it is over")
	}
}

// begun tells a campaign that may have sent what it sends already.
func (r *review) begun() bool {
	return slices.Contains([]State{Live, Paused, Ended, Archived}, r.c.State) && r.c.Revision > 0
}

func (r *review) dated(s *Send) {
	if s.Without != "" || s.Repeat != "" || !s.At.IsZero() || !s.Until.IsZero() {
		r.fault("trigger.send.at", FaultContradiction, "a date comes for each person at a time of its own")
	}
	if s.Date == DateBirthday || s.Date == DateCouponEnd {
		return
	}
	is := func(a brand.Attribute) bool { return a.Name == s.Date && a.Type == brand.TypeDate }
	if !slices.ContainsFunc(r.known.Brand.Settings.Attributes, is) {
		r.fault("trigger.send.date", FaultUnknown, "want birthday, coupon_end or an attribute of type date that the brand has declared")
	}
}

func (r *review) absent(s *Send) {
	if s.Date != "" || s.Repeat != "" || !s.At.IsZero() || !s.Until.IsZero() {
		r.fault("trigger.send.at", FaultContradiction, "an absence comes for each person at a time of its own")
	}
	if !slices.Contains([]string{WithoutVisit, WithoutPurchase, WithoutOpening}, s.Without) {
		r.fault("trigger.send.without", FaultRequired, "want visit, purchase or opening")
	}
	if s.Days == 0 {
		r.fault("trigger.send.days", FaultRequired, "say for how many days")
	}
}
