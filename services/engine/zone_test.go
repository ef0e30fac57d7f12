package engine_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
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

// quietPhone is a phone that keeps its zone and is silent where the zone lets it.
type quietPhone struct {
	*phone
	zone           *engine.ZoneAnswer
	told, zones, n int
}

func (q *quietPhone) fix(e *engine.Engine, place geo.Point, accuracy float64) []engine.TransitionAnswer {
	q.n++
	now := q.w.clock.Now()
	if z := q.zone; z != nil && now.Before(z.ValidUntil) && geo.Distance(z.Center, place) < z.QuietRadius {
		return nil
	}
	q.told++
	r := q.report(place)
	r.Pings[0].Accuracy = accuracy
	r.Slots = 20
	if q.zone != nil {
		r.ZoneVersion = q.zone.Version
	}
	a := q.hand(e, r)
	require.NoError(q.w.t, a.Err)
	if a.Zone != nil {
		q.zone = a.Zone
		q.zones++
	}
	return a.Transitions
}

func (p *phone) fix(e *engine.Engine, place geo.Point, accuracy float64) []engine.TransitionAnswer {
	r := p.report(place)
	r.Pings[0].Accuracy = accuracy
	a := p.hand(e, r)
	require.NoError(p.w.t, a.Err)
	return a.Transitions
}

// street is a brand with many shops and some blocks within a few kilometres.
func street(w *world, rng *rand.Rand, n int, rules *presence.Rules) {
	var cw engine.CatalogueWrite
	for i := range n {
		at := geo.Point{Lat: 37.50 + 0.03*rng.Float64(), Lng: 127.00 + 0.04*rng.Float64()}
		f := store.Fence{ID: uuid.New(), ExternalID: fmt.Sprintf("z-%d", i), Purpose: store.Near, Rules: rules}
		if i%4 == 3 {
			d := 0.0003 + 0.001*rng.Float64()
			ring := []geo.Point{at, {Lat: at.Lat, Lng: at.Lng + d}, {Lat: at.Lat + d, Lng: at.Lng + d}, {Lat: at.Lat + d, Lng: at.Lng}, at}
			area, _, err := geo.NewArea([][][]geo.Point{{ring}}, false)
			require.NoError(w.t, err)
			f.Area = area
		} else {
			c, err := geo.NewCircle(at, 40+100*rng.Float64())
			require.NoError(w.t, err)
			f.Circle = &c
		}
		cw.Fences = append(cw.Fences, f)
	}
	w.write(cw)
}

// walk is a seeded way among shops: strides, stops and errors of the fix.
type walk struct {
	rng     *rand.Rand
	place   geo.Point
	heading float64
	stop    int
	sigma   float64
}

func (k *walk) next() (fix geo.Point) {
	k.heading += k.rng.NormFloat64() / 4
	if k.stop > 0 {
		k.stop--
	} else {
		k.place = k.inBox(moved(k.place, 14, k.heading))
		if k.rng.IntN(120) == 0 {
			k.stop = k.rng.IntN(120)
		}
	}
	return moved(k.place, math.Abs(k.rng.NormFloat64())*k.sigma, k.rng.Float64()*2*math.Pi)
}

func (k *walk) inBox(p geo.Point) geo.Point {
	if p.Lat < 37.50 || p.Lat > 37.53 || p.Lng < 127.00 || p.Lng > 127.04 {
		k.heading += math.Pi
		return k.place
	}
	return p
}

func moved(p geo.Point, metres, heading float64) geo.Point {
	return geo.Point{
		Lat: p.Lat + metres*math.Cos(heading)/111195,
		Lng: p.Lng + metres*math.Sin(heading)/(111195*math.Cos(p.Lat*math.Pi/180)),
	}
}

