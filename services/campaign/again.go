package campaign

import (
	"slices"
	"time"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
)

// AskAgain asks just before an attempt what may have changed since the campaign won: the consent to advertising, the
// night, and what the person wants nothing of. It names the gate that refuses now; "": none does. Every zone of the
// person's and of their phones' counts.
func AskAgain(b *brand.Brand, c *Campaign, p *audience.Profile, devices []audience.Device, now time.Time) Reason {
	v := &View{Brand: b, Profile: p, Devices: devices, Now: now}
	r := &round{view: v}
	var j judged
	r.judge(&j, c, &Moment{})
	for _, g := range []gate{(*judged).unmuted, (*judged).consented} {
		if reason, _ := g(&j); reason != "" {
			return reason
		}
	}
	zones := j.allZones()
	if j.class == Ad && !j.granted(audience.AdPushNight) && !(j.test && b.Settings.Jurisdiction != Korea) {
		if quiet, err := nightOf(&b.Settings, j.test); err != nil || quiet.In(now, zones...) {
			return QuietHours
		}
	}
	if quiet, set, err := OwnQuiet(j.limits()); set && !j.test && (err != nil || quiet.In(now, orBrand(zones, b)...)) {
		return OwnQuietHours
	}
	return ""
}

// allZones are those of the person and of all their phones; outside Korea, with none known, the brand's.
func (j *judged) allZones() (where []*time.Location) {
	add := func(name string) {
		if loc := zone(name); loc != nil && !slices.Contains(where, loc) {
			where = append(where, loc)
		}
	}
	if j.Profile != nil {
		add(j.Profile.TimeZone)
	}
	for i := range j.Devices {
		add(j.Devices[i].TimeZone)
	}
	if len(where) == 0 && j.Brand.Settings.Jurisdiction != Korea {
		add(j.Brand.Settings.TimeZone)
	}
	return where
}

func orBrand(zones []*time.Location, b *brand.Brand) []*time.Location {
	if len(zones) > 0 {
		return zones
	}
	return appendZone(nil, zone(b.Settings.TimeZone))
}

// Locates tells a campaign that looks at where people are.
func (c *Campaign) Locates() bool {
	return slices.ContainsFunc(c.Trigger.Kinds, func(k Kind) bool { return k.ByFence() || k == Flashed || k == StoreSearched })
}
