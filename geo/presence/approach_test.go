package presence

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// expecting is a cafe that wants to know who comes.
func expecting(policy Policy, metres float64, within time.Duration) circle {
	c := cafe(policy)
	c.rules.ApproachDistance, c.rules.ApproachTime = metres, within
	return c
}

func TestApproachIsOffByDefault(t *testing.T) {
	ph := newPhone(t, Standard, cafe(Standard))
	for i := range Millis(60) {
		ph.near(Ping{At: start + i*tick, Place: offset(800-14*float64(i), 0), Accuracy: 10, Speed: -1})
	}
	require.Zero(t, ph.count(Approached))
	require.Empty(t, ph.state.runs)
	require.Empty(t, ph.state.Approaches)
	require.Zero(t, ph.fences[0].rules.ApproachLookout())
}

// TestApproachComesLast of the changes of one ping.
func TestApproachComesLast(t *testing.T) {
	ts := []Transition{{Kind: Approached}, {Kind: Dwelled}, {Kind: Entered}, {Kind: Exited}}
	inOrder(ts)
	for i, k := range []Kind{Exited, Entered, Dwelled, Approached} {
		require.Equal(t, k, ts[i].Kind)
	}
}

// TestApproachOnce lets devices roam around a fence and holds, from the pings alone, that after one telling there is
// none before the wider ring was left or an hour has passed; also where all that is carried gets lost.
func TestApproachOnce(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 6))
	told, again := 0, 0
	for range seeds(4) * 50 {
		fence := expecting(Policy(rng.IntN(3)), 200, time.Duration(rng.IntN(2))*30*time.Second)
		ph := newPhone(t, fence.rules.Policy, fence)
		sigma, n, e, heading := 3+20*rng.Float64(), 900*rng.NormFloat64(), 900*rng.NormFloat64(), rng.Float64()*7
		var last, left Millis
		for i := range Millis(900) {
			at := start + i*tick
			heading += rng.NormFloat64() / 4
			if rng.IntN(30) == 0 {
				heading = math.Atan2(-e, -n) // to the cafe
			}
			n, e = n+14*math.Cos(heading), e+14*math.Sin(heading)
			p := Ping{At: at, Place: offset(n+sigma*rng.NormFloat64(), e+sigma*rng.NormFloat64()), Accuracy: sigma, Speed: -1}
			if rng.IntN(60) == 0 {
				ph.state.Forget() // a lost token, another node
			}
			before := ph.count(Approached)
			ph.near(p)
			c := fence.seenFrom(p.Place)
			if c.Gap > fence.rules.ApproachLookout() {
				left = at
			}
			if ph.count(Approached) == before {
				continue
			}
			told++
			require.LessOrEqual(t, c.Gap, fence.rules.ApproachReach())
			require.False(t, ph.state.IsInside(fence.id))
			if last != 0 {
				again++
				require.True(t, left > last || at-last >= approachRest.Milliseconds(), "told %d s ago, not left since", (at-last)/1000)
			}
			last = at
		}
	}
	t.Logf("%d approaches, %d of them not the first", told, again)
	require.Greater(t, again, 20)
}

// TestApproachMarksAreBounded: with no room for a mark nothing is told, so that nothing is told twice.
func TestApproachMarksAreBounded(t *testing.T) {
	var s State
	for i := range maxApproaches {
		require.True(t, s.markApproach(testID(i), start+Millis(i), i != 5))
	}
	require.True(t, s.markApproach(testID(100), start+50, true), "in place of the one that was not told")
	require.Negative(t, s.approach(testID(5)))
	require.False(t, s.markApproach(testID(101), start+60, true))
	later := start + approachRest.Milliseconds()
	require.True(t, s.markApproach(testID(101), later, true), "in place of the one that has rested")
	require.Negative(t, s.approach(testID(0)))
	require.Len(t, s.Approaches, maxApproaches)
	s.End(testID(101), later, FenceDeleted, nil)
	require.Negative(t, s.approach(testID(101)))
	s.EndAll(later, ConsentWithdrawn, nil)
	require.Empty(t, s.Approaches)
}

