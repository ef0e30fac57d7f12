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

// consented is gate 13. What is no advertisement needs no consent to advertising.
func (j *judged) consented() (Reason, map[string]string) {
	if j.class != Ad || j.granted(audience.AdPush) {
		return "", nil
	}
	return AdNotConsented, map[string]string{"purpose": string(audience.AdPush)}
}

// awake is gate 14, the night. A moment at a place is over by the morning: it is dropped, not kept. For a person without
// the night consent no advertisement may arrive in the quiet hours either, so the deadline ends where they begin. To test
// people the law applies, and no more than the law.
func (j *judged) awake() (Reason, map[string]string) {
	if j.class != Ad || j.granted(audience.AdPushNight) || j.test && j.Brand.Settings.Jurisdiction != Korea {
		return "", nil
	}
	quiet, err := nightOf(&j.Brand.Settings, j.test)
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
	if d := j.target(); d != nil {
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

// target is the device that a notification of the moment goes to. One of a place goes to the device that was there and to
// no other, and so does what the app shows at once; all else goes to the device seen last of those that can be reached,
// and with none, to the one seen last, so that it can be said why not.
func (j *judged) target() *audience.Device {
	if j.device != nil {
		return j.device
	}
	if id := j.moment.DeviceID; id != uuid.Nil && j.bound() {
		for i := range j.Devices {
			if j.Devices[i].ID == id {
				j.device = &j.Devices[i]
			}
		}
	}
	if j.device == nil && !j.bound() {
		j.device = audience.MostRecent(j.Devices)
		for i := range j.Devices {
			if d := &j.Devices[i]; j.device == nil || j.noPushTo(j.device) != "" && d.LastSeenAt.After(j.device.LastSeenAt) {
				j.device = d
			}
		}
	}
	return j.device
}

// bound tells whether only the moment's own device will do: that was at the place, or shows the app now.
func (j *judged) bound() bool {
	m := j.moment
	return m.Kind.ByFence() || m.DeviceID != uuid.Nil && (m.Kind == Flashed || m.Foreground)
}

// inApp tells whether the app can show it at once. To a prospect it would be shown so.
func (j *judged) inApp() bool {
	return j.moment.Foreground && (j.moment.DeviceID != uuid.Nil || j.moment.Kind == "")
}

// reachable is gate 15.
func (j *judged) reachable() (Reason, map[string]string) {
	if j.target() == nil {
		if !j.bound() && len(j.Devices) == 0 {
			return Unreachable, because("device_missing")
		}
		return Unreachable, because("device_unknown")
	}
	if j.inApp() {
		return "", nil
	}
	if why := j.noPush(); why != "" {
		return Unreachable, because(why)
	}
	return "", nil
}

// noPush says why no push can be made to the target; "" if one can.
func (j *judged) noPush() string { return j.noPushTo(j.device) }

func (j *judged) noPushTo(d *audience.Device) string {
	if ok, why := audience.Reachable(d); !ok {
		return strings.ToLower(why.String())
	}
	if j.Profile != nil {
		if os, told := j.Profile.Consents[audience.OSPush]; told && !os.Granted {
			return strings.ToLower(audience.OSPushIsRefused.String())
		}
	}
	return ""
}
