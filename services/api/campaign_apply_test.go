package api

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
)

// declared are settings with something of everything that campaigns refer to.
func declared(s *v1.BrandSettings) {
	s.EventTypes = []*v1.EventType{{Name: "lesson_done", Way: v1.EventType_TASK, Properties: []*v1.Attribute{{Name: "level", Type: v1.Attribute_NUMBER}}}}
	s.Attributes = []*v1.Attribute{{Name: "nickname", Type: v1.Attribute_STRING}, {Name: "joined", Type: v1.Attribute_DATE}}
	s.StoreSets = []*v1.StoreSet{{Name: "center", StoreExternalIds: []string{"s1"}, Districts: []string{"중구"}, InsideGeojson: square}}
	s.Topics, s.Holdout, s.Digest = []string{"coffee"}, 0.05, true
	s.Holidays = map[string]*v1.HolidayChanges{"KR": {Added: []string{"2026-12-24"}, Removed: []string{"2026-12-25"}}}
}

const square = `{"type":"Polygon","coordinates":[[[126.97,37.56],[126.99,37.56],[126.99,37.57],[126.97,37.57],[126.97,37.56]]]}`

// ofEveryKind are campaigns that use every field of the contract, each as far as its kinds allow.
func ofEveryKind() []*v1.Campaign {
	entered := aCampaign("entered", "s1")
	entered.Trigger = &v1.Trigger{
		Kinds: []v1.Moment_Kind{v1.Moment_ENTERED, v1.Moment_DWELLED}, DwellMinutes: 5, StoreExternalIds: []string{"s1"}, StoreTags: []string{"cafe"},
		FencePurposes: []v1.Fence_Purpose{v1.Fence_NEAR}, FenceExternalIds: []string{"s1/near"}, FenceTags: []string{"gate"},
		Districts: []string{"중구"}, StoreSets: []string{"center"}, InsideGeojson: square, RadiusMeters: 150, Filter: "moment.kind == 'entered'",
	}
	entered.Schedule = &v1.Schedule{
		StartTime: timestamppb.New(noon.Add(-time.Hour)), EndTime: timestamppb.New(noon.AddDate(0, 3, 0)), StartDate: "2026-11-01", EndDate: "2027-01-31",
		WeeklyHours:   []*v1.WeeklyHours{{Days: []v1.WeeklyHours_Day{v1.WeeklyHours_FRIDAY, v1.WeeklyHours_SATURDAY}, Start: "22:00", End: "02:00"}},
		OnlyWhileOpen: true, OpenLead: durationpb.New(15 * time.Minute), OpenTail: durationpb.New(10 * time.Minute), Holidays: v1.Schedule_SKIP,
		Exceptions: []*v1.ScheduleException{
			{Date: "2026-12-31", Hours: []*v1.ScheduleException_Hours{{Open: "20:00", Close: "03:00"}, {Open: "12:00", Close: "24:00"}}}, {Date: "2026-12-05"},
		},
	}
	entered.Caps = []*v1.Cap{{Scope: v1.Cap_CAMPAIGN, Limit: 1, Window: &v1.Cap_Calendar_{Calendar: v1.Cap_DAY}}}
	entered.Cooldown, entered.Priority, entered.DeadlineMinutes, entered.Tags = durationpb.New(time.Hour), 5, 20, []string{"coffee"}
	entered.Audience, entered.Holdout = "person.tier == 'gold'", 0.1
	entered.DeepLink, entered.ImageUrl = "wantgo://store/{store_id}?c={coupon_code}", "https://img.example/{store_id}.png"
	entered.Variants = []*v1.Variant{
		{Name: "a", Weight: 1}, {Name: "b", Weight: 3, Texts: map[string]*v1.CampaignText{"ko": {Body: "{person.nickname|고객}님, {offer}"}}, DeepLink: "wantgo://b", ImageUrl: "https://img.example/b.png"},
	}
	nth := aCampaign("nth", "s1")
	nth.Trigger = &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_ENTERED}, FencePurposes: []v1.Fence_Purpose{v1.Fence_VISIT},
		NthVisit: &v1.NthVisit{Visit: 3, Every: true, WithinDays: 90, AnyStore: true}}
	notice := func(id string, t *v1.Trigger) *v1.Campaign {
		return &v1.Campaign{ExternalId: id, DisplayName: id, Trigger: t, Category: v1.Campaign_INFORMATIONAL, InformationalReason: "asked for", State: v1.Campaign_DRAFT,
			Texts: map[string]*v1.CampaignText{"ko": {Title: "{item|상품}", Body: "{price|} {keyword|}"}}}
	}
	remind := notice("remind", &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_SEARCHED, v1.Moment_LINGERED}, Keywords: []string{"라떼"}, ItemCategories: []string{"coffee"},
		Linger: durationpb.New(time.Minute), Remind: &v1.Remind{After: durationpb.New(24 * time.Hour), Keep: true}, Related: true})
	did := notice("did", &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_DID}, EventTypes: []string{"lesson_done"}})
	did.Category = v1.Campaign_TRANSACTIONAL
	planned := notice("planned", &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_SCHEDULED}, Send: &v1.Send{BeginTime: timestamppb.New(noon.AddDate(0, 0, 3)),
		Repeat: v1.Send_WEEKLY, UntilTime: timestamppb.New(noon.AddDate(0, 2, 0)), PerMinute: 600}})
	dated := notice("dated", &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_DATED}, Send: &v1.Send{Date: "joined", Days: 7, TimeOfDay: "00:00"}})
	absent := notice("absent", &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_ABSENT}, Send: &v1.Send{Without: v1.Send_PURCHASE, Days: 30}})
	return []*v1.Campaign{entered, nth, remind, did, planned, dated, absent}
}

