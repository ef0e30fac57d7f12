package engine_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/seal"
)

// stroll is a noisy walk among the first stores: it comes near, stays, leaves, and sometimes falls silent.
func stroll(rnd interface {
	IntN(int) int
	NormFloat64() float64
	Float64() float64
}, from time.Time, n int) (pings []engine.Ping) {
	at, target := from, 0
	place := near(storePlace(0), 200)
	for range n {
		step := 10 * time.Second
		if rnd.IntN(40) == 0 {
			step = time.Duration(rnd.IntN(45)) * time.Minute // silence, short or long
		}
		at = at.Add(step)
		if rnd.IntN(12) == 0 {
			target = rnd.IntN(3)
		}
		goal := []geo.Point{storePlace(0), near(storePlace(0), 150), near(storePlace(0), 320)}[target]
		way := geo.Distance(place, goal)
		if part := 1.4 * 10 / math.Max(way, 14); part < 1 {
			place.Lat += (goal.Lat - place.Lat) * part
		} else {
			place = goal
		}
		p := ping(near(place, 8*rnd.NormFloat64()), at)
		p.Accuracy = []float64{5, 10, 20, 35, math.NaN(), 400}[rnd.IntN(6)]
		pings = append(pings, p)
	}
	return pings
}

type told struct {
	Kind   presence.Kind
	Reason presence.Reason
	Fence  string
	At     int64
}

func toldOf(list []engine.TransitionAnswer) (all []told) {
	for _, tr := range list {
		all = append(all, told{tr.Kind, tr.Reason, tr.FenceExternalID, tr.At})
	}
	return all
}

// A phone that goes from node to node with its token brings about exactly what it would with one node.
func TestHoppingWithTheToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	beside := w.fences[0]
	circle, err := geo.NewCircle(near(storePlace(0), 150), 70)
	require.NoError(t, err)
	beside.ID, beside.ExternalID, beside.Circle = uuid.New(), "f-beside", &circle
	w.write(engine.CatalogueWrite{Fences: append(w.fences[:1:1], beside)})
	rnd := seeded(t)
	one, a, b := w.node(), w.node(), w.node()
	nodes := []*engine.Engine{a, b}
	changes := 0
	for walk := range 5 {
		w.at(noon)
		steady, hopper := w.phone(one), w.phone(a)
		pings := stroll(rnd, noon, 150)
		if walk == 4 { // two pings of each instant
			for i := 1; i < len(pings); i += 2 {
				pings[i].At = pings[i-1].At
			}
		}
		for i, g := range pings {
			w.at(time.UnixMilli(g.At))
			r := steady.report()
			r.Pings = []engine.Ping{g}
			want := steady.hand(one, r)
			r = hopper.report()
			r.Pings = []engine.Ping{g}
			got := hopper.hand(nodes[rnd.IntN(2)], r)
			require.Equal(t, verdicts(want), verdicts(got), "ping %d", i)
			require.Equal(t, toldOf(want.Transitions), toldOf(got.Transitions), "ping %d", i)
			changes += len(want.Transitions)
		}
	}
	require.Greater(t, changes, 8, "the walks must tell something")
}

func TestWorthlessTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	a := w.node()
	p, other := w.phone(a), w.phone(a)
	other.tell(a, storePlace(0), storePlace(0))
	p.tell(a, storePlace(0), storePlace(0))
	own := p.token
	flipped := append([]byte{}, own...)
	flipped[len(flipped)/2] ^= 1
	stranger, err := seal.New(seal.NewRoot())
	require.NoError(t, err)
	alien, err := stranger.Seal(seal.PresenceToken, []byte("x"), w.brand.ID[:], p.id[:])
	require.NoError(t, err)
	for name, token := range map[string][]byte{
		"garbled": flipped, "cut": own[:20], "another device's": other.token, "another root's": alien, "huge": make([]byte, 1<<20), "text": []byte("hello"),
	} {
		b := w.node()
		w.pass(10 * time.Second)
		q := *p
		q.token = token
		require.Empty(t, q.tell(b, storePlace(0)).Transitions, name)
	}
	w.pass(10 * time.Second)
	b := w.node()
	p.token = own
	require.Equal(t, []string{"entered f-0"}, kinds(p.tell(b, storePlace(0)).Transitions), "its own token holds the evidence")
}

