package campaign

import (
	"time"

	"github.com/wantgo/wantgo/services/store"
)

// The deadlines from when the moment was told, where the campaign sets none: somebody who is leaving may still turn back
// for longer than somebody who is inside may still be there. Who closes in has soon arrived or passed by. Who looks for
// something looks now; a basket waits a little longer; what is done or bought is done, and thanks may come later.
const (
	deadlineInside     = 10 * time.Minute // and for what is searched, viewed or lingered on
	deadlineExited     = 30 * time.Minute
	deadlineApproached = 3 * time.Minute
	deadlineBasket     = 30 * time.Minute
	deadlineDone       = time.Hour
)

func deadlineOf(c *Campaign, m *Moment) time.Time {
	switch {
	case c.Deadline > 0:
		return m.Received.Add(c.Deadline)
	case m.Kind.ByClock() && m.Kind != Flashed:
		return m.Received.Add(sendingDeadline)
	case m.Kind == Exited:
		return m.Received.Add(deadlineExited)
	case m.Kind == Approached:
		return m.Received.Add(deadlineApproached)
	case m.Kind == BasketAdded || m.Kind == BasketRemoved:
		return m.Received.Add(deadlineBasket)
	case m.Kind == Did || m.Kind == Bought:
		return m.Received.Add(deadlineDone)
	}
	return m.Received.Add(deadlineInside)
}

// fresh is gate 7.
func (j *judged) fresh() (Reason, map[string]string) {
	j.deadline = deadlineOf(j.campaign, j.moment)
	switch {
	case j.moment.Late:
		return NotFresh, because("late")
	case j.moment.Received.IsZero():
		return NotFresh, because("time_unknown")
	case !j.Now.Before(j.deadline):
		return NotFresh, map[string]string{"why": "deadline", "deadline": instant(j.deadline)}
	}
	return "", nil
}

// live is gate 8, what people switched.
func (j *judged) live() (Reason, map[string]string) {
	s := j.moment.Store
	switch {
	case j.Brand.Stopped:
		return BrandStopped, nil
	case !j.campaign.DeletedAt.IsZero():
		return CampaignNotLive, map[string]string{"state": "deleted"}
	case j.campaign.State != Live:
		return CampaignNotLive, map[string]string{"state": string(j.campaign.State)}
	case s != nil && (s.Closed || !s.DeletedAt.IsZero()):
		return StoreClosed, because("state")
	}
	return "", nil
}

// timely is gate 8, what the clock of the store says.
func (j *judged) timely() (Reason, map[string]string) {
	loc := j.storeZone()
	if loc == nil {
		return OutsideHours, because("zone_unknown")
	}
	local := j.Now.In(loc)
	if reason, why := j.campaign.Schedule.Why(local, j.Brand.Settings.Holidays); reason != "" {
		values := map[string]string{"local_time": local.Format("2006-01-02T15:04"), "zone": loc.String()}
		if why != "" {
			values["why"] = why
		}
		return reason, values
	}
	if !j.campaign.OpenOnly {
		return "", nil
	}
	return j.campaign.openNow(j.moment.Store, j.Now, loc)
}

func (c *Campaign) openNow(s *store.Store, now time.Time, loc *time.Location) (Reason, map[string]string) {
	if s == nil {
		return StoreClosed, because("no_store")
	}
	open, known := c.OpenAt(s.Hours, now, loc)
	switch {
	case !known:
		return StoreClosed, because("hours_unknown")
	case !open:
		return StoreClosed, map[string]string{"why": "hours", "local_time": now.In(loc).Format("2006-01-02T15:04"), "zone": loc.String()}
	}
	return "", nil
}

// storeZone is the zone campaigns keep their hours in: the store's; a free fence has the brand's. A store's zone
// that cannot be read is not replaced: its hours are unknown.
func (j *judged) storeZone() *time.Location {
	if s := j.moment.Store; s != nil && s.TimeZone != "" {
		return zone(s.TimeZone)
	}
	return zone(j.Brand.Settings.TimeZone)
}