// A phone that reports only where its zone does not let it be silent is told what one is told that reports every fix.
func TestASilentPhoneMissesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy   presence.Policy
		sigma    float64
		approach float64
	}{
		{presence.Exact, 0, 0}, {presence.Exact, 15, 0}, {presence.Standard, 0, 0}, {presence.Standard, 10, 0}, {presence.Strict, 0, 0}, {presence.Strict, 10, 0},
		{presence.Exact, 15, 60}, {presence.Standard, 10, 60}, {presence.Strict, 10, 60},
	} {
		t.Run(fmt.Sprintf("%v, error %v m, approaches %v m", c.policy, c.sigma, c.approach), func(t *testing.T) {
			rng := seeded(t)
			w := newWorld(t, c.policy, func(s *brand.Settings) {
				s.Presence.Dwell = 5 * time.Minute
			})
			var rules *presence.Rules
			if c.approach > 0 {
				asked := presence.Defaults(c.policy)
				asked.Dwell, asked.ApproachDistance = 5*time.Minute, c.approach
				rules = &asked
			}
			street(w, rng, 150, rules)
			e := w.node()
			always, quiet := w.phone(e), &quietPhone{phone: w.phone(e)}
			way := &walk{rng: rng, place: geo.Point{Lat: 37.515, Lng: 127.02}, sigma: c.sigma}
			var every, few []string
			for range 2500 {
				w.pass(10 * time.Second)
				fix := way.next()
				every = append(every, dated(always.fix(e, fix, max(3, c.sigma)))...)
				few = append(few, dated(quiet.fix(e, fix, max(3, c.sigma)))...)
			}
			t.Logf("%d transitions; %d of %d fixes reported, %d answers with a zone", len(every), quiet.told, quiet.n, quiet.zones)
			require.Equal(t, every, few)
			require.NotEmpty(t, every)
			require.Equal(t, c.approach > 0, slices.ContainsFunc(every, func(word string) bool { return strings.Contains(word, "approached") }))
			require.Less(t, quiet.told, quiet.n)
			require.Less(t, quiet.zones, quiet.told)
		})
	}
}

// dated puts transitions and their times into words.
func dated(list []engine.TransitionAnswer) (words []string) {
	for i, word := range kinds(list) {
		words = append(words, fmt.Sprintf("%s %s", time.UnixMilli(list[i].At).UTC().Format(time.TimeOnly), word))
	}
	return words
}

// A silent phone is told of approaches too, at the same pings: it is not silent where how fast it comes is measured.
func TestASilentPhoneIsToldOfApproaches(t *testing.T) {
	t.Parallel()
	for _, policy := range []presence.Policy{presence.Exact, presence.Standard, presence.Strict} {
		t.Run(policy.String(), func(t *testing.T) {
			rng := seeded(t)
			w := newWorld(t, policy, nil)
			rules := presence.Defaults(policy)
			rules.ApproachDistance = 150
			w.open(1, 60, &rules)
			e := w.node()
			always, quiet := w.phone(e), &quietPhone{phone: w.phone(e)}
			var every, few []engine.TransitionAnswer
			for range 10 {
				for metres := 800.0; metres > -800; metres -= 14 { // up to the edge, and back
					w.pass(10 * time.Second)
					fix := moved(near(storePlace(0), 70+math.Abs(metres)), 5*rng.Float64(), 6*rng.Float64())
					every = append(every, always.fix(e, fix, 5)...)
					few = append(few, quiet.fix(e, fix, 5)...)
				}
			}
			t.Logf("%d of %d fixes reported, %d answers with a zone", quiet.told, quiet.n, quiet.zones)
			require.Equal(t, slices.Repeat([]string{"approached f-0"}, 10), kinds(every))
			require.Equal(t, dated(every), dated(few))
			require.Less(t, quiet.told, quiet.n)
		})
	}
}

// ask reports one place, with the zone that the phone holds, and keeps what it gets.
func (q *quietPhone) ask(e *engine.Engine, place geo.Point) *engine.ZoneAnswer {
	r := q.report(place)
	r.Slots = 20
	if q.zone != nil {
		r.ZoneVersion = q.zone.Version
	}
	a := q.hand(e, r)
	require.NoError(q.w.t, a.Err)
	if a.Zone != nil {
		q.zone = a.Zone
	}
	return a.Zone
}

