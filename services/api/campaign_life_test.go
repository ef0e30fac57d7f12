package api

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// colleague is another key of the same brand, for all that it may be given.
func (tn *tenant) colleague() context.Context {
	tn.f.t.Helper()
	var scopes []string
	for _, s := range brand.Scopes() {
		scopes = append(scopes, string(s))
	}
	made, err := v1.NewKeyServiceClient(tn.f.conn).CreateKey(tn.server(), &v1.CreateKeyRequest{
		RequestId: uuid.NewString(), Key: &v1.Key{Kind: v1.Key_API, DisplayName: "colleague", Scopes: scopes},
	})
	require.NoError(tn.f.t, err)
	return bearing(tn.f.t.Context(), made.GetSecret())
}

func (tn *tenant) settings(change func(*v1.BrandSettings)) {
	tn.f.t.Helper()
	brands := v1.NewBrandServiceClient(tn.f.conn)
	now, err := brands.GetBrand(tn.server(), &v1.GetBrandRequest{})
	require.NoError(tn.f.t, err)
	change(now.GetBrand().GetSettings())
	_, err = brands.UpdateBrand(tn.server(), &v1.UpdateBrandRequest{RequestId: uuid.NewString(), Brand: now.GetBrand()})
	require.NoError(tn.f.t, err)
}

func (tn *tenant) update(ctx context.Context, c *v1.Campaign, mask ...string) (*v1.Campaign, error) {
	r := &v1.UpdateCampaignRequest{RequestId: uuid.NewString(), Campaign: c}
	if len(mask) > 0 {
		r.UpdateMask = &fieldmaskpb.FieldMask{Paths: mask}
	}
	answer, err := v1.NewCampaignServiceClient(tn.f.conn).UpdateCampaign(ctx, r)
	return answer.GetCampaign(), err
}

