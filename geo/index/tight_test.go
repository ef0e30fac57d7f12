package index_test

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/index"
)

// TestTightness logs what the trie's cells are worth: how many of the fences round a point are known without the exact
// test, how many are asked, and how many of those only their shape can answer, bounds of its circle not being enough.
func TestTightness(t *testing.T) {
	rng := rand.New(rand.NewSource(11))
	t.Log("fences                              places/fence   a point: inside   sure   asked   by shape")
	row := func(name string, fences []*index.Fence, points []geo.Point) {
		s, err := index.Build(fences)
		if err != nil {
			t.Fatal(err)
		}
		var inside, sure, asked, shapes int
		for _, p := range points {
			a, b, c := index.Tested(s, p)
			inside, sure, asked, shapes = inside+len(s.Match(p, nil)), sure+a, asked+b, shapes+c
		}
		if inside < sure || asked < shapes || inside-sure > asked {
			t.Errorf("%s: %d inside, %d sure, %d asked, %d by shape", name, inside, sure, asked, shapes)
		}
		n := float64(len(points))
		t.Logf("%-34s %13.1f %17.2f %6.2f %7.2f %10.4f", name, float64(index.Footprint(s))/float64(len(fences)), float64(inside)/n, float64(sure)/n, float64(asked)/n, float64(shapes)/n)
	}
	for _, w := range workloads[:2] {
		for _, radius := range []float64{30, 100, 1000} {
			fences := w.fences()[:min(w.circles, 20_000)]
			for _, f := range fences {
				f.Shape = geo.Circle{Center_: f.Shape.Center(), Radius: radius}
			}
			row(fmt.Sprintf("%d circles of %.0f m", len(fences), radius), fences, w.walk(3000))
		}
	}
	for _, name := range []string{"polygons_countries_50m.geojson.gz", "polygons_seoul_dong.geojson", "polygons_korea_provinces.geojson.gz"} {
		t.Run(name, func(t *testing.T) {
			fences, _ := polygons(t, name)
			var points []geo.Point
			for _, f := range fences {
				points = append(points, nearby(rng, f.Shape.Bounds())[:50]...)
			}
			row(name, fences, points)
		})
	}
}

// BenchmarkCountries asks for the country of a point, all 241 of them indexed, and then measures each country's own exact
// test over its box and reports the five slowest.
func BenchmarkCountries(b *testing.B) {
	fences, names := polygons(b, "polygons_countries_50m.geojson.gz")
	s, err := index.Build(fences)
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewSource(12))
	near := make([][]geo.Point, len(fences))
	var all []geo.Point
	for i, f := range fences {
		near[i] = nearby(rng, f.Shape.Bounds())
		all = append(all, near[i]...)
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	b.Run("match", func(b *testing.B) {
		b.ReportAllocs()
		var dst []*index.Fence
		for i := 0; b.Loop(); i++ {
			dst = s.Match(all[i%len(all)], dst[:0])
		}
	})
	for rank, i := range slowest(fences, near)[:5] {
		shape := fences[i].Shape.(*geo.Area)
		b.Run(fmt.Sprintf("slowest_%d_%s", rank+1, names[i]), func(b *testing.B) {
			b.ReportAllocs()
			for k := 0; b.Loop(); k++ {
				shape.Contains(near[i][k%len(near[i])])
			}
			b.ReportMetric(float64(shape.Vertices()), "vertices")
		})
	}
}

// slowest puts the fences in order of the time of their exact test, the least of five runs.
func slowest(fences []*index.Fence, near [][]geo.Point) []int {
	each := make([]time.Duration, len(fences))
	order := make([]int, len(fences))
	for i, f := range fences {
		order[i] = i
		for run := range 5 {
			start := time.Now()
			for _, p := range near[i] {
				f.Shape.Contains(p)
			}
			if took := time.Since(start); run == 0 || took < each[i] {
				each[i] = took
			}
		}
	}
	slices.SortFunc(order, func(a, b int) int { return int(each[b] - each[a]) })
	return order
}
