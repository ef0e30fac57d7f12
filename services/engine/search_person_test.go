package engine

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

// shelf is a stock as a node knows it: how many are left of an offer; absent: not known.
type shelf map[uuid.UUID]int

func (s shelf) Peek(offer uuid.UUID) (ok, known bool) {
	n, known := s[offer]
	return n > 0, known
}

func (s shelf) Take(offer uuid.UUID) (block uuid.UUID, ok, known bool) {
	ok, known = s.Peek(offer)
	return uuid.Nil, ok, known
}

// offersToWin makes campaigns with offers that people have used up, are tired of or may still win.
func (r chance) offersToWin(stores map[uuid.UUID]store.Store) (list []*campaign.Campaign) {
	for range 3 {
		list = append(list, r.campaigns(stores)...)
	}
	for _, c := range list {
		c.Texts = map[string]campaign.Text{"ko": {Title: "x", Body: "y"}}
		c.Trigger.Kinds = []campaign.Kind{campaign.Entered}
		if r.IntN(3) == 0 {
			c.Cooldown = time.Duration(r.IntN(48)) * time.Hour
		}
		if r.IntN(3) == 0 {
			c.Caps = []cap.Cap{{Scope: []cap.Scope{cap.Store, cap.Campaign}[r.IntN(2)], Limit: 1, Window: cap.Window{Calendar: cap.Day}}}
		}
		if c.Offer != nil {
			c.Offer = &campaign.Offer{ID: r.id(), Validity: time.Hour, PerPerson: r.IntN(3), Stock: int64(r.IntN(2) * 10)}
		}
	}
	return list
}

// seeker makes somebody with a past.
func (r chance) seeker(list []*campaign.Campaign, stores map[uuid.UUID]store.Store) *seeker {
	b := &brand.Brand{ID: r.id(), Settings: brand.Default(brand.KR)}
	b.Settings.SenderName, b.Settings.SenderContact = "카페온", "1588-0000"
	b.Settings.Caps, b.Settings.MinGap = nil, time.Duration(r.IntN(2)*10)*time.Minute
	for _, scope := range []cap.Scope{cap.Brand, cap.Store, cap.Channel} {
		if r.IntN(4) == 0 {
			b.Settings.Caps = append(b.Settings.Caps, cap.Cap{Scope: scope, Limit: 2, Window: cap.Window{Rolling: 12 * time.Hour}})
		}
	}
	profile := &audience.Profile{TimeZone: "Asia/Seoul", Locale: "ko", Consents: map[audience.Purpose]audience.Standing{audience.AdPush: {Granted: r.IntN(8) > 0}}}
	stock, issued, history := shelf{}, map[uuid.UUID]int{}, cap.History{Location: zoneOf("Asia/Seoul")}
	for _, c := range list {
		if c.Offer == nil {
			continue
		}
		issued[c.Offer.ID] = r.IntN(3)
		if r.IntN(2) == 0 {
			stock[c.Offer.ID] = r.IntN(2)
		}
		for id := range stores {
			if r.IntN(3) == 0 {
				history.Entries = append(history.Entries, cap.Entry{
					NotificationID: r.id(), Campaign: c.ID, Store: id, Channel: r.one(campaign.ChannelPush, campaign.ChannelInApp),
					At: searchNow.Add(time.Duration(r.IntN(72*60)-48*60) * time.Minute), Released: r.IntN(5) == 0,
				})
			}
			break
		}
	}
	return &seeker{
		full: r.IntN(20) == 0, at: map[time.Time]*campaign.Prospects{},
		of: campaign.View{Brand: b, PersonID: r.id(), Profile: profile, Issued: issued, Stock: stock, History: history},
	}
}

// decides is what the campaign rules say of somebody who stands in a store with the app open, is awake, and to whom only
// this campaign speaks.
func (r chance) decides(who *seeker) wins {
	return func(c *campaign.Campaign, s *store.Store, at time.Time) bool {
		v, profile, stock := who.of, *who.of.Profile, shelf{}
		profile.Consents = map[audience.Purpose]audience.Standing{audience.AdPush: profile.Consents[audience.AdPush], audience.AdPushNight: {Granted: true}}
		stock[c.Offer.ID] = 1 // where it is not known, the pool is asked, and has one
		if n, known := who.of.Stock.(shelf)[c.Offer.ID]; known {
			stock[c.Offer.ID] = n
		}
		device := r.id()
		v.Profile, v.Stock, v.Now, v.NewID, v.Devices = &profile, stock, at, r.id, []audience.Device{{ID: device}}
		m := &campaign.Moment{ID: r.id(), Kind: campaign.Entered, Store: s, DeviceID: device, At: at, Received: at, Foreground: true}
		return !who.full && campaign.Decide(&v, []campaign.Candidate{{Campaign: c, Moment: m}}).Winner != nil
	}
}

