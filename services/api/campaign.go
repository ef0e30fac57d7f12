package api

import (
	"cmp"
	"maps"
	"slices"
	"strings"
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
	v1.Campaign_DRAFT: campaign.Draft, v1.Campaign_IN_REVIEW: campaign.InReview, v1.Campaign_SCHEDULED: campaign.Ready,
	v1.Campaign_LIVE: campaign.Live, v1.Campaign_PAUSED: campaign.Paused, v1.Campaign_ENDED: campaign.Ended, v1.Campaign_ARCHIVED: campaign.Archived,
}

var categories = map[v1.Campaign_Category]campaign.Category{
	v1.Campaign_AD: campaign.Ad, v1.Campaign_INFORMATIONAL: campaign.Informational, v1.Campaign_TRANSACTIONAL: campaign.Transactional,
}

var campaignFixed = []string{"id", "etag", "state", "version", "create_time", "update_time"}

// isOpen tells a campaign that may still act.
func isOpen(c *campaign.Campaign) bool { return c.State == campaign.Live || c.State == campaign.Paused }

func (s *Server) around(c *Caller, b *brand.Brand) CampaignSetting {
	return SettingOf(s.engine, b, s.engine.Now(), func() uuid.UUID { return engine.NewID(s.engine.Now()) })
}

// segmentName names a brand's segments by their own ids; empty: there is none of that id.
func (s *Server) segmentName(brandID uuid.UUID) func(uuid.UUID) string {
	return func(id uuid.UUID) string {
		found, err := s.engine.SegmentByID(brandID, id)
		if err != nil {
			return ""
		}
		return found.ExternalID
	}
}

// SettingOf is what campaigns of a brand are read against as an engine knows it. now is when they are judged.
func SettingOf(e *engine.Engine, b *brand.Brand, now time.Time, newID func() uuid.UUID) CampaignSetting {
	return CampaignSetting{
		Brand: b, Now: now, NewID: newID,
		Store:     byName(b.ID, e.StoreByExternalID),
		StoreByID: byID(b.ID, e.Store),
		Fence:     byName(b.ID, e.FenceByExternalID),
		FenceByID: byID(b.ID, e.Fence),
		Item:      byName(b.ID, e.ItemByExternalID),
		Segment: func(name string) (uuid.UUID, bool) {
			found, err := e.Segment(b.ID, name)
			if err != nil {
				return uuid.Nil, false
			}
			return found.ID, true
		},
		SegmentByID: byID(b.ID, e.SegmentByID),
		FenceDwell:  e.AnyFence(b.ID, func(f *store.Fence) bool { return f.Rules != nil && f.Rules.Dwell > 0 }),
	}
}

// byName and byID find rows of one brand; nil: there is none.
func byName[T any](brandID uuid.UUID, find func(uuid.UUID, string) (*T, error)) func(string) *T {
	return func(name string) *T {
		found, err := find(brandID, name)
		if err != nil {
			return nil
		}
		return found
	}
}

func byID[T any](brandID uuid.UUID, find func(uuid.UUID, uuid.UUID) (*T, error)) func(uuid.UUID) *T {
	return func(id uuid.UUID) *T {
		found, err := find(brandID, id)
		if err != nil {
			return nil
		}
		return found
	}
}

// campaignTo writes a campaign. segment names a segment by its own id; nil: none is known.
func campaignTo(c *campaign.Campaign, segment func(uuid.UUID) string) *v1.Campaign {
	out := &v1.Campaign{
		Id: c.ID.String(), ExternalId: c.ExternalID, Etag: etagOf(c.Version), DisplayName: c.Name, State: keyOf(campaignStates, c.State),
		Category: keyOf(categories, cmp.Or(c.Category, campaign.Ad)), InformationalReason: c.InformationalReason,
		Trigger: triggerTo(&c.Trigger), Schedule: scheduleTo(c), Caps: capsTo(c.Caps), Priority: int32(c.Priority),
		DeadlineMinutes: int32(c.Deadline / time.Minute), Offer: offerTo(c.Offer), Texts: textsTo(c.Texts), DeepLink: c.DeepLink,
		ImageUrl: c.ImageURL, Tags: slices.Clone(c.Tags), Version: int32(c.Revision), Audience: c.Audience, Holdout: c.Holdout,
		SegmentExternalIds: segmentsTo(c.Segments, segment), ExcludedSegmentExternalIds: segmentsTo(c.Excluded, segment),
		CreateTime: stamp(c.CreatedAt), UpdateTime: stamp(c.UpdatedAt),
	}
	if c.Cooldown > 0 {
		out.Cooldown = durationpb.New(c.Cooldown)
	}
	for _, v := range c.Variants {
		out.Variants = append(out.Variants, &v1.Variant{
			Name: v.Name, Weight: int32(v.Weight), Texts: textsTo(v.Texts), DeepLink: v.DeepLink, ImageUrl: v.ImageURL,
		})
	}
	return out
}

func textsTo(texts map[string]campaign.Text) map[string]*v1.CampaignText {
	if len(texts) == 0 {
		return nil
	}
	out := make(map[string]*v1.CampaignText, len(texts))
	for locale, text := range texts {
		out[locale] = &v1.CampaignText{Title: text.Title, Body: text.Body}
	}
	return out
}

