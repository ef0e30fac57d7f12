package safezone

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/index"
	"github.com/wantgo/wantgo/geo/presence"
)

const start Millis = 1_700_000_000_000

var square = geo.Point{Lat: 37.5665, Lng: 126.9780}

func fenceID(n int) index.ID { return index.ID{0: 1, 14: byte(n >> 8), 15: byte(n)} }

// destination is the point at a distance and bearing, on the sphere.
func destination(p geo.Point, metres, bearing float64) geo.Point {
	lat, lng, d := p.Lat*math.Pi/180, p.Lng*math.Pi/180, metres/geo.EarthRadius
	to := math.Asin(math.Sin(lat)*math.Cos(d) + math.Cos(lat)*math.Sin(d)*math.Cos(bearing))
	east := math.Atan2(math.Sin(bearing)*math.Sin(d)*math.Cos(lat), math.Cos(d)-math.Sin(lat)*math.Sin(to))
	return geo.Point{Lat: to * 180 / math.Pi, Lng: math.Mod((lng+east)*180/math.Pi+540, 360) - 180}
}

// world is some fences and one device among them.
type world struct {
	t        testing.TB
	rng      *rand.Rand
	snapshot *index.Snapshot
	rules    map[index.ID]*presence.Rules
	shapes   []*index.Fence
	radius   map[index.ID]float64
	dev      presence.DeviceRules
	state    presence.State
	reach    float64
	at       Millis
	place    geo.Point
	pings    int
}

func newWorld(t testing.TB, rng *rand.Rand, policy presence.Policy, count int, spread float64, approach bool) *world {
	w := &world{t: t, rng: rng, rules: map[index.ID]*presence.Rules{}, radius: map[index.ID]float64{}, dev: presence.DeviceDefaults(policy), at: start}
	for i := range count {
		f := &index.Fence{ID: fenceID(i + 1)}
		at := destination(square, spread*math.Sqrt(rng.Float64()), rng.Float64()*2*math.Pi)
		size := 15 * math.Exp(rng.Float64()*3.5)
		if rng.IntN(12) == 0 {
			size *= 10
		}
		f.Shape = w.shape(f.ID, at, size)
		w.shapes = append(w.shapes, f)
		w.rules[f.ID] = w.someRules(policy, approach)
		w.reach = max(w.reach, w.rules[f.ID].ApproachLookout())
	}
	var err error
	w.snapshot, err = index.Build(w.shapes)
	require.NoError(t, err)
	w.place = destination(square, spread*rng.Float64(), rng.Float64()*2*math.Pi)
	return w
}

func (w *world) shape(id index.ID, at geo.Point, size float64) geo.Shape {
	if w.rng.IntN(2) == 0 {
		c, err := geo.NewCircle(at, max(size, 10))
		require.NoError(w.t, err)
		w.radius[id] = c.Radius
		return c
	}
	var ring []geo.Point
	n := 3 + w.rng.IntN(12)
	for i := range n {
		ring = append(ring, destination(at, size*(0.3+w.rng.Float64()), -2*math.Pi*float64(i)/float64(n)))
	}
	a, _, err := geo.NewArea([][][]geo.Point{{append(ring, ring[0])}}, false)
	require.NoError(w.t, err)
	return a
}

func (w *world) someRules(policy presence.Policy, approach bool) *presence.Rules {
	r := presence.Defaults(policy)
	r.Dwell = time.Duration(w.rng.IntN(3)) * 10 * time.Minute
	if policy != presence.Exact {
		r.Silence = time.Duration(w.rng.IntN(3)) * 20 * time.Minute
		r.AlreadyInside = presence.AlreadyInside(w.rng.IntN(3))
		if w.rng.IntN(6) == 0 {
			r.AppearedAt = start + Millis(w.rng.IntN(3_600_000))
		}
	}
	if approach && w.rng.IntN(2) == 0 {
		r.ApproachDistance = w.rng.Float64() * 200
		if w.rng.IntN(3) == 0 {
			r.ApproachTime = time.Duration(w.rng.IntN(20)) * time.Second
		}
	}
	require.NoError(w.t, r.Check())
	return &r
}

