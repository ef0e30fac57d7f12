package geo_test

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/wantgo/wantgo/geo"
)

// FuzzArea makes rings of the bytes, in coarse steps so that vertices repeat, lie in line and cross, and holds the area
// against the plain test over all edges and the promises of Shape.
func FuzzArea(f *testing.F) {
	f.Add([]byte{0, 0, 0, 9, 9, 9, 9, 0, 255, 2, 2, 2, 4, 4, 4}, 1.0, 0.0, 0.0, 5.0, 5.0)
	f.Add([]byte{0, 0, 9, 9, 0, 9, 9, 0}, 0.001, 89.999, 179.995, 89.9995, -179.9999)
	f.Add([]byte{0, 0, 0, 90, 0, 180, 1, 90}, 1.9, 80.0, -180.0, 90.0, 0.0)
	f.Fuzz(func(t *testing.T, raw []byte, step, south, west, lat, lng float64) {
		p := geo.Point{Lat: lat, Lng: lng}
		if p.Validate() != nil || len(raw) > 2000 {
			t.Skip()
		}
		a, _, err := geo.NewArea([][][]geo.Point{ringsOf(raw, step, south, west)}, false)
		if err != nil {
			if !errors.Is(err, geo.ErrPosition) && !errors.Is(err, geo.ErrShape) {
				t.Fatal(err)
			}
			return
		}
		inside, gap := a.Contains(p), a.Gap(p)
		if math.IsNaN(gap) || gap < 0 && !inside || gap > 0 && inside {
			t.Fatalf("inside %v with a gap of %v", inside, gap)
		}
		if inside && !a.Bounds().Contains(p) {
			t.Fatalf("%v is inside but not in %v", p, a.Bounds())
		}
		if inside && geo.Distance(a.Center(), p) > a.Reach()+0.01 {
			t.Fatalf("%v is inside but beyond %v m of %v", p, a.Reach(), a.Center())
		}
		if flat(a) && inside != evenOdd(a.Polygons(), p) {
			t.Fatalf("inside %v, the plain test says otherwise", inside)
		}
		again, warnings, err := geo.NewArea(a.Polygons(), true)
		if err != nil || len(warnings) > 0 || again.Contains(p) != inside {
			t.Fatalf("a mended area does not stand as it is: %v %v", warnings, err)
		}
	})
}

// ringsOf takes two bytes a vertex; 255 begins a ring, which is left open.
func ringsOf(raw []byte, step, south, west float64) [][]geo.Point {
	rings := [][]geo.Point{nil}
	for i := 0; i+1 < len(raw); i += 2 {
		if raw[i] == 255 {
			rings = append(rings, nil)
			i--
			continue
		}
		last := &rings[len(rings)-1]
		*last = append(*last, geo.Point{Lat: south + step*float64(raw[i]), Lng: west + step*float64(raw[i+1])})
	}
	return rings
}

// flat tells whether no edge crosses the antimeridian and no vertex lies on it.
func flat(a *geo.Area) bool {
	for _, rings := range a.Polygons() {
		for _, ring := range rings {
			for i := 0; i+1 < len(ring); i++ {
				if math.Abs(ring[i].Lng) == 180 || math.Abs(ring[i+1].Lng-ring[i].Lng) > 180 {
					return false
				}
			}
		}
	}
	return true
}

// FuzzCircle holds any circle against the promises of Shape.
func FuzzCircle(f *testing.F) {
	f.Add(37.5, 127.0, 100.0, uint64(0x123456789))
	f.Add(-90.0, 180.0, math.Pi*geo.EarthRadius, uint64(1))
	f.Fuzz(func(t *testing.T, lat, lng, radius float64, where uint64) {
		c, err := geo.NewCircle(geo.Point{Lat: lat, Lng: lng}, radius)
		if err != nil {
			return
		}
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], where)
		turn, far := float64(b[0])*360/255, float64(b[1])/200
		p := geo.Destination(c.Center(), turn, c.Radius*far)
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		inside, gap := c.Contains(p), c.Gap(p)
		if math.IsNaN(gap) || inside != (gap <= 0) {
			t.Fatalf("inside %v with a gap of %v", inside, gap)
		}
		if inside && !c.Bounds().Contains(p) {
			t.Fatalf("%v is inside but not in %v", p, c.Bounds())
		}
	})
}
