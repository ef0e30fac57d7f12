package geo_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
)

func ring(latLng ...float64) []geo.Point {
	var out []geo.Point
	for i := 0; i+1 < len(latLng); i += 2 {
		out = append(out, geo.Point{Lat: latLng[i], Lng: latLng[i+1]})
	}
	return out
}

var square = ring(0, 0, 0, 10, 10, 10, 10, 0, 0, 0)

func TestMending(t *testing.T) {
	for name, c := range map[string]struct {
		rings    [][]geo.Point
		kept     int
		problems []geo.Problem
	}{
		"sound":                 {rings: [][]geo.Point{square}, kept: 1},
		"unclosed":              {rings: [][]geo.Point{square[:4]}, kept: 1, problems: []geo.Problem{geo.RingUnclosed}},
		"repeated":              {rings: [][]geo.Point{ring(0, 0, 0, 0, 0, 10, 10, 10, 10, 10, 10, 0, 0, 0)}, kept: 1, problems: []geo.Problem{geo.VertexRepeated}},
		"two points":            {rings: [][]geo.Point{ring(0, 0, 1, 1)}, problems: []geo.Problem{geo.RingTooShort}},
		"empty ring":            {rings: [][]geo.Point{{}}, problems: []geo.Problem{geo.RingTooShort}},
		"no rings":              {rings: [][]geo.Point{}, problems: []geo.Problem{geo.PolygonEmpty}},
		"line":                  {rings: [][]geo.Point{ring(0, 0, 1, 1, 2, 2, 3, 3, 0, 0)}, problems: []geo.Problem{geo.RingWithoutArea}},
		"slanted line":          {rings: [][]geo.Point{ring(0.1, 0.3, 0.2, 0.6, 0.7, 2.1, 0.3, 0.9, 0.1, 0.3)}, problems: []geo.Problem{geo.RingWithoutArea}},
		"there and back":        {rings: [][]geo.Point{ring(0, 0, 5, 1, 7, 9, 5, 1, 0, 0)}, problems: []geo.Problem{geo.RingWithoutArea}},
		"one place":             {rings: [][]geo.Point{ring(1, 1, 1, 1, 1, 1, 1, 1)}, problems: []geo.Problem{geo.VertexRepeated, geo.RingWithoutArea}},
		"figure of eight":       {rings: [][]geo.Point{ring(0, 0, 10, 10, 10, 0, 0, 10, 0, 0)}, kept: 1},
		"bad hole":              {rings: [][]geo.Point{square, ring(1, 1, 2, 2)}, kept: 1, problems: []geo.Problem{geo.RingTooShort}},
		"hole of a bad outer":   {rings: [][]geo.Point{ring(0, 0, 1, 1), square}, problems: []geo.Problem{geo.RingTooShort, geo.HoleWithoutOuter}},
		"all round, short ways": {rings: [][]geo.Point{ring(-90, -180, -90, 180, 90, 180, 90, -180, -90, -180)}, problems: []geo.Problem{geo.RingWithoutArea}},
	} {
		t.Run(name, func(t *testing.T) {
			a, warnings, err := geo.NewArea([][][]geo.Point{c.rings}, false)
			var problems []geo.Problem
			for _, w := range warnings {
				problems = append(problems, w.Problem)
			}
			require.Equal(t, c.problems, problems)
			_, _, strict := geo.NewArea([][][]geo.Point{c.rings}, true)
			if c.kept == 0 {
				require.ErrorIs(t, err, geo.ErrShape)
				require.ErrorIs(t, strict, geo.ErrShape)
				return
			}
			require.NoError(t, err)
			require.Len(t, a.Polygons()[0], c.kept)
			require.Equal(t, len(c.problems) > 0, strict != nil)
		})
	}
}

func TestNewAreaRefusesPositions(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), 181} {
		_, _, err := geo.NewArea([][][]geo.Point{{ring(0, 0, 0, 10, 10, bad, 0, 0)}}, false)
		require.ErrorIs(t, err, geo.ErrPosition)
		require.ErrorContains(t, err, "vertex 2")
	}
}

func TestBorderConvention(t *testing.T) {
	a := area(t, [][]geo.Point{square})
	for _, c := range []struct {
		lat, lng float64
		in       bool
	}{{0, 5, true}, {5, 0, true}, {10, 5, false}, {5, 10, false}, {0, 0, true}, {10, 10, false}} {
		require.Equal(t, c.in, a.Contains(geo.Point{Lat: c.lat, Lng: c.lng}), "%v", c)
	}
	east := area(t, [][]geo.Point{ring(0, 170, 0, 180, 10, 180, 10, 170, 0, 170)})
	west := area(t, [][]geo.Point{ring(0, -180, 0, -170, 10, -170, 10, -180, 0, -180)})
	for _, lng := range []float64{180, -180} {
		require.False(t, east.Contains(geo.Point{Lat: 5, Lng: lng}))
		require.True(t, west.Contains(geo.Point{Lat: 5, Lng: lng}))
	}
}

