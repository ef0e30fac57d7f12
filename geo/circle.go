package geo

import (
	"errors"
	"fmt"
	"math"
)

// ErrShape is the reason of every refused shape whose coordinates are sound.
var ErrShape = errors.New("shape cannot be used")

// Circle is every point at most Radius metres from Center_. Make one with NewCircle.
type Circle struct {
	Center_ Point
	Radius  float64
}

// NewCircle refuses a centre that is not on the globe (ErrPosition) and a radius that is not finite, not above 0 or
// above half the circumference (ErrShape).
func NewCircle(center Point, radius float64) (Circle, error) {
	if err := center.Validate(); err != nil {
		return Circle{}, err
	}
	if math.IsNaN(radius) || math.IsInf(radius, 0) {
		return Circle{}, fmt.Errorf("%w: radius is not a finite number", ErrShape)
	}
	if radius <= 0 || radius > math.Pi*EarthRadius {
		return Circle{}, fmt.Errorf("%w: radius must be above 0 and at most half the circumference", ErrShape)
	}
	return Circle{Center_: center, Radius: radius}, nil
}

// Contains tells whether p is at most Radius from the centre.
func (c Circle) Contains(p Point) bool { return Distance(c.Center_, p) <= c.Radius }

// Gap returns the distance to the circle's line, negative inside.
func (c Circle) Gap(p Point) float64 { return Distance(c.Center_, p) - c.Radius }

// Center returns the centre.
func (c Circle) Center() Point { return c.Center_ }

// Reach returns the radius in metres of a ball round Center that holds the shape.
func (c Circle) Reach() float64 { return c.Radius }

// Bounds returns the smallest box, widened by a nanodegree against rounding.
func (c Circle) Bounds() Box {
	const slack = 1e-9
	arc := c.Radius / EarthRadius
	b := Box{South: c.Center_.Lat - arc/radians - slack, North: c.Center_.Lat + arc/radians + slack, West: -180, East: 180}
	if b.South <= -90 || b.North >= 90 {
		return Box{South: math.Max(b.South, -90), North: math.Min(b.North, 90), West: -180, East: 180}
	}
	half := math.Asin(math.Min(1, math.Sin(arc)/math.Cos(c.Center_.Lat*radians)))/radians + slack
	if half >= 180 {
		return b
	}
	b.West, b.East = normalLng(c.Center_.Lng-half), normalLng(c.Center_.Lng+half)
	return b
}
