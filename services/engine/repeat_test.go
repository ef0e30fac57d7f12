package engine_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
)

var errLost = errors.New("connection lost")

// sameAnswer compares what a phone sees of two answers.
func sameAnswer(t *testing.T, want, got engine.Answer) {
	t.Helper()
	require.NoError(t, got.Err)
	require.Equal(t, want.Transitions, got.Transitions)
	require.Equal(t, want.Offers, got.Offers)
	for i := range got.Pings {
		require.Equal(t, want.Pings[i].ID, got.Pings[i].ID)
	}
}

// A phone that got no answer tells the same again, to whichever node: it gets what it would have got, and nothing changes.
func TestRepeatedReport(t *testing.T) {
	t.Parallel()
	for _, policy := range []presence.Policy{presence.Exact, presence.Standard} {
		t.Run(policy.String(), func(t *testing.T) {
			w := newWorld(t, policy, nil)
			w.open(2, 60, nil)
			second := w.fences[1] // overlaps the first
			circle := *w.fences[0].Circle
			circle.Radius = 90
			second.Circle = &circle
			w.write(engine.CatalogueWrite{Fences: w.fences[1:1]})
			w.write(engine.CatalogueWrite{Fences: append(w.fences[:1:1], second)})
			w.run(latte(true, nil))
			a, b := w.node(), w.node()
			p := w.phone(a)
			r := p.report(storePlace(0), storePlace(0), storePlace(0), storePlace(0), storePlace(0))
			r.Foreground = true
			first := p.hand(a, r)
			require.Len(t, first.Transitions, 2)
			require.Len(t, first.Offers, 1)
			before := w.dump()
			for name, node := range map[string]*engine.Engine{"same node": a, "another": b, "after a restart": w.node()} {
				again := r
				again.Received = r.Received.Add(5 * time.Second)
				got := p.hand(node, again)
				sameAnswer(t, first, got)
				require.Equal(t, engine.Repeated, got.Pings[0].Verdict, name)
				require.Equal(t, before, w.dump(), name)
			}
		})
	}
}

// The first call fails after its commit. The repeat finds what was done.
func TestRepeatAfterALostConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, func(c *campaign.Campaign) { c.Offer.Stock = 5 }))
	f := &faulty{Store: w.store}
	e, other := w.node(with(f)), w.node()
	p := w.phone(e)

	var commits atomic.Int32
	f.after = func(op string) error {
		if op == "commit" && commits.Add(1) == 1 {
			return errLost
		}
		return nil
	}
	r := p.report(storePlace(0))
	r.Foreground = true
	a := p.hand(e, r)
	require.NoError(t, a.Err, "the row carries the write's own id")
	require.Len(t, a.Offers, 1)

	q := w.phone(e)
	f.after = func(string) error { return errLost } // and nobody can be asked either
	f.before = func(op string) error {
		if op == "committed" {
			return errLost
		}
		return nil
	}
	r = q.report(storePlace(0))
	r.Foreground = true
	_, err := e.Handle(w.ctx, w.brand.ID, []engine.Report{r})
	_ = err
	f.after, f.before = nil, nil
	for _, node := range []*engine.Engine{e, other} {
		got := q.hand(node, r)
		require.Equal(t, []string{"entered f-0"}, kinds(got.Transitions))
		require.Len(t, got.Offers, 1)
		require.NotEmpty(t, got.Offers[0].Title)
	}
	require.Equal(t, 2, w.count(`SELECT count(*) FROM coupon`))
	require.Equal(t, 2, w.count(`SELECT count(*) FROM place`))
}

func TestDuplicateIdsInABatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	e := w.node()
	p := w.phone(e)
	r := p.report(storePlace(0), nowhere)
	r.Pings = append(r.Pings, r.Pings[0], r.Pings[1], r.Pings[0])
	a := p.hand(e, r)
	require.Equal(t, []engine.Verdict{engine.Taken, engine.Taken, engine.Repeated, engine.Repeated, engine.Repeated}, verdicts(a))
	require.Equal(t, []string{"entered f-0", "exited f-0"}, kinds(a.Transitions))
	require.Zero(t, w.count(`SELECT count(*) FROM open_visit`), "opened and closed by one write")
}