func TestPolesAndAntimeridian(t *testing.T) {
	cap := area(t, [][]geo.Point{ring(80, -120, 80, 0, 80, 120, 80, -120)})
	south := area(t, [][]geo.Point{ring(-80, -120, -80, 0, -80, 120, -80, -120)})
	belt := area(t, [][]geo.Point{ring(-70, -120, -70, 0, -70, 120, -70, -120), ring(-80, 120, -80, 0, -80, -120, -80, 120)})
	caps := area(t, cap.Polygons()[0], south.Polygons()[0])
	cut := area(t, [][]geo.Point{ring(-80, -180, -75, 0, -80, 180, -90, 180, -90, -180, -80, -180)})
	fiji := area(t, [][]geo.Point{ring(-18, 178, -18, -178, -16, -178, -16, 178, -18, 178)})
	for _, c := range []struct {
		name     string
		a        *geo.Area
		lat, lng float64
		in       bool
	}{
		{"cap", cap, 90, 0, true}, {"cap", cap, 90, 180, true}, {"cap", cap, 85, -180, true}, {"cap", cap, 85, 180, true}, {"cap", cap, 79, 33, false}, {"cap", cap, -90, 0, false},
		{"south", south, -90, 0, true}, {"south", south, -90, -180, true}, {"south", south, -85, 179.999, true}, {"south", south, -79, 0, false}, {"south", south, 90, 1, false},
		{"belt", belt, -75, 10, true}, {"belt", belt, -75, 180, true}, {"belt", belt, -75, -121, true}, {"belt", belt, -90, 0, false}, {"belt", belt, -85, 10, false}, {"belt", belt, -60, 1, false}, {"belt", belt, 90, 1, false},
		{"caps", caps, 85, 7, true}, {"caps", caps, -85, 7, true}, {"caps", caps, 0, 7, false},
		{"cut", cut, -90, 0, true}, {"cut", cut, -85, 180, true}, {"cut", cut, -85, -180, true}, {"cut", cut, -77, 0, true}, {"cut", cut, -74, 0, false},
		{"fiji", fiji, -17, 180, true}, {"fiji", fiji, -17, -180, true}, {"fiji", fiji, -17, 179, true}, {"fiji", fiji, -17, -179, true}, {"fiji", fiji, -17, 0, false}, {"fiji", fiji, -17, -177, false},
	} {
		require.Equal(t, c.in, c.a.Contains(geo.Point{Lat: c.lat, Lng: c.lng}), "%s %v %v", c.name, c.lat, c.lng)
	}
	require.Equal(t, geo.Point{Lat: 90}, cap.Center())
	require.Equal(t, geo.Box{South: -18, West: 178, North: -16, East: -178}, fiji.Bounds())
	require.Equal(t, -180.0, belt.Bounds().West)
	require.Equal(t, -90.0, belt.Bounds().South)
	require.InDelta(t, -geo.Distance(geo.Point{Lat: 90}, geo.Point{Lat: 80}), cap.Gap(geo.Point{Lat: 90}), 1200)
}

func TestContainsEqualsTwins(t *testing.T) {
	rng := seeded(t)
	for range 400 {
		at := anywhere(rng)
		if rng.Intn(3) == 0 {
			at.Lng = 180 - rng.Float64()*0.2
		}
		radius := math.Pow(10, 1+5*rng.Float64())
		var polygons [][][]geo.Point
		for range 1 + rng.Intn(12) {
			c := geo.Destination(at, 360*rng.Float64(), radius*rng.Float64())
			polygons = append(polygons, [][]geo.Point{star(rng, c, 4+rng.Intn(200), radius), star(rng, c, 4+rng.Intn(20), radius/3)})
		}
		a := area(t, polygons...)
		plain, winds := true, false
		for _, rings := range polygons {
			for _, r := range rings {
				turned := 0.0
				for i := 0; i+1 < len(r); i++ {
					plain = plain && math.Abs(r[i+1].Lng-r[i].Lng) <= 180
					turned += math.Remainder(r[i+1].Lng-r[i].Lng, 360)
				}
				winds = winds || math.Abs(turned) > 1
			}
		}
		for range 300 {
			p := geo.Destination(at, 360*rng.Float64(), 2*radius*rng.Float64())
			if rng.Intn(20) == 0 {
				p = polygons[0][0][rng.Intn(len(polygons[0][0]))]
				if !plain {
					continue
				}
			}
			if plain {
				require.Equal(t, evenOdd(polygons, p), a.Contains(p))
			} else if !winds {
				require.Equal(t, meridian(polygons, p, true), a.Contains(p))
			}
		}
	}
}

func TestGapEqualsTwin(t *testing.T) {
	rng := seeded(t)
	worst := 0.0
	for range 150 {
		at := anywhere(rng)
		switch rng.Intn(4) {
		case 0:
			at.Lng = 180 - rng.Float64()*0.1
		case 1:
			at.Lat = math.Copysign(90-math.Pow(10, -4+5*rng.Float64()), at.Lat)
		}
		radius := math.Pow(10, 1+6*rng.Float64())
		polygons := [][][]geo.Point{{star(rng, at, 4+rng.Intn(60), radius)}, {star(rng, geo.Destination(at, 90, radius), 9, radius/5)}}
		a := area(t, polygons...)
		for range 5 {
			p := geo.Destination(at, 360*rng.Float64(), math.Min(2e7, 3*radius*rng.Float64()*rng.Float64()))
			want, got := borderTwin(polygons, p), a.Gap(p)
			require.Equal(t, a.Contains(p), got < 0)
			if math.Abs(math.Abs(got)-want) > 0.001 {
				worst = math.Max(worst, math.Abs(math.Abs(got)/want-1))
			}
		}
	}
	t.Logf("largest relative difference of a gap: %.6f", worst)
	require.Less(t, worst, 0.001)
}