func (f *fixture) apply(tn *tenant, text []byte, dry bool, prune bool) ([]*v1.AppliedChange, error) {
	r, err := v1.NewCampaignServiceClient(f.conn).ApplyCampaigns(tn.server(), &v1.ApplyCampaignsRequest{
		RequestId: uuid.NewString(), Content: text, ValidateOnly: dry, Prune: prune,
	})
	return r.GetChanges(), err
}

func (f *fixture) export(tn *tenant) []byte {
	f.t.Helper()
	r, err := v1.NewCampaignServiceClient(f.conn).ExportCampaigns(tn.server(), &v1.ExportCampaignsRequest{})
	require.NoError(f.t, err)
	return r.GetContent()
}

// TestWhatIsExportedChangesNothing writes campaigns of every field, and has their file applied to their brand and to another.
func TestWhatIsExportedChangesNothing(t *testing.T) {
	f := newFixture(t)
	tn, other := f.tenant(), f.tenant()
	for _, of := range []*tenant{tn, other} {
		shop := of.store("s1")
		of.fence(shop)
		hours := shop
		hours.Hours = []*v1.WeeklyHours{{Start: "10:00", End: "23:00"}}
		_, err := v1.NewStoreServiceClient(f.conn).UpdateStore(of.server(), &v1.UpdateStoreRequest{RequestId: uuid.NewString(), Store: hours})
		require.NoError(t, err)
	}
	tn.settings(declared)
	for _, c := range ofEveryKind() {
		made, err := v1.NewCampaignServiceClient(f.conn).CreateCampaign(tn.server(), &v1.CreateCampaignRequest{RequestId: uuid.NewString(), Campaign: c})
		require.NoError(t, err, c.GetExternalId())
		after, err := tn.update(tn.server(), made.GetCampaign())
		require.NoError(t, err, c.GetExternalId())
		require.Equal(t, made.GetCampaign().GetVersion(), after.GetVersion(), "%s comes back as it was", c.GetExternalId())
	}
	file := f.export(tn)
	changes, err := f.apply(tn, file, false, true)
	require.NoError(t, err)
	require.Empty(t, changes, "%s", file)

	changes, err = f.apply(other, file, true, false)
	require.NoError(t, err)
	require.Len(t, changes, 8)
	require.Empty(t, f.engine.Campaigns(other.id), "only told")
	_, err = f.apply(other, file, false, false)
	require.NoError(t, err)
	require.Equal(t, string(file), string(f.export(other)))
	changes, err = f.apply(other, file, false, true)
	require.NoError(t, err)
	require.Empty(t, changes)
}

