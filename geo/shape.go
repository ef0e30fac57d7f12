package geo

import "math"

// Shape is a closed part of the globe.
type Shape interface {
	// Contains tells whether the point is inside; the package comment says how borders count.
	Contains(Point) bool
	// Gap returns the metres to the nearest edge, negative inside and positive outside. It is exact for circles and
	// within 0.1 % (or a millimetre) for polygons, at any distance; its sign always agrees with Contains unless it is 0.
	Gap(Point) float64
	// Bounds returns a box that holds the whole shape.
	Bounds() Box
	// Center returns a point that stands for the shape; it need not be inside.
	Center() Point
}

// Box is a range of latitudes and longitudes in degrees, borders included. West > East means that it crosses the
// antimeridian; a box round a pole reaches from -180 to 180.
type Box struct{ South, West, North, East float64 }

// World is the box of everything.
var World = Box{South: -90, West: -180, North: 90, East: 180}

// Contains tells whether p lies in the box.
func (b Box) Contains(p Point) bool {
	if p.Lat < b.South || p.Lat > b.North {
		return false
	}
	if b.holdsLng(p.Lng) {
		return true
	}
	return math.Abs(p.Lng) == 180 && b.holdsLng(-p.Lng)
}

func (b Box) holdsLng(lng float64) bool {
	if b.West <= b.East {
		return lng >= b.West && lng <= b.East
	}
	return lng >= b.West || lng <= b.East
}
