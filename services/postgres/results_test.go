package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
	"github.com/wantgo/wantgo/services/store"
)

// trade is a brand whose people pass stores, are decided on, visit, open, redeem and buy, and beside it a slow count of
// the same, by the words in which the figures are defined.
type trade struct {
	t         *testing.T
	rng       *rand.Rand
	s         *postgres.Store
	brand     uuid.UUID
	kept      time.Duration
	stores    []store.Store
	walls     map[uuid.UUID]uuid.UUID // the visit fence of a store
	campaigns []uuid.UUID
	people    []engine.PersonKey
	devices   []audience.Device
	versions  []int64
	now       time.Time
	decisions []*tradeDecision
	visits    []tradeVisit
	want      map[string]float64
}

type tradeDecision struct {
	person               int
	campaign, store      uuid.UUID
	at                   time.Time
	arm, reason          string
	test                 bool
	notification, coupon uuid.UUID
	accepted, used       bool
	shown, opened        time.Time
	offer                campaign.Coupon
}

type tradeVisit struct {
	person int
	store  uuid.UUID
	at     time.Time
}

func newTrade(t *testing.T, kept time.Duration) *trade {
	w := &trade{t: t, rng: seeded(t), s: postgrestest.New(t), brand: uuid.New(), kept: kept, walls: map[uuid.UUID]uuid.UUID{}, now: noon, want: map[string]float64{}}
	postgres.CountFreely(w.s)
	require.NoError(t, w.s.CreateBrand(t.Context(), brand.Brand{ID: w.brand, CreatedAt: noon, Settings: brand.Settings{TimeZone: "Asia/Seoul", PlaceRetention: kept}}))
	write := engine.CatalogueWrite{BrandID: w.brand}
	for _, zone := range []string{"Asia/Seoul", "Asia/Kathmandu", "America/New_York"} {
		shop := store.Store{ID: uuid.New(), TimeZone: zone}
		walls := store.Fence{ID: uuid.New(), StoreID: shop.ID, Purpose: store.Visit, Circle: &geo.Circle{Center_: geo.Point{Lat: 37, Lng: 127}, Radius: 30}}
		w.stores, w.walls[shop.ID] = append(w.stores, shop), walls.ID
		write.Stores, write.Fences = append(write.Stores, shop), append(write.Fences, walls)
	}
	_, err := w.s.Write(t.Context(), write)
	require.NoError(t, err)
	w.people, w.devices = newPeople(t, w.s, w.brand, 8)
	w.versions = make([]int64, len(w.people))
	for i := range w.versions {
		w.versions[i] = 1
	}
	for range 3 {
		w.campaigns = append(w.campaigns, uuid.New())
	}
	return w
}

func (w *trade) write(person int, change func(*engine.PersonWrite)) {
	write := engine.PersonWrite{Key: w.people[person], Version: w.versions[person], WriteID: uuid.New(), State: []byte{1}, At: w.now}
	change(&write)
	require.Equal(w.t, []bool{true}, commit(w.t, w.s, write))
	w.versions[person]++
}

func (w *trade) place(person int, fence, shop uuid.UUID) engine.Place {
	return engine.Place{ID: id7(w.now), DeviceID: w.devices[person].ID, FenceID: fence, StoreID: shop, Kind: presence.Entered, Reason: presence.Moved,
		At: w.now, DecidedAt: w.now, PingID: uuid.New()}
}

// decide makes one moment, at a store or at none, and decisions of some campaigns about it.
func (w *trade) decide() {
	person, shop := w.rng.IntN(len(w.people)), uuid.Nil
	if w.rng.IntN(4) > 0 {
		shop = w.stores[w.rng.IntN(len(w.stores))].ID
	}
	test := w.rng.IntN(10) == 0
	w.write(person, func(write *engine.PersonWrite) {
		moment := uuid.New()
		if shop != uuid.Nil {
			place := w.place(person, uuid.New(), shop)
			moment, write.Places = place.ID, []engine.Place{place}
		}
		first := engine.Trace{ID: id7(w.now), MomentID: moment, DeviceID: w.devices[person].ID, CampaignRev: 1, Kind: "entered", At: w.now, Test: test}
		for i, n := range w.rng.Perm(len(w.campaigns))[:1+w.rng.IntN(len(w.campaigns))] {
			tr := first
			tr.ID, tr.CampaignID = engine.RoundID(first.ID, i), w.campaigns[n]
			d := &tradeDecision{person: person, campaign: tr.CampaignID, store: shop, at: w.now, test: test}
			w.reason(&tr, d, i == 0, write)
			write.Traces = append(write.Traces, tr)
			w.decisions = append(w.decisions, d)
		}
	})
}

