package cell_test

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uber/h3-go/v4"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/cell"
)

func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewSource(seed))
}

// anywhere prefers what is hard: the poles, the antimeridian, the neighbourhood of pentagons.
func anywhere(t testing.TB, rng *rand.Rand) geo.Point {
	p := geo.Point{Lat: math.Asin(2*rng.Float64()-1) * 180 / math.Pi, Lng: 360*rng.Float64() - 180}
	near := math.Pow(10, -5+6*rng.Float64())
	switch rng.Intn(6) {
	case 0:
		p.Lng = 180 - near
	case 1:
		p.Lat = math.Copysign(90-near, p.Lat)
	case 2, 3:
		pentagons, err := h3.Pentagons(rng.Intn(13))
		require.NoError(t, err)
		at, err := pentagons[rng.Intn(len(pentagons))].LatLng()
		require.NoError(t, err)
		return geo.Destination(geo.Point{Lat: at.Lat, Lng: at.Lng}, 360*rng.Float64(), near*100_000)
	}
	return p
}

func TestFamilyEqualsH3(t *testing.T) {
	rng := seeded(t)
	for range 3000 {
		c, err := cell.Of(anywhere(t, rng), rng.Intn(cell.MaxRes+1))
		require.NoError(t, err)
		require.Equal(t, h3.Cell(c).Resolution(), c.Res())
		require.Equal(t, h3.Cell(c).BaseCellNumber(), c.BaseNumber())
		require.Equal(t, h3.Cell(c).IsPentagon(), c.Pentagon())
		for res := 0; res <= c.Res(); res++ {
			parent, err := h3.Cell(c).Parent(res)
			require.NoError(t, err)
			require.Equal(t, cell.Cell(parent), c.Parent(res))
		}
		if c.Res() == cell.MaxRes {
			_, ok := c.Child(0)
			require.False(t, ok)
			continue
		}
		want, err := h3.Cell(c).ImmediateChildren()
		require.NoError(t, err)
		var got []h3.Cell
		for d := range 7 {
			if k, ok := c.Child(d); ok {
				require.Equal(t, d, k.Digit(k.Res()))
				got = append(got, h3.Cell(k))
			}
		}
		require.Equal(t, want, got)
	}
	for base := range cell.BaseCount {
		require.True(t, cell.Base(base).Valid())
	}
}

// TestBalls measures the two facts that the package comment's proof rests on, and what follows from them.
func TestBalls(t *testing.T) {
	rng := seeded(t)
	for range 20000 {
		p := anywhere(t, rng)
		fine, err := cell.Of(p, 1+rng.Intn(13))
		require.NoError(t, err)
		for res := fine.Res(); res >= 0; res-- {
			c := fine.Parent(res)
			centre, err := c.Centre()
			require.NoError(t, err)
			require.LessOrEqual(t, geo.Distance(centre, p), cell.Radius(res))
			own, err := cell.Of(p, res)
			require.NoError(t, err)
			scale := math.Pow(7, float64(res)/2)
			ownCentre, err := own.Centre()
			require.NoError(t, err)
			require.LessOrEqual(t, geo.Distance(ownCentre, p)*scale, 1_410_000.0)
			for d := range 7 {
				if k, ok := c.Child(d); ok && rng.Intn(20) == 0 {
					at, err := k.Centre()
					require.NoError(t, err)
					require.LessOrEqual(t, geo.Distance(centre, at)*scale, 919_800.0)
				}
			}
		}
	}
	require.LessOrEqual(t, 919_800.0, cell.Radius(0)*(1-1/math.Sqrt(7)))
}

func TestRefusals(t *testing.T) {
	for _, p := range []geo.Point{{Lat: math.NaN()}, {Lng: math.Inf(1)}, {Lat: 90.1}, {Lng: -180.5}} {
		_, err := cell.Of(p, 7)
		require.ErrorIs(t, err, geo.ErrPosition)
		require.Zero(t, cell.Coarse(p))
	}
	for _, res := range []int{-1, 16} {
		_, err := cell.Of(geo.Point{}, res)
		require.ErrorIs(t, err, cell.ErrCell)
	}
	for _, c := range []cell.Cell{0, math.MaxUint64, 1 << 59} {
		if c.Valid() {
			continue
		}
		_, err := c.Centre()
		require.ErrorIs(t, err, cell.ErrCell)
		_, err = c.Neighbours()
		require.ErrorIs(t, err, cell.ErrCell)
	}
	require.Zero(t, cell.Panics())
}