func textsFrom(given map[string]*v1.CampaignText) map[string]campaign.Text {
	texts := make(map[string]campaign.Text, len(given))
	for locale, text := range given {
		texts[locale] = campaign.Text{Title: text.GetTitle(), Body: text.GetBody()}
	}
	return texts
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
	c.Category, c.InformationalReason = cmp.Or(categories[g.GetCategory()], campaign.Ad), g.GetInformationalReason()
	c.Priority = int(g.GetPriority())
	c.Caps = capsFrom(g.GetCaps(), "campaign.caps", &fs)
	c.Cooldown = duration(g.GetCooldown(), 0)
	c.Deadline = time.Duration(g.GetDeadlineMinutes()) * time.Minute
	c.DeepLink, c.ImageURL, c.Tags = g.GetDeepLink(), g.GetImageUrl(), slices.Clone(g.GetTags())
	c.Texts, c.Variants = textsFrom(g.GetTexts()), variantsFrom(g.GetVariants())
	c.Audience, c.Holdout = g.GetAudience(), g.GetHoldout()
	c.Segments = a.segmentsFrom(g.GetSegmentExternalIds(), "segment_external_ids", &fs)
	c.Excluded = a.segmentsFrom(g.GetExcludedSegmentExternalIds(), "excluded_segment_external_ids", &fs)
	c.Trigger = triggerFrom(g.GetTrigger(), a, &fs)
	scheduleFrom(g.GetSchedule(), &c, &fs)
	c.Offer = offerFrom(g.GetOffer(), base.Offer, a, &fs)
	if _, ok := c.Texts[a.Brand.Settings.Locale]; !ok && len(c.Texts) > 0 {
		fs.add("campaign.texts", v1.ErrorReason_TEXT_LOCALE_MISSING, "no text in the brand's locale", "locale", a.Brand.Settings.Locale)
	}
	return &c, append(fs, reviewed(&c, a)...)
}

func variantsFrom(given []*v1.Variant) (variants []campaign.Variant) {
	for _, g := range given {
		v := campaign.Variant{Name: g.GetName(), Weight: int(g.GetWeight()), DeepLink: g.GetDeepLink(), ImageURL: g.GetImageUrl()}
		if len(g.GetTexts()) > 0 {
			v.Texts = textsFrom(g.GetTexts())
		}
		variants = append(variants, v)
	}
	return variants
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
	"trigger.sets": "trigger.store_sets", "trigger.inside": "trigger.inside_geojson", "trigger.fences": "trigger.fence_ids",
	"trigger.radius": "trigger.radius_meters", "trigger.types": "trigger.event_types", "trigger.items": "trigger.item_external_ids",
	"trigger.categories": "trigger.item_categories", "trigger.nth": "trigger.nth_visit", "trigger.nth.within": "trigger.nth_visit.within_days",
	"trigger.send.at": "trigger.send.begin_time", "trigger.send.until": "trigger.send.until_time",
	"offer.per_person": "offer.per_person_limit", "offer.validity": "offer.valid_for", "offer.valid_until": "offer.valid_until_time",
	"schedule.weekly": "schedule.weekly_hours", "schedule.start": "schedule.start_time", "schedule.end": "schedule.end_time",
	"open_only": "schedule.only_while_open", "open_lead": "schedule.open_lead", "open_tail": "schedule.open_tail",
	"segments": "segment_external_ids", "excluded": "excluded_segment_external_ids",
}}

// unknownReasons are the contract's reasons of what a campaign refers to and is not there, by the field.
var unknownReasons = map[string]v1.ErrorReason_Code{
	"trigger.stores": v1.ErrorReason_CAMPAIGN_STORE_UNKNOWN, "trigger.fences": v1.ErrorReason_CAMPAIGN_FENCE_UNKNOWN,
	"trigger.items": v1.ErrorReason_CAMPAIGN_ITEM_UNKNOWN, "trigger.types": v1.ErrorReason_CAMPAIGN_EVENT_TYPE_UNKNOWN,
	"trigger.sets": v1.ErrorReason_CAMPAIGN_STORE_SET_UNKNOWN, "segments": v1.ErrorReason_CAMPAIGN_SEGMENT_UNKNOWN,
	"excluded": v1.ErrorReason_CAMPAIGN_SEGMENT_UNKNOWN,
}

// faultReasons are the contract's reasons of the domain's codes; the others are INVALID_FIELD.
var faultReasons = map[string]v1.ErrorReason_Code{
	campaign.FaultNeverOccurs: v1.ErrorReason_SCHEDULE_NEVER_OCCURS, campaign.FaultAlwaysAd: v1.ErrorReason_CATEGORY_NOT_ALLOWED,
	campaign.FaultVariable: v1.ErrorReason_TEXT_INVALID, campaign.FaultLabel: v1.ErrorReason_TEXT_INVALID,
	campaign.FaultBrandMissing: v1.ErrorReason_SENDER_MISSING,
}

// known is what the domain judges a campaign against.
func (a CampaignSetting) known() campaign.Known {
	return campaign.Known{
		Brand: a.Brand, Store: a.StoreByID, Fence: a.FenceByID, Item: a.Item, Segment: a.hasSegment, FenceDwell: a.FenceDwell, Now: a.Now,
	}
}

func (a CampaignSetting) hasSegment(id uuid.UUID) bool {
	return a.SegmentByID != nil && a.SegmentByID(id) != nil
}

// reviewed are the domain's own faults of a campaign.
func reviewed(c *campaign.Campaign, a CampaignSetting) (fs faults) {
	for _, v := range campaign.Validate(c, a.known()) {
		reason := reasonOfFault(v)
		fs.add(campaignField(v.Field), reason, v.Text, "cause", v.Text)
	}
	return fs
}

func reasonOfFault(v campaign.Violation) v1.ErrorReason_Code {
	field, _, _ := strings.Cut(v.Field, "[")
	if reason, ok := unknownReasons[field]; ok && v.Reason == campaign.FaultUnknown {
		return reason
	}
	if reason, ok := faultReasons[v.Reason]; ok && !(v.Reason == campaign.FaultNeverOccurs && strings.HasPrefix(field, "trigger.")) {
		return reason
	}
	return v1.ErrorReason_INVALID_FIELD
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
