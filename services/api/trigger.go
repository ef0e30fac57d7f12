package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/wantgo/wantgo/geo/geojson"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/campaign"
)

var repeats = map[v1.Send_Repeat]string{v1.Send_DAILY: "daily", v1.Send_WEEKLY: "weekly", v1.Send_MONTHLY: "monthly"}

var absences = map[v1.Send_Absence]string{v1.Send_VISIT: "visit", v1.Send_PURCHASE: "purchase", v1.Send_OPENING: "opening"}

func triggerTo(t *campaign.Trigger) *v1.Trigger {
	out := &v1.Trigger{
		DwellMinutes: int32(t.Dwell / time.Minute), StoreTags: slices.Clone(t.Tags), Districts: slices.Clone(t.Districts),
		StoreSets: slices.Clone(t.Sets), InsideGeojson: compact(t.Inside), FenceTags: slices.Clone(t.FenceTags), RadiusMeters: t.Radius,
		Filter: t.Filter, EventTypes: slices.Clone(t.Types), ItemExternalIds: slices.Clone(t.Items), ItemCategories: slices.Clone(t.Categories),
		Keywords: slices.Clone(t.Keywords), Related: t.Related, NthVisit: nthTo(t.Nth), Remind: remindTo(t.Remind), Send: sendTo(t.Send, t),
		StoreIds: formatIDs(t.Stores), FenceIds: formatIDs(t.Fences),
	}
	for _, kind := range t.Kinds {
		out.Kinds = append(out.Kinds, keyOf(momentKinds, kind))
	}
	for _, p := range t.Purposes {
		out.FencePurposes = append(out.FencePurposes, keyOf(purposes, p))
	}
	if t.Linger > 0 {
		out.Linger = durationpb.New(t.Linger)
	}
	return out
}

func formatIDs(ids []uuid.UUID) (texts []string) {
	for _, id := range ids {
		texts = append(texts, id.String())
	}
	return texts
}

// compact writes JSON without blanks, as it is compared.
func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if len(raw) == 0 || json.Compact(&b, raw) != nil {
		return ""
	}
	return b.String()
}

func nthTo(n *campaign.Nth) *v1.NthVisit {
	if n == nil {
		return nil
	}
	return &v1.NthVisit{Visit: int32(n.Visit), Every: n.Every, WithinDays: int32(n.Within), AnyStore: n.AnyStore}
}

func remindTo(r *campaign.Remind) *v1.Remind {
	if r == nil {
		return nil
	}
	return &v1.Remind{After: durationpb.New(r.After), Keep: r.Keep}
}

func sendTo(s *campaign.Send, t *campaign.Trigger) *v1.Send {
	if s == nil {
		return nil
	}
	out := &v1.Send{
		BeginTime: stamp(s.At), Repeat: keyOf(repeats, s.Repeat), UntilTime: stamp(s.Until), Date: s.Date, Days: int32(s.Days),
		Without: keyOf(absences, s.Without), PerMinute: int32(s.PerMinute),
	}
	if daily(t) {
		out.TimeOfDay = clockText(s.TimeOfDay)
	}
	return out
}

// daily tells a trigger that is looked at once a day.
func daily(t *campaign.Trigger) bool { return t.On(campaign.Dated) || t.On(campaign.Absent) }

func triggerFrom(g *v1.Trigger, a CampaignSetting, fs *faults) campaign.Trigger {
	t := campaign.Trigger{
		Dwell: time.Duration(g.GetDwellMinutes()) * time.Minute, Tags: slices.Clone(g.GetStoreTags()), Districts: slices.Clone(g.GetDistricts()),
		Sets: slices.Clone(g.GetStoreSets()), FenceTags: slices.Clone(g.GetFenceTags()), Radius: g.GetRadiusMeters(), Filter: g.GetFilter(),
		Types: slices.Clone(g.GetEventTypes()), Items: slices.Clone(g.GetItemExternalIds()), Categories: slices.Clone(g.GetItemCategories()),
		Keywords: slices.Clone(g.GetKeywords()), Linger: duration(g.GetLinger(), 0), Related: g.GetRelated(),
	}
	for _, kind := range g.GetKinds() {
		t.Kinds = append(t.Kinds, momentKinds[kind])
	}
	for _, p := range g.GetFencePurposes() {
		t.Purposes = append(t.Purposes, purposes[p])
	}
	t.Stores = a.storesFrom(g.GetStoreIds(), g.GetStoreExternalIds(), "campaign.trigger.", v1.ErrorReason_CAMPAIGN_STORE_UNKNOWN, fs)
	t.Fences = a.fencesFrom(g.GetFenceIds(), g.GetFenceExternalIds(), fs)
	t.Inside = insideFrom(g.GetInsideGeojson(), "campaign.trigger.inside_geojson", fs)
	if n := g.GetNthVisit(); n != nil {
		t.Nth = &campaign.Nth{Visit: int(n.GetVisit()), Every: n.GetEvery(), Within: int(n.GetWithinDays()), AnyStore: n.GetAnyStore()}
	}
	if r := g.GetRemind(); r != nil {
		t.Remind = &campaign.Remind{After: duration(r.GetAfter(), 0), Keep: r.GetKeep()}
	}
	t.Send = sendFrom(g.GetSend(), &t, fs)
	return t
}

