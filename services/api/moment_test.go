package api

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
)

// anItem is one of the brand's.
func (tn *tenant) item(own, category string, keywords ...string) *v1.Item {
	tn.f.t.Helper()
	r, err := v1.NewItemServiceClient(tn.f.conn).CreateItem(tn.server(), &v1.CreateItemRequest{RequestId: uuid.NewString(), Item: &v1.Item{
		ExternalId: own, Names: map[string]string{"ko": own}, Category: category, Keywords: keywords, Price: 4500, Currency: "KRW",
	}})
	require.NoError(tn.f.t, err)
	return r.GetItem()
}

// launch makes a campaign and lets it go live.
func (tn *tenant) launch(c *v1.Campaign) *v1.Campaign {
	tn.f.t.Helper()
	campaigns := v1.NewCampaignServiceClient(tn.f.conn)
	made, err := campaigns.CreateCampaign(tn.server(), &v1.CreateCampaignRequest{RequestId: uuid.NewString(), Campaign: c})
	require.NoError(tn.f.t, err)
	live, err := campaigns.ActivateCampaign(tn.server(), &v1.ActivateCampaignRequest{
		RequestId: uuid.NewString(), Key: &v1.ActivateCampaignRequest_Id{Id: made.GetCampaign().GetId()}})
	require.NoError(tn.f.t, err)
	return live.GetCampaign()
}

// shopper is a phone whose owner lets what they do be used.
func (tn *tenant) shopper() *v1.RegisterDeviceResponse {
	d := tn.device()
	_, err := v1.NewDeviceServiceClient(tn.f.conn).RecordConsents(tn.phone(d.GetDeviceToken()), &v1.RecordConsentsRequest{
		RequestId: uuid.NewString(), Consents: []*v1.Consent{consent(v1.Consent_MARKETING_PROFILE)}})
	require.NoError(tn.f.t, err)
	return d
}

func act(what func(*v1.AppEvent)) *v1.AppEvent {
	e := &v1.AppEvent{Id: uuid.NewString(), EventTime: timestamppb.New(noon)}
	what(e)
	return e
}

func viewed(own string) *v1.AppEvent {
	return act(func(e *v1.AppEvent) { e.Act = &v1.AppEvent_Viewed{Viewed: &v1.AppEvent_View{ItemExternalId: own}} })
}

func lingered(own string, d time.Duration) *v1.AppEvent {
	return act(func(e *v1.AppEvent) {
		e.Act = &v1.AppEvent_Lingered{Lingered: &v1.AppEvent_Linger{ItemExternalId: own, Duration: durationpb.New(d)}}
	})
}

func bought(person string, p *v1.AppEvent_Purchase) *v1.AppEvent {
	return act(func(e *v1.AppEvent) {
		e.Who, e.Act = &v1.AppEvent_PersonExternalId{PersonExternalId: person}, &v1.AppEvent_Bought{Bought: p}
	})
}

func (f *fixture) record(ctx context.Context, events ...*v1.AppEvent) *v1.RecordEventsResponse {
	f.t.Helper()
	r, err := v1.NewMomentServiceClient(f.conn).RecordEvents(ctx, &v1.RecordEventsRequest{AppState: v1.Ping_FOREGROUND, Events: events})
	require.NoError(f.t, err)
	require.Len(f.t, r.GetResults(), len(events))
	return r
}

func eventCampaign(own string, kinds ...v1.Moment_Kind) *v1.Campaign {
	c := aCampaign(own, "")
	c.Trigger = &v1.Trigger{Kinds: kinds}
	c.Texts = map[string]*v1.CampaignText{"ko": {Title: "{item|상품}", Body: "{price|가격}"}}
	return c
}