func TestCoarse(t *testing.T) {
	seoul := geo.Point{Lat: 37.5665, Lng: 126.978}
	require.Equal(t, cell.CoarseRes, cell.Coarse(seoul).Res())
	around, err := cell.Coarse(seoul).Neighbours()
	require.NoError(t, err)
	require.Len(t, around, 7)
	pentagon, err := h3.Pentagons(7)
	require.NoError(t, err)
	around, err = cell.Cell(pentagon[0]).Neighbours()
	require.NoError(t, err)
	require.Len(t, around, 6)
}

// TestCoarseFromAnyCell asks for cells round points, a cell at hand that is theirs or a neighbour's.
func TestCoarseFromAnyCell(t *testing.T) {
	rng := seeded(t)
	for range 3000 {
		at := anywhere(t, rng)
		last := cell.Coarse(at)
		for range 8 {
			p := geo.Destination(at, 360*rng.Float64(), 3000*rng.Float64())
			want, err := cell.Of(p, cell.CoarseRes)
			require.NoError(t, err)
			require.Equal(t, want, cell.CoarseFrom(last, p), "%v from %v", p, last)
		}
	}
	require.Zero(t, cell.CoarseFrom(cell.Coarse(geo.Point{}), geo.Point{Lat: 91}))
}

func BenchmarkCoarse(b *testing.B) {
	at := geo.Point{Lat: 37.5665, Lng: 126.978}
	last := cell.Coarse(at)
	b.Run("converted", func(b *testing.B) {
		for b.Loop() {
			_ = cell.Coarse(at)
		}
	})
	b.Run("at hand", func(b *testing.B) {
		for b.Loop() {
			_ = cell.CoarseFrom(last, at)
		}
	})
}

func star(rng *rand.Rand, at geo.Point, n int, radius float64) []geo.Point {
	ring := make([]geo.Point, 0, n+1)
	for i := range n {
		ring = append(ring, geo.Destination(at, 360*(float64(i)+rng.Float64())/float64(n), radius*(0.2+0.8*rng.Float64())))
	}
	return append(ring, ring[0])
}

// TestCoverIsSound looks for a point of a shape that its covering misses, or one outside that it calls inner, with the
// point's cell cut short from H3's finest resolution and from the covering's.
func TestCoverIsSound(t *testing.T) {
	rng := seeded(t)
	sums := map[size]*tally{}
	for range 600 {
		at, radius := anywhere(t, rng), math.Pow(10, 1+3.7*rng.Float64())
		if rng.Intn(20) == 0 {
			radius *= 200
		}
		shape := geo.Shape(geo.Circle{Center_: at, Radius: radius})
		if rng.Intn(2) == 0 {
			a, _, err := geo.NewArea([][][]geo.Point{{star(rng, at, 5+rng.Intn(60), radius)}, {star(rng, geo.Destination(at, 77, radius), 7, radius/4)}}, false)
			require.NoError(t, err)
			shape = a
		}
		covering, err := cell.Cover(shape)
		require.NoError(t, err)
		require.NotZero(t, covering.Len())
		require.Less(t, covering.Len(), 150, "%T of %.0f m", shape, radius)
		_, circle := shape.(geo.Circle)
		of := size{circle, int(math.Log10(radius))}
		sum := sums[of]
		if sum == nil {
			sum = &tally{}
			sums[of] = sum
		}
		sum.shapes++
		sum.cells += covering.Len()
		for range 60 {
			p := geo.Destination(at, 360*rng.Float64(), radius*math.Sqrt(rng.Float64())*1.05)
			if c, ok := shape.(geo.Circle); ok && rng.Intn(3) == 0 {
				p = geo.Destination(at, 360*rng.Float64(), c.Radius)
			}
			fine, err := cell.Of(p, cell.MaxRes)
			require.NoError(t, err)
			least, err := cell.Of(p, covering.Finest())
			require.NoError(t, err)
			sides := []cell.Side{covering.Side(fine), covering.Side(least)}
			for _, side := range sides {
				if shape.Contains(p) {
					require.NotEqual(t, cell.Outside, side, "missed: %T of %.0f m at %v", shape, radius, at)
				} else {
					require.NotEqual(t, cell.Within, side, "inner but outside: %T of %.0f m at %v", shape, radius, at)
				}
			}
			if shape.Contains(p) {
				sum.points++
				if sides[0] == cell.AtEdge {
					sum.edge++
				}
			}
		}
	}
	tightness(t, sums)
}

