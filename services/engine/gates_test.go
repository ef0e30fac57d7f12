package engine_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// Whoever may not be looked at is told why, and nothing of the ping is kept anywhere.
func TestGatesRefuseAndKeepNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want     engine.Verdict
		settings func(*brand.Settings)
		profile  audience.Profile
		consents []audience.Purpose
	}{
		{want: "FILING_MISSING", settings: func(s *brand.Settings) { s.Filing = brand.Filing{} }, profile: audience.Profile{OfAge: true}, consents: allPurposes},
		{want: "AGE_UNKNOWN", consents: allPurposes},
		{want: "GUARDIAN_MISSING", profile: audience.Profile{BirthDate: "2020-01-01"}, consents: allPurposes},
		{want: "LOCATION_PAUSED", profile: audience.Profile{OfAge: true, PausedUntil: noon.Add(time.Hour)}, consents: allPurposes},
		{want: "LOCATION_NOT_CONSENTED", profile: audience.Profile{OfAge: true}, consents: []audience.Purpose{audience.AdPush}},
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
			report := p.report(storePlace(0), storePlace(0))
			a := p.hand(e, report)
			require.NoError(t, a.Err)
			require.Equal(t, []engine.Verdict{c.want, c.want}, verdicts(a))
			require.Empty(t, a.Transitions)
			require.Empty(t, a.Token, "a token would hold the position")
			require.Equal(t, before, w.dump())
			require.Empty(t, w.tablesWith(idTexts(report.Pings[0].ID, report.Pings[1].ID)...))
		})
	}
}

func TestPauseAndWithdrawalEndVisits(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(w *world, e *engine.Engine, p *phone) error{
		"paused": func(w *world, e *engine.Engine, p *phone) error {
			return e.PauseLocation(w.ctx, w.brand.ID, p.id, time.Time{})
		},
		"consent_withdrawn": func(w *world, e *engine.Engine, p *phone) error {
			_, err := e.RecordConsents(w.ctx, w.brand.ID, p.id, submissions(w.clock.Now(), false, audience.LocUse))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, presence.Standard, nil)
			w.open(2, 60, nil)
			w.run(latte(true, nil))
			a, b := w.node(), w.node()
			p := w.phone(a)
			in := p.report(storePlace(0), storePlace(0), storePlace(0), storePlace(0))
			in.Foreground = true
			require.Equal(t, []string{"entered f-0"}, kinds(p.hand(a, in).Transitions))
			require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery WHERE state = 'pending'`))
			w.pass(time.Second)
			require.NoError(t, leave(w, b, p), "on another node")
			require.Equal(t, 1, w.count(`SELECT count(*) FROM place WHERE kind = 'exited' AND reason = $1 AND ping_id IS NULL`, name))
			require.Zero(t, w.count(`SELECT count(*) FROM open_visit`))
			require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery WHERE state = 'cancelled'`))
			require.Equal(t, 1, w.count(`SELECT count(*) FROM trace`), "the end of our doing is no moment")

			require.NoError(t, a.FollowRevocations(w.ctx))
			w.pass(time.Minute)
			refused := p.tell(a, storePlace(1), storePlace(1))
			require.NotContains(t, verdicts(refused), engine.Taken)
			require.Empty(t, refused.Token)
		})
	}
}

// A token sealed before a pause holds positions from before it: after the pause it is worth nothing on any node.
func TestTokenFromBeforeAPauseIsNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	a, b := w.node(), w.node()
	p := w.phone(a)
	require.Empty(t, p.tell(a, storePlace(0), storePlace(0)).Transitions, "two pings are no evidence yet")
	old := p.token
	require.NoError(t, a.PauseLocation(w.ctx, w.brand.ID, p.id, time.Time{}))
	w.pass(10 * time.Second)
	require.NoError(t, a.ResumeLocation(w.ctx, w.brand.ID, p.id))
	p.token = old
	require.Empty(t, p.tell(b, storePlace(0)).Transitions, "with the evidence from before the pause this would have entered")
	w.pass(10 * time.Second)
	require.Empty(t, p.tell(b, storePlace(0)).Transitions)
	w.pass(10 * time.Second)
	require.Equal(t, []string{"entered f-0"}, kinds(p.tell(b, storePlace(0)).Transitions))
}

func TestSensitivePlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 300, nil)
	w.open(1, 50, nil)
	clinic := w.fences[1]
	clinic.Purpose, clinic.Tags, clinic.StoreID = store.Other, []string{engine.SensitiveTag}, w.fences[0].StoreID
	moved := *w.fences[0].Circle
	moved.Center_, moved.Radius = near(storePlace(0), 200), 50
	clinic.Circle = &moved
	w.write(engine.CatalogueWrite{Fences: []store.Fence{clinic}})
	w.run(latte(true, nil))
	e := w.node()
	p := w.phone(e)
	require.Equal(t, []string{"entered f-0"}, kinds(p.tell(e, storePlace(0)).Transitions))
	w.pass(time.Minute)
	inside := p.report(near(storePlace(0), 200), near(storePlace(0), 141), near(storePlace(0), 100))
	a := p.hand(e, inside)
	require.Equal(t, []engine.Verdict{engine.Verdict(campaign.SensitivePlace), engine.Verdict(campaign.SensitivePlace), engine.Taken}, verdicts(a),
		"the second is nine metres off, within its accuracy of ten")
	require.Equal(t, []string{"exited f-0 sensitive_place", "entered f-0"}, kinds(a.Transitions))
	require.Empty(t, w.tablesWith(idTexts(inside.Pings[0].ID, inside.Pings[1].ID)...))
}

