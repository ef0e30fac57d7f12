package api

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

var campaignStates = map[v1.Campaign_State]campaign.State{
	v1.Campaign_DRAFT: campaign.Draft, v1.Campaign_LIVE: campaign.Live, v1.Campaign_PAUSED: campaign.Paused, v1.Campaign_ENDED: campaign.Ended,
}

var campaignFixed = []string{"id", "etag", "state", "version", "create_time", "update_time"}

// isOpen tells a campaign that may still act.
func isOpen(c *campaign.Campaign) bool { return c.State == campaign.Live || c.State == campaign.Paused }

func (s *Server) around(c *Caller, b *brand.Brand) CampaignSetting {
	return CampaignSetting{
		Brand: b, Now: s.engine.Now(), NewID: func() uuid.UUID { return engine.NewID(s.engine.Now()) },
		Store: func(externalID string) *store.Store {
			found, _ := s.engine.StoreByExternalID(c.Brand, externalID)
			return found
		},
		StoreByID: func(id uuid.UUID) *store.Store {
			found, _ := s.engine.Store(c.Brand, id)
			return found
		},
		FenceDwell: s.engine.AnyFence(c.Brand, func(f *store.Fence) bool { return f.Rules != nil && f.Rules.Dwell > 0 }),
	}
}

func campaignTo(c *campaign.Campaign) *v1.Campaign {
	out := &v1.Campaign{
		Id: c.ID.String(), ExternalId: c.ExternalID, Etag: etagOf(c.Version), DisplayName: c.Name, State: keyOf(campaignStates, c.State),
		Category: v1.Campaign_AD, Trigger: triggerTo(&c.Trigger), Schedule: scheduleTo(c), Caps: capsTo(c.Caps), Priority: int32(c.Priority),
		DeadlineMinutes: int32(c.Deadline / time.Minute), Offer: offerTo(c.Offer), DeepLink: c.DeepLink, Tags: slices.Clone(c.Tags),
		Version: int32(c.Version),
	}
	if c.Cooldown > 0 {
		out.Cooldown = durationpb.New(c.Cooldown)
	}
	if len(c.Texts) > 0 {
		out.Texts = map[string]*v1.CampaignText{}
	}
	for locale, text := range c.Texts {
		out.Texts[locale] = &v1.CampaignText{Title: text.Title, Body: text.Body}
	}
	return out
}

func triggerTo(t *campaign.Trigger) *v1.Trigger {
	out := &v1.Trigger{
		DwellMinutes: int32(t.Dwell / time.Minute), StoreTags: slices.Clone(t.Tags),
	}
	for _, kind := range t.Kinds {
		out.Kinds = append(out.Kinds, keyOf(momentKinds, kind))
	}
	for _, id := range t.Stores {
		out.StoreIds = append(out.StoreIds, id.String())
	}
	for _, p := range t.Purposes {
		out.FencePurposes = append(out.FencePurposes, keyOf(purposes, p))
	}
	return out
}

func scheduleTo(c *campaign.Campaign) *v1.Schedule {
	s := &c.Schedule
	if s.StartDate == "" && s.EndDate == "" && len(s.Weekly) == 0 && !c.OpenOnly {
		return nil
	}
	return &v1.Schedule{StartDate: s.StartDate, EndDate: s.EndDate, WeeklyHours: spansTo(s.Weekly), OnlyWhileOpen: c.OpenOnly}
}

func offerTo(o *campaign.Offer) *v1.Offer {
	if o == nil {
		return nil
	}
	out := &v1.Offer{
		Titles: maps.Clone(o.Titles), Stock: uint32(o.Stock), PerPersonLimit: uint32(o.PerPerson), ValidAt: v1.Offer_CAMPAIGN_STORES,
	}
	if o.AnyStore {
		out.ValidAt = v1.Offer_ALL_STORES
	}
	if o.Validity > 0 {
		out.Validity = &v1.Offer_ValidFor{ValidFor: durationpb.New(o.Validity)}
	} else {
		out.Validity = &v1.Offer_ValidUntilTime{ValidUntilTime: timestamppb.New(o.ValidUntil)}
	}
	return out
}

