package engine_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
)

// apart spreads places over a report, so many seconds apart and the last one now.
func (p *phone) apart(seconds int, places ...geo.Point) engine.Report {
	r := p.report(places...)
	for i := range r.Pings {
		r.Pings[i].At = p.w.clock.Now().Add(-time.Duration(seconds*(len(places)-1-i)) * time.Second).UnixMilli()
	}
	return r
}

// What a timer brings about and what a ping does, in one report, compete with each other: one of them wins. Telling it
// again gives both once more.
func TestTimerAndPingCompeteOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	w.run(latte(false, dwellAfter(4*time.Minute)))
	w.run(latte(false, func(c *campaign.Campaign) { c.Trigger.Kinds = []campaign.Kind{campaign.Exited} }))
	e := w.node()
	p := w.phone(e)
	p.enters(e)
	w.at(noon.Add(3*time.Minute + 40*time.Second))
	out := near(storePlace(0), 300)
	r := p.apart(20, out, out, out, out, out, out)
	a := p.hand(e, r)
	require.Equal(t, []string{"dwelled f-0 time_passed", "exited f-0"}, kinds(a.Transitions))
	require.ElementsMatch(t, []string{string(campaign.Won), string(campaign.Outranked)}, reasons(a.Decisions))
	sameAnswer(t, a, p.hand(w.node(), r))
}

// One person whose row makes no sense, or is of a newer release, costs nobody else in an import, and is told apart from
// one that is gone.
func TestOneFaultyRowCostsOnePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	for name, c := range map[string]struct {
		sql  string
		want error
	}{
		"profile": {`UPDATE person_profile SET body = '"x"' WHERE person_id = $1`, engine.ErrUnreadable},
		"state":   {`UPDATE person SET state = '\xffff' WHERE person_id = $1`, engine.ErrUnreadable},
		"newer":   {`UPDATE person SET min_writer = 99, state = '\xffff' WHERE person_id = $1`, engine.ErrNewerState},
	} {
		t.Run(name, func(t *testing.T) {
			e := w.node()
			phones := w.phones(e, 3)
			w.exec(c.sql, phones[1].who.PersonID)
			reports := []engine.Report{phones[0].report(storePlace(0)), phones[1].report(storePlace(0)), phones[2].report(storePlace(0))}
			answers, err := e.Handle(w.ctx, w.brand.ID, reports)
			require.NoError(t, err)
			require.Equal(t, []string{"entered f-0"}, kinds(answers[0].Transitions))
			require.ErrorIs(t, answers[1].Err, c.want)
			require.Equal(t, []string{"entered f-0"}, kinds(answers[2].Transitions))
			require.ErrorIs(t, phones[1].hand(e, reports[1]).Err, c.want)
			_, err = e.RecordConsents(w.ctx, w.brand.ID, phones[1].id, submissions(w.clock.Now(), false, audience.LocUse))
			require.ErrorIs(t, err, c.want)
		})
	}
}

// noStock is a storage whose pools cannot be asked.
type noStock struct{ *postgres.Store }

func (noStock) TakeBlock(context.Context, uuid.UUID, uuid.UUID, int64, uuid.UUID, time.Duration, int64) (engine.Block, error) {
	return engine.Block{}, errLost
}

func TestAStockQuestionThatFailsCostsOnePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, func(c *campaign.Campaign) { c.Offer.Stock = 10 }))
	e := w.node(func(c *engine.Config) { c.Storage = noStock{w.store} })
	phones := w.phones(e, 2)
	again := phones[0].report(nowhere)
	answers, err := e.Handle(w.ctx, w.brand.ID, []engine.Report{phones[0].report(storePlace(0)), phones[1].report(nowhere), again})
	require.NoError(t, err)
	require.ErrorIs(t, answers[0].Err, errLost)
	require.NoError(t, answers[1].Err)
	require.ErrorIs(t, answers[2].Err, errLost, "a later report must not be taken before the one that is to be repeated")
	require.Zero(t, w.count(`SELECT count(*) FROM place`))
}

