package engine_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// offers asks for the stores with an offer for a phone's person, around a place.
func (p *phone) offers(e *engine.Engine, from geo.Point) (names []string, refused campaign.Reason) {
	p.w.t.Helper()
	q := engine.StoreQuery{From: from, At: p.w.clock.Now(), WithOffer: true, Limit: 10}
	found, _, refused, err := e.SearchStoresFor(p.w.ctx, p.w.brand.ID, p.id, &q, nil)
	require.NoError(p.w.t, err)
	for i := range found {
		names = append(names, found[i].ExternalID())
	}
	return names, refused
}

func once(c *campaign.Campaign) { c.Offer.PerPerson = 1 }

// Whoever may not be looked at hears what anybody would, and nothing is written.
func TestSearchAsksTheGates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want     campaign.Reason
		settings func(*brand.Settings)
		profile  audience.Profile
		consents []audience.Purpose
	}{
		{want: campaign.FilingMissing, settings: func(s *brand.Settings) { s.Filing = brand.Filing{} }, profile: audience.Profile{OfAge: true}, consents: allPurposes},
		{want: campaign.AgeUnknown, consents: allPurposes},
		{want: campaign.GuardianMissing, profile: audience.Profile{BirthDate: "2020-01-01"}, consents: allPurposes},
		{want: campaign.LocationPaused, profile: audience.Profile{OfAge: true, PausedUntil: noon.Add(time.Hour)}, consents: allPurposes},
		{want: campaign.LocationNotConsented, profile: audience.Profile{OfAge: true}, consents: []audience.Purpose{audience.AdPush}},
	} {
		t.Run(string(c.want), func(t *testing.T) {
			w := newWorld(t, presence.Exact, c.settings)
			w.open(1, 60, nil)
			w.run(latte(true, nil))
			e := w.node()
			r, err := e.Register(w.ctx, engine.NewDevice{BrandID: w.brand.ID, Profile: c.profile, Consents: consents(noon, true, c.consents...)})
			require.NoError(t, err)
			p := &phone{w: w, id: r.Device.ID}
			before := w.dump()
			found, refused := p.offers(e, nowhere)
			require.Equal(t, c.want, refused)
			require.Equal(t, []string{"s-0"}, found)
			require.Equal(t, before, w.dump())
		})
	}
}