// campaignFrom reads a campaign over base, whose identity, state and offer id it keeps.
func campaignFrom(g *v1.Campaign, base campaign.Campaign, a CampaignSetting) (*campaign.Campaign, faults) {
	c, fs := base, faults{}
	c.ExternalID, c.Name = g.GetExternalId(), orText(g.GetDisplayName(), g.GetExternalId())
	c.Category, c.Priority = campaign.Ad, int(g.GetPriority())
	c.Caps = capsFrom(g.GetCaps(), "campaign.caps", &fs)
	c.Cooldown = duration(g.GetCooldown(), 0)
	c.Deadline = time.Duration(g.GetDeadlineMinutes()) * time.Minute
	c.DeepLink, c.Tags = g.GetDeepLink(), slices.Clone(g.GetTags())
	c.Texts = map[string]campaign.Text{}
	for locale, text := range g.GetTexts() {
		c.Texts[locale] = campaign.Text{Title: text.GetTitle(), Body: text.GetBody()}
	}
	if g.GetCategory() == v1.Campaign_INFORMATIONAL {
		fs.add("campaign.category", v1.ErrorReason_CATEGORY_NOT_ALLOWED, "a campaign that a fence triggers is advertising", "category", "INFORMATIONAL")
	}
	c.Trigger = triggerFrom(g.GetTrigger(), a, &fs)
	scheduleFrom(g.GetSchedule(), &c, &fs)
	c.Offer = offerFrom(g.GetOffer(), base.Offer, a, &fs)
	if _, ok := c.Texts[a.Brand.Settings.Locale]; !ok && len(c.Texts) > 0 {
		fs.add("campaign.texts", v1.ErrorReason_TEXT_LOCALE_MISSING, "no text in the brand's locale", "locale", a.Brand.Settings.Locale)
	}
	return &c, append(fs, reviewed(&c, a)...)
}

func triggerFrom(g *v1.Trigger, a CampaignSetting, fs *faults) campaign.Trigger {
	t := campaign.Trigger{Dwell: time.Duration(g.GetDwellMinutes()) * time.Minute, Tags: slices.Clone(g.GetStoreTags())}
	for _, kind := range g.GetKinds() {
		t.Kinds = append(t.Kinds, momentKinds[kind])
	}
	fs.unsupported(len(g.GetFenceIds()) > 0, "campaign.trigger.fence_ids", "fences are chosen by their stores and purposes")
	fs.unsupported(len(g.GetFenceExternalIds()) > 0, "campaign.trigger.fence_external_ids", "fences are chosen by their stores and purposes")
	fs.unsupported(len(g.GetFenceTags()) > 0, "campaign.trigger.fence_tags", "fences are chosen by their stores and purposes")
	for i, id := range g.GetStoreIds() {
		if a.StoreByID(parseID(id)) == nil {
			field := fmt.Sprintf("campaign.trigger.store_ids[%d]", i)
			fs.add(field, v1.ErrorReason_CAMPAIGN_STORE_UNKNOWN, "there is no such store", "store_id", id)
			continue
		}
		t.Stores = append(t.Stores, parseID(id))
	}
	for i, name := range g.GetStoreExternalIds() {
		found := a.Store(name)
		if found == nil {
			field := fmt.Sprintf("campaign.trigger.store_external_ids[%d]", i)
			fs.add(field, v1.ErrorReason_CAMPAIGN_STORE_UNKNOWN, "there is no such store", "external_id", name)
			continue
		}
		if !slices.Contains(t.Stores, found.ID) {
			t.Stores = append(t.Stores, found.ID)
		}
	}
	for _, p := range g.GetFencePurposes() {
		t.Purposes = append(t.Purposes, purposes[p])
	}
	return t
}

