package geo_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
)

func TestPointValidate(t *testing.T) {
	for name, p := range map[string]geo.Point{
		"nan lat": {Lat: math.NaN()}, "nan lng": {Lng: math.NaN()}, "inf lat": {Lat: math.Inf(1)}, "inf lng": {Lng: math.Inf(-1)},
		"beyond the pole": {Lat: 400.166666, Lng: 116}, "beyond the south pole": {Lat: -90.0000001}, "beyond 180": {Lng: 180.0001}, "beyond -180": {Lng: -181},
	} {
		require.ErrorIs(t, p.Validate(), geo.ErrPosition, name)
		require.NotContains(t, p.Validate().Error(), "400", name)
	}
	for _, p := range []geo.Point{{}, {Lat: 90, Lng: 180}, {Lat: -90, Lng: -180}} {
		require.NoError(t, p.Validate())
	}
}

func TestDistance(t *testing.T) {
	plain := func(a, b geo.Point) float64 {
		const rad = math.Pi / 180
		s1, s2 := math.Sin((b.Lat-a.Lat)*rad/2), math.Sin((b.Lng-a.Lng)*rad/2)
		return 2 * geo.EarthRadius * math.Asin(math.Sqrt(s1*s1+math.Cos(a.Lat*rad)*math.Cos(b.Lat*rad)*s2*s2))
	}
	require.InDelta(t, math.Pi*geo.EarthRadius, geo.Distance(geo.Point{Lat: 90}, geo.Point{Lat: -90, Lng: 77}), 1e-6)
	require.InDelta(t, 0, geo.Distance(geo.Point{Lat: 10, Lng: 180}, geo.Point{Lat: 10, Lng: -180}), 1e-6)
	rng := seeded(t)
	for range 20000 {
		a, b := anywhere(rng), anywhere(rng)
		if rng.Intn(2) == 0 {
			b = geo.Destination(a, 360*rng.Float64(), 1000*rng.Float64())
		}
		require.Equal(t, plain(a, b), geo.Distance(a, b))
		require.Equal(t, geo.Distance(a, b), geo.Distance(b, a))
		require.InDelta(t, geo.Distance(a, b), geo.ArcOf(math.Sqrt(a.Vector().Chord2(b.Vector()))), 1)
	}
}

func TestDestinationAndBearing(t *testing.T) {
	rng := seeded(t)
	for range 5000 {
		p, turn, far := anywhere(rng), 360*rng.Float64(), 1e6*rng.Float64()+1
		q := geo.Destination(p, turn, far)
		require.NoError(t, q.Validate())
		require.InDelta(t, far, geo.Distance(p, q), 1e-3)
		if math.Abs(p.Lat) < 89 {
			require.InDelta(t, 0, math.Remainder(turn-geo.Bearing(p, q), 360), 1e-3)
		}
	}
}

func TestNewCircleRefuses(t *testing.T) {
	for _, r := range []float64{0, -1, math.NaN(), math.Inf(1), math.Pi*geo.EarthRadius + 1} {
		_, err := geo.NewCircle(geo.Point{}, r)
		require.ErrorIs(t, err, geo.ErrShape)
	}
	_, err := geo.NewCircle(geo.Point{Lat: 91}, 10)
	require.ErrorIs(t, err, geo.ErrPosition)
}

func TestCircleIsClosed(t *testing.T) {
	a, b := geo.Point{Lat: 37.5, Lng: 127}, geo.Point{Lat: 37.501, Lng: 127.001}
	at, err := geo.NewCircle(a, geo.Distance(a, b))
	require.NoError(t, err)
	require.True(t, at.Contains(b))
	require.Zero(t, at.Gap(b))
	below, err := geo.NewCircle(a, math.Nextafter(geo.Distance(a, b), 0))
	require.NoError(t, err)
	require.False(t, below.Contains(b))
}

func TestBoundsHoldTheShape(t *testing.T) {
	rng := seeded(t)
	for range 300 {
		at, radius := anywhere(rng), math.Pow(10, 1+5.5*rng.Float64())
		switch rng.Intn(4) {
		case 0:
			at.Lng = 180 - rng.Float64()*0.1
		case 1:
			at.Lat = math.Copysign(90-0.1*rng.Float64(), at.Lat)
		}
		circle, err := geo.NewCircle(at, radius)
		require.NoError(t, err)
		shapes := []geo.Shape{circle, area(t, [][]geo.Point{star(rng, at, 5+rng.Intn(30), radius)})}
		for range 200 {
			p := geo.Destination(at, 360*rng.Float64(), radius*rng.Float64()*1.0001)
			for _, s := range shapes {
				if s.Contains(p) {
					require.True(t, s.Bounds().Contains(p), "%v %v not in %v", s.Center(), p, s.Bounds())
					require.LessOrEqual(t, geo.Distance(s.Center(), p), s.(interface{ Reach() float64 }).Reach()+1e-3)
				}
			}
		}
	}
}

// TestReachIsTight: the ball that holds an area is hardly larger than the way to its farthest place, which is looked for
// along all edges in small steps.
func TestReachIsTight(t *testing.T) {
	rng := seeded(t)
	for range 100 {
		at, radius := anywhere(rng), math.Pow(10, 1+5.3*rng.Float64())
		switch rng.Intn(4) {
		case 0:
			at.Lng = 180 - rng.Float64()*0.1
		case 1:
			at.Lat = math.Copysign(90-0.1*rng.Float64(), at.Lat)
		}
		polygons := [][][]geo.Point{{star(rng, at, 3+rng.Intn(60), radius)}}
		if rng.Intn(2) == 0 {
			polygons = append(polygons, [][]geo.Point{star(rng, geo.Destination(at, 360*rng.Float64(), 3*radius), 5, radius)})
		}
		a := area(t, polygons...)
		far := 0.0
		for _, rings := range polygons {
			for i := 0; i+1 < len(rings[0]); i++ {
				p, q := rings[0][i], rings[0][i+1]
				for k := range 300 {
					part := float64(k) / 300
					on := geo.Point{Lat: p.Lat + part*(q.Lat-p.Lat), Lng: p.Lng + part*math.Remainder(q.Lng-p.Lng, 360)}
					far = max(far, geo.Distance(a.Center(), on))
				}
			}
		}
		if a.Reach() > 0.4*math.Pi*geo.EarthRadius {
			continue // more than a hemisphere counts as everything
		}
		require.GreaterOrEqual(t, a.Reach(), far)
		require.LessOrEqual(t, a.Reach(), far*1.0003+0.03, "centre %v", a.Center())
	}
	block := area(t, [][]geo.Point{ring(37.6, 127, 37.6, 127.01, 37.61, 127.01, 37.61, 127, 37.6, 127)})
	require.InDelta(t, geo.Distance(geo.Point{Lat: 37.6, Lng: 127}, geo.Point{Lat: 37.61, Lng: 127.01})/2, block.Reach(), 0.1, "half the diagonal")
}
