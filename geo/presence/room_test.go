package presence

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRoom puts a device into some state at one fence, then lets its fixes jump about in the room, with any accuracy:
// no evidence changes, nothing is told, and no mark that keeps something from being told is lifted.
func TestRoom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 5))
	var inside, pending, marked, hysteresis, fixes int
	for range seeds(10) * 300 {
		r := someRules(rng)
		fence := circle{id: testID(1), at: centre, radius: 10 * math.Exp(5*rng.Float64()), rules: &r}
		ph := newPhone(t, r.Policy, fence)
		ph.dev.MaxAccuracy, ph.dev.MaxJumpSpeed = 0, 0
		at, d := start, 0.0
		for range rng.IntN(40) {
			at += Millis(rng.IntN(60_000))
			d = fence.radius + rng.NormFloat64()*(20+r.ApproachReach())
			ph.near(Ping{At: at, Place: offset(d, 0), Accuracy: 3 + 30*rng.Float64(), Speed: -1})
		}
		if rng.IntN(2) == 0 { // come close, and in small steps, so that runs and marks come about
			d = fence.radius + 2*r.ApproachReach()
			for d > fence.radius+1 && len(ph.state.Approaches) == 0 {
				at += 10_000
				d -= 10 + 20*rng.Float64()
				ph.near(Ping{At: at, Place: offset(d, 0), Accuracy: 5, Speed: -1})
			}
		}
		if rng.IntN(4) == 0 {
			at += 2 * approachRest.Milliseconds() // long silent
		}
		here := fence.seenFrom(offset(d, 0))
		room, until := ph.state.Room(&here, at)
		if ph.state.IsPending(fence.id) {
			pending++
			require.Zero(t, room)
		}
		if room < 1e-3 {
			continue
		}
		if ph.state.IsInside(fence.id) {
			inside++
			if !here.Inside {
				hysteresis++
			}
		}
		near := len(ph.state.Approaches) > 0 && here.Gap <= r.ApproachReach()
		if near {
			marked++
		}
		before, told := ph.state.Clone(), len(ph.told)
		for range 30 {
			if at += Millis(rng.IntN(40_000)); until != 0 && at >= until {
				break
			}
			way, angle := (room-1e-4)*math.Sqrt(rng.Float64()), rng.Float64()*2*math.Pi
			if rng.IntN(3) == 0 {
				way, angle = room-1e-4, 0
			}
			place := offset(d+way*math.Cos(angle), way*math.Sin(angle))
			ph.near(Ping{At: at, Place: place, Accuracy: math.Exp(14 * rng.Float64()), Speed: -1})
			fixes++
			require.Len(t, ph.told, told)
			require.Equal(t, before.evidence, ph.state.evidence)
			require.True(t, slices.Equal(before.Stays, ph.state.Stays))
			if near {
				require.Equal(t, before.Approaches, ph.state.Approaches)
			}
		}
	}
	t.Logf("%d fixes; %d times inside (%d of them beyond the edge), %d times pending, %d times marked", fixes, inside, hysteresis, pending, marked)
	require.Positive(t, min(inside, pending, marked, hysteresis))
}

// near reports with the one fence always at hand.
func (ph *phone) near(p Ping) {
	ph.pings++
	p.ID = testID(1_000_000 + ph.pings)
	ph.told, _ = ph.state.Apply(p, p.At, []Candidate{ph.fences[0].seenFrom(p.Place)}, &ph.dev, ph.told)
}

func someRules(rng *rand.Rand) Rules {
	r := Defaults(Policy(rng.IntN(3)))
	r.Dwell = time.Duration(rng.IntN(3)) * 5 * time.Minute
	if r.Policy != Exact {
		r.ExitMargin = r.EnterMargin + 1 + 80*rng.Float64()
		r.Silence = time.Duration(rng.IntN(3)) * 20 * time.Minute
	}
	if rng.IntN(2) == 0 {
		r.ApproachDistance = float64(rng.IntN(2)) * 300 * rng.Float64()
		r.ApproachTime = time.Duration(rng.IntN(2)) * time.Minute
	}
	return r
}

// TestSlackDeepens: inside, the exit margin counts; pending evidence and the wrong side leave none.
func TestSlackDeepens(t *testing.T) {
	ph := newPhone(t, Standard, cafe(Standard))
	slack := func(metres float64) float64 {
		c := ph.fences[0].seenFrom(offset(metres, 0))
		return ph.state.Slack(&c)
	}
	require.InDelta(t, 50*gapSure, slack(150), 1e-3)
	require.Zero(t, slack(50), "inside without a stay: evidence would begin")
	ph.report(Ping{At: start, Place: offset(60, 0), Accuracy: 10})
	require.Zero(t, slack(150), "pending")
	for i := range Millis(3) {
		ph.report(Ping{At: start + (i+1)*tick, Place: offset(60, 0), Accuracy: 10})
	}
	require.True(t, ph.state.IsInside(testID(1)))
	require.InDelta(t, (40+15)*gapSure, slack(60), 1e-3, "the edge and half of the exit margin")
	require.InDelta(t, 5, slack(110), 0.1, "beyond the edge, and not yet leaving")
	require.Zero(t, slack(116))

	x := newPhone(t, Exact, cafe(Exact))
	x.report(Ping{At: start, Place: offset(60, 0)})
	inside := x.fences[0].seenFrom(offset(60, 0))
	require.InDelta(t, 40*gapSure, x.state.Slack(&inside), 1e-3, "exact: the edge")
}

// TestLeavingBeginsNoEarlier: round circles of all sizes, and for errors of all sizes, nothing speaks for having left
// within half of the exit margin; log I0 is only approximate.
func TestLeavingBeginsNoEarlier(t *testing.T) {
	n := 0
	for _, exit := range []float64{0.5, 10, 30, 50, 1000} {
		r := Defaults(Standard)
		r.EnterMargin, r.ExitMargin = 0, exit
		for radius := 10.0; radius < 60_000; radius *= 1.3 {
			for sigma := claimFloor * 1.0; sigma < claimCeiling; sigma *= 1.07 {
				for _, part := range []float64{0.1, 0.5, 0.9, 0.99, 1} {
					s := State{Written: Written{Stays: []Stay{{Fence: testID(1), Since: start}}}}
					p := Ping{At: start + tick, Accuracy: sigma}
					seen := sighting{ping: &p, now: p.At, dev: &standardDevice, sigma: sigma, entering: sigma}
					c := Candidate{Fence: testID(1), Gap: part * exit / 2, Radius: radius, Rules: &r}
					require.Empty(t, s.weighExit(0, &c, &r, &seen, nil))
					require.Empty(t, s.evidence, "exit margin %v, radius %v, error %v, gap %v", exit, radius, sigma, c.Gap)
					n++
				}
			}
		}
	}
	t.Logf("%d cases", n)
}