// A phone lingers on an item, and the coupon is in the answer.
func TestLingeringBecomesCoupon(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.item("latte", "coffee")
	c := eventCampaign("c1", v1.Moment_LINGERED)
	c.Trigger.Linger, c.Trigger.ItemCategories = durationpb.New(time.Minute), []string{"coffee"}
	tn.launch(c)
	ctx := tn.phone(tn.shopper().GetDeviceToken())
	event := lingered("latte", 2*time.Minute)
	answer := f.record(ctx, viewed("latte"), lingered("latte", time.Second), event)
	for _, r := range answer.GetResults() {
		require.Equal(t, v1.EventResult_TAKEN, r.GetOutcome())
		require.Empty(t, r.GetDecisions(), "a phone is not told what was decided")
	}
	shown := answer.GetInAppMessage()
	require.NotNil(t, shown)
	require.Contains(t, shown.GetTitle(), "latte")
	require.Contains(t, shown.GetBody(), "4,500")
	require.Equal(t, v1.Coupon_ISSUED, shown.GetCoupon().GetState())
	again := f.record(ctx, event)
	require.True(t, again.GetResults()[0].GetDuplicate())
	require.Equal(t, shown.GetCoupon().GetId(), again.GetInAppMessage().GetCoupon().GetId())
	require.Equal(t, shown.GetTitle(), again.GetInAppMessage().GetTitle())

	why, err := v1.NewDecisionServiceClient(f.conn).ExplainDecisions(ctx, &v1.ExplainDecisionsRequest{Locale: "en"})
	require.NoError(t, err)
	require.Len(t, why.GetDecisions(), 1)
	require.Equal(t, v1.Moment_LINGERED, why.GetDecisions()[0].GetMoment().GetKind())
}

func TestBadEventsCostOnlyThemselves(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant(func(s *brand.Settings) {
		s.EventTypes = []brand.EventType{{Name: "quiz", Kind: brand.EventTask, Properties: []brand.Attribute{{Name: "score", Type: brand.TypeNumber}}}}
	})
	tn.store("s1")
	ctx := tn.phone(tn.shopper().GetDeviceToken())
	did := func(kind string, properties map[string]any) *v1.AppEvent {
		p, err := structpb.NewStruct(properties)
		require.NoError(t, err)
		return act(func(e *v1.AppEvent) { e.Act = &v1.AppEvent_Did{Did: &v1.AppEvent_Act{Type: kind, Properties: p}} })
	}
	changed := func(change func(*v1.AppEvent)) *v1.AppEvent {
		e := viewed("x")
		change(e)
		return e
	}
	cases := []struct {
		event   *v1.AppEvent
		refusal v1.EventRefusal_Code
		field   string
	}{
		{changed(func(e *v1.AppEvent) { e.Id = "" }), v1.EventRefusal_INVALID_FIELD, "id"},
		{changed(func(e *v1.AppEvent) { e.Id = "x" }), v1.EventRefusal_INVALID_FIELD, "id"},
		{changed(func(e *v1.AppEvent) { e.EventTime = nil }), v1.EventRefusal_INVALID_FIELD, "event_time"},
		{changed(func(e *v1.AppEvent) { e.EventTime = timestamppb.New(noon.Add(time.Hour)) }), v1.EventRefusal_TIME_IN_FUTURE, "event_time"},
		{changed(func(e *v1.AppEvent) { e.EventTime = timestamppb.New(noon.Add(-31 * 24 * time.Hour)) }), v1.EventRefusal_TOO_OLD, "event_time"},
		{changed(func(e *v1.AppEvent) { e.Act = nil }), v1.EventRefusal_INVALID_FIELD, "act"},
		{viewed(""), v1.EventRefusal_INVALID_FIELD, "viewed.item_external_id"},
		{lingered("x", -time.Second), v1.EventRefusal_INVALID_FIELD, "lingered.duration"},
		{changed(func(e *v1.AppEvent) { e.StoreExternalId = "s9" }), v1.EventRefusal_STORE_UNKNOWN, "store_external_id"},
		{changed(func(e *v1.AppEvent) { e.StoreId = uuid.NewString() }), v1.EventRefusal_STORE_UNKNOWN, "store_id"},
		{did("game", nil), v1.EventRefusal_TYPE_UNKNOWN, "did.type"},
		{did("quiz", map[string]any{"points": 1}), v1.EventRefusal_PROPERTY_UNKNOWN, "did.properties.points"},
		{did("quiz", map[string]any{"score": "1"}), v1.EventRefusal_PROPERTY_TYPE, "did.properties.score"},
		{bought("", &v1.AppEvent_Purchase{Amount: 1, Currency: "won"}), v1.EventRefusal_INVALID_FIELD, "who"},
	}
	events := []*v1.AppEvent{did("quiz", map[string]any{"score": 3}), changed(func(e *v1.AppEvent) { e.StoreExternalId = "s1" })}
	for _, c := range cases {
		events = append(events, c.event)
	}
	cases[13].event.Who = nil
	cases[13].field = "bought.currency"
	results := f.record(ctx, events...).GetResults()
	require.Equal(t, v1.EventResult_TAKEN, results[0].GetOutcome())
	require.Equal(t, v1.EventResult_TAKEN, results[1].GetOutcome())
	for i, c := range cases {
		r := results[i+2]
		require.Equal(t, c.refusal, r.GetRefusal(), "%v: %v", c.event, r)
		require.Equal(t, c.field, r.GetField(), "%v: %v", c.event, r)
		require.Equal(t, v1.EventResult_REFUSED, r.GetOutcome())
	}
	many := make([]*v1.AppEvent, 501)
	for i := range many {
		many[i] = viewed("x")
	}
	_, err := v1.NewMomentServiceClient(f.conn).RecordEvents(ctx, &v1.RecordEventsRequest{Events: many})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_TOO_MANY)
}