func (w *trade) reason(tr *engine.Trace, d *tradeDecision, first bool, write *engine.PersonWrite) {
	switch n := w.rng.IntN(6); {
	case n < 2 && first:
		d.reason, d.arm, d.notification, d.accepted = "WON", []string{"", "long", "short"}[w.rng.IntN(3)], uuid.New(), w.rng.IntN(2) == 0
		w.win(tr, d, write)
	case n == 2:
		d.reason, d.arm = "HELD_OUT", campaign.ArmHeldOut
	case n == 3:
		d.reason = "OUTSIDE_HOURS"
	default:
		d.reason, d.arm = "CAP_REACHED", []string{"", "long"}[w.rng.IntN(2)]
	}
	tr.Reason, tr.Arm = d.reason, d.arm
}

func (w *trade) win(tr *engine.Trace, d *tradeDecision, write *engine.PersonWrite) {
	tr.NotificationID, tr.Channel = d.notification, "push"
	key := w.people[d.person]
	if w.rng.IntN(2) == 0 {
		d.coupon = uuid.New()
		tr.CouponID = d.coupon
		d.offer = campaign.Coupon{ID: d.coupon, BrandID: w.brand, PersonID: key.PersonID, OfferID: uuid.New(), CampaignID: d.campaign, Code: d.coupon.String()[:12], IssuedAt: w.now}
		write.Coupons = []engine.CouponWrite{{Coupon: d.offer}}
	}
	state := pusher.Failed
	if d.accepted {
		state = pusher.Accepted
	}
	write.Deliveries = []engine.DeliveryWrite{{Delivery: pusher.Delivery{ID: uuid.New(), BrandID: w.brand, PersonID: key.PersonID, DeviceID: tr.DeviceID, CampaignID: d.campaign,
		DecisionID: tr.ID, Notification: pusher.Notification{ID: d.notification}, Provider: pusher.FCM, CreatedAt: w.now, NotBefore: w.now, Deadline: w.now.Add(time.Minute), State: state}}}
}

func (w *trade) visit() {
	person, shop := w.rng.IntN(len(w.people)), w.stores[w.rng.IntN(len(w.stores))].ID
	w.write(person, func(write *engine.PersonWrite) { write.Places = []engine.Place{w.place(person, w.walls[shop], shop)} })
	w.visits = append(w.visits, tradeVisit{person, shop, w.now})
}

// hear is a phone's receipt of something it got in the last hours.
func (w *trade) hear() {
	for i := len(w.decisions) - 1; i >= max(0, len(w.decisions)-10); i-- {
		d := w.decisions[i]
		if d.notification == uuid.Nil || w.isClosed(d.at) {
			continue
		}
		kind, heard := engine.Shown, &d.shown
		if w.rng.IntN(2) == 0 {
			kind, heard = engine.Opened, &d.opened
		}
		if heard.IsZero() {
			*heard = w.now
			w.write(d.person, func(write *engine.PersonWrite) {
				write.Receipts = []engine.Receipt{{NotificationID: d.notification, Kind: kind, At: w.now}}
			})
		}
		return
	}
}

// redeem uses a coupon that was won at any time.
func (w *trade) redeem() {
	for range 20 {
		d := w.decisions[w.rng.IntN(len(w.decisions))]
		if d.coupon == uuid.Nil || d.used {
			continue
		}
		d.used = true
		used := d.offer
		used.Redemption = &campaign.Redemption{ID: uuid.New(), StoreID: w.stores[0].ID, At: w.now, By: "till"}
		w.write(d.person, func(write *engine.PersonWrite) { write.Coupons = []engine.CouponWrite{{Coupon: used, Redeem: true}} })
		w.count(d, engine.MeasureRedeemed, 1)
		return
	}
}

// buy is a sale of now, or one that is told late.
func (w *trade) buy() {
	person, at := w.rng.IntN(len(w.people)), w.now.Add(-time.Duration(w.rng.IntN(60))*time.Hour)
	p := audience.Purchase{ID: uuid.NewString(), At: at, Amount: float64(w.rng.IntN(1000)) / 4, Currency: []string{"KRW", "USD"}[w.rng.IntN(2)]}
	w.write(person, func(write *engine.PersonWrite) { write.Purchases = []audience.Purchase{p} })
	seen := map[uuid.UUID]bool{}
	for i := len(w.decisions) - 1; i >= 0; i-- {
		d := w.decisions[i]
		if d.person != person || d.at.After(at) || !d.at.After(at.Add(-engine.PurchaseWindow)) || d.reason == "OUTSIDE_HOURS" || seen[d.campaign] {
			continue
		}
		seen[d.campaign] = true
		w.count(d, engine.MeasureBought, 1)
		w.count(d, engine.MeasureAmount+p.Currency, p.Amount)
	}
}

