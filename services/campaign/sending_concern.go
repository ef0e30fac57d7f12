package campaign

import (
	"time"

	"github.com/wantgo/wantgo/services/audience"
)

// Signs are what is known of a person's doings and dates, for the sendings that are about them.
type Signs struct {
	Profile *audience.Profile
	Devices []audience.Device
	// Visit is the last visit of any store, as far as kept; VisitsKept: that may be read.
	Visit      time.Time
	VisitsKept bool
	// CouponEnds: a coupon that can still be used ends on the day that is asked for.
	CouponEnds bool
}

// Concerns tells whether a sending of the campaign is about a person at all, before its audience is asked; at is the
// occurrence in the brand's zone. A reason says that it cannot be told.
//
// Birthdays come every year; who was born on 29 February has theirs on 28 February in a year without that day. Another
// date comes once. Who never did something is not absent from it.
func (c *Campaign) Concerns(s *Signs, at time.Time) (bool, Reason) {
	switch send := c.Trigger.Send; c.SendKind() {
	case Dated:
		return c.datedOn(s, at.AddDate(0, 0, send.Days)), ""
	case Absent:
		if send.Without == WithoutVisit && !s.VisitsKept {
			return false, VisitHistoryNotConsented
		}
		since := s.Since(send.Without)
		return !since.IsZero() && !since.After(at.AddDate(0, 0, -send.Days)), ""
	}
	return true, ""
}

// Since is the last sign of a person; zero: there is none.
func (s *Signs) Since(without string) (last time.Time) {
	switch without {
	case WithoutVisit:
		return s.Visit
	case WithoutPurchase:
		if s.Profile != nil && s.Profile.Purchases != nil {
			last = s.Profile.Purchases.Last
		}
	case WithoutOpening:
		if s.Profile != nil {
			last = s.Profile.LastOpenedAt
		}
		for i := range s.Devices {
			if seen := s.Devices[i].LastSeenAt; seen.After(last) {
				last = seen
			}
		}
	}
	return last
}

func (c *Campaign) datedOn(s *Signs, day time.Time) bool {
	switch date := c.Trigger.Send.Date; {
	case date == DateCouponEnd:
		return s.CouponEnds
	case s.Profile == nil:
		return false
	case date == DateBirthday:
		return isBirthday(s.Profile.BirthDate, day)
	default:
		value, _ := s.Profile.Attributes[date].(string)
		n, ok := dateNumber(value)
		return ok && n == dayNumber(day)
	}
}

func isBirthday(born string, day time.Time) bool {
	n, ok := dateNumber(born)
	if !ok || n > dayNumber(day) {
		return false
	}
	year, month, date := day.Date()
	bornOn := n % 10000
	if bornOn == 229 && lastDay(year, time.February) == 28 {
		bornOn = 228
	}
	return bornOn == int(month)*100+date
}

// CouponDay is the day on which a coupon must end for a sending of an occurrence to be about it: from the one instant
// until before the other, by the clock of the occurrence's zone.
func (c *Campaign) CouponDay(at time.Time) (from, until time.Time) {
	year, month, day := at.Date()
	day += c.Trigger.Send.Days
	return wallClock(year, month, day, 0, at.Location()), wallClock(year, month, day+1, 0, at.Location())
}
