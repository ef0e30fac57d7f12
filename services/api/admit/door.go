package admit

import (
	"math"
	"time"
)

const (
	passes   = 1.1  // calls let through for each that is taken
	widens   = 2    // and when none of those let through had to wait, that many times as many as before
	mostShed = 0.98 // some always pass, to find out when there is room again
	fewCalls = 20   // of a class, lately: too few to be worth it
)

// doorSeen is what a class's counts were when its door was last set, and lately: each window counts half of the one
// after it.
type doorSeen struct {
	taken, refused, unread uint64
	calls, took            float64
}

// Open tells whether a call of a class may be looked at; false: it is refused unread. A Limiter that refuses little
// always says yes.
func (l *Limiter) Open(now func() time.Duration, c Class) bool {
	bits := l.shed[c].Load()
	if bits == 0 || l.settings.Random() >= math.Float64frombits(bits) || int64(now()) > l.fresh.Load() {
		return true
	}
	l.unread[c].Add(1)
	return false
}

// turnDoors sets what share of each class is refused unread in the next window.
func (l *Limiter) turnDoors(now time.Duration) {
	for c := range l.counts {
		n, d := &l.counts[c], &l.window.doors[c]
		before := *d
		d.taken, d.refused, d.unread = n.Admitted, n.Full+n.Waited, l.unread[c].Load()
		taken, refused := float64(d.taken-before.taken), float64(d.refused-before.refused)
		d.took = d.took/2 + taken
		d.calls = d.calls/2 + taken + refused + float64(d.unread-before.unread)
		share := 0.0
		if d.calls >= fewCalls {
			share = math.Min((d.calls-passes*d.took)/d.calls, mostShed)
		}
		if !l.window.waited[c] {
			share = math.Min(share, 1-widens*(1-math.Float64frombits(l.shed[c].Load())))
		}
		if share <= 0.01 {
			share = 0
		}
		l.shed[c].Store(math.Float64bits(share))
		l.window.waited[c] = l.queues[c].first != nil
		n.pressure = d.calls / math.Max(d.took, 1)
	}
	l.fresh.Store(int64(now + 5*windowLength))
}

// RetryAfter is when a refused call of a class should come back: as many seconds as the square of the calls for each that
// was taken, at most a minute, times a half to one and a half. The square, because those who come back are offered again
// and a phone that waits brings all its pings in one call. It is drawn anew every time, so that those who were refused
// together do not come back together.
func (l *Limiter) RetryAfter(c Class) time.Duration {
	l.mu.Lock()
	pressure := l.counts[c].pressure
	l.mu.Unlock()
	base := math.Min(math.Max(pressure*pressure, 1), 60)
	return time.Duration((0.5 + l.settings.Random()) * base * float64(time.Second))
}