// isClosed: the places of a time are dropped.
func (w *trade) isClosed(at time.Time) bool {
	return !at.Truncate(time.Hour).Add(time.Hour + w.kept).After(w.now)
}

// count adds what came of a decision just now: where its place is gone, under no store.
func (w *trade) count(d *tradeDecision, measure string, n float64) {
	shop := d.store
	if w.isClosed(d.at) {
		shop = uuid.Nil
	}
	if !d.test {
		w.want[w.key(d, shop, measure)] += n
	}
}

func (w *trade) key(d *tradeDecision, shop uuid.UUID, measure string) string {
	zone := "Asia/Seoul"
	for i := range w.stores {
		if w.stores[i].ID == shop {
			zone = w.stores[i].TimeZone
		}
	}
	in, err := time.LoadLocation(zone)
	require.NoError(w.t, err)
	return fmt.Sprintf("%s %s %s %q %s", d.at.In(in).Format(time.DateOnly), d.campaign, shop, d.arm, measure)
}

// expected are all figures, by the definitions.
func (w *trade) expected() map[string]float64 {
	all := map[string]float64{}
	for k, n := range w.want {
		all[k] += n
	}
	window := min(w.kept, engine.VisitWindow)
	for _, d := range w.decisions {
		if d.test {
			continue
		}
		is := func(ok bool, measure string) {
			if ok {
				all[w.key(d, d.store, measure)]++
			}
		}
		visited := false
		for _, v := range w.visits {
			visited = visited || v.person == d.person && v.at.After(d.at) && !v.at.After(d.at.Add(window)) && (d.store == uuid.Nil || d.store == v.store)
		}
		is(true, d.reason)
		is(d.accepted, engine.MeasureAccepted+"fcm")
		is(!d.shown.IsZero(), engine.MeasureShown)
		is(!d.opened.IsZero(), engine.MeasureOpened)
		is(visited && d.reason != "OUTSIDE_HOURS", engine.MeasureVisited)
		is(visited && d.reason == "WON", engine.MeasureWonVisited)
	}
	return all
}

