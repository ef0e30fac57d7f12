package engine_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

func dwellAfter(d time.Duration) func(*campaign.Campaign) {
	return func(c *campaign.Campaign) {
		c.Trigger.Kinds, c.Trigger.Dwell = []campaign.Kind{campaign.Dwelled}, d
		c.Name = d.String()
	}
}

// enters lets a phone stand in the first store until it is told so.
func (p *phone) enters(e *engine.Engine) {
	p.w.t.Helper()
	a := p.tell(e, storePlace(0), storePlace(0), storePlace(0), storePlace(0))
	require.Equal(p.w.t, []string{"entered f-0"}, kinds(a.Transitions))
}

// elapsed is what timers told of, in words.
func elapsed(t *testing.T, list []engine.Elapsed, err error) (words []string) {
	t.Helper()
	require.NoError(t, err)
	for i := range list {
		words = append(words, kinds(list[i].Answer.Transitions)...)
	}
	return words
}

func TestDwellFallsDueByTimer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	w.run(latte(false, dwellAfter(4*time.Minute)))
	e := w.node()
	p := w.phone(e)
	p.enters(e)
	due, ok := e.NextTimer()
	require.True(t, ok)
	since := noon.Add(-30 * time.Second)
	require.Equal(t, since.Add(4*time.Minute), due)
	w.at(due.Add(-time.Millisecond))
	list, err := e.Advance(w.ctx, w.clock.Now())
	require.Empty(t, elapsed(t, list, err))
	w.at(due)
	list, err = e.Advance(w.ctx, due)
	require.Equal(t, []string{"dwelled f-0 time_passed"}, elapsed(t, list, err))
	require.Equal(t, []string{string(campaign.Won)}, reasons(list[0].Answer.Decisions))
	require.Equal(t, due.UnixMilli(), list[0].Answer.Transitions[0].At)
}

// A dwell beyond the promise of the first answer becomes due by timer with a later promise, which nothing else would have
// written: the timer outlives the node.
func TestDwellTimerOfALaterPromiseSurvivesARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	w.run(latte(false, dwellAfter(9*time.Minute)))
	e := w.node()
	p := w.phone(e)
	p.enters(e)
	w.pass(5 * time.Minute)
	a := p.tell(e, storePlace(0))
	require.Empty(t, a.Transitions)
	require.Greater(t, w.clock.Now().Add(a.NextReport), noon.Add(8*time.Minute+30*time.Second), "the promise covers the dwell")

	restarted := w.node()
	w.at(noon.Add(8*time.Minute + 31*time.Second))
	require.NoError(t, restarted.Sweep(w.ctx, 0))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM place WHERE kind = 'dwelled' AND reason = 'time_passed'`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM trace WHERE reason = 'WON'`))
}

// A phone that broke its promise to report may have left: no dwell by timer, but the next ping tells it.
func TestNoDwellAfterABrokenPromise(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	w.run(latte(false, dwellAfter(9*time.Minute)))
	e := w.node()
	p := w.phone(e)
	p.enters(e)
	w.at(noon.Add(12 * time.Minute))
	list, err := e.Advance(w.ctx, w.clock.Now())
	require.Empty(t, elapsed(t, list, err))
	require.Equal(t, []string{"dwelled f-0"}, kinds(p.tell(e, storePlace(0)).Transitions))
}

func TestSeveralDwellsAtOneFence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, func(s *brand.Settings) { s.Presence.Dwell = 3 * time.Minute })
	w.open(1, 60, nil)
	own := w.run(latte(false, dwellAfter(0)))
	five := w.run(latte(false, dwellAfter(5*time.Minute)))
	eight := w.run(latte(false, dwellAfter(8*time.Minute)))
	e := w.node()
	p := w.phone(e)
	p.enters(e)
	var won []string
	for range 12 {
		w.pass(time.Minute)
		list, err := e.Advance(w.ctx, w.clock.Now())
		require.NoError(t, err)
		a := p.tell(e, storePlace(0))
		for _, x := range append(list, engine.Elapsed{Answer: a}) {
			for _, d := range x.Answer.Decisions {
				require.Equal(t, string(campaign.Won), d.Reason)
				switch d.CampaignID {
				case own.ID:
					won = append(won, "own")
				case five.ID:
					won = append(won, "five")
				case eight.ID:
					won = append(won, "eight")
				}
			}
		}
	}
	require.Equal(t, []string{"own", "five", "eight"}, won)
	require.Equal(t, 3, w.count(`SELECT count(*) FROM place WHERE kind = 'dwelled'`))
}

// The campaign that a stay waits for goes: the dwell that was told is not told again.
func TestDwellIsNotToldTwiceWhenACampaignGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	w.run(latte(false, dwellAfter(3*time.Minute)))
	later := w.run(latte(false, dwellAfter(20*time.Minute)))
	e := w.node()
	p := w.phone(e)
	p.enters(e)
	w.pass(3 * time.Minute)
	require.Equal(t, []string{"dwelled f-0 time_passed"}, kinds(p.tell(e, storePlace(0)).Transitions))
	later.DeletedAt = w.clock.Now()
	w.run(later)
	require.NoError(t, e.FollowCatalogue(w.ctx))
	for range 5 {
		w.pass(time.Minute)
		require.Empty(t, p.tell(e, storePlace(0)).Transitions)
	}
}

