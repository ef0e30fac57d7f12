package index

import (
	"math"

	"github.com/wantgo/wantgo/geo"
)

const (
	radians  = math.Pi / 180
	metres   = geo.EarthRadius * radians // of a degree of latitude
	diameter = 2 * geo.EarthRadius
)

// candidate is a fence at a leaf's edge. For a circle it holds what decides most points without a trigonometric
// function, in half a line of the processor's cache.
type candidate struct {
	fence    *Fence
	lat, lng float64
	cos      float32 // of the centre's latitude; above 1 for shapes other than circles
	radius   float32 // infinite for shapes other than circles
}

const (
	notCircle = 2
	bracketed = 100_000 // metres of radius up to which asin s <= s (1 + 1e-4) for the points inside
	rounding  = 1e-6    // relative; far above what float32 and the exact formula may be off by, 0.1 mm for 100 m
	curving   = 1e-4    // relative; sin²x >= x² (1 - 1e-4) for half of bracketed
)

func newCandidate(f *Fence) candidate {
	c, ok := f.Shape.(geo.Circle)
	if !ok || c.Radius > bracketed {
		return candidate{fence: f, cos: notCircle, radius: float32(math.Inf(1))}
	}
	return candidate{fence: f, lat: c.Center_.Lat, lng: c.Center_.Lng, cos: float32(math.Cos(c.Center_.Lat * radians)), radius: float32(c.Radius)}
}

func (c *candidate) weight() int {
	if c.cos == notCircle {
		return areaWeight
	}
	return 1
}

// haversine brackets h of the haversine formula for a point whose latitude has that cosine: x² - x⁴/3 <= sin²x <= x².
func (c *candidate) haversine(p geo.Point, cos float64) (low, high float64) {
	y, x := (p.Lat-c.lat)*(radians/2), (p.Lng-c.lng)*(radians/2)
	yy, xx := y*y, x*x
	wide := cos * float64(c.cos)
	high = yy + wide*xx
	return high - (yy*yy+wide*xx*xx)*(1.0/3), high
}

// outside and inside tell, of a circle, what is sure of a point with these bounds. An arc is at least 2R sqrt(h); half an
// arc's sine is at least its square less its fourth power's third.
func (c *candidate) outside(low float64) bool {
	half := float64(c.radius) * (1 / diameter)
	return low > half*half*(1+rounding)
}

func (c *candidate) inside(high float64) bool {
	half := float64(c.radius) * (1 / diameter)
	half *= half
	return high < half*(1-rounding-half)
}

// contains gives the shape's own answer, and asks the shape only near its edge.
func (c *candidate) contains(p geo.Point, cos float64) bool {
	low, high := c.haversine(p, cos)
	switch {
	case c.outside(low):
		return false
	case c.cos != notCircle && c.inside(high):
		return true
	}
	return c.fence.Shape.Contains(p)
}

// beyond tells whether the gap of a point with that lower bound is surely above metres, which must be at least 0.
func (c *candidate) beyond(low, metres float64) bool {
	half := (metres + float64(c.radius)) * (1 / diameter)
	return low > half*half*(1+rounding)
}

// quiet gives the shape's own answer and, where that is below so far, metres that the edge is at least away.
func (c *candidate) quiet(p geo.Point, low, high, so float64) (inside bool, least float64) {
	radius := float64(c.radius)
	switch {
	case c.cos == notCircle:
		gap := c.fence.Shape.Gap(p)
		if gap == 0 {
			return c.fence.Shape.Contains(p), 0
		}
		return gap < 0, min(so, math.Abs(gap)*(1-0.002))
	case c.outside(low):
		return false, min(so, diameter*math.Sqrt(low)*(1-rounding)-radius*(1+rounding))
	case c.inside(high):
		return true, min(so, radius*(1-rounding)-diameter*math.Sqrt(high)*(1+curving))
	}
	return c.fence.Shape.Contains(p), 0
}

// gap bounds the fence's gap. Where the bounds of the haversine are too loose to rank by, both are the gap itself.
func (c *candidate) gap(p geo.Point, low, high float64) (least, most float64) {
	if c.cos == notCircle || low < high*(1-curving) {
		gap := c.fence.Shape.Gap(p)
		return gap, gap
	}
	radius, slack := float64(c.radius), float64(c.radius)*rounding
	return diameter*math.Sqrt(low)*(1-rounding) - radius - slack, diameter*math.Sqrt(high)*(1+curving) - radius + slack
}
