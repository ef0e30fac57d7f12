package safezone

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/index"
	"github.com/wantgo/wantgo/geo/presence"
)

// traveller goes about a world: it walks, rides and rests, and now and then heads for a fence.
type traveller struct {
	rng     *rand.Rand
	w       *world
	place   geo.Point
	speed   float64
	heading float64
	rest    int
	goal    *geo.Point
	speeds  []float64
}

var onFoot, onWheels = []float64{1.4}, []float64{1.4, 5, 15}

func (k *traveller) step(seconds float64) {
	if k.rest > 0 {
		k.rest--
		return
	}
	switch n := k.rng.IntN(150); {
	case n == 0:
		k.rest = k.rng.IntN(240)
	case n < 3:
		k.speed = k.speeds[k.rng.IntN(len(k.speeds))]
	case n < 12 && k.goal == nil:
		at := k.w.shapes[k.rng.IntN(len(k.w.shapes))].Shape.Center()
		k.goal = &at
	}
	if k.goal != nil {
		if k.heading = geo.Bearing(k.place, *k.goal) * math.Pi / 180; geo.Distance(k.place, *k.goal) < 40 {
			k.goal, k.rest = nil, k.rng.IntN(60)
		}
	} else if k.heading += k.rng.NormFloat64() / 4; geo.Distance(k.place, square) > 3000 {
		k.heading = geo.Bearing(k.place, square) * math.Pi / 180
	}
	k.place = destination(k.place, k.speed*seconds, k.heading)
}

// candidates are what an engine gives for a fix: what contains it, what has a state, and what it may be closing in on.
func (w *world) candidates(s *presence.State, p geo.Point) []*index.Fence {
	among := w.snapshot.Match(p, nil)
	for _, id := range s.Fences(nil) {
		if f, ok := w.snapshot.Fence(id); ok && !slices.Contains(among, f) {
			among = append(among, f)
		}
	}
	if w.reach > 0 {
		keep := func(f *index.Fence) bool { return w.rules[f.ID].ApproachLookout() > 0 }
		for _, n := range w.snapshot.NearestWithin(p, 64, w.reach, keep, nil) {
			if !slices.Contains(among, n.Fence) {
				among = append(among, n.Fence)
			}
		}
	}
	return among
}

// silentPhone reports only what its zone does not let it keep to itself.
type silentPhone struct {
	state    presence.State
	zone     Zone
	reported int
}

func (q *silentPhone) fix(w *world, p presence.Ping) []presence.Transition {
	if q.zone.Holds(q.zone.Version, p.Place, w.at) {
		return w.tick(&q.state)
	}
	q.reported++
	out := w.apply(&q.state, p, w.candidates(&q.state, p.Place))
	out = append(out, w.tick(&q.state)...)
	q.zone = At(&Question{Snapshot: w.snapshot, State: &q.state, Place: p.Place, Accuracy: p.Accuracy, Now: w.at, K: 20, Terms: w.terms, Reach: w.reach}, q.zone.Fences)
	return out
}

// pair is two phones on one way: one reports every fix, the other only what it must.
type pair struct {
	always     presence.State
	quiet      silentPhone
	every, few []presence.Transition
	fixes      int
}

// goes lets a pair go about the world for so many fixes, one every ten seconds.
func (w *world) goes(fixes int, sigma float64, known bool, speeds []float64) *pair {
	x := &pair{fixes: fixes}
	for _, r := range w.rules {
		r.AppearedAt = 0
	}
	x.always.PromisedBy, x.quiet.state.PromisedBy = math.MaxInt64, math.MaxInt64
	k := traveller{rng: w.rng, w: w, place: w.place, speed: speeds[0], speeds: speeds}
	for range fixes {
		w.at += 10_000
		k.step(10)
		p := w.ping(w.noisy(k.place, sigma), 0)
		if known {
			p.Accuracy = max(3, sigma)
		}
		every := w.apply(&x.always, p, w.candidates(&x.always, p.Place))
		x.every = append(append(x.every, every...), w.tick(&x.always)...)
		x.few = append(x.few, x.quiet.fix(w, p)...)
	}
	return x
}

func kindsOf(ts []presence.Transition) map[string]int {
	kinds := map[string]int{}
	for _, t := range ts {
		kinds[t.Kind.String()]++
	}
	return kinds
}

// TestASilentPhoneTellsTheSame: on foot, with errors as claimed, a phone that reports only where its zone does not let it
// be silent is told of the same visits, dwells and approaches, at the same times, as one that reports every fix.
func TestASilentPhoneTellsTheSame(t *testing.T) {
	eachPolicy(t, func(t *testing.T, rng *rand.Rand, policy presence.Policy, approach bool) {
		for _, sigma := range []float64{0, 10, 30} {
			var all []presence.Transition
			reported, fixes := 0, 0
			for range often(2) {
				w := newWorld(t, rng, policy, 5+rng.IntN(40), 2500, approach)
				x := w.goes(1500, sigma, true, onFoot)
				require.Equal(t, x.every, x.few)
				all, reported, fixes = append(all, x.every...), reported+x.quiet.reported, fixes+x.fixes
			}
			t.Logf("error %2.0f m: %v; %d of %d fixes reported", sigma, kindsOf(all), reported, fixes)
			require.NotEmpty(t, all)
			require.Less(t, reported, fixes*9/10)
		}
	})
}

