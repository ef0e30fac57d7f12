package pusher

import (
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// weather is what may go wrong, drawn from one seed.
type weather struct {
	mu     sync.Mutex
	random *rand.Rand
	calm   bool
	away   time.Time // storage answers nothing until then
}

func (w *weather) draw(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n)
}

func (w *weather) broken(string) (before, after bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calm {
		return false, false
	}
	if time.Now().Before(w.away) {
		return true, false
	}
	luck := w.random.IntN(100)
	return luck < 4, luck >= 96
}

func (w *weather) step(*Delivery, int) step {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := step{takes: time.Duration(w.random.IntN(800)) * time.Millisecond}
	if w.calm {
		return accepting
	}
	refuse := func(o Outcome, scope Scope) step {
		s.result = Result{Outcome: o, Scope: scope, RetryAfter: time.Duration(w.random.IntN(3)) * 15 * time.Second}
		return s
	}
	switch w.random.IntN(16) {
	case 0:
		return step{takes: time.Duration(1+w.random.IntN(20)) * time.Second, accepts: true, result: accepting.result}
	case 1:
		s.noAnswer, s.accepts = true, true
		return s
	case 2:
		s.noAnswer = true
		return s
	case 3, 4:
		return refuse(OutcomeRetry, ScopeDelivery)
	case 5:
		return refuse(OutcomeRetry, ScopeDevice)
	case 6:
		return refuse(OutcomeRetry, ScopeProject)
	case 7:
		return refuse(OutcomeMisconfigured, ScopeProject)
	case 8:
		return refuse(OutcomeAddressGone, ScopeDelivery)
	case 9:
		return refuse(OutcomeRejected, ScopeDelivery)
	}
	s.accepts, s.result = true, accepting.result
	return s
}

func seeds(t *testing.T, n int) []uint64 {
	t.Helper()
	if fixed, err := strconv.ParseUint(os.Getenv("WANTGO_SEED"), 10, 64); err == nil {
		return []uint64{fixed}
	}
	list := make([]uint64, n)
	for i := range list {
		list[i] = uint64(time.Now().UnixNano()) + uint64(i)
	}
	return list
}

// TestNothingLostLateOrDoubled lets three nodes live and die in bad weather. The twins watch every attempt: its lease, its
// deadline, its neighbours. At the end every delivery must have ended, and ended truthfully.
func TestNothingLostLateOrDoubled(t *testing.T) {
	for _, seed := range seeds(t, 8) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Logf("WANTGO_SEED=%d repeats the script, though not the order of goroutines", seed)
			inBubble(t, func(t *testing.T, o *outboxTwin) { live(t, o, &weather{random: rand.New(rand.NewPCG(seed, 7))}) })
		})
	}
}

func live(t *testing.T, o *outboxTwin, w *weather) {
	p := newProviderTwin(o, w.step)
	o.broken = w.broken
	small := func(c *Config) { c.InFlight, c.Queue = 6, 16 }
	nodes := []*node{start(t, o, p, small), start(t, o, p, small), start(t, o, p, small)}
	var stopped []*node
	for range 200 {
		i := w.draw(len(nodes))
		switch w.draw(12) {
		case 0:
			nodes[i].kill()
			stopped, nodes[i] = append(stopped, nodes[i]), start(t, o, p, small)
		case 1:
			nodes[i].stop(t)
			stopped, nodes[i] = append(stopped, nodes[i]), start(t, o, p, small)
		case 2:
			w.mu.Lock()
			w.away = time.Now().Add(time.Duration(w.random.IntN(30)) * time.Second)
			w.mu.Unlock()
		default:
			offerSome(o, w, nodes[i])
		}
		after(time.Duration(w.draw(4000)) * time.Millisecond)
	}
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	after(12 * time.Minute)
	for _, n := range nodes {
		n.stop(t)
	}
	judge(t, o, p, append(stopped, nodes...))
}

func offerSome(o *outboxTwin, w *weather, n *node) {
	var ds []Delivery
	for range 1 + w.draw(4) {
		d := delivery(byte(1+w.draw(3)), time.Duration(1+w.draw(600))*time.Second)
		d.DeviceID = uuid.UUID{15: byte(w.draw(20))}
		d.NotBefore = d.NotBefore.Add(time.Duration(max(w.draw(60)-40, 0)) * time.Second)
		ds = append(ds, d)
	}
	switch w.draw(4) {
	case 0:
		o.insert(uuid.Nil, 0, ds...)
	case 1:
		o.insert(n.Node(), n.Lease(), ds...) // and the node dies before it offers them
	default:
		n.Offer(o.insert(n.Node(), n.Lease(), ds...))
	}
}

func judge(t *testing.T, o *outboxTwin, p *providerTwin, nodes []*node) {
	states := map[State]int{}
	for _, id := range o.order {
		r, calls := o.get(id), p.of(id)
		states[r.State]++
		require.NotEqual(t, Pending, r.State, "lost: %+v", r)
		took := 0
		for _, c := range calls {
			require.Equal(t, calls[0].notification, c.notification)
			require.Equal(t, calls[0].collapse, c.collapse)
			if c.accepted {
				took++
			}
		}
		require.False(t, r.end.SurelyNotReceived && took > 0, "room given back for what a provider took: %+v %+v", r, calls)
		require.False(t, r.State == Accepted && took == 0, "accepted by nobody: %+v", r)
		told := 0
		for _, n := range nodes {
			told += len(n.diary.of(id))
		}
		require.LessOrEqual(t, told, 1)
	}
	t.Logf("%d deliveries, %d attempts, ends %v", len(o.order), p.total(), states)
	require.Positive(t, states[Accepted])
	require.Positive(t, states[Expired])
	require.Positive(t, states[Failed])
}
