package presence

import (
	"math"
	"time"
)

const (
	// restAfter is how long the gap to a fence keeps within the span of a run's home before the device counts as one
	// that is simply there.
	restAfter = 5 * time.Minute
	// leastSpan, metres, is the least way that ends a rest.
	leastSpan = 50
	// spanErrors is how many errors of a fix it takes, at least.
	spanErrors = 4
	// approachSlowest, m/s: what closes in more slowly drifts.
	approachSlowest = 0.5
	// approachSurety is how many standard errors the closing speed must be above zero.
	approachSurety = 5
	// approachMemory, seconds, is the time constant by which older pings of a run lose weight.
	approachMemory = 90
	// maxRuns bounds the fences whose gaps are followed at once.
	maxRuns = 32
)

// run follows the gap to one fence over the last pings: the weighted straight line of gaps over time, as its sums. It
// depends on nothing but the pings since it began, and so is the same for a phone that was silent before.
type run struct {
	Fence ID
	// At is the time of the last ping in it, Near since when the line lies within the approach distance; 0: it does not.
	At, Near Millis
	// Falling: the ping before showed the device closing in. One wild fix never does it alone.
	Falling bool
	// Weight is the sum of the weights; Time, in seconds before At, and Gap are weighted means; Times and Slopes the
	// weighted sums of squares and products about them.
	Weight, Time, Gap, Times, Slopes float64
	// Last and Error are the last ping's gap and error.
	Last, Error float32
	// Since is since when the gap has been within Span of Home, all in metres. Once that is so for long the run rests:
	// it has no line, and nothing is followed until a gap is further from Home than Span.
	Since      Millis
	Home, Span float32
	Rests      bool
}

// follow puts the ping into the fence's run and returns its index, or -1 if none is kept or it rests.
func (s *State) follow(c *Candidate, r *Rules, seen *sighting) int {
	at, k := seen.ping.At, s.running(c.Fence)
	if k >= 0 && s.runs[k].Rests {
		if u := &s.runs[k]; u.isHome(c.Gap) {
			u.At = max(u.At, at)
			return -1
		}
		s.endRun(c.Fence)
		k = -1
	}
	if c.Gap > r.ApproachLookout() {
		s.endRun(c.Fence)
		return -1
	}
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
	u, sigma := &s.runs[k], seen.error
	if r.Policy == Exact {
		sigma = 0
	}
	if u.Since == 0 || !u.isHome(c.Gap) {
		u.Since, u.Home, u.Span = at, float32(c.Gap), float32(r.restSpan(c.Gap, sigma))
	}
	if r.Policy == Exact {
		u.last(at, c.Gap)
	} else {
		u.add(at, c.Gap, sigma)
	}
	u.near(r)
	return k
}

// restSpan is how far, metres, the gap of a resting device may change before it is followed again: at least half of the
// way to where it could be told of, and more than its fixes err.
func (r *Rules) restSpan(gap, sigma float64) float64 {
	return max(leastSpan, (gap-r.ApproachReach())/2, min(spanErrors*sigma, gap/2))
}

func (u *run) isHome(gap float64) bool { return math.Abs(gap-float64(u.Home)) <= float64(u.Span) }

// add is one step of a weighted least-squares line with exponential forgetting. No claim is believed to be better than
// the one before, and a leap in the gap only as far as a walk leads.
func (u *run) add(at Millis, gap, sigma float64) {
	first, passed := u.At == 0, 0.0
	if !first {
		passed = float64(at-u.At) / 1000
	}
	claimed := sigma
	if !first {
		sigma = max(sigma, float64(u.Error))
		if leap := math.Abs(gap-float64(u.Last)) - stumble - walkable*passed; passed < 60 {
			sigma = max(sigma, (leap-math.Hypot(claimed, float64(u.Error)))/3)
		}
	}
	fade := math.Exp(-passed / approachMemory)
	u.Weight, u.Times, u.Slopes, u.Time, u.At = u.Weight*fade, u.Times*fade, u.Slopes*fade, u.Time-passed, at
	u.Last, u.Error = float32(gap), float32(claimed)
	w := 1 / (sigma * sigma)
	if u.Times == 0 {
		u.Weight = min(u.Weight, w)
	}
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
	u.At, u.Weight, u.Time, u.Gap, u.Times, u.Slopes = at, 1, 0, gap, 0, 0
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

// settleRun gives up waiting for somebody who has been here for long. Within the approach distance the fence is marked,
// while there is room without giving up another mark; elsewhere the run rests.
func (s *State) settleRun(k int, r *Rules) {
	u := &s.runs[k]
	long := restAfter.Milliseconds()
	rests := u.At-u.Since >= long
	lingers := u.Near != 0 && u.At-u.Near >= long && !u.Falling || rests && float64(u.Home) <= r.ApproachDistance
	if lingers && len(s.Approaches) < maxApproaches && s.markApproach(u.Fence, u.At, false) {
		s.endRun(u.Fence)
		return
	}
	if rests {
		*u = run{Fence: u.Fence, At: u.At, Home: u.Home, Span: u.Span, Rests: true}
	}
}

// allRest says whether every place for a run is taken by one that rests: then no other can begin.
func (c *Carried) allRest() bool {
	if len(c.runs) < maxRuns {
		return false
	}
	for i := range c.runs {
		if !c.runs[i].Rests {
			return false
		}
	}
	return true
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