func TestSilenceEndsAVisit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	w.run(latte(false, func(c *campaign.Campaign) { c.Trigger.Kinds = []campaign.Kind{campaign.Exited} }))
	e := w.node()
	p := w.phone(e)
	p.enters(e)
	w.pass(5 * time.Minute)
	p.tell(e, storePlace(0))
	heard := w.clock.Now()
	ends := heard.Add(37*time.Minute + 30*time.Second)
	w.at(ends.Add(-time.Millisecond))
	list, err := e.Advance(w.ctx, w.clock.Now())
	require.Empty(t, elapsed(t, list, err))
	w.at(ends)
	list, err = e.Advance(w.ctx, ends)
	require.Equal(t, []string{"exited f-0 silence"}, elapsed(t, list, err))
	require.Equal(t, ends.UnixMilli(), list[0].Answer.Transitions[0].At)
	require.Empty(t, list[0].Answer.Decisions, "nobody is thanked for having gone silent")
	require.Zero(t, w.count(`SELECT count(*) FROM open_visit`))
}

// While a visit is open the row hears of the phone once per quarter of the silence time, and not more often.
func TestLastHeardIsRenewedByQuarters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	e := w.node()
	p := w.phone(e)
	p.enters(e)
	version := func() int {
		return w.count(`SELECT version::int FROM person WHERE person_id = $1`, p.who.PersonID)
	}
	before, uses := version(), w.count(`SELECT count(*) FROM location_use`)
	for range 60 {
		w.pass(30 * time.Second)
		require.Empty(t, p.tell(e, storePlace(0)).Transitions)
	}
	records := w.count(`SELECT count(*) FROM location_use`) - uses
	require.LessOrEqual(t, version()-before-records, 4)
	require.GreaterOrEqual(t, version()-before, 3)
}

// Every node may sweep; what is due happens once. A copy of before the visit keeps no node from ending it.
func TestSweepsAreOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	w.run(latte(false, dwellAfter(4*time.Minute)))
	a, b := w.node(), w.node()
	var all []*phone
	for _, p := range w.phones(a, 20) {
		p.tell(b, nowhere) // node b has a copy of nobody being anywhere
		all = append(all, p)
	}
	w.pass(10 * time.Minute)
	for _, p := range all {
		p.token = nil
		p.enters(a)
	}
	w.pass(4*time.Minute + time.Second)
	for _, want := range []string{"dwelled", "exited"} {
		var both sync.WaitGroup
		errs := make([]error, 3)
		both.Go(func() { errs[0] = a.Sweep(w.ctx, 0) })
		both.Go(func() { errs[1] = b.Sweep(w.ctx, 0) })
		both.Go(func() { _, errs[2] = a.Advance(w.ctx, w.clock.Now()) })
		both.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		require.Equal(t, 20, w.count(`SELECT count(*) FROM place WHERE kind = $1`, want))
		w.pass(time.Hour)
	}
	require.Equal(t, 20, w.count(`SELECT count(*) FROM delivery`))

	// Alone, with only its stale copies, node b ends what a dead node a began.
	w.pass(time.Hour)
	p := all[0]
	p.enters(a)
	w.pass(time.Hour)
	require.NoError(t, b.Sweep(w.ctx, 0))
	require.Equal(t, 21, w.count(`SELECT count(*) FROM place WHERE reason = 'silence'`))
	require.Zero(t, w.count(`SELECT count(*) FROM person WHERE due_at IS NOT NULL`))
}

// A person whose stored due time is over, but who was heard since, is found by one sweep and not by every one.
func TestSweepMovesALowerBoundOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	a, b := w.node(), w.node()
	p := w.phone(a)
	p.enters(a)
	for range 9 {
		w.pass(5 * time.Minute)
		require.Empty(t, p.tell(a, storePlace(0)).Transitions)
	}
	overdue := `SELECT count(*) FROM person WHERE due_at <= $1`
	w.exec(`UPDATE person SET due_at = $1`, w.clock.Now().Add(-time.Minute))
	require.NoError(t, b.Sweep(w.ctx, 0))
	require.Zero(t, w.count(overdue, w.clock.Now()))
	require.Zero(t, w.count(`SELECT count(*) FROM place WHERE kind = 'exited'`))
	require.Empty(t, p.tell(a, storePlace(0)).Transitions)
}

// What cannot be written stays due.
func TestTimersSurviveAFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	w.run(latte(false, dwellAfter(4*time.Minute)))
	f := &faulty{Store: w.store}
	e := w.node(with(f))
	p := w.phone(e)
	p.enters(e)
	w.pass(4 * time.Minute)
	f.before = func(op string) error {
		if slices.Contains([]string{"commit", "load"}, op) {
			return errLost
		}
		return nil
	}
	list, err := e.Advance(w.ctx, w.clock.Now())
	require.Empty(t, elapsed(t, list, err))
	f.before = nil
	w.pass(2 * time.Second)
	list, err = e.Advance(w.ctx, w.clock.Now())
	require.Equal(t, []string{"dwelled f-0 time_passed"}, elapsed(t, list, err))
}