func TestAZoneIsToldWhenThePhonesOwnNoLongerHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(30, 100, nil)
	e, other := w.node(), w.node()
	p := &quietPhone{phone: w.phone(e)}
	require.Nil(t, p.tell(e, near(storePlace(0), 600)).Zone, "not asked for")
	w.pass(time.Second)
	z := p.ask(e, near(storePlace(0), 600))
	require.NotNil(t, z)
	require.Len(t, z.Fences, 20)
	require.Equal(t, "f-0", z.Fences[0].Fence.ExternalID)
	require.InDelta(t, 500*0.998-10, z.QuietRadius, 5)
	require.Equal(t, w.clock.Now().Add(6*time.Hour), z.ValidUntil)

	w.pass(time.Minute)
	require.Nil(t, p.ask(e, near(storePlace(0), 500)), "it holds")
	w.pass(time.Minute)
	require.Nil(t, p.ask(other, near(storePlace(0), 500)), "on a node that never saw it")
	garbled := &quietPhone{phone: p.phone, zone: &engine.ZoneAnswer{Version: []byte("no version")}}
	w.pass(time.Minute)
	require.NotNil(t, garbled.ask(e, near(storePlace(0), 500)))
	w.pass(time.Minute)
	moved := p.ask(e, near(storePlace(0), 1200))
	require.NotNil(t, moved, "beyond its quiet radius")

	place := moved.Center
	far, beside := w.fences[19], w.fences[0]
	farther, err := geo.NewCircle(near(storePlace(19), 30), 90)
	require.NoError(t, err)
	far.Circle = &farther
	w.write(engine.CatalogueWrite{Fences: []store.Fence{far}})
	w.pass(time.Minute)
	require.NoError(t, e.FollowCatalogue(w.ctx))
	require.Nil(t, p.ask(e, place), "a fence changed that is none of the zone's")
	nearer, err := geo.NewCircle(near(storePlace(0), 20), 100)
	require.NoError(t, err)
	beside.Circle = &nearer
	w.write(engine.CatalogueWrite{Fences: []store.Fence{beside}})
	w.pass(time.Minute)
	require.NoError(t, e.FollowCatalogue(w.ctx))
	require.NotNil(t, p.ask(e, place), "one of its fences changed")

	home, err := geo.NewCircle(near(place, 400), 100)
	require.NoError(t, err)
	w.write(engine.CatalogueWrite{Fences: []store.Fence{{ID: uuid.New(), ExternalID: "clinic", Purpose: store.Other, Circle: &home, Tags: []string{engine.SensitiveTag}}}})
	w.pass(time.Minute)
	require.NoError(t, e.FollowCatalogue(w.ctx))
	spared := p.ask(e, place)
	require.NotNil(t, spared)
	require.InDelta(t, 250, spared.QuietRadius, 5, "short of a sensitive place")
	for _, f := range spared.Fences {
		require.NotEqual(t, "clinic", f.Fence.ExternalID)
	}
	w.pass(time.Minute)
	require.Nil(t, p.ask(e, place))
	w.pass(6 * time.Hour)
	require.NotNil(t, p.ask(e, place), "it was over")
}

func TestAZoneEndsAtTheNextEdgeOfASchedule(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(3, 100, nil)
	w.run(latte(true, func(c *campaign.Campaign) {
		c.Schedule.Weekly = []store.Span{{Day: time.Wednesday, From: 14*60 + 30, Until: 15 * 60}}
	}))
	e := w.node()
	p := &quietPhone{phone: w.phone(e)}
	z := p.ask(e, near(storePlace(0), 800))
	require.NotNil(t, z)
	require.Equal(t, noon.Add(150*time.Minute), z.ValidUntil, "14:30 in Seoul")
	w.at(noon.Add(151 * time.Minute))
	z = p.ask(e, near(storePlace(0), 800))
	require.NotNil(t, z)
	require.Equal(t, noon.Add(3*time.Hour), z.ValidUntil)
}

