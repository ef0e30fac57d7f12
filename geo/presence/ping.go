package presence

import "github.com/wantgo/wantgo/geo"

// ID is the identity of a ping or a fence.
type ID = [16]byte

// Millis is a time in Unix milliseconds. 0 means none.
type Millis = int64

// Ping is one reported position.
type Ping struct {
	// ID tells repeats apart. The zero ID is never taken for a repeat.
	ID ID
	// At is when the phone observed the position.
	At    Millis
	Place geo.Point
	// Accuracy, metres: the standard error of the position. Zero, negative or
	// NaN: unknown.
	Accuracy float64
	// Speed, m/s. Negative or NaN: unknown.
	Speed float64
	// Mock is the phone's own mark of a simulated position.
	Mock bool
}

// Candidate is one fence as seen from one ping.
type Candidate struct {
	Fence ID
	// Gap, metres, signed: from the ping to the nearest edge, negative inside.
	Gap float64
	// Inside is the exact containment. It alone decides under Exact.
	Inside bool
	// Radius, metres, of a circle; 0 for any other shape. A noisy fix is on average
	// further from a circle's centre than the phone, the more so the smaller the
	// circle: with the radius known this is reckoned with.
	Radius float64
	// Rules are the fence's own. nil: the defaults of Standard.
	Rules *Rules
}

// Refusal is why a ping changed nothing.
type Refusal uint8

const (
	None Refusal = iota
	// Duplicate: a ping of this id was applied a moment ago.
	Duplicate
	// OutOfOrder: older than the last applied ping.
	OutOfOrder
	// AccuracyTooPoor for any fence here.
	AccuracyTooPoor
	// Teleport: further from the last ping than anything travels.
	Teleport
	// Mock: marked as simulated, and the brand takes no such pings.
	Mock
)

var refusalNames = [...]string{"none", "duplicate", "out_of_order", "accuracy_too_poor", "teleport", "mock"}

// String is the reason in a form fit for an answer or a counter.
func (r Refusal) String() string {
	if int(r) < len(refusalNames) {
		return refusalNames[r]
	}
	return "unknown"
}