// crowd is 150 small shops within a block, all of which ask for approaches.
func crowd(t testing.TB, rng *rand.Rand, policy presence.Policy) *world {
	w := newWorld(t, rng, policy, 0, 1000, false)
	for i := range 150 {
		c, err := geo.NewCircle(destination(square, 100*math.Sqrt(rng.Float64()), rng.Float64()*7), 15+30*rng.Float64())
		require.NoError(t, err)
		f := &index.Fence{ID: fenceID(i + 1), Shape: c}
		r := presence.Defaults(policy)
		r.ApproachDistance = 150
		w.shapes, w.rules[f.ID], w.radius[f.ID] = append(w.shapes, f), &r, c.Radius
		w.reach = max(w.reach, r.ApproachLookout())
	}
	var err error
	w.snapshot, err = index.Build(w.shapes)
	require.NoError(t, err)
	return w
}

// TestASilentPhoneAmongManyApproaches: 150 fences that ask for approaches lie over each other. No state holds more than
// 16 marks, a phone that stays becomes silent all the same, and it is told what one that reports every fix is.
func TestASilentPhoneAmongManyApproaches(t *testing.T) {
	seed := newSeed(t)
	for _, policy := range policies {
		t.Run(policy.String(), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, uint64(policy)))
			var all []presence.Transition
			reported, fixes, most, resting := 0, 0, 0, 0
			for range often(3) {
				w := crowd(t, rng, policy)
				x := w.goes(400, 8, true, onFoot)
				require.Equal(t, x.every, x.few)
				most = max(most, len(x.always.Approaches))
				all, reported, fixes = append(all, x.every...), reported+x.quiet.reported, fixes+x.fixes

				home, before := destination(square, 200, rng.Float64()*7), x.quiet.reported
				for range 360 {
					w.at += 10_000
					p := w.ping(w.noisy(home, 3), 5)
					x.every = append(x.every, w.apply(&x.always, p, w.candidates(&x.always, p.Place))...)
					x.every = append(x.every, w.tick(&x.always)...)
					x.few = append(x.few, x.quiet.fix(w, p)...)
					require.LessOrEqual(t, len(x.quiet.state.Approaches), 16)
				}
				require.Equal(t, x.every, x.few)
				resting += x.quiet.reported - before
			}
			t.Logf("%v; %d of %d fixes reported; at most %d marks; in an hour at home %d of 360 fixes reported", kindsOf(all), reported, fixes, most, resting/often(3))
			require.Positive(t, kindsOf(all)["approached"])
			require.LessOrEqual(t, most, 16)
			require.Less(t, resting/often(3), 240)
		})
	}
}

// TestASilentPhoneWithLess: what a phone does not tell in the quiet ball is missed where the track itself is evidence: how
// fast a car came, and how far the fixes of a phone scatter that claims no accuracy. Then changes may be told some fixes
// earlier or later, and the odd short one by one of the two only.
func TestASilentPhoneWithLess(t *testing.T) {
	seed := newSeed(t)
	for _, policy := range policies {
		for _, c := range []struct {
			name   string
			known  bool
			speeds []float64
		}{{"on wheels", true, onWheels}, {"no accuracy", false, onFoot}} {
			t.Run(policy.String()+" "+c.name, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, uint64(policy)))
				n, same, near := 0, 0, 0
				for range often(4) {
					w := newWorld(t, rng, policy, 5+rng.IntN(40), 2500, true)
					x := w.goes(1500, 10, c.known, c.speeds)
					for i, from := range [][]presence.Transition{x.every, x.few} {
						to := [][]presence.Transition{x.few, x.every}[i]
						for _, tr := range from {
							n++
							switch apart := nearest(tr, to); {
							case apart == 0:
								same++
							case apart <= 2*time.Minute:
								near++
							}
						}
					}
				}
				t.Logf("of %d changes told to either phone %d were told to the other at the same time, %d within two minutes, %d not", n, same, near, n-same-near)
				require.Greater(t, float64(same+near), 0.9*float64(n))
			})
		}
	}
}

// nearest is how far in time the nearest change of the same kind and fence is decided.
func nearest(tr presence.Transition, among []presence.Transition) time.Duration {
	least := time.Duration(math.MaxInt64)
	for _, o := range among {
		if o.Kind == tr.Kind && o.Fence == tr.Fence {
			least = min(least, (time.Duration(o.DecidedAt-tr.DecidedAt) * time.Millisecond).Abs())
		}
	}
	return least
}