// Opening hours end a zone where a campaign asks for an open store, and only within the knowledge radius.
func TestAZoneEndsWhenAStoreNearbyOpens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(25, 100, nil)
	hours := func(i, from int) {
		s := w.stores[i]
		s.Hours.Weekly = []store.Span{{Day: time.Wednesday, From: from, Until: 21 * 60}}
		w.write(engine.CatalogueWrite{Stores: []store.Store{s}})
	}
	hours(0, 16*60)
	hours(19, 13*60) // beyond twenty others
	openOnly := latte(true, func(c *campaign.Campaign) { c.OpenOnly = true })
	openOnly.State = campaign.Draft
	w.run(openOnly)
	e := w.node()
	p := &quietPhone{phone: w.phone(e)}
	until := func() time.Time {
		z := p.ask(e, near(storePlace(0), 800))
		require.NotNil(t, z)
		require.Less(t, z.KnowledgeRadius, geo.Distance(z.Center, storePlace(19)))
		p.zone = nil
		w.pass(time.Minute)
		require.NoError(t, e.FollowCatalogue(w.ctx))
		return z.ValidUntil
	}
	now := w.clock.Now()
	require.Equal(t, now.Add(6*time.Hour), until(), "nobody asks")
	openOnly.State = campaign.Live
	w.run(openOnly)
	require.NoError(t, e.FollowCatalogue(w.ctx))
	require.Equal(t, noon.Add(4*time.Hour), until(), "the near one opens at 16:00 in Seoul")
	hours(0, 8*60)
	require.NoError(t, e.FollowCatalogue(w.ctx))
	require.Equal(t, now.Add(6*time.Hour+2*time.Minute), until(), "it is open until 21:00")
}

// The schedule of a campaign that is only for a store far away ends no zone here.
func TestAZoneOutlivesASchedulesEdgeElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(25, 100, nil)
	at := func(i int, hour int) campaign.Campaign {
		return latte(true, func(c *campaign.Campaign) {
			c.Trigger.Stores = []uuid.UUID{w.stores[i].ID}
			c.Schedule.Weekly = []store.Span{{Day: time.Wednesday, From: hour * 60, Until: 23 * 60}}
		})
	}
	w.run(at(19, 13))
	e := w.node()
	p := &quietPhone{phone: w.phone(e)}
	require.Equal(t, noon.Add(6*time.Hour), p.ask(e, near(storePlace(0), 800)).ValidUntil)
	w.run(at(3, 15))
	require.NoError(t, e.FollowCatalogue(w.ctx))
	p.zone = nil
	w.pass(time.Minute)
	require.Equal(t, noon.Add(3*time.Hour), p.ask(e, near(storePlace(0), 800)).ValidUntil)
}

// A phone with a zone promises to be back when it ends, not every five minutes.
func TestAZoneLengthensThePromise(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(3, 100, nil)
	e := w.node()
	p := w.phone(e)
	require.Equal(t, 5*time.Minute, p.tell(e, near(storePlace(0), 800)).NextReport)
	w.pass(time.Minute)
	r := p.report(near(storePlace(0), 800))
	r.Slots = 20
	require.Equal(t, 6*time.Hour, p.hand(e, r).NextReport)
	for range 6 {
		w.pass(2 * time.Minute)
		r = p.report(near(storePlace(0), 0))
		r.Slots = 20
		p.hand(e, r)
	}
	w.pass(10 * time.Second)
	r = p.report(near(storePlace(0), 0))
	r.Slots = 20
	require.Equal(t, 15*time.Minute, p.hand(e, r).NextReport, "half the silence time, inside")
}

// Whoever may not be looked at gets no zone, and asking for one leaves a record.
func TestAZoneIsAUseOfThePosition(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(3, 100, nil)
	e := w.node()
	refused, err := e.Register(w.ctx, engine.NewDevice{BrandID: w.brand.ID, Profile: phoneProfile, Consents: consents(noon, true, audience.AdPush)})
	require.NoError(t, err)
	p := &phone{w: w, id: refused.Device.ID}
	r := p.report(near(storePlace(0), 800))
	r.Slots, r.WantZone = 20, true
	a := p.hand(e, r)
	require.Equal(t, []engine.Verdict{"LOCATION_NOT_CONSENTED"}, verdicts(a))
	require.Nil(t, a.Zone)
	require.Zero(t, w.count(`SELECT count(*) FROM location_use`))

	q := w.phone(e)
	r = q.report(near(storePlace(0), 800))
	r.Slots, r.WantZone = 20, true
	require.NotNil(t, q.hand(e, r).Zone)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM location_use`))
	again := q.hand(e, r)
	require.Equal(t, []engine.Verdict{engine.Repeated}, verdicts(again))
	require.NotNil(t, again.Zone, "the answer was lost")
	w.pass(16 * time.Minute)
	r = q.report(near(storePlace(0), 790))
	r.Slots, r.WantZone = 20, true
	require.NotNil(t, q.hand(e, r).Zone)
	require.Equal(t, 2, w.count(`SELECT count(*) FROM location_use`))
}
