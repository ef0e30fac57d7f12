package admit

import (
	"math"
	"time"
)

const (
	windowLength = 100 * time.Millisecond
	minSamples   = 8 // calls that a judgement needs; fewer wait for the next window
	naturalLife  = 5 * time.Minute
	naturalRoom  = 3 // calls may take that many times what they take when there is little to do
	mostSlow     = 4 // but not more than that many times the target
	clip         = 8 // one call that waited for something of its own counts no more than that
)

// window is what was seen since a limit was last judged.
type window struct {
	ends    time.Duration
	slow    [classes]float64 // sum of what calls took over what they may take
	samples [classes]int
	peak    [classes]int  // most that a class and those after it held
	bound   [classes]bool // somebody found no room below that limit
	waited  [classes]bool // a call of the class had to wait; since the last window
	doors   [classes]doorSeen
}

func (w *window) sample(c Class, took, allowed time.Duration) {
	w.slow[c] += math.Min(float64(took)/float64(allowed), clip)
	w.samples[c]++
}

// turn ends the window when it is over.
func (l *Limiter) turn(now time.Duration) {
	w := &l.window
	if now < w.ends {
		return
	}
	w.ends = now + windowLength
	l.turnDoors(now)
	var factor [classes]float64
	for c := range factor {
		factor[c] = l.factor(now, Class(c))
	}
	if w.samples[Phone] < minSamples && w.samples[Import] < minSamples {
		return
	}
	least := math.Inf(1) // a limit answers for its own class and for those before it
	for c := range l.limits {
		least = math.Min(least, factor[c])
		l.move(Class(c), least)
		w.peak[c], w.bound[c] = l.holding(Class(c)), false
		if w.samples[c] >= minSamples {
			w.slow[c], w.samples[c] = 0, 0
		}
	}
}

// factor is by how much a limit would have to change for the calls of a class to take what they may. While the limit is
// what holds calls back, they take the longer the higher it is, in proportion; the square root therefore comes halfway
// to the right limit at every step, without overshooting. It is infinite where nothing is known. What consoles ask for
// takes the time it takes.
func (l *Limiter) factor(now time.Duration, c Class) float64 {
	w, n := &l.window, &l.natural[c]
	if w.samples[c] < minSamples || c == Console {
		return math.Inf(1)
	}
	slow := w.slow[c] / float64(w.samples[c])
	light := !w.bound[Phone] && float64(w.peak[Phone]) < l.limits[Phone]/4
	if light || l.limits[Phone] <= float64(l.settings.Least) {
		n.seen(now, slow) // fewer calls would not be faster
	}
	may := math.Min(math.Max(naturalRoom*n.least(), 1), mostSlow)
	return math.Sqrt(may / math.Max(slow, 1e-3))
}

func (l *Limiter) move(c Class, factor float64) {
	limit, w := &l.limits[c], &l.window
	least := float64(l.settings.Least) * portions[c]
	switch {
	case math.IsInf(factor, 1):
	case factor < 1:
		*limit = math.Min(*limit, math.Max(float64(w.peak[c]), least)) * math.Max(factor, 0.7)
	case w.bound[c]:
		*limit = *limit*math.Min(factor, 1.2) + 1
	}
	most := float64(l.settings.Most)
	if c != Phone {
		most = ceilings[c] * l.limits[Phone]
	}
	*limit = math.Min(math.Max(*limit, least), most)
}

// natural is what calls took at the best while there was room, lately. A time of nothing but overload keeps what was
// known before.
type natural struct {
	turns    time.Duration
	now, old float64 // 0: unknown
}

func (n *natural) seen(now time.Duration, slow float64) {
	if now >= n.turns {
		n.turns, n.old, n.now = now+naturalLife, n.now, 0
	}
	if n.now == 0 || slow < n.now {
		n.now = slow
	}
}

// least is 0 where nothing is known.
func (n *natural) least() float64 {
	if n.old == 0 || n.now != 0 && n.now < n.old {
		return n.now
	}
	return n.old
}
