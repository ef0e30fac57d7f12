package campaign

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
)

func (j *judged) granted(p audience.Purpose) bool {
	return j.Profile != nil && j.Profile.Consents[p].Granted
}

// consented is gate 13. Every moment here comes from a fence, and whatever a fence triggers is an advertisement,
// whatever its campaign says.
func (j *judged) consented() (Reason, map[string]string) {
	if j.granted(audience.AdPush) {
		return "", nil
	}
	return AdNotConsented, map[string]string{"purpose": string(audience.AdPush)}
}

// awake is gate 14. A moment at a place is over by the morning: it is dropped, not kept. For a person without the
// night consent nothing may arrive in the quiet hours either, so the deadline ends where they begin.
func (j *judged) awake() (Reason, map[string]string) {
	if j.granted(audience.AdPushNight) {
		return "", nil
	}
	quiet, err := Night(&j.Brand.Settings)
	if err != nil {
		return QuietHours, because("hours_unknown")
	}
	where := j.personZones()
	if quiet.In(j.Now, where...) {
		values := map[string]string{"zone": zoneNames(where, j.Brand.Settings.Jurisdiction)}
		if until, ok := quiet.NextOpen(j.Now, where...); ok {
			values["until"] = instant(until)
		}
		return QuietHours, values
	}
	if close := quiet.LatestArrival(j.Now, where...); close.Before(j.deadline) {
		j.deadline = close
	}
	return "", nil
}

// personZones are the zones in which it must not be night: the person's and the phone's as far as known. Korea's
// own night counts beside them. Elsewhere, with neither known, the store's stands in.
func (j *judged) personZones() []*time.Location {
	var where []*time.Location
	if j.Profile != nil {
		where = appendZone(where, zone(j.Profile.TimeZone))
	}
	if d := j.deviceOfMoment(); d != nil {
		where = appendZone(where, zone(d.TimeZone))
	}
	if len(where) == 0 && j.Brand.Settings.Jurisdiction != Korea {
		where = appendZone(where, j.storeZone())
	}
	return where
}

func appendZone(list []*time.Location, loc *time.Location) []*time.Location {
	if loc == nil || len(list) > 0 && list[0] == loc {
		return list
	}
	return append(list, loc)
}

func zoneNames(where []*time.Location, jurisdiction string) string {
	names := ""
	if jurisdiction == Korea {
		names = "Asia/Seoul"
	}
	for _, loc := range where {
		if loc.String() == names {
			continue
		}
		if names != "" {
			names += ","
		}
		names += loc.String()
	}
	return names
}

// deviceOfMoment is the device that reported the moment, if it is still the person's.
func (j *judged) deviceOfMoment() *audience.Device {
	if j.device == nil {
		for i := range j.Devices {
			if j.Devices[i].ID == j.moment.DeviceID && j.moment.DeviceID != uuid.Nil {
				j.device = &j.Devices[i]
			}
		}
	}
	return j.device
}

// reachable is gate 15. A location moment goes to the device that reported it and to no other.
func (j *judged) reachable() (Reason, map[string]string) {
	if j.deviceOfMoment() == nil {
		return Unreachable, because("device_unknown")
	}
	if j.moment.Foreground {
		return "", nil
	}
	if why := j.noPush(); why != "" {
		return Unreachable, because(why)
	}
	return "", nil
}

// noPush says why no push can be made to the moment's device; "" if one can.
func (j *judged) noPush() string {
	if ok, why := audience.Reachable(j.device); !ok {
		return strings.ToLower(why.String())
	}
	if j.Profile != nil {
		if os, told := j.Profile.Consents[audience.OSPush]; told && !os.Granted {
			return strings.ToLower(audience.OSPushIsRefused.String())
		}
	}
	return ""
}
