package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// newcomer goes the way of an app: registration, consents, push address, each by its own call.
func newcomer(t *testing.T, w *world, e *engine.Engine) *phone {
	r, err := e.Register(w.ctx, engine.NewDevice{BrandID: w.brand.ID,
		Device:  audience.Device{Platform: "android", Locale: "ko", TimeZone: "Asia/Seoul"},
		Profile: audience.Profile{OfAge: true, Locale: "ko", TimeZone: "Asia/Seoul"}})
	require.NoError(t, err)
	caller, err := e.Device(w.ctx, r.Token, 0)
	require.NoError(t, err)
	require.Equal(t, r.Device.ID, caller.DeviceID)
	standing, err := e.RecordConsents(w.ctx, w.brand.ID, r.Device.ID, submissions(noon.Add(-time.Minute), true, allPurposes...))
	require.NoError(t, err)
	require.True(t, standing[audience.LocUse].Granted)
	address := pusher.Address{Provider: pusher.FCM, Kind: "token", Value: "secret-address"}
	require.NoError(t, e.PutPushAddress(w.ctx, w.brand.ID, r.Device.ID, &address, nil, "1.0", ""))
	return &phone{w: w, id: r.Device.ID, who: engine.PersonKey{BrandID: w.brand.ID, PersonID: r.Device.PersonID}}
}

func TestWayOfOnePing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	c := w.run(latte(true, nil))
	e := w.node()
	p := newcomer(t, w, e)

	before := p.tell(e, near(storePlace(0), 500))
	require.Empty(t, before.Transitions)
	require.NotEmpty(t, before.Token)
	require.Positive(t, before.NextReport)

	w.pass(5 * time.Minute)
	a := p.tell(e, storePlace(0), near(storePlace(0), 3), near(storePlace(0), 1), near(storePlace(0), 2))
	require.Equal(t, []string{"entered f-0"}, kinds(a.Transitions))
	require.Equal(t, "s-0", a.Transitions[0].StoreExternalID)
	require.Equal(t, []string{string(campaign.Won)}, reasons(a.Decisions))
	require.Empty(t, a.Offers, "the app is not in front: the offer goes by push")
	require.Len(t, a.Deliveries, 1)

	coupons, err := e.Coupons(w.ctx, w.brand.ID, p.id, true, 10)
	require.NoError(t, err)
	require.Len(t, coupons, 1)
	require.Equal(t, c.Offer.ID, coupons[0].OfferID)
	rows, deliveries, err := e.Explain(w.ctx, w.brand.ID, p.who.PersonID, engine.TraceFilter{})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.NotNil(t, rows[0].Place)
	require.Equal(t, w.fences[0].ID, rows[0].Place.FenceID)
	require.Equal(t, coupons[0].ID, rows[0].CouponID)
	d := deliveries[rows[0].NotificationID]
	require.Len(t, d, 1)
	require.Equal(t, pusher.Pending, d[0].State)
	require.Contains(t, d[0].Notification.Body, "시청점")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM open_visit`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM location_use`))

	w.pass(5 * time.Minute)
	a = p.tell(e, near(storePlace(0), 500), near(storePlace(0), 505), near(storePlace(0), 510), near(storePlace(0), 515))
	require.Equal(t, []string{"exited f-0"}, kinds(a.Transitions))
	require.Zero(t, w.count(`SELECT count(*) FROM open_visit`))
}

func TestForegroundOfferAndFollowUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(2, 60, nil)
	w.run(latte(true, nil))
	e := w.node()
	p := w.phone(e)
	r := p.report(storePlace(0))
	r.Foreground = true
	a := p.hand(e, r)
	require.NoError(t, a.Err)
	require.Len(t, a.Offers, 1)
	offer := a.Offers[0]
	require.NotEmpty(t, offer.Code)
	require.NotEmpty(t, offer.Title)
	require.Equal(t, noon.Add(2*time.Hour), offer.ExpiresAt)
	require.Len(t, a.Deliveries, 1)
	require.Equal(t, noon.Add(20*time.Second), a.Deliveries[0].NotBefore)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery WHERE state = 'pending' AND lease_node IS NULL`))

	stranger := w.phone(e)
	shown := []engine.Receipt{{NotificationID: offer.NotificationID, Kind: engine.Shown, At: noon}}
	taken, err := e.RecordReceipts(w.ctx, w.brand.ID, stranger.id, shown)
	require.NoError(t, err)
	require.Zero(t, taken)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery WHERE state = 'pending'`), "somebody else's receipt")
	told, err := e.Inbox(w.ctx, w.brand.ID, p.id)
	require.NoError(t, err)
	require.Empty(t, told, "nobody has seen it yet")
	for range 2 {
		taken, err = e.RecordReceipts(w.ctx, w.brand.ID, p.id, shown)
		require.NoError(t, err)
		require.Equal(t, 1, taken)
	}
	// A server names the delivery; who opened it was shown it, and that is known already.
	taken, err = e.RecordReceiptsOf(w.ctx, w.brand.ID, []engine.Receipt{{DeliveryID: a.Deliveries[0].ID, Kind: engine.Opened, At: noon.Add(time.Minute)},
		{DeliveryID: uuid.New(), Kind: engine.Opened, At: noon}})
	require.NoError(t, err)
	require.Equal(t, 1, taken)
	taken, err = e.RecordReceiptsOf(w.ctx, uuid.New(), shown)
	require.NoError(t, err)
	require.Zero(t, taken, "another brand's")
	told, err = e.Inbox(w.ctx, w.brand.ID, p.id)
	require.NoError(t, err)
	require.Len(t, told, 1)
	require.Equal(t, offer.Title, told[0].Delivery.Notification.Title)
	require.Equal(t, []engine.Receipt{{NotificationID: offer.NotificationID, Kind: engine.Shown, At: noon},
		{NotificationID: offer.NotificationID, Kind: engine.Opened, At: noon.Add(time.Minute)}}, told[0].Receipts)
	require.Equal(t, 2, w.count(`SELECT count(*) FROM receipt`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery WHERE state = 'cancelled' AND code = 'shown_in_app'`))
}

// The room that an offer in the answer took is not given back because the push behind it failed: it may have been read.
func TestRoomOfAnInAppOfferStaysTaken(t *testing.T) {
	t.Parallel()
	for _, foreground := range []bool{true, false} {
		w := newWorld(t, presence.Exact, nil)
		w.open(2, 60, nil)
		w.run(latte(false, func(c *campaign.Campaign) { c.Cooldown = time.Hour }))
		e := w.node()
		p := w.phone(e)
		r := p.report(storePlace(0))
		r.Foreground = foreground
		a := p.hand(e, r)
		require.Len(t, a.Deliveries, 1)
		d := a.Deliveries[0]
		e.DeliveryEnded(w.ctx, &d, pusher.End{State: pusher.Failed, SurelyNotReceived: true}, pusher.Result{})
		w.pass(time.Minute)
		want := string(campaign.Won)
		if foreground {
			want = string(campaign.Cooldown)
		}
		require.Equal(t, []string{want}, reasons(p.tell(e, storePlace(1)).Decisions), "foreground %v", foreground)
	}
}

// post is a provider that takes everything and notes it.
type post struct{ sent chan pusher.Delivery }

func (p *post) For(uuid.UUID, pusher.Provider) pusher.Sender { return p }
func (p *post) Send(_ context.Context, _ pusher.Address, d *pusher.Delivery) pusher.Result {
	p.sent <- *d
	return pusher.Result{Outcome: pusher.OutcomeAccepted, ProviderID: "x"}
}

func TestBackgroundGoesOutAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, nil))
	out := &post{sent: make(chan pusher.Delivery, 10)}
	e := w.node(func(c *engine.Config) { c.Senders = out })
	p := w.phone(e)
	a := p.tell(e, storePlace(0))
	require.Len(t, a.Deliveries, 1)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery WHERE lease_node = $1 AND attempt = 1 AND lease_until > now()`, e.Node()))

	ctx, cancel := context.WithCancel(w.ctx)
	ran := make(chan error, 1)
	go func() { ran <- e.Run(ctx) }()
	d := <-out.sent
	require.Equal(t, a.Deliveries[0].Notification.ID, d.Notification.ID)
	require.Equal(t, 1, d.Attempt)
	cancel()
	require.NoError(t, <-ran) // a stop writes what it knows
	require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery WHERE state = 'accepted'`))
}

func TestRedeemOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, nil))
	e, other := w.node(), w.node()
	p, thief := w.phone(e), w.phone(e)
	p.tell(e, storePlace(0))
	coupons, err := e.Coupons(w.ctx, w.brand.ID, p.id, true, 1)
	require.NoError(t, err)
	c := coupons[0]
	_, err = e.Redeem(w.ctx, engine.RedeemRequest{BrandID: w.brand.ID, CouponID: c.ID, DeviceID: thief.id, StoreID: w.stores[0].ID})
	require.ErrorIs(t, err, engine.ErrNotFound)
	request := engine.RedeemRequest{BrandID: w.brand.ID, Code: c.Code, StoreID: w.stores[0].ID, By: "key:1", RequestID: uuid.New()}
	for _, node := range []*engine.Engine{e, other} {
		used, err := node.Redeem(w.ctx, request)
		require.NoError(t, err)
		require.Equal(t, request.RequestID, used.Redemption.ID)
	}
	request.RequestID = uuid.New()
	_, err = other.Redeem(w.ctx, request)
	require.Error(t, err)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM coupon WHERE redemption_id IS NOT NULL`))
}
