package campaign

import (
	"slices"
	"strconv"
	"time"

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
)

// What a person set for themselves can only tighten: it is asked beside what the brand and the law ask, never instead.

// limits are the person's own; nil: none.
func (j *judged) limits() *audience.Limits {
	if j.Profile == nil {
		return nil
	}
	return j.Profile.Limits
}

// wanted is gate 11, what the person set.
func (j *judged) wanted() (Reason, map[string]string) {
	if j.limits() == nil {
		return "", nil
	}
	if reason, values := j.underOwn(); reason != "" {
		return reason, values
	}
	return j.unmuted()
}

// underOwn is gate 11, at most so many a day or week by the person's calendar. It counts what caps count.
func (j *judged) underOwn() (Reason, map[string]string) {
	l := j.limits()
	if l == nil || j.uncounted() {
		return "", nil
	}
	for _, own := range []struct {
		limit  int
		period cap.Calendar
	}{{l.PerDay, cap.Day}, {l.PerWeek, cap.Week}} {
		if own.limit <= 0 {
			continue
		}
		c := cap.Cap{Scope: cap.Brand, Limit: own.limit, Window: cap.Window{Calendar: own.period}}
		if ok, r := cap.Check([]cap.Cap{c}, j.History, j.entry(), j.Now); !ok {
			values := map[string]string{"limit": strconv.Itoa(own.limit), "window": windowName(c.Window), "count": strconv.Itoa(r.Count)}
			if !r.FreeAt.IsZero() {
				values["free_at"] = instant(r.FreeAt)
			}
			return OwnLimit, values
		}
	}
	return "", nil
}

// unmuted is gate 11, topics and stores that the person wants nothing about.
func (j *judged) unmuted() (Reason, map[string]string) {
	l := j.limits()
	if l == nil {
		return "", nil
	}
	for _, topic := range l.MutedTopics {
		if slices.Contains(j.campaign.Tags, topic) {
			return TopicMuted, map[string]string{"topic": topic}
		}
	}
	if s := j.moment.Store; s != nil && slices.Contains(l.MutedStores, s.ID) {
		return StoreMuted, nil
	}
	return "", nil
}

// undisturbed is gate 14, the quiet hours that the person set, whatever the notification is about. What cannot arrive
// before them does not arrive in them either. Test people are disturbed.
func (j *judged) undisturbed() (Reason, map[string]string) {
	if j.test {
		return "", nil
	}
	quiet, set, err := OwnQuiet(j.limits())
	if err != nil {
		return OwnQuietHours, because("hours_unknown")
	}
	if !set {
		return "", nil
	}
	where := j.ownZones()
	if quiet.In(j.Now, where...) {
		values := map[string]string{"zone": zoneNames(where, "")}
		if until, ok := quiet.NextOpen(j.Now, where...); ok {
			values["until"] = instant(until)
		}
		return OwnQuietHours, values
	}
	if begin := quiet.LatestArrival(j.Now, where...); begin.Before(j.deadline) {
		j.deadline = begin
	}
	return "", nil
}

// ownZones are those a person may mean by their own hours: theirs and the phone's; with neither known, the store's or the
// brand's.
func (j *judged) ownZones() []*time.Location {
	where := j.personZones()
	if len(where) == 0 {
		where = appendZone(where, j.storeZone())
	}
	return where
}

// OwnQuiet are the quiet hours that a person set; set=false: none. An error means that they are not known, and then it is
// quiet.
func OwnQuiet(l *audience.Limits) (quiet cap.Quiet, set bool, err error) {
	if l == nil || l.QuietFrom == l.QuietUntil {
		return cap.Quiet{}, false, nil
	}
	quiet, err = cap.RecipientNight(time.Duration(l.QuietFrom)*time.Minute, time.Duration(l.QuietUntil)*time.Minute, 0, 0)
	return quiet, true, err
}