func scheduleFrom(g *v1.Schedule, c *campaign.Campaign, fs *faults) {
	c.Schedule = campaign.Schedule{StartDate: g.GetStartDate(), EndDate: g.GetEndDate(), Weekly: spansFrom(g.GetWeeklyHours())}
	c.OpenOnly = g.GetOnlyWhileOpen()
	start, end := g.GetStartTime(), g.GetEndTime()
	if start != nil && end != nil && !end.AsTime().After(start.AsTime()) {
		fs.add("campaign.schedule.end_time", v1.ErrorReason_SCHEDULE_NEVER_OCCURS, "the end is not after the start", "cause", "end before start")
		return
	}
	fs.unsupported(start != nil, "campaign.schedule.start_time", "give start_date, a day in the store's zone")
	fs.unsupported(end != nil, "campaign.schedule.end_time", "give end_date, a day in the store's zone")
}

func offerFrom(g *v1.Offer, base *campaign.Offer, a CampaignSetting, fs *faults) *campaign.Offer {
	if g == nil {
		return nil
	}
	o := &campaign.Offer{
		Titles: maps.Clone(g.GetTitles()), Stock: int64(g.GetStock()), PerPerson: int(g.GetPerPersonLimit()),
		Validity: duration(g.GetValidFor(), 0), ValidUntil: instant(g.GetValidUntilTime()), AnyStore: g.GetValidAt() == v1.Offer_ALL_STORES,
	}
	if base != nil {
		o.ID = base.ID
	} else {
		o.ID = a.NewID()
	}
	const text = "a coupon is valid in the store of its moment, or in all"
	fs.unsupported(g.GetValidAt() == v1.Offer_LISTED_STORES, "campaign.offer.valid_at", text)
	fs.unsupported(len(g.GetStoreIds())+len(g.GetStoreExternalIds()) > 0, "campaign.offer.store_ids", text)
	fs.unsupported(len(g.GetTerms()) > 0, "campaign.offer.terms", "say it in the text")
	return o
}

// campaignNames are the domain's field names as the contract has them.
var campaignNames = fieldNames{prefix: "campaign.", names: map[string]string{
	"name": "display_name", "trigger.dwell": "trigger.dwell_minutes", "trigger.stores": "trigger.store_ids",
	"trigger.tags": "trigger.store_tags", "trigger.purposes": "trigger.fence_purposes", "deadline": "deadline_minutes",
	"offer.per_person": "offer.per_person_limit", "offer.validity": "offer.valid_for", "offer.valid_until": "offer.valid_until_time",
	"schedule.weekly": "schedule.weekly_hours",
}}

// faultReasons are the contract's reasons of the domain's codes; the others are INVALID_FIELD.
var faultReasons = map[string]v1.ErrorReason_Code{
	campaign.FaultNeverOccurs: v1.ErrorReason_SCHEDULE_NEVER_OCCURS, campaign.FaultAlwaysAd: v1.ErrorReason_CATEGORY_NOT_ALLOWED,
	campaign.FaultVariable: v1.ErrorReason_TEXT_INVALID, campaign.FaultLabel: v1.ErrorReason_TEXT_INVALID,
	campaign.FaultBrandMissing: v1.ErrorReason_SENDER_MISSING,
}

// reviewed are the domain's own faults of a campaign.
func reviewed(c *campaign.Campaign, a CampaignSetting) (fs faults) {
	for _, v := range campaign.Validate(c, campaign.Known{Brand: a.Brand, Store: a.StoreByID, FenceDwell: a.FenceDwell, Now: a.Now}) {
		reason, ok := faultReasons[v.Reason]
		if !ok {
			reason = v1.ErrorReason_INVALID_FIELD
		}
		if v.Reason == campaign.FaultNeverOccurs && v.Field == "trigger.dwell" {
			reason = v1.ErrorReason_INVALID_FIELD
		}
		fs.add(campaignField(v.Field), reason, v.Text, "cause", v.Text)
	}
	return fs
}

// campaignField is a field's name in the contract; what begins with brand is a setting of the brand.
func campaignField(field string) string {
	const settings = "brand."
	if len(field) > len(settings) && field[:len(settings)] == settings {
		return "brand.settings." + field[len(settings):]
	}
	for at := len(field); at > 0; at-- {
		if name, ok := campaignNames.names[field[:at]]; ok && (at == len(field) || field[at] == '[' || field[at] == '.') {
			return campaignNames.prefix + name + field[at:]
		}
	}
	return campaignNames.prefix + field
}
