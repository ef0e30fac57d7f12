package index_test

import (
	"fmt"
	"math"
	"math/rand"
	"runtime"
	"sync"
	"testing"

	"github.com/tidwall/rtree"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/index"
)

// workload is circles of 100 m spread evenly over a box.
type workload struct {
	name    string
	circles int
	box     geo.Box
	slow    bool
}

var workloads = []workload{
	{"brand", 2_000, geo.Box{South: 37.43, North: 37.70, West: 126.80, East: 127.18}, false},
	{"city", 100_000, geo.Box{South: 37.43, North: 37.70, West: 126.80, East: 127.18}, false},
	{"nation", 1_000_000, geo.Box{South: 34.50, North: 38.30, West: 126.50, East: 129.30}, true},
}

func (w workload) point(rng *rand.Rand) geo.Point {
	return geo.Point{Lat: w.box.South + rng.Float64()*(w.box.North-w.box.South), Lng: w.box.West + rng.Float64()*(w.box.East-w.box.West)}
}

type loaded struct {
	fences   []*index.Fence
	snapshot *index.Snapshot
	tree     *rtree.RTreeG[*index.Fence]
}

var (
	loading sync.Mutex
	kept    = map[string]*loaded{}
)

// load makes a workload once a run; nation is left out of short runs.
func (w workload) load(b *testing.B) *loaded {
	b.Helper()
	if w.slow && testing.Short() {
		b.Skip("a million circles")
	}
	loading.Lock()
	defer loading.Unlock()
	if l := kept[w.name]; l != nil {
		return l
	}
	l := &loaded{fences: w.fences(), tree: &rtree.RTreeG[*index.Fence]{}}
	var err error
	if l.snapshot, err = index.Build(l.fences); err != nil {
		b.Fatal(err)
	}
	for _, f := range l.fences {
		box := f.Shape.Bounds()
		l.tree.Insert([2]float64{box.West, box.South}, [2]float64{box.East, box.North}, f)
	}
	kept[w.name] = l
	return l
}

func (w workload) fences() []*index.Fence {
	rng := rand.New(rand.NewSource(7))
	fences := make([]*index.Fence, w.circles)
	for i := range fences {
		fences[i] = &index.Fence{ID: id(i), Shape: geo.Circle{Center_: w.point(rng), Radius: 100}}
	}
	return fences
}

// walk makes pings of walkers of 1,000 pings each, 42 m apart, with a slowly turning heading.
func (w workload) walk(n int) []geo.Point {
	rng := rand.New(rand.NewSource(8))
	points := make([]geo.Point, 0, n)
	var at geo.Point
	heading := 0.0
	for i := range n {
		if i%1000 == 0 || !w.box.Contains(at) {
			at, heading = w.point(rng), 360*rng.Float64()
		}
		heading += 20 * (rng.Float64() - 0.5)
		at = geo.Destination(at, heading, 42)
		points = append(points, at)
	}
	return points
}

func BenchmarkFollow(b *testing.B) {
	for _, w := range workloads {
		b.Run(w.name, func(b *testing.B) {
			l, points := w.load(b), w.walk(100_000)
			b.Run("wantgo", func(b *testing.B) {
				b.ReportAllocs()
				var f index.Follower
				var dst []*index.Fence
				for i := 0; b.Loop(); i++ {
					dst = f.Match(l.snapshot, points[i%len(points)], dst[:0])
				}
			})
			b.Run("rtree", func(b *testing.B) { benchTree(b, l, points) })
		})
	}
}

func BenchmarkCold(b *testing.B) {
	for _, w := range workloads {
		b.Run(w.name, func(b *testing.B) {
			l, rng := w.load(b), rand.New(rand.NewSource(9))
			points := make([]geo.Point, 100_000)
			for i := range points {
				points[i] = w.point(rng)
			}
			b.Run("wantgo", func(b *testing.B) {
				b.ReportAllocs()
				var dst []*index.Fence
				for i := 0; b.Loop(); i++ {
					dst = l.snapshot.Match(points[i%len(points)], dst[:0])
				}
			})
			b.Run("rtree", func(b *testing.B) { benchTree(b, l, points) })
		})
	}
}

