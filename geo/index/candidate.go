package index

import (
	"math"

	"github.com/wantgo/wantgo/geo"
)

const (
	radians  = math.Pi / 180
	metres   = geo.EarthRadius * radians // of a degree of latitude
	rounding = 1e-12                     // relative; far above what the exact formula may be off by
)

// candidate is a fence at a leaf's edge. For a circle it holds what decides most points by two squares.
type candidate struct {
	fence    *Fence
	lat, lng float64
	cos      float64 // of the centre's latitude; above 1 for shapes other than circles
	radius   float64
	limit    float64 // sin²(radius/2R): the haversine of the radius
}

const (
	notCircle = 2
	bracketed = 100_000 // metres of radius up to which asin s <= s (1 + 1e-4) for the points inside
)

func newCandidate(f *Fence) candidate {
	c, ok := f.Shape.(geo.Circle)
	if !ok || c.Radius > bracketed {
		return candidate{fence: f, cos: notCircle}
	}
	sin := math.Sin(math.Min(math.Pi/2, c.Radius/(2*geo.EarthRadius)))
	return candidate{fence: f, lat: c.Center_.Lat, lng: c.Center_.Lng, cos: math.Cos(c.Center_.Lat * radians), radius: c.Radius, limit: sin * sin}
}

// haversine brackets h of the haversine formula for a point whose latitude has that cosine: x² - x⁴/3 <= sin²x <= x².
func (c *candidate) haversine(p geo.Point, cos float64) (low, high float64) {
	y, x := (p.Lat-c.lat)*(radians/2), (p.Lng-c.lng)*(radians/2)
	yy, xx := y*y, x*x
	wide := cos * c.cos
	high = yy + wide*xx
	return high - (yy*yy+wide*xx*xx)*(1.0/3), high
}

// contains gives the shape's own answer, and asks the shape only near its edge.
func (c *candidate) contains(p geo.Point, cos float64) bool {
	if c.cos != notCircle {
		low, high := c.haversine(p, cos)
		if low*(1-rounding) > c.limit {
			return false
		}
		if high*(1+rounding) < c.limit {
			return true
		}
	}
	return c.fence.Shape.Contains(p)
}

// quiet gives the shape's own answer and, where that is below so far, metres that the edge is at least away.
func (c *candidate) quiet(p geo.Point, cos, so float64) (inside bool, least float64) {
	if c.cos == notCircle {
		gap := c.fence.Shape.Gap(p)
		if gap == 0 {
			return c.fence.Shape.Contains(p), 0
		}
		return gap < 0, min(so, math.Abs(gap)*(1-0.002))
	}
	low, high := c.haversine(p, cos)
	switch {
	case low*(1-rounding) > c.limit:
		if half := (so + c.radius) / (2 * geo.EarthRadius); low > half*half*(1+1e-8) {
			return false, so
		}
		return false, min(so, 2*geo.EarthRadius*math.Sqrt(low)-c.radius*(1+1e-9))
	case high*(1+rounding) < c.limit:
		return true, min(so, c.radius*(1-1e-9)-2*geo.EarthRadius*math.Sqrt(high)*(1+1e-4))
	}
	return c.fence.Shape.Contains(p), 0
}

// beyond tells whether the fence's gap is surely above metres.
func (c *candidate) beyond(p geo.Point, cos, metres float64) bool {
	if c.cos == notCircle {
		return false
	}
	half := (metres + c.radius) / (2 * geo.EarthRadius)
	low, _ := c.haversine(p, cos)
	return half >= 0 && low > half*half*(1+1e-8)
}

// farthest returns metres that a and b are at most apart: the length of the path that is straight in longitude and
// latitude, as if all of it were at its widest parallel. cos is the cosine of a's latitude.
func farthest(a geo.Point, cos float64, b geo.Point) float64 {
	y := math.Abs(b.Lat - a.Lat)
	x := (b.Lng - a.Lng) * min(1, cos+y*radians)
	return metres * math.Sqrt(y*y+x*x) * (1 + 1e-9)
}