// TestReview: where the brand asks for it, nobody approves what they wrote, and what is approved stays so.
func TestReview(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant(func(s *brand.Settings) { s.Review = true })
	tn.store("s1")
	campaigns, colleague, id := v1.NewCampaignServiceClient(f.conn), tn.colleague(), uuid.NewString
	made, err := campaigns.CreateCampaign(tn.server(), &v1.CreateCampaignRequest{RequestId: id(), Campaign: aCampaign("c1", "s1")})
	require.NoError(t, err)
	key := made.GetCampaign().GetId()
	activate := func(ctx context.Context) error {
		_, err := campaigns.ActivateCampaign(ctx, &v1.ActivateCampaignRequest{RequestId: id(), Key: &v1.ActivateCampaignRequest_Id{Id: key}})
		return err
	}
	approve := func(ctx context.Context) (*v1.ApproveCampaignResponse, error) {
		return campaigns.ApproveCampaign(ctx, &v1.ApproveCampaignRequest{RequestId: id(), Key: &v1.ApproveCampaignRequest_Id{Id: key}})
	}
	submit := func(ctx context.Context) {
		r, err := campaigns.SubmitCampaign(ctx, &v1.SubmitCampaignRequest{RequestId: id(), Key: &v1.SubmitCampaignRequest_Id{Id: key}})
		require.NoError(t, err)
		require.Equal(t, v1.Campaign_IN_REVIEW, r.GetCampaign().GetState())
	}
	requireRefused(t, activate(tn.server()), codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_NOT_APPROVED)
	_, err = approve(colleague)
	requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_STATE)
	submit(tn.server())
	_, err = approve(tn.server())
	requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_NOT_APPROVED)
	_, err = tn.update(tn.server(), &v1.Campaign{Id: key, Priority: 3}, "priority")
	requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_STATE)

	rejected, err := campaigns.RejectCampaign(colleague, &v1.RejectCampaignRequest{RequestId: id(), Key: &v1.RejectCampaignRequest_Id{Id: key}, Reason: "too loud"})
	require.NoError(t, err)
	require.Equal(t, v1.Campaign_DRAFT, rejected.GetCampaign().GetState())
	_, err = tn.update(tn.server(), &v1.Campaign{Id: key, Priority: 3}, "priority")
	require.NoError(t, err)
	submit(colleague)
	_, err = approve(colleague)
	requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_NOT_APPROVED)
	third := tn.colleague()
	live, err := approve(third)
	require.NoError(t, err)
	require.Equal(t, v1.Campaign_LIVE, live.GetCampaign().GetState())

	_, err = tn.update(third, &v1.Campaign{Id: key, Priority: 4}, "priority")
	requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_NOT_APPROVED)
	same, err := tn.update(third, &v1.Campaign{Id: key, Priority: 3}, "priority")
	require.NoError(t, err, "nothing changes")
	require.Equal(t, v1.Campaign_LIVE, same.GetState())
	_, err = campaigns.PauseCampaign(tn.server(), &v1.PauseCampaignRequest{RequestId: id(), Key: &v1.PauseCampaignRequest_Id{Id: key}})
	require.NoError(t, err)
	changed, err := tn.update(third, &v1.Campaign{Id: key, Priority: 4}, "priority")
	require.NoError(t, err)
	require.Equal(t, v1.Campaign_IN_REVIEW, changed.GetState())
	_, err = approve(third)
	requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_NOT_APPROVED)
	_, err = approve(tn.server())
	require.NoError(t, err)

	changes, err := campaigns.ListCampaignChanges(tn.server(), &v1.ListCampaignChangesRequest{Key: &v1.ListCampaignChangesRequest_Id{Id: key}, PageSize: 4})
	require.NoError(t, err)
	rest, err := campaigns.ListCampaignChanges(tn.server(), &v1.ListCampaignChangesRequest{Key: &v1.ListCampaignChangesRequest_Id{Id: key}, PageToken: changes.GetNextPageToken()})
	require.NoError(t, err)
	require.Empty(t, rest.GetNextPageToken())
	var actions []string
	for _, c := range append(changes.GetChanges(), rest.GetChanges()...) {
		actions = append(actions, c.GetAction())
	}
	require.Equal(t, []string{"approve", "update", "pause", "update", "approve", "submit", "update", "reject", "submit", "create"}, actions)
	require.Equal(t, "too loud", rest.GetChanges()[3].GetReason())
	require.Equal(t, map[string]string{"state": `"in_review"`}, changes.GetChanges()[0].GetBefore())
	require.Equal(t, `"live"`, changes.GetChanges()[0].GetAfter()["state"])
	require.Equal(t, "3", changes.GetChanges()[1].GetBefore()["priority"])
	require.Equal(t, "4", changes.GetChanges()[1].GetAfter()["priority"])
	require.Empty(t, rest.GetChanges()[5].GetBefore())
	require.NotEqual(t, changes.GetChanges()[0].GetActor(), changes.GetChanges()[1].GetActor())
}