// A token of another history of the database is worth nothing.
func TestTokenOfAnotherEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	a := w.node()
	p := w.phone(a)
	p.tell(a, storePlace(0), storePlace(0))
	b := w.node(func(c *engine.Config) { c.Storage = restored{w.store} })
	w.pass(10 * time.Second)
	require.Empty(t, p.tell(b, storePlace(0)).Transitions)
}

// A report that lay in a frozen node while the phone repeated it elsewhere and went on is refused, however many pings
// ago that was; one of a phone whose clock was set back is not.
func TestOvertakenReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	a, b := w.node(), w.node()
	p := w.phone(a)
	wrong := -3 * time.Hour // the phone's clock
	tell := func(e *engine.Engine, place geo.Point) engine.Answer {
		r := p.report(place)
		r.SentAt = w.clock.Now().Add(wrong)
		r.Pings[0].At = r.SentAt.UnixMilli()
		a := p.hand(e, r)
		p.token = a.Token
		return a
	}
	tell(a, nowhere)
	frozen := p.report(storePlace(0))
	frozen.SentAt = w.clock.Now().Add(wrong)
	frozen.Pings[0].At = frozen.SentAt.UnixMilli()
	require.Equal(t, []string{"entered f-0"}, kinds(p.hand(b, frozen).Transitions))
	for i := range 40 {
		w.pass(time.Second)
		tell(b, []geo.Point{nowhere, storePlace(0)}[i%2])
	}
	w.pass(time.Second)
	tell(b, nowhere)
	before := w.count(`SELECT count(*) FROM place`)
	w.pass(time.Second)
	frozen.Received = w.clock.Now()
	token := p.token
	require.Equal(t, []engine.Verdict{engine.NotInOrder}, verdicts(p.hand(a, frozen)))
	p.token = token // the answer comes to nobody: the phone has gone on
	require.Equal(t, before, w.count(`SELECT count(*) FROM place`))

	w.pass(time.Second)
	tell(b, storePlace(0))
	p.token = token // the answer is lost: the next report brings an older word, and is taken
	w.pass(time.Second)
	require.Equal(t, []string{"exited f-0"}, kinds(tell(b, nowhere).Transitions))

	wrong = -5 * time.Hour
	w.pass(time.Second)
	require.Equal(t, []string{"entered f-0"}, kinds(tell(a, storePlace(0)).Transitions))
}

// After a failover one node notices before the other. What a phone did at the first is not unknown to the second.
func TestTokenOfAHistoryNotNoticedYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	loads := 0
	f := &faulty{Store: w.store, before: func(op string) error {
		if op == "load" {
			loads++
		}
		return nil
	}}
	a, b := w.node(with(f)), w.node(func(c *engine.Config) { c.Storage = restored{w.store} })
	p := w.phone(a)
	require.Empty(t, p.tell(a, nowhere).Transitions)
	w.pass(time.Second)
	require.Equal(t, []string{"entered f-0"}, kinds(p.tell(b, storePlace(0)).Transitions))
	w.pass(time.Second)
	require.Equal(t, []string{"exited f-0"}, kinds(p.tell(a, nowhere).Transitions))
	w.pass(time.Second)
	loads = 0
	require.Empty(t, p.tell(a, nowhere).Transitions)
	require.Equal(t, []string{"entered f-0"}, kinds(p.tell(a, storePlace(0)).Transitions))
	require.Zero(t, loads, "the row was read once, not for every report from then on")
}
