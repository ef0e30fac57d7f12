package app_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// launch makes a campaign without a store and lets it go live.
func (p *process) launch(own string, trigger *v1.Trigger, offer bool) {
	p.w.t.Helper()
	c := &v1.Campaign{ExternalId: own, DisplayName: own, Trigger: trigger,
		Texts: map[string]*v1.CampaignText{"ko": {Title: "{item}", Body: "{price}"}, "en": {Title: "{item}", Body: "{price}"}}}
	if offer {
		c.Offer = &v1.Offer{Titles: map[string]string{"ko": "30%", "en": "30%"}, PerPersonLimit: 1,
			Validity: &v1.Offer_ValidFor{ValidFor: durationpb.New(time.Hour)}}
	}
	campaigns := v1.NewCampaignServiceClient(p.conn)
	made, err := campaigns.CreateCampaign(p.owner(), &v1.CreateCampaignRequest{RequestId: id(), Campaign: c})
	require.NoError(p.w.t, err)
	_, err = campaigns.ActivateCampaign(p.owner(), &v1.ActivateCampaignRequest{RequestId: id(), Key: &v1.ActivateCampaignRequest_Id{Id: made.GetCampaign().GetId()}})
	require.NoError(p.w.t, err)
}

// does tells what a phone's person did some time ago, with the app on the screen.
func (h *phone) does(p *process, ago time.Duration, what func(*v1.AppEvent)) *v1.RecordEventsResponse {
	h.w.t.Helper()
	e := &v1.AppEvent{Id: id(), EventTime: timestamppb.New(time.Now().Add(-ago))}
	what(e)
	answer, err := v1.NewMomentServiceClient(p.conn).RecordEvents(h.context(), &v1.RecordEventsRequest{
		Events: []*v1.AppEvent{e}, AppState: v1.Ping_FOREGROUND, SentTime: timestamppb.Now()})
	require.NoError(h.w.t, err)
	require.Equal(h.w.t, v1.EventResult_TAKEN, answer.GetResults()[0].GetOutcome(), "%v", answer)
	return answer
}

// A phone searches, lingers on an item and has the coupon in the answer; what another one put into its basket is reminded
// of a minute later, and what a third one bought meanwhile is not.
func TestLingeringBecomesCouponAndABasketIsRemindedOf(t *testing.T) {
	w := newWorld(t)
	p := w.serve()
	p.settings()
	p.credentials()
	report, err := v1.NewItemServiceClient(p.conn).ImportItems(p.owner(), &v1.ImportItemsRequest{RequestId: id(), Format: v1.ImportItemsRequest_CSV,
		Content: []byte("id,name,category,keywords,price,currency\nlatte,라떼,coffee,커피,4500,KRW\nbun,소금빵,bread,,3000,KRW\n")})
	require.NoError(t, err)
	require.Equal(t, int32(2), report.GetReport().GetCreated(), "%v", report)
	p.launch("linger", &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_LINGERED}, ItemExternalIds: []string{"latte"}, Linger: durationpb.New(time.Minute)}, true)
	p.launch("basket", &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_BASKET_ADDED}, Remind: &v1.Remind{After: durationpb.New(time.Minute)}}, false)
	var phones []*phone
	for i := range 3 {
		h := p.register(v1.Device_ANDROID, fcmAddress(fmt.Sprintf("shopper-%d", i)))
		h.consent(p)
		h.agree(p, v1.Consent_MARKETING_PROFILE)
		phones = append(phones, h)
	}
	basket := func(e *v1.AppEvent) {
		e.Act = &v1.AppEvent_BasketAdded{BasketAdded: &v1.AppEvent_BasketChange{ItemExternalId: "bun", Quantity: 1}}
	}
	const waits = 55 * time.Second // of the minute: the rest is waited for
	phones[2].does(p, waits, basket)
	phones[2].does(p, 0, func(e *v1.AppEvent) {
		e.Act = &v1.AppEvent_Bought{Bought: &v1.AppEvent_Purchase{Amount: 3000, Currency: "KRW", Lines: []*v1.AppEvent_Line{{ItemExternalId: "bun"}}}}
	})
	phones[1].does(p, waits, basket)
	phones[0].does(p, 0, func(e *v1.AppEvent) { e.Act = &v1.AppEvent_Searched{Searched: &v1.AppEvent_Search{Keyword: "커 피"}} })
	answer := phones[0].does(p, 0, func(e *v1.AppEvent) {
		e.Act = &v1.AppEvent_Lingered{Lingered: &v1.AppEvent_Linger{ItemExternalId: "latte", Duration: durationpb.New(2 * time.Minute)}}
	})
	shown := answer.GetInAppMessage()
	require.Contains(t, shown.GetTitle(), "라떼")
	require.Equal(t, v1.Coupon_ISSUED, shown.GetCoupon().GetState())
	_, err = v1.NewDeviceServiceClient(p.conn).RecordReceipts(phones[0].context(), &v1.RecordReceiptsRequest{RequestId: id(),
		Receipts: []*v1.Receipt{{Subject: &v1.Receipt_NotificationId{NotificationId: shown.GetNotificationId()}, Kind: v1.Receipt_SHOWN,
			OccurredTime: timestamppb.Now()}}})
	require.NoError(t, err)

	require.Eventually(t, func() bool { return w.emulators.Distinct() == 1 }, patience, 20*time.Millisecond)
	require.Contains(t, w.emulators.Accepted()[0].Title, "소금빵")
	require.Equal(t, []v1.DecisionReason_Code{v1.DecisionReason_REMINDER_DROPPED, v1.DecisionReason_REMINDER_SET}, phones[2].reasons(p))
	require.Equal(t, []v1.DecisionReason_Code{v1.DecisionReason_WON, v1.DecisionReason_REMINDER_SET}, phones[1].reasons(p))
	p.stop()
}

// reasons are what was decided about a phone's person, the latest first.
func (h *phone) reasons(p *process) (list []v1.DecisionReason_Code) {
	h.w.t.Helper()
	why, err := v1.NewDecisionServiceClient(p.conn).ExplainDecisions(h.context(), &v1.ExplainDecisionsRequest{})
	require.NoError(h.w.t, err)
	for _, d := range why.GetDecisions() {
		list = append(list, d.GetReason())
	}
	return list
}

// agree agrees to one thing more.
func (h *phone) agree(p *process, purpose v1.Consent_Purpose) {
	h.w.t.Helper()
	hash := sha256.Sum256([]byte("what the person saw"))
	_, err := v1.NewDeviceServiceClient(p.conn).RecordConsents(h.context(), &v1.RecordConsentsRequest{RequestId: id(), Consents: []*v1.Consent{{
		Purpose: purpose, State: v1.Consent_GRANTED, NoticeVersion: "1", NoticeHash: hash[:], Locale: "ko", Screen: "test",
		Actor: v1.Consent_SELF, OccurredTime: timestamppb.Now()}}})
	require.NoError(h.w.t, err)
}