// What was observed during a pause is refused after it too.
func TestPingsOfAPauseAreNeverLookedAt(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, e *engine.Engine, p *phone) error{
		"resumed":   func(w *world, e *engine.Engine, p *phone) error { return e.ResumeLocation(w.ctx, w.brand.ID, p.id) },
		"by itself": func(*world, *engine.Engine, *phone) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, presence.Exact, nil)
			w.open(1, 60, nil)
			e := w.node()
			p := w.phone(e)
			w.pass(10 * time.Minute)
			require.NoError(t, e.PauseLocation(w.ctx, w.brand.ID, p.id, noon.Add(20*time.Minute)))
			w.pass(10 * time.Minute)
			require.NoError(t, end(w, e, p))
			w.pass(10 * time.Minute)
			r := p.report(nowhere, storePlace(0), storePlace(0), nowhere)
			for i, minute := range []time.Duration{9, 10, 19, 20} {
				r.Pings[i].At = noon.Add(minute * time.Minute).UnixMilli()
			}
			a := p.hand(w.node(), r)
			require.Equal(t, []engine.Verdict{engine.Taken, "LOCATION_PAUSED", "LOCATION_PAUSED", engine.Taken}, verdicts(a))
			require.Empty(t, a.Transitions)
		})
	}
}

// Visits of a changed fence that could not be ended are ended by a later round, and one person's fault costs no other.
func TestEndingVisitsIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	f := &faulty{Store: w.store}
	e := w.node(with(f))
	for _, p := range w.phones(e, 2) {
		p.tell(e, storePlace(0))
	}
	gone := w.fences[0]
	gone.DeletedAt = w.clock.Now()
	w.write(engine.CatalogueWrite{Fences: []storeFence{gone}})
	f.before = func(op string) error {
		if op == "commit" {
			return errLost
		}
		return nil
	}
	require.NoError(t, e.FollowCatalogue(w.ctx))
	require.Equal(t, 2, w.count(`SELECT count(*) FROM open_visit`))
	f.before = nil
	require.NoError(t, e.FollowCatalogue(w.ctx))
	require.Zero(t, w.count(`SELECT count(*) FROM open_visit`))
	require.Equal(t, 2, w.count(`SELECT count(*) FROM place WHERE reason = 'fence_deleted'`))
}

// A hand-over to a member that is erased under it: the giver goes on as itself where nothing can have been given, and is
// erased with the member where something may have been.
func TestHandOverToAnErasedMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	e := w.node()
	p, member := w.phone(e), w.phone(e)
	w.exec(`UPDATE person SET status = 1, successor_id = $2 WHERE person_id = $1`, p.who.PersonID, uuid.New())
	b := w.node()
	require.Equal(t, []string{"entered f-0"}, kinds(p.tell(b, storePlace(0)).Transitions))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM person WHERE person_id = $1 AND status = 0 AND successor_id IS NULL`, p.who.PersonID))

	w.exec(`UPDATE person SET status = 1, successor_id = $2 WHERE person_id = $1`, p.who.PersonID, member.who.PersonID)
	w.exec(`UPDATE person SET status = 3 WHERE person_id = $1`, member.who.PersonID)
	require.ErrorIs(t, p.hand(w.node(), p.report(nowhere)).Err, engine.ErrGone)
	_, _, err := w.node().Erase(w.ctx, w.brand.ID, member.who.PersonID)
	require.NoError(t, err)
	require.Zero(t, w.count(`SELECT count(*) FROM person`))
}

// However many people handed over to a person: all of them are erased with it.
func TestEraseFindsEveryoneTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	e := w.node()
	list := w.phones(e, 13)
	for _, p := range list[1:12] {
		w.exec(`UPDATE person SET status = 2, successor_id = $2 WHERE person_id = $1`, p.who.PersonID, list[0].who.PersonID)
	}
	_, _, err := e.Erase(w.ctx, w.brand.ID, list[0].who.PersonID)
	require.NoError(t, err)
	require.Equal(t, 12, w.count(`SELECT count(*) FROM tombstone`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM person WHERE person_id = $1`, list[12].who.PersonID), "a stranger")
}