// TestWhatABegunCampaignKeeps: what people were promised needs a copy.
func TestWhatABegunCampaignKeeps(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.store("s1")
	tn.store("s2")
	c := tn.campaign("c1", "s1")
	for field, change := range map[string]func(c *v1.Campaign){
		"campaign.trigger":             func(c *v1.Campaign) { c.Trigger.Kinds = append(c.Trigger.Kinds, v1.Moment_EXITED) },
		"campaign.offer":               func(c *v1.Campaign) { c.Offer.Titles["ko"] = "라떼 50%" },
		"campaign.audience":            func(c *v1.Campaign) { c.Audience = "person.staff" },
		"campaign.holdout":             func(c *v1.Campaign) { c.Holdout = 0.1 },
		"campaign.variants":            func(c *v1.Campaign) { c.Variants = []*v1.Variant{{Name: "a", Weight: 1}} },
		"campaign.schedule.start_date": func(c *v1.Campaign) { c.Schedule = &v1.Schedule{StartDate: "2026-11-30"} },
	} {
		now, err := v1.NewCampaignServiceClient(f.conn).GetCampaign(tn.server(), &v1.GetCampaignRequest{Key: &v1.GetCampaignRequest_Id{Id: c.GetId()}})
		require.NoError(t, err)
		change(now.GetCampaign())
		_, err = tn.update(tn.server(), now.GetCampaign())
		requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_FIELD_FIXED)
		require.Equal(t, []string{field}, fieldsOf(err))
	}
	c.Texts["ko"].Title, c.Schedule, c.Offer.Stock, c.Priority = "오늘 {store}", &v1.Schedule{EndDate: "2026-12-31"}, 100, 9
	_, err := tn.update(tn.server(), c)
	requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_FIELD_FIXED) // no limit before, one now
	require.Equal(t, []string{"campaign.offer.stock"}, fieldsOf(err))
	c.Offer.Stock = 0
	after, err := tn.update(tn.server(), c)
	require.NoError(t, err)
	require.Equal(t, c.GetVersion()+1, after.GetVersion())
	require.Equal(t, "오늘 {store}", after.GetTexts()["ko"].GetTitle())

	campaigns := v1.NewCampaignServiceClient(f.conn)
	copied, err := campaigns.CopyCampaign(tn.server(), &v1.CopyCampaignRequest{RequestId: uuid.NewString(), Key: &v1.CopyCampaignRequest_Id{Id: c.GetId()}, CopyExternalId: "c2"})
	require.NoError(t, err)
	draft := copied.GetCampaign()
	require.Equal(t, v1.Campaign_DRAFT, draft.GetState())
	require.NotEqual(t, c.GetId(), draft.GetId())
	draft.Trigger.StoreIds, draft.Trigger.StoreExternalIds = nil, []string{"s2"}
	_, err = tn.update(tn.server(), draft)
	require.NoError(t, err)
	_, err = campaigns.CopyCampaign(tn.server(), &v1.CopyCampaignRequest{RequestId: uuid.NewString(), Key: &v1.CopyCampaignRequest_Id{Id: c.GetId()}, CopyExternalId: "c2"})
	requireRefused(t, err, codes.AlreadyExists, v1.ErrorReason_EXTERNAL_ID_TAKEN)
}

// TestStatesThatNobodySets: a live campaign shows as scheduled before its schedule begins and as ended once it is over.
func TestStatesThatNobodySets(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.store("s1")
	campaigns := v1.NewCampaignServiceClient(f.conn)
	given := aCampaign("c1", "s1")
	given.Schedule = &v1.Schedule{StartDate: "2026-11-24", EndDate: "2026-11-25"}
	made, err := campaigns.CreateCampaign(tn.server(), &v1.CreateCampaignRequest{RequestId: uuid.NewString(), Campaign: given})
	require.NoError(t, err)
	key := made.GetCampaign().GetId()
	_, err = campaigns.ActivateCampaign(tn.server(), &v1.ActivateCampaignRequest{RequestId: uuid.NewString(), Key: &v1.ActivateCampaignRequest_Id{Id: key}})
	require.NoError(t, err)
	listed := func(state v1.Campaign_State) int {
		r, err := campaigns.ListCampaigns(tn.server(), &v1.ListCampaignsRequest{State: state})
		require.NoError(t, err)
		return len(r.GetCampaigns())
	}
	for _, tc := range []struct {
		local string // in Seoul
		want  v1.Campaign_State
	}{
		{"2026-11-22 12:00:00", v1.Campaign_SCHEDULED}, {"2026-11-23 23:59:59", v1.Campaign_SCHEDULED}, {"2026-11-24 00:00:00", v1.Campaign_LIVE},
		{"2026-11-25 23:59:59", v1.Campaign_LIVE}, {"2026-11-26 00:00:00", v1.Campaign_ENDED},
	} {
		at, err := time.Parse(time.DateTime, tc.local)
		require.NoError(t, err)
		f.clock.Set(at.Add(-9 * time.Hour).UnixMilli())
		r, err := campaigns.GetCampaign(tn.server(), &v1.GetCampaignRequest{Key: &v1.GetCampaignRequest_Id{Id: key}})
		require.NoError(t, err)
		require.Equal(t, tc.want, r.GetCampaign().GetState(), tc.local)
		require.Equal(t, 1, listed(tc.want), tc.local)
	}
	_, err = campaigns.ActivateCampaign(tn.server(), &v1.ActivateCampaignRequest{RequestId: uuid.NewString(), Key: &v1.ActivateCampaignRequest_Id{Id: key}})
	requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_STATE)
	archived, err := campaigns.ArchiveCampaign(tn.server(), &v1.ArchiveCampaignRequest{RequestId: uuid.NewString(), Key: &v1.ArchiveCampaignRequest_Id{Id: key}})
	require.NoError(t, err)
	require.Equal(t, v1.Campaign_ARCHIVED, archived.GetCampaign().GetState())
	require.Zero(t, listed(v1.Campaign_STATE_UNSPECIFIED))
	require.Equal(t, 1, listed(v1.Campaign_ARCHIVED))
}