// TestSimApproach: somebody lying still closes in on nothing; somebody coming is told of in time.
func TestSimApproach(t *testing.T) {
	n := seeds(2)
	for _, sigma := range []float64{10, 30, 60} {
		for _, where := range []float64{20, 150, 220, 400} {
			told := 0
			for seed := range n {
				rng := rand.New(rand.NewPCG(uint64(seed), 17))
				ph := newPhone(t, Standard, expecting(Standard, 200, time.Minute))
				for i := range Millis(12 * 360) {
					p := Ping{At: start + i*tick, Place: offset(100+where+sigma*rng.NormFloat64(), sigma*rng.NormFloat64()), Accuracy: sigma, Speed: -1}
					if i%60 == 2 { // towards the fence, and sure to 2 m
						p.Place, p.Accuracy = offset(100+where-200, 0), 2
					}
					ph.near(p)
				}
				told += ph.count(Approached)
			}
			t.Logf("error %2.0f m, lying %3.0f m outside 12 h, seeds 0..%d: %d approaches", sigma, where, n-1, told)
			assert.Zero(t, told)
		}
		for _, v := range []float64{1.4, 5, 15} {
			n, told, gap, least := 10*n, 0, 0.0, math.Inf(1)
			for seed := range n {
				rng := rand.New(rand.NewPCG(uint64(seed), 19))
				ph := newPhone(t, Standard, expecting(Standard, 200, time.Minute))
				for d := 2000.0; d > 0 && told <= seed; d -= v * 10 {
					ph.near(Ping{At: start + Millis((2000-d)/v*1000), Place: offset(100+d+sigma*rng.NormFloat64(), sigma*rng.NormFloat64()), Accuracy: sigma, Speed: -1})
					if ph.count(Approached) > 0 {
						told, gap, least = told+1, gap+d, min(least, d)
					}
				}
			}
			t.Logf("error %2.0f m, coming at %4.1f m/s, seeds 0..%d: told of %d times, %3.0f m before the edge on average, %3.0f m at least", sigma, v, n-1, told, gap/float64(max(told, 1)), least)
			assert.Equal(t, n, told)
			assert.GreaterOrEqual(t, least, 50.0)
		}
	}
}

// TestApproachNeedsRoomForItsMark: of 20 fences side by side 16 are told of, and none twice.
func TestApproachNeedsRoomForItsMark(t *testing.T) {
	rules := expecting(Standard, 200, 0).rules
	var s State
	told := map[ID]int{}
	for i := range Millis(60) {
		p := Ping{ID: testID(1000 + int(i)), At: start + i*tick, Place: centre, Accuracy: 10, Speed: -1}
		gap := max(600-14*float64(i), 5)
		var cs []Candidate
		for k := range maxApproaches + 4 {
			cs = append(cs, Candidate{Fence: testID(k + 1), Gap: gap, Rules: rules})
		}
		out, _ := s.Apply(p, p.At, cs, nil, nil)
		for _, tr := range out {
			require.Equal(t, Approached, tr.Kind)
			told[tr.Fence]++
		}
	}
	require.Len(t, told, maxApproaches)
	for id, n := range told {
		require.Equal(t, 1, n, id)
	}
}

// TestOneFixIsNoApproach: neither a single leap nor a single claim to be precise among poor fixes.
func TestOneFixIsNoApproach(t *testing.T) {
	for name, fixes := range map[string][]struct{ gap, accuracy float64 }{
		"a step aside":    {{220, 5}, {220, 5}, {220, 5}, {220, 5}, {220, 5}, {220, 5}, {165, 5}, {219, 5}, {220, 5}, {221, 5}},
		"a precise claim": {{220, 60}, {220, 60}, {220, 60}, {220, 60}, {220, 60}, {220, 60}, {220, 60}, {220, 60}, {220, 60}, {220, 60}, {80, 60}, {25, 2}, {190, 60}, {195, 60}},
	} {
		ph := newPhone(t, Standard, expecting(Standard, 200, 0))
		for i, f := range fixes {
			ph.near(Ping{At: start + Millis(i)*tick, Place: offset(100+f.gap, 0), Accuracy: f.accuracy, Speed: -1})
			require.Zero(t, ph.count(Approached), "%s: %d", name, i)
		}
	}
}