func benchTree(b *testing.B, l *loaded, points []geo.Point) {
	b.ReportAllocs()
	var dst []*index.Fence
	for i := 0; b.Loop(); i++ {
		p := points[i%len(points)]
		dst = dst[:0]
		at := [2]float64{p.Lng, p.Lat}
		l.tree.Search(at, at, func(_, _ [2]float64, f *index.Fence) bool {
			if f.Shape.Contains(p) {
				dst = append(dst, f)
			}
			return true
		})
	}
}

// BenchmarkNearest looks for the ten nearest fences by gap, and stores by distance: circles without radius.
func BenchmarkNearest(b *testing.B) {
	for _, w := range workloads {
		b.Run(w.name, func(b *testing.B) {
			l, points := w.load(b), w.walk(10_000)
			b.Run("fences", func(b *testing.B) { benchNearest(b, l.snapshot, points, nil) })
			if w.slow {
				return
			}
			stores := make([]*index.Fence, len(l.fences))
			for i, f := range l.fences {
				stores[i] = &index.Fence{ID: f.ID, Shape: geo.Circle{Center_: f.Shape.Center()}}
			}
			s, err := index.Build(stores)
			if err != nil {
				b.Fatal(err)
			}
			b.Run("stores", func(b *testing.B) { benchNearest(b, s, points, nil) })
			b.Run("stores_one_in_ten", func(b *testing.B) {
				benchNearest(b, s, points, func(f *index.Fence) bool { return f.ID[15]%10 == 0 })
			})
		})
	}
}

func benchNearest(b *testing.B, s *index.Snapshot, points []geo.Point, keep func(*index.Fence) bool) {
	b.ReportAllocs()
	var dst []index.Near
	for i := 0; b.Loop(); i++ {
		dst = s.NearestFunc(points[i*7919%len(points)], 10, keep, dst[:0])
	}
}

func BenchmarkOneChange(b *testing.B) {
	for _, w := range workloads {
		b.Run(w.name, func(b *testing.B) {
			l, rng := w.load(b), rand.New(rand.NewSource(10))
			s := l.snapshot
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f := &index.Fence{ID: id(i % w.circles), Shape: geo.Circle{Center_: w.point(rng), Radius: 100}}
				var err error
				if s, err = s.With([]*index.Fence{f}, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, w := range workloads {
		b.Run(w.name, func(b *testing.B) {
			if w.slow && testing.Short() {
				b.Skip("a million circles")
			}
			fences := w.fences()
			var s *index.Snapshot
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for b.Loop() {
				s, _ = index.Build(fences)
			}
			b.ReportMetric(float64(b.N)*float64(len(fences))/b.Elapsed().Seconds(), "fences/s")
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/float64(len(fences)), "B/fence")
			b.ReportMetric(math.Round(float64(index.Footprint(s))/float64(len(fences))*100)/100, "places/fence")
			runtime.KeepAlive(fmt.Sprint(s.Len()))
		})
	}
}

// BenchmarkManyChanges adds fences to a snapshot of many, and replaces them. An operation is a fence.
func BenchmarkManyChanges(b *testing.B) {
	const atOnce = 50_000
	for _, w := range workloads {
		if w.circles < atOnce {
			continue
		}
		for _, what := range []string{"added", "replaced"} {
			b.Run(w.name+"/"+what, func(b *testing.B) {
				s := w.load(b).snapshot
				rng := rand.New(rand.NewSource(8))
				first := map[string]int{"added": w.circles, "replaced": 0}[what]
				b.ReportAllocs()
				b.ResetTimer()
				for n := 0; n < b.N; n += atOnce {
					b.StopTimer()
					put := make([]*index.Fence, atOnce)
					for i := range put {
						put[i] = &index.Fence{ID: id(first + i), Shape: geo.Circle{Center_: w.point(rng), Radius: 100}}
					}
					b.StartTimer()
					if _, err := s.With(put, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