const twoCampaigns = `
campaigns:
  - external_id: keep
    trigger: {kinds: [ENTERED], store_external_ids: [s1]}
    texts: {ko: {title: "{store}", body: "어서 오세요"}}
    priority: 3
  - external_id: go
    state: DRAFT
    trigger: {kinds: [EXITED], store_external_ids: [s1]}
    texts: {ko: {title: "{store}", body: "안녕히 가세요"}}
`

func TestApply(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.store("s1")
	changes, err := f.apply(tn, []byte(twoCampaigns), false, false)
	require.NoError(t, err)
	require.Len(t, changes, 2)
	require.Equal(t, v1.AppliedChange_CREATED, changes[0].GetKind())

	changed := strings.Replace(strings.Replace(twoCampaigns, "어서 오세요", "반갑습니다", 1), "priority: 3", "priority: 4", 1)
	changes, err = f.apply(tn, []byte(changed), false, true)
	require.NoError(t, err)
	require.Len(t, changes, 1)
	require.Equal(t, "keep", changes[0].GetExternalId())
	require.Equal(t, []string{`priority: 3 -> 4`, `texts.ko.body: "어서 오세요" -> "반갑습니다"`}, lines(changes[0]))

	alone, _, _ := strings.Cut(changed, "  - external_id: go")
	changes, err = f.apply(tn, []byte(alone), false, false)
	require.NoError(t, err)
	require.Empty(t, changes, "what the file does not have stays")
	changes, err = f.apply(tn, []byte(alone), false, true)
	require.NoError(t, err)
	require.Equal(t, v1.AppliedChange_PRUNED, changes[0].GetKind())
	require.Equal(t, []string{`state: "DRAFT" -> "ENDED"`}, lines(changes[0]))

	for text, want := range map[string]struct {
		reason v1.ErrorReason_Code
		field  string
	}{
		strings.Replace(changed, "[ENTERED]", "[APPROACHED]", 1):                {v1.ErrorReason_CAMPAIGN_FIELD_FIXED, "campaigns[0].trigger"},
		strings.Replace(changed, "priority: 4", "priority: 4, state: DRAFT", 1): {v1.ErrorReason_INVALID_FIELD, "content"},
		strings.Replace(changed, "    state: DRAFT", "    state: LIVE", 1):      {v1.ErrorReason_CAMPAIGN_STATE, "campaigns[1]"},
		strings.Replace(changed, "external_id: keep", "display_name: x", 1):     {v1.ErrorReason_INVALID_FIELD, "campaigns[0].external_id"},
		strings.Replace(changed, "[s1]", "[s9]", 2):                             {v1.ErrorReason_CAMPAIGN_STORE_UNKNOWN, "campaigns[0].trigger.store_external_ids[0]"},
		"campaigns: [": {v1.ErrorReason_INVALID_FIELD, "content"},
	} {
		_, err := f.apply(tn, []byte(text), false, false)
		require.Equal(t, want.reason.String(), reasonOf(err), "%s: %v", text, err)
		require.Contains(t, fieldsOf(err), want.field, "%s: %v", text, err)
	}
	c, err := f.engine.CampaignByExternalID(tn.id, "keep")
	require.NoError(t, err)
	require.Equal(t, 4, c.Priority)

	tn.settings(func(s *v1.BrandSettings) { s.Review = true })
	_, err = f.apply(tn, []byte(strings.Replace(alone, "priority: 4", "priority: 5", 1)), false, false)
	requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_NOT_APPROVED)
}

func lines(c *v1.AppliedChange) (list []string) {
	for _, f := range c.GetFields() {
		list = append(list, f.GetField()+": "+f.GetBefore()+" -> "+f.GetAfter())
	}
	return list
}