// A search is a use of the place: it is on record before it is answered, or not answered for the person. The record covers
// pings and searches alike, and says nothing of where.
func TestSearchIsOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(2, 60, nil)
	w.run(latte(true, func(c *campaign.Campaign) { once(c); c.Trigger.Stores = []uuid.UUID{w.stores[0].ID} }))
	w.run(latte(true, func(c *campaign.Campaign) { once(c); c.Priority = 1 }))
	f := &faulty{Store: w.store}
	e := w.node(with(f))
	p, other := w.phone(e), w.phone(e)
	canary := geo.Point{Lat: 37.4512345678, Lng: 127.0187654321}
	texts := []string{}
	for _, v := range []float64{canary.Lat, canary.Lng} {
		texts = append(texts, strconv.FormatFloat(v, 'f', 6, 64), strconv.FormatFloat(v, 'f', 8, 64))
	}
	f.before = func(op string) error {
		if op == "commit" {
			return errors.New("no disk")
		}
		return nil
	}
	q := engine.StoreQuery{From: canary, At: w.clock.Now(), WithOffer: true, Limit: 10}
	found, _, _, err := e.SearchStoresFor(w.ctx, w.brand.ID, p.id, &q, nil)
	require.Error(t, err)
	require.Empty(t, found)
	require.Zero(t, w.count(`SELECT count(*) FROM location_use`))
	f.before = nil

	both := []string{"s-1", "s-0"}
	names, refused := p.offers(e, canary)
	require.Empty(t, refused)
	require.Equal(t, both, names)
	uses, err := e.LocationUses(w.ctx, w.brand.ID, p.id, time.Time{}, time.Time{}, 10)
	require.NoError(t, err)
	require.Len(t, uses, 1)
	require.Equal(t, "search", uses[0].Method)
	require.NotZero(t, uses[0].ConsentID)
	before := w.dump()
	for range 2 {
		w.pass(7 * time.Minute)
		names, _ = p.offers(e, canary)
		require.Equal(t, both, names)
	}
	require.Equal(t, before, w.dump(), "covered")
	w.pass(time.Minute)
	p.offers(e, canary)
	require.Equal(t, 2, w.count(`SELECT count(*) FROM location_use`), "at 0 and at 15 minutes")
	p.tell(e, storePlace(0))
	require.Equal(t, 2, w.count(`SELECT count(*) FROM location_use`), "of the ping as well")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM coupon`))
	names, _ = p.offers(e, canary)
	require.Equal(t, []string{"s-0"}, names, "the offer of every store is won, that of the first store alone is not")
	names, _ = other.offers(e, canary)
	require.Equal(t, both, names, "nothing of one person is another's")
	require.Empty(t, w.tablesWith(texts...))
	for _, text := range texts {
		require.NotContains(t, w.logged.String(), text)
	}
}

// Somebody in a sensitive place is not looked at; the place may be as inaccurate as a phone usually is.
func TestSearchInASensitivePlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, once))
	circle, err := geo.NewCircle(nowhere, 100)
	require.NoError(t, err)
	w.write(engine.CatalogueWrite{Fences: []store.Fence{{ID: uuid.New(), ExternalID: "clinic", Purpose: store.Other, Tags: []string{engine.SensitiveTag}, Circle: &circle}}})
	e := w.node()
	p := w.phone(e)
	p.tell(e, storePlace(0))
	for metres, want := range map[float64]campaign.Reason{0: campaign.SensitivePlace, 120: campaign.SensitivePlace, 130: ""} {
		names, refused := p.offers(e, near(nowhere, metres))
		require.Equal(t, want, refused, metres)
		require.Equal(t, want != "", len(names) == 1, metres)
	}
}

// What another node gave a person is known to a search within a minute.
func TestSearchKnowsWhatOtherNodesGave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, once))
	a, b := w.node(), w.node()
	p := w.phone(a)
	names, _ := p.offers(b, nowhere)
	require.Equal(t, []string{"s-0"}, names)
	require.Equal(t, []string{string(campaign.Won)}, reasons(p.tell(a, storePlace(0)).Decisions))
	w.pass(time.Minute)
	names, refused := p.offers(b, nowhere)
	require.Empty(t, names)
	require.Empty(t, refused)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM location_use`))
}

// A pool that said it is empty has nothing for a search either; one that was not asked may have.
func TestSearchKnowsAnEmptyPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, func(c *campaign.Campaign) { c.Offer.Stock = 1 }))
	e, other := w.node(), w.node()
	people := w.phones(e, 3)
	names, _ := people[2].offers(e, nowhere)
	require.Equal(t, []string{"s-0"}, names)
	require.Equal(t, []string{string(campaign.Won)}, reasons(people[0].tell(e, storePlace(0)).Decisions))
	require.Equal(t, []string{string(campaign.StockGone)}, reasons(people[1].tell(e, storePlace(0)).Decisions))
	names, _ = people[2].offers(e, nowhere)
	require.Empty(t, names)
	names, _ = people[2].offers(other, nowhere)
	require.Equal(t, []string{"s-0"}, names, "nobody asked here yet")
}

// A device is its person's of now: after a login elsewhere it is not the old one that is looked at.
func TestSearchAfterALogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, once))
	a, b := w.node(), w.node()
	p, member := w.phone(a), w.phone(a)
	require.NoError(t, member.becomes(a, "member"))
	require.Equal(t, []string{string(campaign.Won)}, reasons(member.tell(a, storePlace(0)).Decisions))
	names, _ := p.offers(b, nowhere)
	require.Equal(t, []string{"s-0"}, names)
	require.NoError(t, p.becomes(a, "member"))
	require.NoError(t, b.FollowRevocations(w.ctx))
	names, refused := p.offers(b, nowhere)
	require.Empty(t, refused)
	require.Empty(t, names, "the member has had it")
	_, _, _, err := b.SearchStoresFor(w.ctx, w.brand.ID, uuid.New(), &engine.StoreQuery{Limit: 1}, nil)
	require.ErrorIs(t, err, engine.ErrNotFound)
	_, _, _, err = b.SearchStoresFor(w.ctx, uuid.New(), p.id, &engine.StoreQuery{Limit: 1}, nil)
	require.ErrorIs(t, err, engine.ErrNotFound)
}