// A device that comes with an own id that exists joins its person; cut off anywhere and repeated, nothing is half-made.
func TestRegisterWithAnOwnIDThatExists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	f := &faulty{Store: w.store}
	e := w.node(with(f))
	device := func(name, person string) engine.NewDevice {
		return engine.NewDevice{BrandID: w.brand.ID, Device: audience.Device{ExternalID: name}, Profile: phoneProfile, PersonExternalID: person}
	}
	first, err := e.Register(w.ctx, device("d-1", "m-1"))
	require.NoError(t, err)
	for range 2 {
		second, err := e.Register(w.ctx, device("d-2", "m-1"))
		require.NoError(t, err)
		require.Equal(t, first.Device.PersonID, second.Device.PersonID)
	}
	require.Equal(t, 1, w.count(`SELECT count(*) FROM person`))

	for i, op := range []string{"claim", "commit"} {
		f.before = func(o string) error {
			if o == op {
				return errLost
			}
			return nil
		}
		name := []string{"d-3", "d-4"}[i]
		_, err = e.Register(w.ctx, device(name, "m-of-"+name))
		require.ErrorIs(t, err, errLost)
		f.before = nil
		_, err = e.Register(w.ctx, device(name, "m-of-"+name))
		require.NoError(t, err)
		require.Equal(t, 1, w.count(`SELECT count(*) FROM device d JOIN person_external x USING (brand_id, person_id)
			JOIN person_profile c USING (brand_id, person_id) WHERE d.external_id = $1 AND x.external_id = $2 AND c.body ->> 'external_id' = $2`, name, "m-of-"+name))
	}
	both, err := e.RegisterAll(w.ctx, []engine.NewDevice{device("d-5", "m-5"), device("d-6", "m-5")})
	require.NoError(t, err)
	require.Equal(t, both[0].Device.PersonID, both[1].Device.PersonID)
	other, err := e.Register(w.ctx, device("d-5", "m-1"))
	require.NoError(t, err)
	require.Equal(t, both[0].Device.PersonID, other.Device.PersonID, "a registration takes no device from a member")
}

// Evidence gathered by a node that had not heard that the visit was ended elsewhere is not taken.
func TestTokenFromBeforeAVisitWasEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	beside := w.fences[0]
	circle, err := geo.NewCircle(near(storePlace(0), 60), 60)
	require.NoError(t, err)
	beside.ID, beside.ExternalID, beside.Circle = uuid.New(), "f-beside", &circle
	w.write(engine.CatalogueWrite{Fences: []storeFence{beside}})
	for _, ended := range []bool{false, true} {
		a, b := w.node(), w.node()
		p := w.phone(a)
		only := near(storePlace(0), -25)
		require.Equal(t, []string{"entered f-0"}, kinds(p.tell(a, only, only, only, only, only).Transitions))
		if ended {
			smaller := *w.fences[0].Circle
			smaller.Radius = 50
			changed := w.fences[0]
			changed.Circle = &smaller
			w.write(engine.CatalogueWrite{Fences: []storeFence{changed}})
			require.NoError(t, b.FollowCatalogue(w.ctx))
			require.Positive(t, w.count(`SELECT count(*) FROM place WHERE reason = 'fence_changed'`))
		}
		both := near(storePlace(0), 40)
		w.pass(time.Minute)
		require.Empty(t, p.tell(a, both).Transitions)
		w.pass(10 * time.Second)
		require.Empty(t, p.tell(a, both).Transitions)
		w.pass(10 * time.Second)
		got := kinds(p.tell(b, both).Transitions)
		if ended {
			require.Empty(t, got)
		} else {
			require.Equal(t, []string{"entered f-beside"}, got, "the token holds the evidence")
		}
	}
}

