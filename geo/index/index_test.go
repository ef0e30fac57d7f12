package index_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/index"
)

func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewSource(seed))
}

func id(n int) (out index.ID) {
	binary.BigEndian.PutUint64(out[8:], uint64(n+1))
	return out
}

func star(rng *rand.Rand, at geo.Point, n int, radius float64) []geo.Point {
	ring := make([]geo.Point, 0, n+1)
	for i := range n {
		ring = append(ring, geo.Destination(at, 360*(float64(i)+rng.Float64())/float64(n), radius*(0.2+0.8*rng.Float64())))
	}
	return append(ring, ring[0])
}

// world is a place with fences of mixed kinds and sizes around it.
type world struct {
	at     geo.Point
	spread float64 // metres
	small  float64
	large  float64
}

var worlds = map[string]world{
	"seoul":        {geo.Point{Lat: 37.55, Lng: 126.98}, 3000, 10, 2000},
	"stacked":      {geo.Point{Lat: 37.55, Lng: 126.98}, 1, 50, 100},
	"wide":         {geo.Point{Lat: 37.55, Lng: 126.98}, 200_000, 10, 50_000},
	"antimeridian": {geo.Point{Lat: -17, Lng: 180}, 20_000, 10, 5000},
	"north pole":   {geo.Point{Lat: 90, Lng: 0}, 20_000, 10, 50_000},
	"south pole":   {geo.Point{Lat: -89.99, Lng: 100}, 2000, 10, 5000},
	"pentagon":     {geo.Point{Lat: 64.7, Lng: 10.536}, 30_000, 10, 5000},
	"globe":        {geo.Point{Lat: 0, Lng: 0}, 20_000_000, 1000, 5_000_000},
}

func (w world) point(rng *rand.Rand) geo.Point {
	return geo.Destination(w.at, 360*rng.Float64(), w.spread*math.Sqrt(rng.Float64())*1.2)
}

func (w world) fence(t testing.TB, rng *rand.Rand, n int) *index.Fence {
	at := w.point(rng)
	radius := w.small * math.Pow(w.large/w.small, rng.Float64())
	if rng.Intn(3) > 0 {
		c, err := geo.NewCircle(at, radius)
		require.NoError(t, err)
		return &index.Fence{ID: id(n), Shape: c}
	}
	a, _, err := geo.NewArea([][][]geo.Point{{star(rng, at, 5+rng.Intn(40), radius)}}, false)
	require.NoError(t, err)
	return &index.Fence{ID: id(n), Shape: a}
}

func (w world) fences(t testing.TB, rng *rand.Rand, n int) []*index.Fence {
	out := make([]*index.Fence, n)
	for i := range out {
		out[i] = w.fence(t, rng, i)
	}
	return out
}

func byID(fences []*index.Fence) []*index.Fence {
	slices.SortFunc(fences, func(a, b *index.Fence) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return fences
}

func containing(fences []*index.Fence, p geo.Point) []*index.Fence {
	var out []*index.Fence
	for _, f := range fences {
		if f.Shape.Contains(p) {
			out = append(out, f)
		}
	}
	return byID(out)
}

func edgePoint(rng *rand.Rand, f *index.Fence) (geo.Point, bool) {
	c, ok := f.Shape.(geo.Circle)
	if !ok {
		return geo.Point{}, false
	}
	return geo.Destination(c.Center_, 360*rng.Float64(), c.Radius), true
}

func TestMatchEqualsBruteForce(t *testing.T) {
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			rng := seeded(t)
			fences := w.fences(t, rng, 600)
			s, err := index.Build(fences)
			require.NoError(t, err)
			require.Equal(t, 600, s.Len())
			for range 1200 {
				p := w.point(rng)
				if q, ok := edgePoint(rng, fences[rng.Intn(len(fences))]); ok && rng.Intn(2) == 0 {
					p = q
				}
				require.Equal(t, containing(fences, p), byID(s.Match(p, nil)), "%v", p)
			}
		})
	}
}

func TestFollowerEqualsBruteForce(t *testing.T) {
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			rng := seeded(t)
			fences := w.fences(t, rng, 300)
			s, err := index.Build(fences)
			require.NoError(t, err)
			var f index.Follower
			p, heading := w.point(rng), 0.0
			for i := range 3000 {
				step := math.Pow(10, -1+4*rng.Float64()*rng.Float64())
				heading += 40 * (rng.Float64() - 0.5)
				if p = geo.Destination(p, heading, step); geo.Distance(p, w.at) > 1.3*w.spread+100 {
					p = w.point(rng)
				}
				if i%1000 == 999 {
					n := rng.Intn(len(fences))
					fences[n] = w.fence(t, rng, n)
					s, err = s.With([]*index.Fence{fences[n]}, nil)
					require.NoError(t, err)
				}
				require.Equal(t, containing(fences, p), byID(f.Match(s, p, nil)), "step %d", i)
			}
			f.Reset()
			require.Equal(t, index.Follower{}, f)
		})
	}
	require.LessOrEqual(t, unsafe.Sizeof(index.Follower{}), uintptr(100))
}

