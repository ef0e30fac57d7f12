package geo

import (
	"errors"
	"fmt"
	"math"
)

// EarthRadius is the radius of the sphere that all distances are measured on, in metres: the mean radius R1 of WGS-84.
const EarthRadius = 6371008.8

const radians = math.Pi / 180

// ErrPosition is the reason of every refused coordinate.
var ErrPosition = errors.New("position is not on the globe")

// Point is a WGS-84 position in degrees: latitude -90 to 90, longitude -180 to 180.
type Point struct{ Lat, Lng float64 }

// Validate refuses, with ErrPosition, coordinates that are not finite or out of range. The reason names the field and
// never the value, so that it may be logged.
func (p Point) Validate() error {
	switch {
	case math.IsNaN(p.Lat) || math.IsInf(p.Lat, 0):
		return fmt.Errorf("%w: latitude is not a finite number", ErrPosition)
	case math.IsNaN(p.Lng) || math.IsInf(p.Lng, 0):
		return fmt.Errorf("%w: longitude is not a finite number", ErrPosition)
	case p.Lat < -90 || p.Lat > 90:
		return fmt.Errorf("%w: latitude is beyond 90 degrees", ErrPosition)
	case p.Lng < -180 || p.Lng > 180:
		return fmt.Errorf("%w: longitude is beyond 180 degrees", ErrPosition)
	}
	return nil
}

// Distance returns the great-circle distance in metres, 2R asin(sqrt(h)) with
// h = sin²(Δlat/2) + cos(lat a) cos(lat b) sin²(Δlng/2) (haversine; R. W. Sinnott, Sky and Telescope 68, 1984).
// The conversions forbid fused multiply-add, so that nodes of different architectures agree to the bit.
func Distance(a, b Point) float64 {
	sinLat := math.Sin((b.Lat - a.Lat) * radians / 2)
	sinLng := math.Sin((b.Lng - a.Lng) * radians / 2)
	h := float64(sinLat*sinLat) + float64(math.Cos(a.Lat*radians)*math.Cos(b.Lat*radians)*sinLng*sinLng)
	return 2 * EarthRadius * math.Asin(math.Min(1, math.Sqrt(h)))
}

// Bearing returns the initial direction from a to b in degrees clockwise from north, 0 to 360.
func Bearing(a, b Point) float64 {
	sinA, cosA := math.Sincos(a.Lat * radians)
	sinB, cosB := math.Sincos(b.Lat * radians)
	sinLng, cosLng := math.Sincos((b.Lng - a.Lng) * radians)
	y := sinLng * cosB
	x := cosA*sinB - sinA*cosB*cosLng
	bearing := math.Atan2(y, x)/radians + 360
	if bearing >= 360 {
		bearing -= 360
	}
	return bearing
}

// Destination returns the point reached from p along the great circle that starts at bearing (degrees clockwise from
// north) after distance metres.
func Destination(p Point, bearing, distance float64) Point {
	lat, turn, arc := p.Lat*radians, bearing*radians, distance/EarthRadius
	sinLat := math.Sin(lat)*math.Cos(arc) + math.Cos(lat)*math.Sin(arc)*math.Cos(turn)
	to := math.Asin(math.Max(-1, math.Min(1, sinLat)))
	dLng := math.Atan2(math.Sin(turn)*math.Sin(arc)*math.Cos(lat), math.Cos(arc)-math.Sin(lat)*sinLat)
	return Point{Lat: to / radians, Lng: normalLng(p.Lng + dLng/radians)}
}

// normalLng brings a longitude into [-180, 180].
func normalLng(lng float64) float64 {
	if lng < -180 || lng > 180 {
		lng -= 360 * math.Round(lng/360)
	}
	return lng
}

// Vector is a position as a unit vector from the centre of the sphere. Chords between vectors bound arcs from below
// and obey the triangle inequality at poles and on the antimeridian alike.
type Vector [3]float64

// Vector returns p as a unit vector.
func (p Point) Vector() Vector {
	sinLat, cosLat := math.Sincos(p.Lat * radians)
	sinLng, cosLng := math.Sincos(p.Lng * radians)
	return Vector{cosLat * cosLng, cosLat * sinLng, sinLat}
}

// Chord2 returns the square of the straight distance between two vectors, in units of the radius.
func (v Vector) Chord2(w Vector) float64 {
	x, y, z := v[0]-w[0], v[1]-w[1], v[2]-w[2]
	return x*x + y*y + z*z
}

func (v Vector) chord(w Vector) float64 { return math.Sqrt(v.Chord2(w)) }

// ChordOf returns the chord, in units of the radius, that an arc of so many metres spans; beyond half the
// circumference it stays at 2.
func ChordOf(metres float64) float64 {
	return 2 * math.Sin(math.Min(math.Pi/2, metres/(2*EarthRadius)))
}

// ArcOf returns the metres of arc that a chord in units of the radius spans.
func ArcOf(chord float64) float64 {
	return 2 * EarthRadius * math.Asin(math.Min(1, chord/2))
}
