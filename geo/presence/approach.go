package presence

import (
	"math"
	"time"
)

const (
	// approachRest is after which time an approach can be told again without the wider ring having been left.
	approachRest = time.Hour
	// approachSettles is how long a device may stand within the approach distance, closing in on nothing, before it
	// counts as one that is simply there.
	approachSettles = 5 * time.Minute
	// approachTop, m/s, is the closing speed believed at most where Rules.MaxSpeed sets no limit.
	approachTop = 40
	// approachSlowest, m/s: what closes in more slowly drifts.
	approachSlowest = 0.5
	// approachSurety is how many standard errors the closing speed must be above zero.
	approachSurety = 5
	// approachMemory, seconds, is the time constant by which older pings of a run lose weight.
	approachMemory = 90
	// maxApproaches bounds Written.Approaches, maxRuns the fences whose gaps are followed at once.
	maxApproaches = 16
	maxRuns       = 32
)

// Approach marks a fence whose Approached is not told again for now: the device has been told of closing in on it, has
// left it, or was found lingering near it.
type Approach struct {
	Fence ID
	At    Millis
	// Told: Approached was told. Such a mark is never given up for another.
	Told bool
}

// run follows the gap to one fence over the last pings: the weighted straight line of gaps over time, as its sums.
type run struct {
	Fence ID
	// At is the time of the last ping in it, Near since when the line lies within the approach distance; 0: it does not.
	At, Near Millis
	// Falling: the ping before showed the device closing in. One wild fix never does it alone.
	Falling bool
	// Weight is the sum of the weights; Time, in seconds before At, and Gap are weighted means; Times and Slopes the
	// weighted sums of squares and products about them.
	Weight, Time, Gap, Times, Slopes float64
}

func (r *Rules) approaches() bool { return r.ApproachDistance > 0 || r.ApproachTime > 0 }

// top is the fastest closing speed that is reckoned with. Whoever is faster than the fence's visitors has to slow down
// before coming in.
func (r *Rules) top() float64 {
	if r.MaxSpeed > 0 {
		return min(r.MaxSpeed, approachTop)
	}
	return approachTop
}

// ring is how near a device closing in at rate, m/s, is told of.
func (r *Rules) ring(rate float64) float64 {
	return max(r.ApproachDistance, min(rate, r.top())*r.ApproachTime.Seconds())
}

// ApproachReach is the gap, metres, beyond which no Approached can be told; 0 if none is wanted.
func (r *Rules) ApproachReach() float64 { return r.ring(r.top()) }

// ApproachLookout is the gap, metres, up to which Apply wants the fence as a candidate to tell of an approach in time,
// and beyond which the approach is over; 0 if none is wanted.
func (r *Rules) ApproachLookout() float64 {
	if !r.approaches() {
		return 0
	}
	return 1.5*r.ApproachReach() + 100
}

// stepApproach runs after the fence's own step; was says whether a stay was open before it.
func (s *State) stepApproach(c *Candidate, r *Rules, was bool, seen *sighting, out []Transition) []Transition {
	switch {
	case !r.approaches():
		s.forgetApproach(c.Fence)
		return out
	case !(math.Abs(c.Gap) <= math.MaxFloat64), r.Policy != Exact && (seen.ping.At < s.last.At || math.IsNaN(seen.sigma)):
		return out
	}
	if i := s.stay(c.Fence); i >= 0 || was {
		s.endRun(c.Fence)
		if i < 0 {
			s.markApproach(c.Fence, seen.ping.At, false)
		}
		return out
	}
	if c.Inside || !s.isArmed(c, r, seen) {
		return out
	}
	k := s.follow(c, r, seen)
	if k < 0 {
		return out
	}
	run := &s.runs[k]
	rate, sure := run.rate(r.Policy)
	falling := run.Falling || r.Policy == Exact
	run.Falling = sure
	if sure && falling && c.Gap <= r.ring(rate) {
		return s.tellApproach(c.Fence, r, seen, out)
	}
	s.settleNear(run, r)
	return out
}

// isArmed says whether an approach of the fence may be told, and lifts its mark once the wider ring is left, or the
// approach distance after a time.
func (s *State) isArmed(c *Candidate, r *Rules, seen *sighting) bool {
	i := s.approach(c.Fence)
	if i < 0 {
		return true
	}
	sigma := seen.sigma
	if r.Policy == Exact {
		sigma = 0
	}
	rested := seen.ping.At-s.Approaches[i].At >= approachRest.Milliseconds()
	if c.Gap > r.ApproachLookout()+3*sigma || rested && c.Gap > r.ApproachDistance {
		s.unmark(i)
		return true
	}
	return false
}