func (w *world) terms(f *index.Fence) Terms { return Terms{Rules: w.rules[f.ID]} }

func (w *world) ping(p geo.Point, accuracy float64) presence.Ping {
	w.pings++
	return presence.Ping{ID: index.ID{0: 2, 12: byte(w.pings >> 16), 13: byte(w.pings >> 8), 14: byte(w.pings)}, At: w.at, Place: p, Accuracy: accuracy, Speed: -1}
}

// apply gives a ping and some fences, all of them if nil, to a state.
func (w *world) apply(s *presence.State, p presence.Ping, among []*index.Fence) []presence.Transition {
	var cs []presence.Candidate
	for _, f := range among {
		cs = append(cs, presence.Candidate{Fence: f.ID, Gap: f.Shape.Gap(p.Place), Inside: f.Shape.Contains(p.Place), Radius: w.radius[f.ID], Rules: w.rules[f.ID]})
	}
	out, _ := s.Apply(p, p.At, cs, &w.dev, nil)
	return out
}

func (w *world) tick(s *presence.State) []presence.Transition {
	return s.Tick(w.at, func(id presence.ID) *presence.Rules { return w.rules[id] }, nil)
}

// wander makes a past for the device, ending at a place that is often at an edge.
func (w *world) wander() (accuracy float64) {
	bearing, sigma := w.rng.Float64()*2*math.Pi, 3+w.rng.Float64()*40
	stride := []float64{0, 1, 14, 60, 400}[w.rng.IntN(5)]
	for range 5 + w.rng.IntN(60) {
		w.at += Millis(1000 * (1 + w.rng.IntN(30)))
		bearing += w.rng.NormFloat64() / 3
		w.place = destination(w.place, stride*w.rng.Float64(), bearing)
		w.apply(&w.state, w.ping(w.noisy(w.place, sigma), sigma), w.shapes)
	}
	last, _, ok := w.state.Last()
	require.True(w.t, ok)
	w.place = last
	w.state.PromisedBy = w.at + Millis(w.rng.IntN(3_600_000))
	w.tick(&w.state)
	return sigma
}

func (w *world) noisy(p geo.Point, sigma float64) geo.Point {
	return destination(p, math.Abs(w.rng.NormFloat64())*sigma, w.rng.Float64()*2*math.Pi)
}

// within is a point nearer to p than the radius, often just so.
func (w *world) within(p geo.Point, radius float64) geo.Point {
	d := radius * math.Sqrt(w.rng.Float64())
	if w.rng.IntN(3) == 0 {
		d = radius
	}
	return destination(p, max(0, min(d, radius-rounding)), w.rng.Float64()*2*math.Pi)
}

func (w *world) ask(accuracy float64, k int) Zone {
	return At(&Question{Snapshot: w.snapshot, State: &w.state, Place: w.place, Accuracy: accuracy, Now: w.at, K: k, Terms: w.terms, Reach: w.reach}, nil)
}

// rounding, metres, of a place.
const rounding = 1e-5

// often is how many worlds a test makes; ten times as many with WANTGO_SIM=full.
func often(n int) int {
	if os.Getenv("WANTGO_SIM") == "full" {
		return 10 * n
	}
	return n
}

func newSeed(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return seed
}

var policies = []presence.Policy{presence.Exact, presence.Standard, presence.Strict}

func eachPolicy(t *testing.T, run func(*testing.T, *rand.Rand, presence.Policy, bool)) {
	seed := newSeed(t)
	for _, p := range policies {
		for _, approach := range []bool{false, true} {
			name := p.String()
			if approach {
				name += " with approaches"
			}
			t.Run(name, func(t *testing.T) { run(t, rand.New(rand.NewPCG(seed, uint64(p))), p, approach) })
		}
	}
}