// defaultTimeOfDay is when a day's sendings begin, minutes after midnight.
const defaultTimeOfDay = 10 * 60

func sendFrom(g *v1.Send, t *campaign.Trigger, fs *faults) *campaign.Send {
	if g == nil {
		return nil
	}
	s := &campaign.Send{
		At: instant(g.GetBeginTime()), Repeat: repeats[g.GetRepeat()], Until: instant(g.GetUntilTime()), Date: g.GetDate(),
		Days: int(g.GetDays()), Without: absences[g.GetWithout()], PerMinute: int(g.GetPerMinute()),
	}
	minute, given := minuteOf(g.GetTimeOfDay())
	switch {
	case daily(t) && given:
		s.TimeOfDay = minute
	case daily(t):
		s.TimeOfDay = defaultTimeOfDay
	case given:
		fs.add("campaign.trigger.send.time_of_day", v1.ErrorReason_INVALID_FIELD, "only for the kinds DATED and ABSENT")
	}
	return s
}

// storesFrom finds stores by both kinds of ids, each once.
func (a CampaignSetting) storesFrom(ids, names []string, prefix string, reason v1.ErrorReason_Code, fs *faults) (found []uuid.UUID) {
	seen := map[uuid.UUID]struct{}{}
	take := func(ok bool, id uuid.UUID, field string, i int, key, value string) {
		if !ok {
			fs.add(fmt.Sprintf("%s%s[%d]", prefix, field, i), reason, "there is no such store", key, value)
		} else if _, twice := seen[id]; !twice {
			seen[id] = struct{}{}
			found = append(found, id)
		}
	}
	for i, id := range ids {
		take(a.StoreByID(parseID(id)) != nil, parseID(id), "store_ids", i, "store_id", id)
	}
	for i, name := range names {
		s := a.Store(name)
		if s == nil {
			take(false, uuid.Nil, "store_external_ids", i, "external_id", name)
			continue
		}
		take(true, s.ID, "store_external_ids", i, "external_id", name)
	}
	return found
}

// fencesFrom finds fences by both kinds of ids, each once.
func (a CampaignSetting) fencesFrom(ids, names []string, fs *faults) (found []uuid.UUID) {
	const prefix, reason, text = "campaign.trigger.", v1.ErrorReason_CAMPAIGN_FENCE_UNKNOWN, "there is no such fence"
	for i, id := range ids {
		if a.FenceByID == nil || a.FenceByID(parseID(id)) == nil {
			fs.add(fmt.Sprintf("%sfence_ids[%d]", prefix, i), reason, text, "fence_id", id)
			continue
		}
		found = append(found, parseID(id))
	}
	for i, name := range names {
		if a.Fence == nil || a.Fence(name) == nil {
			fs.add(fmt.Sprintf("%sfence_external_ids[%d]", prefix, i), reason, text, "external_id", name)
		} else if id := a.Fence(name).ID; !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	return found
}

// insideFrom reads an area as it is kept: mended where it can be, without blanks.
func insideFrom(text, field string, fs *faults) json.RawMessage {
	if text == "" {
		return nil
	}
	area := areaFrom(text, field, fs)
	if area == nil {
		return nil
	}
	written, err := geojson.Write(area)
	if err != nil {
		fs.add(field, v1.ErrorReason_SHAPE_INVALID, "not a Polygon or MultiPolygon", "cause", "not a Polygon or MultiPolygon", "feature", "0")
		return nil
	}
	return json.RawMessage(compact(written))
}

// segmentsFrom finds segments by their own ids.
func (a CampaignSetting) segmentsFrom(names []string, field string, fs *faults) (found []uuid.UUID) {
	for i, name := range names {
		if a.Segment != nil {
			if id, ok := a.Segment(name); ok {
				found = append(found, id)
				continue
			}
		}
		fs.add(fmt.Sprintf("campaign.%s[%d]", field, i), v1.ErrorReason_CAMPAIGN_SEGMENT_UNKNOWN, "there is no such segment", "external_id", name)
	}
	return found
}

// segmentsTo names segments by their own ids; one that is gone by its id.
func segmentsTo(ids []uuid.UUID, name func(uuid.UUID) string) (names []string) {
	for _, id := range ids {
		own := ""
		if name != nil {
			own = name(id)
		}
		names = append(names, orText(own, id.String()))
	}
	return names
}
