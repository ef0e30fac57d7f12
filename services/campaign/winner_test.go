package campaign

import (
	"github.com/wantgo/wantgo/services/store"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/cap"
)

func TestWinnerFillsTheResult(t *testing.T) {
	s := open()
	s.c.Offer.Stock = 3
	s.c.Tags = []string{"coffee"}
	s.v.Stock.(*shelf).left[id(50)] = 3
	r := s.decide()
	require.Equal(t, Candidate{s.c, s.m}, *r.Winner)
	d := r.Decisions[0]
	require.Equal(t, Decision{
		ID: id(1001), MomentID: id(70), CampaignID: id(40), StoreID: id(20), FenceID: id(30), DeviceID: id(60),
		Kind: Entered, Reason: Won, At: noon, Notification: id(1003), Coupon: id(1002), Channel: ChannelPush,
	}, d)
	require.Equal(t, &Coupon{
		ID: id(1002), BrandID: id(1), PersonID: id(2), OfferID: id(50), CampaignID: id(40), Code: "7K3M9QXR2TVW",
		Block: id(777), Title: "라떼 30% 쿠폰", IssuedAt: noon, ExpiresAt: noon.Add(2 * time.Hour),
	}, r.Coupon)
	require.Equal(t, &cap.Entry{
		NotificationID: id(1003), At: noon, Campaign: id(40), Store: id(20), Channel: ChannelPush, Tags: []string{"coffee"},
	}, r.Entry)
	require.Equal(t, []pusher.Delivery{{
		ID: id(1004), BrandID: id(1), PersonID: id(2), DeviceID: id(60), CampaignID: id(40), DecisionID: id(1001),
		Notification: *r.Notification, Provider: pusher.FCM, HighPriority: true, CreatedAt: noon, NotBefore: noon,
		Deadline: noon.Add(10 * time.Minute), State: pusher.Pending,
	}}, r.Deliveries)
	require.Equal(t, map[string]string{
		"wantgo_notification": id(1003).String(), "wantgo_campaign": id(40).String(), "wantgo_coupon": id(1002).String(),
		"wantgo_deadline": "2026-05-13T03:10:00Z", "wantgo_category": "ad", "wantgo_sender_name": "카페온",
		"wantgo_sender_contact": "1588-0000", "wantgo_opt_out": "무료수신거부: 앱 > 설정 > 알림", "wantgo_deep_link": "cafeon://coupons",
	}, r.Notification.Data)
	require.LessOrEqual(t, len(r.Notification.CollapseKey), 64)
	require.Equal(t, 1, s.v.Stock.(*shelf).taken)
}

func TestCouponIsGoodWhereTheOfferSays(t *testing.T) {
	s := open()
	s.c.Offer.AnyStore = true
	require.Empty(t, s.decide().Coupon.Stores)

	s = open()
	s.c.Trigger.Stores = []uuid.UUID{id(20), id(21)}
	require.Equal(t, s.c.Trigger.Stores, s.decide().Coupon.Stores, "the stores the campaign names, not the one where it was won")
	s.c.Trigger.Tags = []string{"cafe"}
	require.Empty(t, s.decide().Coupon.Stores, "stores named by tag are asked for at the till")
	require.True(t, s.c.ValidIn(&store.Store{ID: id(21)}))
	require.True(t, s.c.ValidIn(&store.Store{ID: id(22), Tags: []string{"cafe"}}))
	require.False(t, s.c.ValidIn(&store.Store{ID: id(22), Tags: []string{"bar"}}))

	s = open()
	s.c.Offer.ValidUntil = noon.Add(time.Minute)
	require.Equal(t, noon.Add(time.Minute), s.decide().Coupon.ExpiresAt, "the earlier of the two")

	s = open()
	s.v.Profile.Locale = "en-GB"
	require.Equal(t, "30% off any latte", s.decide().Coupon.Title)
}

func TestStockIsAskedForFirst(t *testing.T) {
	s := open()
	s.c.Offer.Stock = 3
	require.Equal(t, Result{NeedsStock: id(50)}, s.decide(), "nothing else is decided")

	s.v.Profile.Consents = nil
	require.Equal(t, Result{NeedsStock: id(50)}, s.decide(), "the stock comes before the consent")

	s.v.Issued[id(50)] = 1
	require.Equal(t, PersonLimit, s.decide().Decisions[0].Reason, "and after the person's own limit")
}

// campaignNumbered is a campaign without an offer that wins if asked alone.
func campaignNumbered(n uint64) *Campaign {
	c := latte()
	c.ID, c.Offer = id(n), nil
	c.Texts = map[string]Text{"ko": {"가", "나"}}
	return c
}

func TestOrder(t *testing.T) {
	far, near := entering(), entering()
	far.Distance, near.Distance, near.ID = 90, 10, id(71)
	unknown := entering()
	unknown.Distance = -1
	high := campaignNumbered(100)
	high.Priority = 5
	seenLately, seenLong, never := campaignNumbered(101), campaignNumbered(102), campaignNumbered(103)
	alsoNever := campaignNumbered(104)
	broken := campaignNumbered(105)
	broken.Priority, broken.Texts = 9, nil
	v := view()
	v.History.Entries = []cap.Entry{
		{NotificationID: id(901), At: noon.Add(-time.Hour), Campaign: seenLately.ID},
		{NotificationID: id(902), At: noon.Add(-50 * time.Hour), Campaign: seenLately.ID},
		{NotificationID: id(903), At: noon.Add(-40 * time.Hour), Campaign: seenLong.ID},
	}
	for _, tc := range []struct {
		name       string
		candidates []Candidate
		winner     Candidate
	}{
		{"priority before distance", []Candidate{{never, near}, {high, far}}, Candidate{high, far}},
		{"distance before least recently seen", []Candidate{{never, far}, {seenLately, near}}, Candidate{seenLately, near}},
		{"known distance first", []Candidate{{never, unknown}, {seenLately, far}}, Candidate{seenLately, far}},
		{"least recently seen", []Candidate{{seenLately, near}, {seenLong, near}}, Candidate{seenLong, near}},
		{"never seen first", []Candidate{{seenLong, near}, {never, near}}, Candidate{never, near}},
		{"id at last", []Candidate{{alsoNever, near}, {never, near}}, Candidate{never, near}},
		{"refused winner makes room", []Candidate{{never, far}, {broken, near}}, Candidate{never, far}},
		{"one campaign, two moments", []Candidate{{never, far}, {never, near}}, Candidate{never, near}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := Decide(v, tc.candidates)
			require.NotNil(t, r.Winner)
			require.Equal(t, tc.winner, *r.Winner)
			require.Len(t, r.Decisions, 2)
			for _, d := range r.Decisions {
				if d.Reason == Outranked {
					require.Equal(t, map[string]string{"by": tc.winner.Campaign.ID.String()}, d.Values)
				}
			}
		})
	}
	r := Decide(v, []Candidate{{never, far}, {broken, near}, {high, near}})
	require.Equal(t, []Reason{TextRefused, Won, Outranked}, reasons(r))
}

func reasons(r Result) (list []Reason) {
	for _, d := range r.Decisions {
		list = append(list, d.Reason)
	}
	return list
}