// TestNothingHappensInTheQuietBall walks about in the quiet ball until the zone expires; fixes err by up to the accuracy
// and claim anything. A little outside, things do happen.
func TestNothingHappensInTheQuietBall(t *testing.T) {
	outside := 0
	eachPolicy(t, func(t *testing.T, rng *rand.Rand, policy presence.Policy, approach bool) {
		zones, fixes, beyond := 0, 0, 0
		for range often(40) {
			w := newWorld(t, rng, policy, 1+rng.IntN(40), 2000, approach)
			accuracy := w.wander()
			z := w.ask(accuracy, 1+rng.IntN(20))
			require.LessOrEqual(t, z.QuietRadius, z.KnowledgeRadius)
			if z.QuietRadius > 2*rounding {
				zones++
				for w.at < z.ValidUntil {
					place := w.within(z.Center, z.QuietRadius)
					require.True(t, z.Holds(z.Version, place, w.at))
					fix := destination(place, accuracy*rng.Float64(), rng.Float64()*2*math.Pi)
					revision := w.state.Revision
					require.Empty(t, w.apply(&w.state, w.ping(fix, 1+200*rng.Float64()*rng.Float64()), w.shapes), "%+v", z)
					require.Empty(t, w.tick(&w.state))
					require.Equal(t, revision, w.state.Revision)
					fixes++
					w.at += Millis(rng.IntN(int(max(z.ValidUntil-start, 1000))) / 60)
				}
			}
			for range 20 {
				w.at += 10_000
				beyond += len(w.apply(&w.state, w.ping(w.within(z.Center, z.QuietRadius+accuracy+60), 8), w.shapes))
			}
		}
		t.Logf("%d zones with a quiet radius, %d fixes; outside of them %d transitions", zones, fixes, beyond)
		require.Greater(t, zones, often(10))
		outside += beyond
	})
	require.Greater(t, outside, often(20))
}

// TestTheKFencesDecideAlone walks in the knowledge ball: all transitions are of the zone's fences, and a device that
// knows only these tells the same.
func TestTheKFencesDecideAlone(t *testing.T) {
	eachPolicy(t, func(t *testing.T, rng *rand.Rand, policy presence.Policy, approach bool) {
		zones, told := 0, 0
		for range often(40) {
			w := newWorld(t, rng, policy, 10+rng.IntN(60), 1500, approach)
			accuracy := w.wander()
			z := w.ask(accuracy, 3+rng.IntN(10))
			if z.KnowledgeRadius <= 2*rounding || z.ValidUntil <= w.at {
				continue
			}
			zones++
			var known []*index.Fence
			ids := map[index.ID]bool{}
			for _, n := range z.Fences {
				known, ids[n.Fence.ID] = append(known, n.Fence), true
			}
			alone := w.state.Clone()
			at := w.within(z.Center, z.KnowledgeRadius)
			for range 150 {
				if next := destination(at, 30*rng.Float64(), rng.Float64()*2*math.Pi); geo.Distance(next, z.Center) < z.KnowledgeRadius {
					at = next
				}
				if w.at += Millis(rng.IntN(15_000)); w.at >= z.ValidUntil {
					break
				}
				require.True(t, z.Knows(z.Version, at, w.at))
				p := w.ping(at, 3+30*rng.Float64())
				all, few := w.apply(&w.state, p, w.shapes), w.apply(&alone, p, known)
				all, few = append(all, w.tick(&w.state)...), append(few, w.tick(&alone)...)
				for _, tr := range all {
					require.True(t, ids[tr.Fence], "%v of a fence that is not in the zone", tr)
				}
				require.Equal(t, all, few)
				told += len(all)
			}
		}
		t.Logf("%d zones, %d transitions", zones, told)
		require.Greater(t, zones, often(20))
		require.Greater(t, told, 5)
	})
}