// found are all figures, as they are stored.
func (w *trade) found() map[string]float64 {
	all := map[string]float64{}
	results, _, err := w.s.QueryResults(w.t.Context(), engine.ResultFilter{BrandID: w.brand, From: noon.AddDate(0, 0, -9), To: noon.AddDate(0, 0, 99),
		ByCampaign: true, ByStore: true, ByDay: true, ByArm: true}, 1e6)
	require.NoError(w.t, err)
	for _, r := range results {
		for measure, n := range r.Measures {
			all[fmt.Sprintf("%s %s %s %q %s", r.Day.Format(time.DateOnly), r.CampaignID, r.StoreID, r.Arm, measure)] = n
		}
	}
	return all
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Results are what a slow count by their definitions gives: when all slices were due, and for good when all hours are
// closed, however often and on however many nodes they are counted.
func TestResults(t *testing.T) {
	for kept, hours := range map[time.Duration]int{25 * time.Hour: 3, 2 * time.Hour: 12} {
		t.Run(kept.String(), func(t *testing.T) {
			w := newTrade(t, kept)
			count := func() { require.NoError(t, w.s.CountResults(t.Context(), w.now)) }
			for hour := range hours {
				w.now = later(w.now, noon.Add(time.Duration(hour)*time.Hour))
				_, err := w.s.KeepHouse(t.Context(), w.now)
				require.NoError(t, err)
				for range 6 {
					w.now = w.now.Add(time.Duration(1+w.rng.IntN(500)) * time.Second)
					w.decide()
					for _, act := range []func(){w.visit, w.hear, w.redeem, w.buy} {
						w.now = w.now.Add(time.Duration(1+w.rng.IntN(5000)) * time.Millisecond)
						if w.rng.IntN(3) == 0 {
							act()
							if hour%5 == 0 {
								count()
							}
						}
					}
				}
				count()
				if hour == 0 {
					w.now = w.now.Add(20 * time.Minute)
					count()
					require.Equal(t, w.expected(), w.found(), "an hour that is not over")
				}
			}
			w.now = w.now.Add(30 * time.Hour)
			var nodes sync.WaitGroup
			for range 3 {
				nodes.Go(func() {
					_, err := w.s.KeepHouse(t.Context(), w.now)
					require.NoError(t, err)
					count()
				})
			}
			nodes.Wait()
			require.Equal(t, w.expected(), w.found())
			require.Zero(t, countRows(t, w.s, "result_live"))
			require.Zero(t, countRows(t, w.s, "place"))
			count()
			require.Equal(t, w.expected(), w.found())
		})
	}
}

// An hour that a node did not live to count is counted by the next one; a coupon that moved with its person counts once.
func TestResultsOfTheDead(t *testing.T) {
	url := postgrestest.URL(t)
	s := postgrestest.Open(t, url, postgres.Options{})
	b := newBrand(t, s)
	_, err := s.KeepHouse(t.Context(), noon)
	require.NoError(t, err)
	keys, devices := newPeople(t, s, b, 2)
	w := fullWrite(keys[0], 1, devices[0].ID, noon)
	w.Traces[0].CampaignID, w.Purchases = uuid.New(), nil
	w.Coupons[0].CampaignID = w.Traces[0].CampaignID
	require.Equal(t, []bool{true}, commit(t, s, w))
	used := w.Coupons[0]
	used.Redeem, used.Redemption = true, &campaign.Redemption{ID: uuid.New(), At: noon, By: "till"}
	require.Equal(t, []bool{true}, commit(t, s, engine.PersonWrite{Key: keys[0], Version: 2, WriteID: uuid.New(), State: []byte{1}, Status: engine.PersonGiving, Coupons: []engine.CouponWrite{used}}))
	require.NoError(t, s.MoveCoupons(t.Context(), keys[0], keys[1].PersonID))

	next := postgrestest.Open(t, url, postgres.Options{})
	postgres.CountFreely(next)
	all := engine.ResultFilter{BrandID: b, From: noon.AddDate(0, 0, -1), To: noon.AddDate(0, 0, 1)}
	for _, at := range []time.Time{noon.Add(time.Minute), noon.Add(50 * time.Hour), noon.Add(51 * time.Hour)} {
		require.NoError(t, next.CountResults(t.Context(), at))
		_, err := next.KeepHouse(t.Context(), at)
		require.NoError(t, err)
		results, fresh, err := next.QueryResults(t.Context(), all, 10)
		require.NoError(t, err)
		require.Len(t, results, 1)
		require.Equal(t, map[string]float64{"WON": 1, engine.MeasureShown: 1, engine.MeasureRedeemed: 1}, results[0].Measures)
		require.Equal(t, at.Before(noon.Add(time.Hour)), !fresh.IsZero())
	}
	_, _, err = next.QueryResults(t.Context(), engine.ResultFilter{BrandID: b, From: all.From, To: all.To, ByStore: true}, 0)
	require.ErrorIs(t, err, engine.ErrTooMany)
}

// What an erased person's decisions were counted as while their hour is open goes with them.
func TestResultsOfTheErased(t *testing.T) {
	s := postgrestest.New(t)
	postgres.CountFreely(s)
	b := newBrand(t, s)
	_, err := s.KeepHouse(t.Context(), noon)
	require.NoError(t, err)
	keys, devices := newPeople(t, s, b, 2)
	for i, key := range keys {
		w := fullWrite(key, 1, devices[i].ID, noon)
		w.Traces[0].CampaignID, w.Coupons, w.Purchases, w.Receipts = uuid.New(), nil, nil, nil
		require.Equal(t, []bool{true}, commit(t, s, w))
	}
	all := engine.ResultFilter{BrandID: b, From: noon.AddDate(0, 0, -1), To: noon.AddDate(0, 0, 1), ByCampaign: true}
	counted := func(at time.Time) int {
		require.NoError(t, s.CountResults(t.Context(), at))
		results, _, err := s.QueryResults(t.Context(), all, 10)
		require.NoError(t, err)
		return len(results)
	}
	require.Equal(t, 2, counted(noon.Add(time.Minute)))
	for i, at := range []time.Time{noon.Add(30 * time.Minute), noon.Add(54 * time.Minute)} {
		require.Equal(t, []bool{true}, commit(t, s, engine.PersonWrite{Key: keys[i], Version: 2, WriteID: uuid.New(), State: []byte{}, Status: engine.PersonErasing}))
		require.NoError(t, s.Erase(t.Context(), keys[i], uuid.New(), noon))
		require.Equal(t, 1-i, counted(at))
	}
	require.Zero(t, countRows(t, s, "result_hour"), "an hour of which nothing is left")
}