// follow puts the ping into the fence's run and returns its index, or -1 if none is kept.
func (s *State) follow(c *Candidate, r *Rules, seen *sighting) int {
	if c.Gap > r.ApproachLookout() {
		s.endRun(c.Fence)
		return -1
	}
	k := s.running(c.Fence)
	at := seen.ping.At
	if k >= 0 && (at < s.runs[k].At || at-s.runs[k].At > 5*approachMemory*1000) {
		s.runs[k] = run{Fence: c.Fence}
	}
	if k < 0 {
		if len(s.runs) >= maxRuns {
			return -1
		}
		s.runs = append(s.runs, run{Fence: c.Fence})
		k = len(s.runs) - 1
	}
	if r.Policy == Exact {
		s.runs[k].last(at, c.Gap)
	} else {
		s.runs[k].add(at, c.Gap, max(seen.sigma, s.last.Sigma)*(1+seen.doubt)) // one better claim alone is not believed
	}
	s.runs[k].near(r)
	return k
}

// add is one step of a weighted least-squares line with exponential forgetting.
func (u *run) add(at Millis, gap, sigma float64) {
	passed := 0.0
	if u.At != 0 {
		passed = float64(at-u.At) / 1000
	}
	fade := math.Exp(-passed / approachMemory)
	u.Weight, u.Times, u.Slopes, u.Time, u.At = u.Weight*fade, u.Times*fade, u.Slopes*fade, u.Time-passed, at
	w := 1 / (sigma * sigma)
	t, g := -u.Time, gap-u.Gap
	u.Weight += w
	part := w / u.Weight
	u.Time += t * part
	u.Gap += g * part
	u.Times += w * t * t * (1 - part)
	u.Slopes += w * t * g * (1 - part)
}

// last makes the line that of the last two pings.
func (u *run) last(at Millis, gap float64) {
	passed := float64(at-u.At) / 1000
	before := u.Gap + u.slope()*(0-u.Time)
	*u = run{Fence: u.Fence, At: at, Near: u.Near, Weight: 1, Gap: gap}
	if passed > 0 && passed <= 5*approachMemory {
		u.Times, u.Slopes = passed*passed, passed*(gap-before)
	}
}

func (u *run) slope() float64 {
	if !(u.Times > 0) {
		return 0
	}
	return u.Slopes / u.Times
}

// rate is the closing speed, m/s, and whether it is sure to be one. Forgetting only makes the error of the slope
// smaller than 1/sqrt(Times), so that this errs to the safe side.
func (u *run) rate(p Policy) (rate float64, sure bool) {
	rate = -u.slope()
	if p == Exact {
		return rate, rate > 0
	}
	return rate, rate >= approachSlowest && rate*math.Sqrt(u.Times) >= approachSurety
}

// near keeps since when the line lies within the approach distance.
func (u *run) near(r *Rules) {
	switch here := u.Gap - u.slope()*u.Time; {
	case here > r.ApproachDistance:
		u.Near = 0
	case u.Near == 0:
		u.Near = u.At
	}
}

func (s *State) tellApproach(fence ID, r *Rules, seen *sighting, out []Transition) []Transition {
	at := seen.ping.At
	if r.Policy != Exact {
		at = max(at, s.ClosedAt)
	}
	s.endRun(fence)
	if !s.markApproach(fence, at, true) {
		return out
	}
	return append(out, seen.transition(fence, Approached, at, at))
}

// settleNear gives up waiting for somebody who has been near for long and closes in on nothing.
func (s *State) settleNear(u *run, r *Rules) {
	if u.Near != 0 && u.At-u.Near >= approachSettles.Milliseconds() && !u.Falling && s.markApproach(u.Fence, u.At, false) {
		s.endRun(u.Fence)
	}
}

// markApproach returns false if there is no room for one more mark: then nothing may be told, lest it be told twice.
func (s *State) markApproach(fence ID, at Millis, told bool) bool {
	if i := s.approach(fence); i >= 0 {
		s.unmark(i)
	}
	if len(s.Approaches) >= maxApproaches {
		i := s.leastApproach(at)
		if i < 0 {
			return false
		}
		s.unmark(i)
	}
	s.Approaches = append(s.Approaches, Approach{Fence: fence, At: at, Told: told})
	return true
}

// leastApproach is the oldest mark that can be given up: an untold one, or one that has rested; -1: none.
func (s *State) leastApproach(now Millis) int {
	least := -1
	for i := range s.Approaches {
		a := &s.Approaches[i]
		if (!a.Told || now-a.At >= approachRest.Milliseconds()) && (least < 0 || a.At < s.Approaches[least].At) {
			least = i
		}
	}
	return least
}

func (s *State) unmark(i int) { s.Approaches = append(s.Approaches[:i], s.Approaches[i+1:]...) }

func (s *State) approach(fence ID) int {
	for i := range s.Approaches {
		if s.Approaches[i].Fence == fence {
			return i
		}
	}
	return -1
}

func (s *State) forgetApproach(fence ID) {
	if i := s.approach(fence); i >= 0 {
		s.unmark(i)
	}
	s.endRun(fence)
}

func (c *Carried) running(fence ID) int {
	for i := range c.runs {
		if c.runs[i].Fence == fence {
			return i
		}
	}
	return -1
}

func (c *Carried) endRun(fence ID) {
	if i := c.running(fence); i >= 0 {
		c.runs[i] = c.runs[len(c.runs)-1]
		c.runs = c.runs[:len(c.runs)-1]
	}
}