// TestAgainstEveryFence compares with the room of every fence there is.
func TestAgainstEveryFence(t *testing.T) {
	eachPolicy(t, func(t *testing.T, rng *rand.Rand, policy presence.Policy, approach bool) {
		cut := 0
		for range often(60) {
			w := newWorld(t, rng, policy, 1+rng.IntN(80), 3000, approach)
			accuracy := w.wander()
			z := w.ask(accuracy, 1+rng.IntN(30))
			var all []Near
			for _, f := range w.shapes {
				c := presence.Candidate{Fence: f.ID, Gap: f.Shape.Gap(w.place), Inside: f.Shape.Contains(w.place), Rules: w.rules[f.ID]}
				room, _ := w.state.Room(&c, w.at)
				all = append(all, Near{f, c.Gap, room})
			}
			slices.SortFunc(all, compare)
			k := len(z.Fences)
			known := Everywhere
			if len(all) > k {
				known = all[k].Room
			}
			require.LessOrEqual(t, z.KnowledgeRadius, known)
			for _, n := range all {
				in := slices.ContainsFunc(z.Fences, func(m Near) bool { return m.Fence == n.Fence })
				require.True(t, in || n.Room >= z.KnowledgeRadius)
				require.LessOrEqual(t, z.QuietRadius, max(0, n.Room-accuracy))
			}
			if z.KnowledgeRadius < known || !slices.Equal(all[:k], z.Fences) {
				cut++
				require.True(t, approach, "without approaches the zone is exact")
			}
		}
		t.Logf("%d of %d smaller than could be", cut, often(60))
		require.Less(t, cut, often(40))
	})
}

// TestRanksByGap: a district whose edge is near comes before a shop whose centre is nearer.
func TestRanksByGap(t *testing.T) {
	shop, err := geo.NewCircle(destination(square, 500, 0), 50)
	require.NoError(t, err)
	district, err := geo.NewCircle(destination(square, 5000, 2), 4900)
	require.NoError(t, err)
	s, err := index.Build([]*index.Fence{{ID: fenceID(1), Shape: shop}, {ID: fenceID(2), Shape: district}})
	require.NoError(t, err)
	z := At(&Question{Snapshot: s, State: &presence.State{}, Place: square, Accuracy: 10, Now: start, K: 1}, nil)
	require.Len(t, z.Fences, 1)
	require.Equal(t, fenceID(2), z.Fences[0].Fence.ID)
	require.InDelta(t, 100*gapSure-10, z.QuietRadius, 1e-3)
	require.InDelta(t, 450*gapSure, z.KnowledgeRadius, 1e-3)
	require.Equal(t, start+Longest.Milliseconds(), z.ValidUntil)
}

func TestNoFences(t *testing.T) {
	s, err := index.Build(nil)
	require.NoError(t, err)
	q := Question{Snapshot: s, State: &presence.State{}, Place: square, Now: start, K: 20}
	z := At(&q, nil)
	require.Empty(t, z.Fences)
	require.InDelta(t, Everywhere, z.KnowledgeRadius, 0)
	require.InDelta(t, Everywhere-unknownAccuracy, z.QuietRadius, 1)
	q.Place.Lat = math.NaN()
	z = At(&q, nil)
	require.Zero(t, z.QuietRadius+z.KnowledgeRadius)
	require.False(t, z.Holds(z.Version, square, start))
	require.False(t, (&Zone{}).Knows(0, square, start))
}

// TestValidUntil: the earliest of what can end a zone.
func TestValidUntil(t *testing.T) {
	c, err := geo.NewCircle(square, 100)
	require.NoError(t, err)
	shape := &index.Fence{ID: fenceID(1), Shape: c}
	s, err := index.Build([]*index.Fence{shape})
	require.NoError(t, err)
	rules := presence.Defaults(presence.Standard)
	var state presence.State
	state.Stays = []presence.Stay{{Fence: shape.ID, Since: start, DwellAt: start + 7*60_000}}
	state.LastHeard = start
	q := Question{Snapshot: s, State: &state, Place: square, Accuracy: 10, Now: start, K: 20, Terms: func(*index.Fence) Terms { return Terms{Rules: &rules} }}
	var edge Millis
	q.NextEdge = func(*index.Fence) Millis { return edge }
	until := func() time.Duration {
		z := At(&q, nil)
		require.InDelta(t, 115*gapSure-10, z.QuietRadius, 1e-3)
		return time.Duration(z.ValidUntil-start) * time.Millisecond
	}
	require.Equal(t, 7*time.Minute, until(), "the dwell")
	state.Stays[0].Dwelled = true
	require.Equal(t, 15*time.Minute, until(), "half the silence time")
	edge = start + 600_000
	require.Equal(t, 10*time.Minute, until(), "the schedule")
	q.NextTimer = start + 60_000
	require.Equal(t, time.Minute, until(), "a timer")
	rules.Silence, q.NextTimer, edge = 0, 0, 0
	require.Equal(t, Longest, until())
}

