package campaign

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/store"
)

// StateAt is how a campaign's state shows at a time: Live before its schedule begins is Ready, and after it is over Ended.
// Nothing has to happen at those times: its schedule already says that it does not act. zones are those of its stores; it has
// begun when it has in one of them, and is over when it is in all.
func (c *Campaign) StateAt(now time.Time, zones ...*time.Location) State {
	switch {
	case c.State != Live:
		return c.State
	case !c.Schedule.begun(now, zones):
		return Ready
	case c.Schedule.over(now, zones):
		return Ended
	}
	return Live
}

// Begun tells a campaign that may have acted: what people were promised no longer changes.
func (c *Campaign) Begun(now time.Time, zones ...*time.Location) bool {
	switch c.State {
	case Live, Paused:
		return c.Schedule.begun(now, zones)
	case Ended, Archived:
		return true
	}
	return false
}

func (s *Schedule) begun(now time.Time, zones []*time.Location) bool {
	if now.Before(s.Start) {
		return false
	}
	start, ok := dateNumber(s.StartDate)
	if !ok {
		return true
	}
	for _, loc := range zones {
		if dayNumber(now.In(loc)) >= start {
			return true
		}
	}
	return len(zones) == 0
}

// over leaves the last day's night its time: stretches may go on for a day after it.
func (s *Schedule) over(now time.Time, zones []*time.Location) bool {
	if !s.End.IsZero() && !now.Before(s.End) {
		return true
	}
	end, ok := dateNumber(s.EndDate)
	if !ok {
		return false
	}
	for _, loc := range zones {
		local := now.In(loc)
		if dayNumber(local) <= end || dayNumber(previousDay(local)) <= end && s.At(local, nil) == "" {
			return false
		}
	}
	return len(zones) > 0
}

// Zones are those in which a campaign keeps its hours: of the stores that it names; where it also takes others, or names none,
// the brand's beside them.
func (c *Campaign) Zones(brandZone string, find func(uuid.UUID) *store.Store) []*time.Location {
	seen := map[*time.Location]struct{}{}
	var list []*time.Location
	add := func(loc *time.Location) {
		if _, ok := seen[loc]; !ok && loc != nil {
			seen[loc] = struct{}{}
			list = append(list, loc)
		}
	}
	t := &c.Trigger
	for _, id := range t.Stores {
		if s := find(id); s != nil {
			add(zone(s.TimeZone))
		}
	}
	if len(list) == 0 || len(t.Tags)+len(t.Districts)+len(t.Inside)+len(t.Sets)+len(t.Fences)+len(t.FenceTags) > 0 {
		add(zone(brandZone))
	}
	if len(list) == 0 {
		add(time.UTC)
	}
	return list
}

// FixedChanges names the fields that differ though a campaign that has begun keeps them: whom it is for, what starts it, what
// it promises and how chance deals it out. Texts, links, hours, the end, priority, caps and pace may change, and stock may
// grow.
func FixedChanges(before, after *Campaign) (fields []string) {
	fixed := func(field string, a, b any) {
		if !reflect.DeepEqual(a, b) {
			fields = append(fields, field)
		}
	}
	fixed("category", before.class(), after.class())
	fixed("trigger", paceless(before.Trigger), paceless(after.Trigger))
	fixed("schedule.start", before.Schedule.Start.UTC(), after.Schedule.Start.UTC())
	fixed("schedule.start_date", before.Schedule.StartDate, after.Schedule.StartDate)
	fixed("offer", unlimited(before.Offer), unlimited(after.Offer))
	if before.Offer != nil && after.Offer != nil && fewer(after.Offer.Stock, before.Offer.Stock) {
		fields = append(fields, "offer.stock")
	}
	fixed("audience", before.Audience, after.Audience)
	fixed("segments", asJSON(append([]uuid.UUID{}, before.Segments...)), asJSON(append([]uuid.UUID{}, after.Segments...)))
	fixed("excluded", asJSON(append([]uuid.UUID{}, before.Excluded...)), asJSON(append([]uuid.UUID{}, after.Excluded...)))
	fixed("holdout", before.Holdout, after.Holdout)
	fixed("variants", shares(before.Variants), shares(after.Variants))
	return fields
}

// paceless is a trigger without how fast and how long it sends.
func paceless(t Trigger) string {
	if t.Send != nil {
		s := *t.Send
		s.PerMinute, s.Until = 0, time.Time{}
		t.Send = &s
	}
	return asJSON(t)
}

// unlimited is an offer without its stock.
func unlimited(o *Offer) string {
	if o == nil {
		return ""
	}
	same := *o
	same.Stock = 0
	return asJSON(same)
}

// fewer compares stocks; 0 is without limit.
func fewer(a, b int64) bool { return a != 0 && (b == 0 || a < b) }

// shares are the variants' names and weights.
func shares(list []Variant) map[string]int {
	all := map[string]int{}
	for _, v := range list {
		all[v.Name] = v.Weight
	}
	return all
}

// asJSON writes what is compared as it is kept, so that absent and empty lists are the same.
func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
