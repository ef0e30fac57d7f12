package index_test

import (
	"fmt"
	"math"
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/index"
)

func labelsOf(f *index.Fence) []string { return f.Value.([]string) }

// labelled gives a fence up to three labels, the higher ones rare; a label may be given twice.
func labelled(rng *rand.Rand, f *index.Fence) *index.Fence {
	labels := []string{}
	for range rng.Intn(4) {
		labels = append(labels, fmt.Sprint(int(math.Log2(1+200*rng.Float64()))))
	}
	f.Value = labels
	return f
}

func TestGroupsEqualBruteForce(t *testing.T) {
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			rng := seeded(t)
			all := map[index.ID]*index.Fence{}
			for i := range 70 {
				f := labelled(rng, w.fence(t, rng, i))
				all[f.ID] = f
			}
			g, err := index.BuildGroups(list(all), labelsOf)
			require.NoError(t, err)
			for range 30 {
				var put []*index.Fence
				var remove []index.ID
				for range rng.Intn(4) {
					put = append(put, labelled(rng, w.fence(t, rng, rng.Intn(200))))
				}
				for range rng.Intn(4) {
					remove = append(remove, id(rng.Intn(200)))
				}
				g, err = g.With(put, remove)
				require.NoError(t, err)
				for _, i := range remove {
					delete(all, i)
				}
				for _, f := range put {
					all[f.ID] = f
				}
				require.Equal(t, len(all), g.All().Len())
				compareGroups(t, rng, w, g, list(all))
			}
		})
	}
}

func compareGroups(t *testing.T, rng *rand.Rand, w world, g *index.Groups, all []*index.Fence) {
	t.Helper()
	for range 5 {
		var labels []string
		for range rng.Intn(3) {
			labels = append(labels, fmt.Sprint(rng.Intn(9)))
		}
		even := func(f *index.Fence) bool { return f.ID[15]%2 == 0 }
		keep := [](func(*index.Fence) bool){nil, even}[rng.Intn(2)]
		within := []float64{math.Inf(1), w.spread * rng.Float64(), -1}[rng.Intn(3)]
		p, k := w.point(rng), 1+rng.Intn(90)
		want := nearestTwin(all, p, k, func(f *index.Fence) bool {
			for _, l := range labels {
				if !slices.Contains(labelsOf(f), l) {
					return false
				}
			}
			return f.Shape.Gap(p) <= within && (keep == nil || keep(f))
		})
		require.Equal(t, want, g.NearestWithin(p, k, within, labels, keep, nil))
	}
}

// BenchmarkNearestRare looks for the ten nearest of 100,000 stores under a label that ten of them have, far away: among
// the label's own, and by a filter over all of them.
func BenchmarkNearestRare(b *testing.B) {
	w := workloads[1]
	stores := w.fences()
	for i, f := range stores {
		f.Shape, f.Value = geo.Circle{Center_: f.Shape.Center()}, []string{"chain"}
		if i < 10 {
			f.Shape, f.Value = geo.Circle{Center_: geo.Point{Lat: 33.4, Lng: 126.5 + 0.01*float64(i)}}, []string{"chain", "rare"}
		}
	}
	g, err := index.BuildGroups(stores, labelsOf)
	if err != nil {
		b.Fatal(err)
	}
	points := w.walk(1000)
	var dst []index.Near
	b.Run("label", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			dst = g.NearestWithin(points[i%len(points)], 10, math.Inf(1), []string{"rare"}, nil, dst[:0])
		}
	})
	b.Run("filter", func(b *testing.B) {
		keep := func(f *index.Fence) bool { return len(labelsOf(f)) == 2 }
		for i := 0; b.Loop(); i++ {
			dst = g.All().NearestFunc(points[i%len(points)], 10, keep, dst[:0])
		}
	})
	b.Run("filter_within_5km", func(b *testing.B) {
		keep := func(f *index.Fence) bool { return len(labelsOf(f)) == 2 }
		for i := 0; b.Loop(); i++ {
			dst = g.All().NearestWithin(points[i%len(points)], 10, 5000, keep, dst[:0])
		}
	})
}
