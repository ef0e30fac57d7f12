package admit_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/api/admit"
)

// seeded prints the seed of a random test.
func seeded(t *testing.T) uint64 {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return seed
}

// load is a source's class, pings a call, and share of what is offered.
type load struct {
	class admit.Class
	pings int
	share float64
}

const (
	warmUp  = 2 * time.Second
	watched = 2 * time.Second
)

// flood lets a machine run under offered times its capacity.
func flood(seed uint64, commit time.Duration, offered float64, loads []load) *machine {
	m := newMachine(seed, commit)
	for _, l := range loads {
		m.offer(l.class, l.pings, offered*l.share)
	}
	m.from = warmUp
	m.run(warmUp + watched)
	return m
}

var kinds = map[string][]load{
	"reports": {{admit.Phone, 1, 1}},
	"uploads": {{admit.Phone, 1, 0.5}, {admit.Phone, 100, 0.5}},
	"imports": {{admit.Import, 500, 1}},
	"mixed":   {{admit.Phone, 1, 0.3}, {admit.Import, 500, 0.3}, {admit.Import, 20, 0.2}, {admit.Console, 8, 0.2}},
}

// TestGoodputHoldsUnderAFlood offers half to five times of what the machine can do. What it takes to refuse a call unread
// is added to the work done: no limiter can save that, and for a flood of calls that carry next to nothing it counts.
func TestGoodputHoldsUnderAFlood(t *testing.T) {
	for name, loads := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := seeded(t)
			work, peak := map[float64]float64{}, 0.0
			for _, offered := range []float64{0.5, 1, 1.5, 2, 3, 5} {
				m := flood(seed, 3*time.Millisecond, offered, loads)
				all := m.tally(watched)
				t.Logf("offered %.1f: goodput %.3f (refusing %.3f), p99 %s, refused %.2f, slowest refusal %s, limits %d",
					offered, all.work/m.cores, all.doors/m.cores, all.p99, 1-float64(all.served)/float64(all.offered), all.lastRefusal, m.limiter.Look().Limits)
				work[offered], peak = all.work+all.doors, max(peak, all.work)
				require.LessOrEqual(t, all.lastRefusal, 40*time.Millisecond)
				if offered == 0.5 {
					require.Equal(t, all.offered, all.served)
				}
			}
			for offered, done := range work {
				if offered > 1 {
					require.GreaterOrEqual(t, done, 0.9*peak, "offered %.1f", offered)
				}
			}
		})
	}
}

// TestWithoutALimitTheMachineWouldDrown shows what the simulation is good for: a limiter that takes everything lets
// calls take seconds.
func TestWithoutALimitTheMachineWouldDrown(t *testing.T) {
	m := newMachine(seeded(t), 3*time.Millisecond)
	m.limiter = admit.NewLimiter(admit.Settings{Least: 1 << 30, Most: 1 << 30})
	m.offer(admit.Phone, 1, 2)
	m.from = time.Second
	m.run(2 * time.Second)
	require.Greater(t, m.tally(time.Second).p99, 300*time.Millisecond)
}

// TestPhonesComeFirst: phones that fit are served whatever the others offer; the others share what is left, in order.
func TestPhonesComeFirst(t *testing.T) {
	for _, others := range []float64{1, 2, 5} {
		t.Run(fmt.Sprint(others), func(t *testing.T) {
			t.Parallel()
			m := flood(seeded(t), 3*time.Millisecond, 1, []load{
				{admit.Phone, 1, 0.4}, {admit.Import, 500, others}, {admit.Console, 8, others},
			})
			phones, imports, consoles := m.tally(watched, admit.Phone), m.tally(watched, admit.Import), m.tally(watched, admit.Console)
			t.Logf("phones %.3f p99 %s, imports %.3f, consoles %.3f; limits %v", phones.work/2, phones.p99, imports.work/2, consoles.work/2, m.limiter.Look().Limits)
			require.GreaterOrEqual(t, float64(phones.served), 0.99*float64(phones.offered))
			require.Greater(t, imports.work, 2.5*consoles.work)
			require.Greater(t, consoles.work, 0.0)
		})
	}
}

// TestNobodyStarves: phones alone would fill the machine five times over.
func TestNobodyStarves(t *testing.T) {
	m := flood(seeded(t), 3*time.Millisecond, 1, []load{
		{admit.Phone, 1, 5}, {admit.Import, 500, 1}, {admit.Console, 8, 1},
	})
	phones, imports, consoles := m.tally(watched, admit.Phone), m.tally(watched, admit.Import), m.tally(watched, admit.Console)
	t.Logf("phones %.3f, imports %.3f, consoles %.3f", phones.work/2, imports.work/2, consoles.work/2)
	require.Greater(t, phones.work, 4*(imports.work+consoles.work))
	require.Greater(t, imports.work/2, 0.002)
	require.Greater(t, consoles.work/2, 0.002)
}

// TestSlowDiskIsNotOverload: where every commit takes long, calls in the works do no harm, and more of them are let in.
func TestSlowDiskIsNotOverload(t *testing.T) {
	seed := seeded(t)
	m := newMachine(seed, 100*time.Millisecond)
	m.offer(admit.Phone, 1, 0.05)
	m.run(2 * time.Second) // what is natural here is learnt
	m.offer(admit.Phone, 1, 5)
	m.from = m.now + warmUp
	m.run(warmUp + watched)
	all := m.tally(watched)
	t.Logf("goodput %.3f (refusing %.3f), p99 %s, limits %d", all.work/m.cores, all.doors/m.cores, all.p99, m.limiter.Look().Limits)
	require.Greater(t, (all.work+all.doors)/m.cores, 0.85)
}

// TestTheFloodEnds: what comes after it is served at once again.
func TestTheFloodEnds(t *testing.T) {
	m := flood(seeded(t), 3*time.Millisecond, 5, kinds["mixed"])
	for _, s := range m.sources {
		s.perSecond /= 10
	}
	m.from = m.now + 2*time.Second
	m.seen = nil
	m.run(4 * time.Second)
	all := m.tally(2 * time.Second)
	require.Equal(t, all.offered, all.served)
	require.Less(t, all.p99, 50*time.Millisecond)
}
