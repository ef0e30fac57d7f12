package geo_test

import (
	"math"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
)

// seeded returns a generator whose seed the log shows.
func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewSource(seed))
}

// evenOdd is the plain test over all edges as they stand: for rings without a step over 180 degrees.
func evenOdd(polygons [][][]geo.Point, p geo.Point) bool {
	inside := false
	for _, rings := range polygons {
		for _, ring := range rings {
			for i := 0; i+1 < len(ring); i++ {
				a, b := ring[i], ring[i+1]
				if (a.Lat > p.Lat) != (b.Lat > p.Lat) && p.Lng < (b.Lng-a.Lng)*(p.Lat-a.Lat)/(b.Lat-a.Lat)+a.Lng {
					inside = !inside
				}
			}
		}
	}
	return inside
}

// meridian is a twin with another ray, towards a pole, and each edge taken the short way round. north says which pole is
// outside.
func meridian(polygons [][][]geo.Point, p geo.Point, north bool) bool {
	inside := false
	for _, rings := range polygons {
		for _, ring := range rings {
			for i := 0; i+1 < len(ring); i++ {
				a, b := ring[i], ring[i+1]
				ax := math.Remainder(a.Lng-p.Lng, 360)
				bx := ax + math.Remainder(b.Lng-a.Lng, 360)
				for _, turn := range []float64{-360, 0, 360} {
					x1, x2 := ax+turn, bx+turn
					if (x1 > 0) != (x2 > 0) {
						lat := a.Lat + (0-x1)/(x2-x1)*(b.Lat-a.Lat)
						if north && lat > p.Lat || !north && lat < p.Lat {
							inside = !inside
						}
					}
				}
			}
		}
	}
	return inside
}

// star returns a ring of n corners round a centre, rough and maybe self-crossing.
func star(rng *rand.Rand, at geo.Point, n int, radius float64) []geo.Point {
	ring := make([]geo.Point, 0, n+1)
	for i := range n {
		turn := 360 * (float64(i) + rng.Float64()*1.5) / float64(n)
		ring = append(ring, geo.Destination(at, turn, radius*(0.2+0.8*rng.Float64())))
	}
	return append(ring, ring[0])
}

func area(t testing.TB, polygons ...[][]geo.Point) *geo.Area {
	t.Helper()
	a, _, err := geo.NewArea(polygons, false)
	require.NoError(t, err)
	return a
}

func anywhere(rng *rand.Rand) geo.Point {
	return geo.Point{Lat: math.Asin(2*rng.Float64()-1) * 180 / math.Pi, Lng: 360*rng.Float64() - 180}
}

// borderTwin walks all edges in small steps, then the neighbourhood of each edge's nearest step in still smaller ones.
func borderTwin(polygons [][][]geo.Point, p geo.Point) float64 {
	const steps = 200
	least := math.Inf(1)
	for _, rings := range polygons {
		for _, ring := range rings {
			for i := 0; i+1 < len(ring); i++ {
				a, dLat, dLng := ring[i], ring[i+1].Lat-ring[i].Lat, math.Remainder(ring[i+1].Lng-ring[i].Lng, 360)
				from, to, best := 0.0, 1.0, 0.0
				for range 3 {
					near := math.Inf(1)
					for k := 0; k <= steps; k++ {
						t := from + (to-from)*float64(k)/steps
						if d := geo.Distance(p, geo.Point{Lat: a.Lat + t*dLat, Lng: a.Lng + t*dLng}); d < near {
							near, best = d, t
						}
					}
					least = math.Min(least, near)
					step := (to - from) / steps
					from, to = math.Max(0, best-step), math.Min(1, best+step)
				}
			}
		}
	}
	return least
}
