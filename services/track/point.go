package track

import (
	"fmt"
	"math"
)

// Point is one recorded position.
type Point struct {
	Device string
	// At, Unix milliseconds.
	At int64
	// Lat and Lng, degrees, WGS-84: -90..90 and -180..180.
	Lat, Lng float64
	// Accuracy, metres, and Speed, m/s; NaN: not recorded.
	Accuracy, Speed float64
	// Line of the file, from 1.
	Line int
}

// Refusal says why one row or point was left out. It is an error of that row alone.
type Refusal struct {
	Line   int    `json:"line"`
	Device string `json:"device,omitempty"`
	// Point is the number of the track point within its track, from 1; 0 in a CSV file.
	Point  int    `json:"point,omitempty"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// Error names line, field and reason. It never repeats a coordinate.
func (r *Refusal) Error() string {
	if r.Point > 0 {
		return fmt.Sprintf("line %d: %s, point %d: %s: %s", r.Line, r.Device, r.Point, r.Field, r.Reason)
	}
	return fmt.Sprintf("line %d: %s: %s", r.Line, r.Field, r.Reason)
}

// Reasons of refusals.
const (
	reasonMissing  = "missing"
	reasonNumber   = "not a number"
	reasonRange    = "out of range"
	reasonNegative = "negative"
)

const (
	maxMillis = 253402300799999 // 9999-12-31T23:59:59.999Z
	maxDevice = 200             // bytes
)

// check returns the field and reason that make p no position; empty where there is none. An unknown speed is often
// written as a negative number, a negative accuracy marks a position that the phone itself does not believe.
func (p *Point) check() (field, reason string) {
	switch {
	case p.Device == "":
		return "device", reasonMissing
	case len(p.Device) > maxDevice:
		return "device", "too long"
	case p.At <= 0 || p.At > maxMillis:
		return "time", reasonRange
	case !(p.Lat >= -90 && p.Lat <= 90):
		return "lat", reasonRange
	case !(p.Lng >= -180 && p.Lng <= 180):
		return "lng", reasonRange
	case p.Accuracy < 0:
		return "accuracy_m", reasonNegative
	case math.IsInf(p.Accuracy, 1):
		return "accuracy_m", reasonRange
	case math.IsInf(p.Speed, 1):
		return "speed_mps", reasonRange
	}
	if p.Speed < 0 {
		p.Speed = math.NaN()
	}
	return "", ""
}
