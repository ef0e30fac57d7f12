package admit

import (
	"math/rand/v2"
	"time"
)

// Class is who is served first. The zero value is the first of all.
type Class uint8

// The classes, in the order in which they are served.
const (
	Phone   Class = iota // a person waits, or a phone's battery pays
	Import               // a server's pings: it repeats by itself
	Console              // the catalogue and its reports
	classes = 3
)

var classNames = [classes]string{"phone", "import", "console"}

// String is the class as metrics name it.
func (c Class) String() string { return classNames[c] }

// shares are what a class that is kept waiting earns of what the others get. portions are the limits of a class and those after it
// to begin with, and at the least, by the limit of all; ceilings what they may become at most, so that phones need not
// wait for an import to end.
var (
	shares   = [classes]float64{0, 0.05, 0.02}
	portions = [classes]float64{1, 0.5, 0.03125}
	ceilings = [classes]float64{1, 0.9, 0.5}
)

// Settings of a Limiter. The zero value takes the defaults.
type Settings struct {
	// Target is how long calls may take on average, once admitted, before the limit falls; default 50 ms. PerPing is what
	// a call may take on top for each of its pings after the first; default 200 µs.
	Target  time.Duration
	PerPing time.Duration
	// Wait is how long a call waits for room at most; default 40 ms.
	Wait time.Duration
	// Least and Most bound the limit, in pings, where a call counts five more than it has; default 2,048 and 65,536.
	// First is where it begins; default 8,192.
	Least, Most, First int
	// Random is uniform in [0, 1) and safe for concurrent use; default: the runtime's.
	Random func() float64
}

func (s Settings) withDefaults() Settings {
	if s.Target <= 0 {
		s.Target = 50 * time.Millisecond
	}
	if s.PerPing <= 0 {
		s.PerPing = 200 * time.Microsecond
	}
	if s.Wait <= 0 {
		s.Wait = 40 * time.Millisecond
	}
	if s.Least <= 0 {
		s.Least = 2048
	}
	if s.Most <= 0 {
		s.Most = 65_536
	}
	s.Most = max(s.Most, s.Least)
	if s.First <= 0 {
		s.First = 8192
	}
	s.First = min(max(s.First, s.Least), s.Most)
	if s.Random == nil {
		s.Random = rand.Float64
	}
	return s
}

// allowed is how long a call of a weight may take.
func (s *Settings) allowed(weight int) time.Duration {
	return s.Target + time.Duration(max(weight, 1)-1)*s.PerPing
}