// A state never grows over its bound, whatever a person's devices do, and caps stay exact meanwhile.
func TestStateIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, func(s *brand.Settings) {
		s.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 2, Window: cap.Window{Calendar: cap.Day}}}
	})
	w.open(20, 60, nil)
	w.run(latte(false, nil))
	e := w.node()
	first := w.phone(e)
	phones := append([]*phone{first}, first.more(399)...)
	var reports []engine.Report
	for i, p := range phones {
		reports = append(reports, p.report(storePlace(i%20)))
	}
	answers, err := e.Handle(w.ctx, w.brand.ID, reports)
	require.NoError(t, err)
	require.Equal(t, map[string]int{string(campaign.Won): 2, string(campaign.CapReached): 398}, tally(answers))
	require.LessOrEqual(t, w.count(`SELECT max(length(state)) FROM person`), 16<<10)
	open := w.count(`SELECT count(*) FROM open_visit`)
	require.Greater(t, open, 100)
	require.Equal(t, 400-open, w.count(`SELECT count(*) FROM place WHERE reason = 'silence'`))
}

// Folds that became one count for at least as much: what a cap refused before, it refuses after.
func TestMergedFoldsOnlyTighten(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	for range 300 {
		h := randomHistory(rnd)
		merged := h
		merged.Folds = engine.MergeFolds(h.Folds, noon.AddDate(0, 0, -rnd.IntN(10)))
		c := cap.Cap{Scope: cap.Brand, Limit: 1 + rnd.IntN(6), Window: cap.Window{Rolling: time.Duration(1+rnd.IntN(60)) * 24 * time.Hour}}
		if rnd.IntN(2) == 0 {
			c.Window = cap.Window{Calendar: []cap.Calendar{cap.Day, cap.Week, cap.Month}[rnd.IntN(3)]}
		}
		at := noon.AddDate(0, 0, rnd.IntN(10))
		before, _ := cap.Check([]cap.Cap{c}, h, cap.Entry{At: at}, noon)
		after, _ := cap.Check([]cap.Cap{c}, merged, cap.Entry{At: at}, noon)
		require.False(t, !before && after, "%v %v", c, h.Folds)
		require.LessOrEqual(t, len(merged.Folds), len(h.Folds))
	}
}

func randomHistory(rnd *rand.Rand) cap.History {
	h := cap.History{Location: time.UTC}
	for range 1 + rnd.IntN(20) {
		day := noon.Truncate(24*time.Hour).AddDate(0, 0, -1-rnd.IntN(60))
		h.Folds = append(h.Folds, cap.Fold{From: day, Until: day.AddDate(0, 0, 1), Scope: cap.Brand, Count: 1 + rnd.IntN(2)})
	}
	return h
}

// An offer shown in the app of a phone that takes no push is the same when its report is repeated.
func TestRepeatedOfferWithoutAnAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, func(c *campaign.Campaign) { c.DeepLink = "wantgo://latte" }))
	e := w.node()
	made, err := e.Register(w.ctx, engine.NewDevice{BrandID: w.brand.ID, Profile: phoneProfile, Consents: consents(noon.Add(-time.Hour), true, allPurposes...)})
	require.NoError(t, err)
	p := &phone{w: w, id: made.Device.ID}
	r := p.report(storePlace(0))
	r.Foreground = true
	first := p.hand(e, r)
	require.Len(t, first.Offers, 1)
	require.NotEmpty(t, first.Offers[0].Title)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery WHERE state = 'suppressed'`), "kept for the inbox, and for no provider")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery`))
	w.pass(5 * time.Second)
	sameAnswer(t, first, p.hand(w.node(), r))
}