// A buffer may come shuffled: under the standard policy the order of observation counts.
func TestShuffledBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	e := w.node()
	rnd := seeded(t)
	in, out := storePlace(0), near(storePlace(0), 300)
	var want []string
	for round := range 5 {
		p := w.phone(e)
		r := p.report(in, in, in, in, in, out, out, out, out, out)
		for i := range r.Pings { // a minute apart, or it would be a drive-by
			r.Pings[i].At = w.clock.Now().Add(time.Duration(i-9) * time.Minute / 3).UnixMilli()
		}
		if round > 0 {
			rnd.Shuffle(len(r.Pings), func(i, j int) { r.Pings[i], r.Pings[j] = r.Pings[j], r.Pings[i] })
		}
		a := p.hand(e, r)
		var got []string
		for _, tr := range a.Transitions {
			got = append(got, tr.Kind.String()+time.UnixMilli(tr.At).UTC().Format(" 15:04:05"))
		}
		if round == 0 {
			require.Len(t, got, 2)
			want = got
		}
		require.Equal(t, want, got)
		require.False(t, slices.Contains(verdicts(a), engine.NotInOrder))
	}
}

// The answer was lost with the node: the resent batch is partly known, and what evidence the old token holds is about
// an entry that was told already. It must not count as evidence for having left.
func TestOldTokenAfterAnEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	a, b := w.node(), w.node()
	p := w.phone(a)
	require.Empty(t, p.tell(a, storePlace(0), storePlace(0)).Transitions)
	token := p.token // evidence for entering
	w.pass(10 * time.Second)
	r := p.report(storePlace(0))
	require.Equal(t, []string{"entered f-0"}, kinds(p.hand(a, r).Transitions))

	p.token = token // the answer was lost, and node a with it
	w.pass(70 * time.Second)
	r.Token, r.Received = token, w.clock.Now()
	out := ping(near(storePlace(0), 200), w.clock.Now()) // one fix settles nothing
	r.Pings = append(r.Pings, out)
	got := p.hand(b, r)
	require.Equal(t, []string{"entered f-0"}, kinds(got.Transitions))
	require.Equal(t, []engine.Verdict{engine.Repeated, engine.Taken}, verdicts(got))
}

// The same with what a node remembers: another node told of the entry meanwhile.
func TestOldMemoryAfterAnEntry(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	a, b := w.node(), w.node()
	p := w.phone(a)
	require.Empty(t, p.tell(a, storePlace(0), storePlace(0)).Transitions)
	w.pass(10 * time.Second)
	require.Equal(t, []string{"entered f-0"}, kinds(p.tell(b, storePlace(0)).Transitions))
	_, err := b.RecordConsents(w.ctx, w.brand.ID, p.id, submissions(w.clock.Now(), true, audience.LocRetain))
	require.NoError(t, err)
	require.NoError(t, a.FollowRevocations(w.ctx))
	p.token = nil
	w.pass(70 * time.Second)
	require.Empty(t, p.tell(a, near(storePlace(0), 200)).Transitions)
}

// late is a storage whose first large write reaches the database only after somebody asked whether it had.
type late struct {
	*postgres.Store
	mu      sync.Mutex
	delayed []engine.PersonWrite
	happens int
}

func (l *late) Commit(ctx context.Context, ws []engine.PersonWrite) ([]bool, error) {
	l.mu.Lock()
	if l.happens == 0 && len(ws) > 1 {
		l.happens, l.delayed = 1, slices.Clone(ws)
		l.mu.Unlock()
		return nil, errLost
	}
	l.mu.Unlock()
	return l.Store.Commit(ctx, ws)
}

func (l *late) Committed(ctx context.Context, ws []engine.PersonWrite) ([]bool, error) {
	done, err := l.Store.Committed(ctx, ws)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && l.happens == 1 {
		l.happens = 2
		_, err = l.Store.Commit(ctx, l.delayed)
	}
	return done, err
}

// A write that is sent again may lose to itself. It was committed all the same, and its coupons are not to be issued again.
func TestAWriteThatLosesToItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, func(c *campaign.Campaign) { c.Offer.Stock = 40 }))
	l := &late{Store: w.store}
	e := w.node(func(c *engine.Config) { c.Storage, c.Committers = l, 1 })
	won := 0
	for range 3 {
		var reports []engine.Report
		for _, p := range w.phones(e, 30) {
			reports = append(reports, p.report(storePlace(0)))
		}
		answers, err := e.Handle(w.ctx, w.brand.ID, reports)
		require.NoError(t, err)
		won += tally(answers)[string(campaign.Won)]
	}
	require.Equal(t, 2, l.happens)
	require.Equal(t, 40, won)
	require.Equal(t, 40, w.count(`SELECT count(*) FROM coupon`))
}