// What a person finds is what looking at every store with every campaign and deciding about each finds, page by page; and
// never more than anybody does.
func TestSearchForAPersonAgainstDecidingAll(t *testing.T) {
	r := newChance(t)
	fewer := 0
	for range 25 {
		stores := map[uuid.UUID]store.Store{}
		var list []store.Store
		for range 120 {
			s := r.store(r.id())
			stores[s.ID], list = s, append(list, s)
		}
		campaigns := r.offersToWin(stores)
		x := newSearchIndex(nil).with(list).withCampaigns(campaigns, nil)
		for range 5 {
			who := r.seeker(campaigns, stores)
			for range 6 {
				q := r.query(stores)
				q.WithOffer = true
				any := twin(stores, campaigns, &q, anybody)
				want := twin(stores, campaigns, &q, r.decides(who))
				q.who = who
				got := pages(t, x, q, math.MaxInt)
				require.Equal(t, want, got, "%+v", q)
				require.Subset(t, any, got)
				if len(got) > 0 && len(got) < len(any) {
					fewer++
				}
			}
		}
	}
	require.NotZero(t, fewer)
}

// BenchmarkSearchForAPerson is the ten nearest of 100,000 stores with an offer for somebody: whom every store has one for,
// who has had that of every store and may win another far away, who may win nothing, and of many stores named the few.
func BenchmarkSearchForAPerson(b *testing.B) {
	list := city(100_000)
	r := newChance(b)
	offer := func(c campaign.Campaign) *campaign.Campaign {
		c.ID, c.State, c.Offer = r.id(), campaign.Live, &campaign.Offer{ID: r.id(), PerPerson: 1, Validity: time.Hour}
		return &c
	}
	every, far := offer(campaign.Campaign{}), offer(campaign.Campaign{Trigger: campaign.Trigger{Tags: []string{"far"}}})
	many, few := offer(campaign.Campaign{}), offer(campaign.Campaign{})
	for i, s := range list[:20_000] {
		many.Trigger.Stores = append(many.Trigger.Stores, s.ID)
		if i%1000 == 0 {
			few.Trigger.Stores = append(few.Trigger.Stores, s.ID)
		}
	}
	somebody := r.seeker(nil, nil)
	somebody.full = false
	somebody.of.Profile.Consents[audience.AdPush] = audience.Standing{Granted: true}
	for _, c := range []struct {
		name  string
		live  []*campaign.Campaign
		had   []*campaign.Campaign
		finds bool
	}{
		{"everywhere", []*campaign.Campaign{every, far}, nil, true},
		{"far-away", []*campaign.Campaign{every, far}, []*campaign.Campaign{every}, true},
		{"nothing", []*campaign.Campaign{every, far}, []*campaign.Campaign{every, far}, false},
		{"few-of-many-named", []*campaign.Campaign{many, few}, []*campaign.Campaign{many}, true},
	} {
		x := newSearchIndex(nil).with(list).withCampaigns(c.live, nil)
		b.Run(c.name, func(b *testing.B) {
			who := *somebody
			who.of.Issued = map[uuid.UUID]int{}
			for _, had := range c.had {
				who.of.Issued[had.Offer.ID] = 1
			}
			q := StoreQuery{Limit: 10, At: searchNow, WithOffer: true, who: &who}
			var found []FoundStore
			b.ReportAllocs()
			for b.Loop() {
				who.at = map[time.Time]*campaign.Prospects{}
				q.From = geo.Point{Lat: 37.43 + 0.27*r.Float64(), Lng: 126.80 + 0.38*r.Float64()}
				found, _ = x.find(&q, false, found[:0])
			}
			require.Equal(b, c.finds, len(found) == 10)
		})
	}
}