func TestChangesEqualBuild(t *testing.T) {
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			rng := seeded(t)
			all := map[index.ID]*index.Fence{}
			s, err := index.Build(nil)
			require.NoError(t, err)
			for range 120 {
				var put []*index.Fence
				var remove []index.ID
				few := 4
				if rng.Intn(30) == 0 {
					few = 100 // together, and some of an id twice
				}
				for range rng.Intn(2 + few) {
					put = append(put, w.fence(t, rng, rng.Intn(400)))
				}
				for range rng.Intn(few) {
					remove = append(remove, id(rng.Intn(400)))
				}
				before, length := s, s.Len()
				s, err = s.With(put, remove)
				require.NoError(t, err)
				require.Equal(t, length, before.Len())
				require.Greater(t, s.Version(), before.Version())
				for _, i := range remove {
					delete(all, i)
				}
				for _, f := range put {
					all[f.ID] = f
				}
				require.Equal(t, len(all), s.Len())
				list := list(all)
				for range 10 {
					p := w.point(rng)
					require.Equal(t, containing(list, p), byID(s.Match(p, nil)))
				}
				for i := range 400 {
					f, ok := s.Fence(id(i))
					require.Equal(t, all[id(i)] != nil, ok)
					require.Same(t, all[id(i)], f)
				}
			}
			var ids []index.ID
			for i := range all {
				ids = append(ids, i)
			}
			for _, part := range [][]index.ID{ids[:len(ids)/2], ids[len(ids)/2:]} {
				few := 30
				if rng.Intn(2) == 0 {
					few = 400
				}
				for some := range slices.Chunk(part, few) {
					s, err = s.With(nil, some)
					require.NoError(t, err)
				}
			}
			require.Zero(t, s.Len())
			require.Zero(t, index.Footprint(s), "removal leaves something behind")
		})
	}
}

func list(all map[index.ID]*index.Fence) []*index.Fence {
	out := make([]*index.Fence, 0, len(all))
	for _, f := range all {
		out = append(out, f)
	}
	return byID(out)
}

func TestSnapshotsDoNotChange(t *testing.T) {
	rng := seeded(t)
	w := worlds["seoul"]
	fences := w.fences(t, rng, 400)
	first, err := index.Build(fences)
	require.NoError(t, err)
	var readers sync.WaitGroup
	for r := range 4 {
		readers.Go(func() {
			rng := rand.New(rand.NewSource(int64(r)))
			for range 1500 {
				p := w.point(rng)
				if got, want := byID(first.Match(p, nil)), containing(fences, p); !slices.Equal(got, want) {
					t.Errorf("a reader saw %d fences instead of %d", len(got), len(want))
					return
				}
			}
		})
	}
	s := first
	for i := range 400 {
		s, err = s.With([]*index.Fence{w.fence(t, rng, 1000+i)}, []index.ID{fences[i].ID})
		require.NoError(t, err)
	}
	readers.Wait()
}

func TestNearestEqualsBruteForce(t *testing.T) {
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			rng := seeded(t)
			fences := w.fences(t, rng, 500)
			s, err := index.Build(fences)
			require.NoError(t, err)
			for range 70 {
				p, k := w.point(rng), 1+rng.Intn(40)
				if rng.Intn(4) == 0 {
					p = geo.Point{Lat: 180*rng.Float64() - 90, Lng: 360*rng.Float64() - 180}
				}
				odd := func(f *index.Fence) bool { return f.ID[15]%2 == 1 }
				keep := [](func(*index.Fence) bool){nil, odd}[rng.Intn(2)]
				require.Equal(t, nearestTwin(fences, p, k, keep), s.NearestFunc(p, k, keep, nil))
			}
			require.Len(t, s.Nearest(w.at, 10_000, nil), 500)
			require.Empty(t, s.Nearest(w.at, 0, nil))
			require.Empty(t, s.Nearest(geo.Point{Lat: math.NaN()}, 3, nil))
			require.Len(t, s.Nearest(w.at, 2, make([]index.Near, 3)), 5)
		})
	}
}

func nearestTwin(fences []*index.Fence, p geo.Point, k int, keep func(*index.Fence) bool) []index.Near {
	var all []index.Near
	for _, f := range fences {
		if keep == nil || keep(f) {
			all = append(all, index.Near{Fence: f, Gap: f.Shape.Gap(p)})
		}
	}
	slices.SortFunc(all, func(a, b index.Near) int {
		if a.Gap != b.Gap {
			if a.Gap < b.Gap {
				return -1
			}
			return 1
		}
		return bytes.Compare(a.Fence.ID[:], b.Fence.ID[:])
	})
	return all[:min(k, len(all))]
}

func TestRefusals(t *testing.T) {
	circle := geo.Circle{Center_: geo.Point{Lat: 1, Lng: 1}, Radius: 100}
	good := &index.Fence{ID: id(1), Shape: circle}
	for name, fences := range map[string][]*index.Fence{
		"nil": {nil}, "no shape": {{ID: id(1)}}, "no id": {{Shape: circle}},
	} {
		_, err := index.Build(fences)
		require.ErrorIs(t, err, index.ErrFence, name)
		s, err := index.Build([]*index.Fence{good})
		require.NoError(t, err)
		_, err = s.With(fences, nil)
		require.ErrorIs(t, err, index.ErrFence, name)
		require.Equal(t, 1, s.Len())
	}
	_, err := index.Build([]*index.Fence{good, {ID: id(1), Shape: circle}})
	require.ErrorIs(t, err, index.ErrFence)
}

func TestPositionsOffTheGlobe(t *testing.T) {
	s, err := index.Build([]*index.Fence{{ID: id(1), Shape: geo.Circle{Radius: 2e7}}})
	require.NoError(t, err)
	var f index.Follower
	require.Len(t, f.Match(s, geo.Point{}, nil), 1)
	for _, p := range []geo.Point{{Lat: math.NaN()}, {Lng: math.Inf(1)}, {Lat: 91}, {Lng: 181}} {
		require.Empty(t, s.Match(p, nil))
		require.Empty(t, f.Match(s, p, nil))
	}
	require.Len(t, f.Match(s, geo.Point{Lat: 1}, nil), 1)
}
