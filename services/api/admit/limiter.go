package admit

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Limiter is the arithmetic of admission. Times are of a monotonic clock with any beginning. Its methods are safe for
// concurrent use and none of them waits.
type Limiter struct {
	settings Settings
	shed     [classes]atomic.Uint64 // bits of the share refused unread; 0: none
	unread   [classes]atomic.Uint64 // calls refused unread, ever
	fresh    atomic.Int64           // until when shed holds

	mu      sync.Mutex
	limits  [classes]float64 // of what a class and those after it hold
	held    [classes]int     // charges in the works
	calls   [classes]int     // calls in the works
	queues  [classes]queue
	earned  [classes]float64 // charges that a class may be given before its turn
	waiting int              // calls in all queues
	stands  time.Duration    // since when somebody has been waiting without a pause
	window  window
	natural [classes]natural
	counts  [classes]Counts
}

// Permit is the room a call was given. It must be released exactly once.
type Permit struct {
	class  Class
	weight int
	charge int
	since  time.Duration
}

// NewLimiter makes a Limiter that has admitted nothing yet.
func NewLimiter(s Settings) *Limiter {
	s = s.withDefaults()
	l := &Limiter{settings: s}
	for c := range l.limits {
		l.limits[c] = float64(s.First) * portions[c]
	}
	return l
}

// Try admits a call if there is room and nobody waits before it.
func (l *Limiter) Try(now time.Duration, c Class, weight int) (Permit, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now)
	l.counts[c].Offered++
	charge := l.charge(c, weight)
	if !l.first(c) || !l.fits(c, charge) {
		return Permit{}, false
	}
	return l.admit(now, c, weight, charge), true
}

// Release gives room back. sample says that the call did its work, so that the time it took says something about load.
func (l *Limiter) Release(now time.Duration, p Permit, sample bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[p.class] -= p.charge
	l.calls[p.class]--
	if sample {
		l.window.sample(p.class, now-p.since, l.settings.allowed(p.weight))
	}
	l.turn(now)
	l.grant(now)
}

// perCall is what a call counts beside its pings: to be received, known and answered costs about as much as five more
// pings in the same call.
const perCall = 5

// atOnce is how many calls of a class fit at least, whatever they weigh. Imports are few, heavy and wait for the disk
// most of their time.
var atOnce = [classes]int{4, 16, 4}

// charge is what a call counts. None counts more than a fraction of what its class may hold: some can always run at once,
// whatever they weigh.
func (l *Limiter) charge(c Class, weight int) int {
	return min(max(weight, 1)+perCall, max(int(l.limits[c])/atOnce[c], 1))
}

// first tells whether nobody waits who goes before a call that comes now.
func (l *Limiter) first(c Class) bool {
	if l.waiting == 0 {
		return true
	}
	for before := Phone; before <= c; before++ {
		if l.queues[before].first != nil {
			return false
		}
	}
	return l.due() == nil
}

// holding is what a class and those after it hold.
func (l *Limiter) holding(c Class) (held int) {
	for ; c < classes; c++ {
		held += l.held[c]
	}
	return held
}

// roomy tells whether one limit leaves room for a charge. One call always fits.
func (l *Limiter) roomy(of Class, charge int) bool {
	held := l.holding(of)
	return held == 0 || held+charge <= int(l.limits[of])
}

// fits tells whether all limits that concern a class leave room for a charge.
func (l *Limiter) fits(c Class, charge int) bool {
	for of := Phone; of <= c; of++ {
		if !l.roomy(of, charge) {
			l.window.bound[of] = true
			return false
		}
	}
	return true
}

func (l *Limiter) admit(now time.Duration, c Class, weight, charge int) Permit {
	l.held[c] += charge
	l.calls[c]++
	for of := Phone; of <= c; of++ {
		l.window.peak[of] = max(l.window.peak[of], l.holding(of))
	}
	l.counts[c].Admitted++
	l.counts[c].Pings += uint64(max(weight, 1))
	for other := range l.queues {
		if Class(other) != c && l.wants(Class(other)) {
			l.earned[other] = math.Min(l.earned[other]+shares[other]*float64(charge), l.limits[Phone]/4)
		}
	}
	return Permit{class: c, weight: weight, charge: charge, since: now}
}

// wants tells whether a class would use more room than it gets: one of its calls waits, or many lately went away without.
func (l *Limiter) wants(c Class) bool {
	return l.queues[c].first != nil || l.counts[c].pressure > wanting
}

// wanting is how many calls of a class there are for each that is taken, where it is refused more than now and then.
const wanting = 1.2
