package engine_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
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
	w.pass(10 * time.Second)
	r.Token, r.Received = token, w.clock.Now()
	out := ping(near(storePlace(0), 62), w.clock.Now()) // one fix just outside says nothing
	r.Pings = append(r.Pings, out)
	got := p.hand(b, r)
	require.Equal(t, []string{"entered f-0"}, kinds(got.Transitions))
	require.Equal(t, []engine.Verdict{engine.Repeated, engine.Taken}, verdicts(got))
}