func TestATillTellsOfSales(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant(func(s *brand.Settings) { s.MinGap = 0 })
	first, second := tn.store("s1"), tn.store("s2")
	c := eventCampaign("c1", v1.Moment_BOUGHT)
	c.Offer.PerPersonLimit = 0
	tn.launch(c)
	d := tn.shopper()
	made, err := v1.NewKeyServiceClient(f.conn).CreateKey(tn.server(), &v1.CreateKeyRequest{RequestId: uuid.NewString(), Key: &v1.Key{
		Kind: v1.Key_API, DisplayName: "till", Scopes: []string{"events:write"}, StoreIds: []string{first.GetId()},
	}})
	require.NoError(t, err)
	till := bearing(t.Context(), made.GetSecret())
	sale := func(store string) *v1.AppEvent {
		return act(func(e *v1.AppEvent) {
			e.Who, e.StoreId = &v1.AppEvent_PersonId{PersonId: d.GetPersonId()}, store
			e.Act = &v1.AppEvent_Bought{Bought: &v1.AppEvent_Purchase{Amount: 9000, Currency: "KRW", Lines: []*v1.AppEvent_Line{{ItemExternalId: "latte", Quantity: 2}}}}
		})
	}
	good, nobody, stranger := sale(first.GetId()), sale(first.GetId()), sale(first.GetId())
	nobody.Who, stranger.Who = nil, &v1.AppEvent_PersonExternalId{PersonExternalId: "m-9"}
	results := f.record(till, good, sale(second.GetId()), sale(""), nobody, stranger).GetResults()
	require.Equal(t, v1.EventResult_TAKEN, results[0].GetOutcome(), "%v", results[0])
	require.Len(t, results[0].GetDecisions(), 1)
	require.Equal(t, v1.DecisionReason_UNREACHABLE, results[0].GetDecisions()[0].GetReason(), "the phone has told no push address")
	require.Equal(t, v1.Moment_BOUGHT, results[0].GetDecisions()[0].GetMoment().GetKind())
	for i, want := range []v1.EventRefusal_Code{v1.EventRefusal_STORE_NOT_ALLOWED, v1.EventRefusal_STORE_NOT_ALLOWED, v1.EventRefusal_PERSON_UNKNOWN, v1.EventRefusal_PERSON_UNKNOWN} {
		require.Equal(t, want, results[i+1].GetRefusal(), "%v", results[i+1])
	}
	again := f.record(till, good)
	require.True(t, again.GetResults()[0].GetDuplicate())
	require.Nil(t, again.GetInAppMessage())
}