// One location-use record covers a person for fifteen minutes, and stands in the statement of what it covers.
func TestLocationUseRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(3, 60, nil)
	f := &faulty{Store: w.store}
	e := w.node(with(f))
	p := w.phone(e)

	f.before = func(op string) error {
		if op == "commit" {
			return errors.New("no disk")
		}
		return nil
	}
	r := p.report(storePlace(0))
	require.Error(t, p.hand(e, r).Err)
	for _, table := range []string{"place", "trace", "location_use", "open_visit"} {
		require.Zero(t, w.count(`SELECT count(*) FROM `+table), table)
	}
	f.before = nil
	require.Equal(t, []string{"entered f-0"}, kinds(p.hand(e, r).Transitions), "nothing was acknowledged, so the phone tells it again")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM location_use`))
	for range 4 {
		w.pass(5 * time.Minute)
		p.tell(e, nowhere)
	}
	require.Equal(t, 2, w.count(`SELECT count(*) FROM location_use`), "at 0 and at 15 minutes")
	uses, err := e.LocationUses(w.ctx, w.brand.ID, p.id, time.Time{}, time.Time{}, 10)
	require.NoError(t, err)
	require.Equal(t, noon.UnixMilli(), uses[1].From.UnixMilli())
	require.Equal(t, noon.Add(15*time.Minute).UnixMilli(), uses[0].From.UnixMilli(), "the latest first")
	require.NotZero(t, uses[0].ConsentID)
	require.Equal(t, w.brand.Name, uses[0].Recipient)
}

// A timer acts on nobody whose ping would not be looked at: the brand's filing may end while somebody is inside.
func TestTimersAskTheGates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, func(s *brand.Settings) { s.Presence.Dwell = 4 * time.Minute })
	w.open(1, 60, nil)
	w.run(latte(false, func(c *campaign.Campaign) { c.Trigger.Kinds = []campaign.Kind{campaign.Dwelled} }))
	e := w.node()
	p := w.phone(e)
	require.Equal(t, []string{"entered f-0"}, kinds(p.tell(e, storePlace(0), storePlace(0), storePlace(0), storePlace(0)).Transitions))
	b := w.brand
	b.Settings.Filing = brand.Filing{}
	w.write(engine.CatalogueWrite{Brand: &b})
	require.NoError(t, e.FollowCatalogue(w.ctx))
	w.pass(5 * time.Minute)
	elapsed, err := e.Advance(w.ctx, w.clock.Now())
	require.NoError(t, err)
	require.Len(t, elapsed, 1)
	require.Equal(t, []string{"dwelled f-0 time_passed"}, kinds(elapsed[0].Answer.Transitions))
	require.Empty(t, elapsed[0].Answer.Decisions)
	require.Zero(t, w.count(`SELECT count(*) FROM trace`))
}

func TestBadPingsAreNamedAndLoseNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	e := w.node()
	p := w.phone(e)
	bad := func(change func(*engine.Ping)) engine.Ping {
		g := ping(storePlace(0), noon)
		change(&g)
		return g
	}
	inf := math.Inf(1)
	r := p.report()
	r.Pings = []engine.Ping{
		bad(func(g *engine.Ping) { g.Place.Lat = 91 }),
		bad(func(g *engine.Ping) { g.Place.Lng = inf - inf }),
		bad(func(g *engine.Ping) { g.Accuracy = -1 }),
		bad(func(g *engine.Ping) { g.Accuracy = inf }),
		bad(func(g *engine.Ping) { g.At = 0 }),
		bad(func(g *engine.Ping) { g.At = 1<<63 - 1 }),
		bad(func(g *engine.Ping) { g.At = noon.Add(3 * time.Minute).UnixMilli() }),
		ping(storePlace(0), noon),
	}
	r.SentAt = noon
	a := p.hand(e, r)
	require.Equal(t, []engine.Verdict{engine.InvalidPlace, engine.InvalidPlace, engine.InvalidAccuracy, engine.InvalidAccuracy,
		engine.InvalidTime, engine.InvalidTime, engine.FromTheFuture, engine.Taken}, verdicts(a))
	require.Equal(t, []string{"entered f-0"}, kinds(a.Transitions))

	// A phone whose clock is an hour ahead, and says so.
	fast := w.phone(e)
	r = fast.report()
	r.Pings, r.SentAt = []engine.Ping{ping(storePlace(0), noon.Add(time.Hour))}, noon.Add(time.Hour)
	a = fast.hand(e, r)
	require.Equal(t, []engine.Verdict{engine.Taken}, verdicts(a))
	require.Equal(t, noon.UnixMilli(), a.Transitions[0].At)

	answers, err := e.Handle(w.ctx, w.brand.ID, []engine.Report{{DeviceID: w.brand.ID, Received: noon}, p.report(nowhere)})
	require.NoError(t, err)
	require.ErrorIs(t, answers[0].Err, engine.ErrNotFound)
	require.NoError(t, answers[1].Err)
	require.Equal(t, []string{"exited f-0"}, kinds(answers[1].Transitions))
}