// TestTestsGoToTestPeople: to nobody else, marked, and whatever the campaign's state; no cap counts them.
func TestTestsGoToTestPeople(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.store("s1")
	d := tn.device()
	_, err := v1.NewDeviceServiceClient(f.conn).UpdatePushAddress(tn.phone(d.GetDeviceToken()), &v1.UpdatePushAddressRequest{
		RequestId: uuid.NewString(), PushAddress: &v1.PushAddress{Provider: v1.PushAddress_FCM, Value: "token-of-a-phone-that-tests"},
	})
	require.NoError(t, err)
	campaigns := v1.NewCampaignServiceClient(f.conn)
	_, err = campaigns.CreateCampaign(tn.server(), &v1.CreateCampaignRequest{RequestId: uuid.NewString(), Campaign: aCampaign("c1", "s1")})
	require.NoError(t, err)
	test := func(store string) (*v1.TestCampaignResponse, error) {
		return campaigns.TestCampaign(tn.server(), &v1.TestCampaignRequest{
			RequestId: uuid.NewString(), Key: &v1.TestCampaignRequest_ExternalId{ExternalId: "c1"},
			Target: &v1.TestCampaignRequest_DeviceId{DeviceId: d.GetDevice().GetId()}, StoreExternalId: store,
		})
	}
	_, err = test("s1")
	requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_NOT_A_TEST_PERSON)
	_, err = f.engine.ChangeProfile(t.Context(), tn.id, parseID(d.GetPersonId()), false, func(p *audience.Profile) error {
		p.Test = true
		return nil
	})
	require.NoError(t, err)
	for range 5 { // more than the brand's cap a day
		told, err := test("s1")
		require.NoError(t, err)
		require.Equal(t, v1.DecisionReason_WON, told.GetReason(), told.GetValues())
		require.NotEmpty(t, told.GetNotificationId())
	}
	told, err := test("")
	require.NoError(t, err)
	require.Equal(t, v1.DecisionReason_TEXT_REFUSED, told.GetReason(), "no store, and no words to stand in")
	require.Equal(t, "store", told.GetValues()["variable"])
	_, err = test("nowhere")
	requireRefused(t, err, codes.NotFound, v1.ErrorReason_STORE_NOT_FOUND)

	rows, deliveries, err := f.engine.Explain(t.Context(), tn.id, parseID(d.GetPersonId()), engine.TraceFilter{Limit: 100})
	require.NoError(t, err)
	require.Len(t, rows, 6)
	require.Len(t, deliveries, 5)
	for _, row := range rows {
		require.True(t, row.Test)
		if row.NotificationID == uuid.Nil {
			continue
		}
		note := deliveries[row.NotificationID][0].Notification
		require.Equal(t, "(광고) [test] 시청점", note.Title)
		require.Contains(t, note.Body, "라떼 30% 000000000000")
	}
}