// TestApplyNeedsTheScopeForSettings: a key for campaigns alone neither reads nor writes the brand's settings by a file.
func TestApplyNeedsTheScopeForSettings(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	made, err := v1.NewKeyServiceClient(f.conn).CreateKey(tn.server(), &v1.CreateKeyRequest{RequestId: uuid.NewString(), Key: &v1.Key{
		Kind: v1.Key_API, DisplayName: "campaigns", Scopes: []string{string(brand.ScopeCampaignsRead), string(brand.ScopeCampaignsWrite)},
	}})
	require.NoError(t, err)
	campaigns, ctx := v1.NewCampaignServiceClient(f.conn), bearing(t.Context(), made.GetSecret())
	file, err := campaigns.ExportCampaigns(ctx, &v1.ExportCampaignsRequest{})
	require.NoError(t, err)
	require.NotContains(t, string(file.GetContent()), "brand")
	_, err = campaigns.ApplyCampaigns(ctx, &v1.ApplyCampaignsRequest{RequestId: uuid.NewString(), Content: []byte("brand: {display_name: x}")})
	require.Equal(t, v1.ErrorReason_SCOPE_MISSING.String(), reasonOf(err), "%v", err)
	_, err = campaigns.PreviewCampaign(ctx, &v1.PreviewCampaignRequest{Source: &v1.PreviewCampaignRequest_Campaign{Campaign: ofEveryKind()[1]}, PersonExternalId: "p"})
	requireRefused(t, err, codes.PermissionDenied, v1.ErrorReason_SCOPE_MISSING)
}

// TestPreviewOfVariantsPeopleAndPlatforms shows each variant and locale as its readers would see it.
func TestPreviewOfVariantsPeopleAndPlatforms(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	shop := tn.store("s1")
	tn.fence(shop)
	shop.Hours = []*v1.WeeklyHours{{Start: "10:00", End: "23:00"}}
	_, err := v1.NewStoreServiceClient(f.conn).UpdateStore(tn.server(), &v1.UpdateStoreRequest{RequestId: uuid.NewString(), Store: shop})
	require.NoError(t, err)
	tn.settings(declared)
	campaigns := v1.NewCampaignServiceClient(f.conn)
	of := &v1.PreviewCampaignRequest{Source: &v1.PreviewCampaignRequest_Campaign{Campaign: ofEveryKind()[0]}, StoreExternalId: "s1"}
	r, err := campaigns.PreviewCampaign(tn.server(), of)
	require.NoError(t, err)
	require.Empty(t, r.GetFaults())
	require.Len(t, r.GetRendered(), 2)
	a, b := r.GetRendered()[0], r.GetRendered()[1]
	require.Equal(t, []string{"a", "b"}, []string{a.GetVariant(), b.GetVariant()})
	require.Equal(t, "wantgo://store/s1?c=000000000000", a.GetDeepLink())
	require.Equal(t, "https://img.example/s1.png", a.GetImageUrl())
	require.Equal(t, "wantgo://b", b.GetDeepLink())
	require.Contains(t, b.GetBody(), "고객님, 라떼 30%")
	require.Len(t, b.GetRooms(), 3)
	require.Equal(t, v1.Device_ANDROID, b.GetRooms()[0].GetPlatform())
	require.Positive(t, b.GetRooms()[0].GetPayloadBytes())
	require.Greater(t, b.GetRooms()[0].GetPayloadLimitBytes(), b.GetRooms()[0].GetPayloadBytes())
	require.NotEmpty(t, b.GetRooms()[0].GetAdvice(), "the body is longer than a collapsed notification")

	of.Variants, of.Locales = []string{"b"}, []string{"ko", "en"}
	r, err = campaigns.PreviewCampaign(tn.server(), of)
	require.NoError(t, err)
	require.Len(t, r.GetRendered(), 2)
	require.Equal(t, "en", r.GetRendered()[1].GetLocale())
	for field, change := range map[string]func(of *v1.PreviewCampaignRequest){
		"variants": func(of *v1.PreviewCampaignRequest) { of.Variants = []string{"x"} },
	} {
		change(of)
		_, err = campaigns.PreviewCampaign(tn.server(), of)
		requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_INVALID_FIELD)
		require.Equal(t, []string{field}, fieldsOf(err))
	}
	of.Variants, of.ItemExternalId = nil, "x"
	_, err = campaigns.PreviewCampaign(tn.server(), of)
	requireRefused(t, err, codes.NotFound, v1.ErrorReason_ITEM_NOT_FOUND)
	of.ItemExternalId, of.PersonExternalId = "", "nobody"
	_, err = campaigns.PreviewCampaign(tn.server(), of)
	requireRefused(t, err, codes.NotFound, v1.ErrorReason_PERSON_NOT_FOUND)
}