// size is a kind of shape and the power of ten of its metres.
type size struct {
	circle bool
	power  int
}

type tally struct{ shapes, cells, points, edge int }

// tightness logs what coverings are worth.
func tightness(t *testing.T, sums map[size]*tally) {
	t.Log("shape    from metres   shapes   cells a shape   points inside that need the exact test")
	for _, circle := range []bool{true, false} {
		name := map[bool]string{true: "circle", false: "star"}[circle]
		for power := range 9 {
			if s := sums[size{circle, power}]; s != nil {
				t.Logf("%-6s %13.0f %8d %15.1f %10.0f %%", name, math.Pow(10, float64(power)), s.shapes,
					float64(s.cells)/float64(s.shapes), 100*float64(s.edge)/float64(max(1, s.points)))
			}
		}
	}
}

// FuzzCover makes circles and three-cornered areas of whatever it is given and looks for a missed point.
func FuzzCover(f *testing.F) {
	f.Add(37.5, 127.0, 100.0, 0.3, 0.5, false)
	f.Add(90.0, 180.0, 50_000.0, 0.9, 0.1, true)
	f.Add(64.7, 10.536, 2000.0, 0.0, 1.0, true)
	f.Fuzz(func(t *testing.T, lat, lng, radius, turn, far float64, corners bool) {
		at := geo.Point{Lat: lat, Lng: lng}
		circle, err := geo.NewCircle(at, radius)
		if err != nil || !(turn >= 0 && turn <= 1 && far >= 0 && far <= 1) {
			t.Skip()
		}
		shape := geo.Shape(circle)
		if corners {
			if radius > 1e6 {
				t.Skip()
			}
			ring := []geo.Point{geo.Destination(at, 360*turn, radius), geo.Destination(at, 120, radius), geo.Destination(at, 240, radius*far)}
			a, _, err := geo.NewArea([][][]geo.Point{{append(ring, ring[0])}}, false)
			if err != nil {
				t.Skip()
			}
			shape = a
		}
		covering, err := cell.Cover(shape)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 8 {
			p := geo.Destination(at, 360*turn+45*float64(i), radius*far)
			fine, err := cell.Of(p, cell.MaxRes)
			if err != nil {
				t.Fatal(err)
			}
			if side, inside := covering.Side(fine), shape.Contains(p); inside && side == cell.Outside || !inside && side == cell.Within {
				t.Fatalf("%v: inside %v, covering %v", p, inside, side)
			}
		}
		if cell.Panics() != 0 {
			t.Fatal("the binding panicked")
		}
	})
}

func FuzzOf(f *testing.F) {
	f.Add(90.0, 180.0, 15, uint64(0x8009fffffffffff))
	f.Fuzz(func(t *testing.T, lat, lng float64, res int, raw uint64) {
		c, err := cell.Of(geo.Point{Lat: lat, Lng: lng}, res)
		if err == nil && (!c.Valid() || c.Res() != res) {
			t.Fatalf("%v", c)
		}
		_, _ = cell.Cell(raw).Neighbours()
		_, _ = cell.Cell(raw).Centre()
		if cell.Panics() != 0 {
			t.Fatal("the binding panicked")
		}
	})
}

func BenchmarkCover(b *testing.B) {
	for _, radius := range []float64{10, 100, 1000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("%.0fm", radius), func(b *testing.B) {
			rng := rand.New(rand.NewSource(1))
			b.ReportAllocs()
			cells := 0
			for b.Loop() {
				at := geo.Point{Lat: 37.4 + 0.3*rng.Float64(), Lng: 126.8 + 0.3*rng.Float64()}
				c, err := cell.Cover(geo.Circle{Center_: at, Radius: radius})
				if err != nil {
					b.Fatal(err)
				}
				cells += c.Len()
			}
			b.ReportMetric(float64(cells)/float64(b.N), "cells/fence")
		})
	}
}