// TestStillTrue: what changes elsewhere leaves a zone as it was, what changes within it does not.
func TestStillTrue(t *testing.T) {
	rng := rand.New(rand.NewPCG(newSeed(t), 4))
	for range 100 {
		w := newWorld(t, rng, presence.Standard, 30, 1500, false)
		accuracy := w.wander()
		q := Question{Snapshot: w.snapshot, State: &w.state, Place: w.place, Accuracy: accuracy, Now: w.at, K: 5, Terms: w.terms}
		z := At(&q, nil)
		require.True(t, z.StillTrue(&q))
		put := func(metres float64) *index.Snapshot {
			c, err := geo.NewCircle(destination(z.Center, metres, 1), 10)
			require.NoError(t, err)
			s, err := w.snapshot.With([]*index.Fence{{ID: fenceID(9999), Shape: c}}, nil)
			require.NoError(t, err)
			return s
		}
		q.Snapshot = put(z.KnowledgeRadius*1.01 + 20)
		require.True(t, z.StillTrue(&q), "a new fence beyond the knowledge radius")
		if z.KnowledgeRadius > 20 {
			q.Snapshot = put(z.KnowledgeRadius * 0.5)
			require.False(t, z.StillTrue(&q), "a new fence within")
		}
		q.Snapshot = w.snapshot
		gone, err := w.snapshot.With(nil, []index.ID{z.Fences[rng.IntN(5)].Fence.ID})
		require.NoError(t, err)
		q.Snapshot = gone
		require.False(t, z.StillTrue(&q), "one of its fences removed")
		q.Snapshot = w.snapshot
		q.Terms = func(f *index.Fence) Terms { return Terms{Rules: w.rules[f.ID], Revision: 2} }
		require.False(t, z.StillTrue(&q), "another revision")
		q.Terms = w.terms
		other := w.state.Clone()
		other.EndAll(w.at, presence.Paused, nil)
		q.State = &other
		changed := slices.ContainsFunc(z.Fences, func(n Near) bool { return w.state.Fingerprint(n.Fence.ID) != 0 })
		require.True(t, !changed || !z.StillTrue(&q), "another state")
		require.False(t, z.Holds(z.Version+1, z.Center, w.at))
		require.False(t, z.Knows(z.Version, z.Center, z.ValidUntil))
	}
}

func BenchmarkAt(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	var fences []*index.Fence
	for i := range 20_000 {
		c, _ := geo.NewCircle(destination(square, 20_000*math.Sqrt(rng.Float64()), rng.Float64()*2*math.Pi), 100)
		fences = append(fences, &index.Fence{ID: index.ID{0: 1, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}, Shape: c})
	}
	s, err := index.Build(fences)
	require.NoError(b, err)
	rules := presence.Defaults(presence.Standard)
	for _, k := range []int{SlotsIOS, SlotsAndroid} {
		b.Run(map[int]string{SlotsIOS: "20 of 20000", SlotsAndroid: "100 of 20000"}[k], func(b *testing.B) {
			var dst []Near
			q := Question{Snapshot: s, State: &presence.State{}, Accuracy: 10, Now: start, K: k, Terms: func(*index.Fence) Terms { return Terms{Rules: &rules} }}
			b.ReportAllocs()
			for range b.N {
				q.Place = destination(square, 15_000*rng.Float64(), rng.Float64()*6)
				dst = At(&q, dst).Fences
			}
		})
	}
}
