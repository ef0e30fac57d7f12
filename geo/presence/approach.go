package presence

import (
	"math"
	"time"
)

const (
	// approachRest is after which time an approach can be told again without the wider ring having been left.
	approachRest = time.Hour
	// approachTop, m/s, is the closing speed believed at most where Rules.MaxSpeed sets no limit.
	approachTop = 40
	// maxApproaches bounds Written.Approaches.
	maxApproaches = 16
)

// Approach marks a fence whose Approached is not told again for now: the device has been told of closing in on it, has
// left it, or was found lingering near it.
type Approach struct {
	Fence ID
	At    Millis
	// Told: Approached was told. Such a mark is never given up for another.
	Told bool
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
		if at := s.approachedAt(r, seen); s.markApproach(c.Fence, at, true) {
			s.endRun(c.Fence)
			return append(out, seen.transition(c.Fence, Approached, at, at))
		}
	}
	s.settleRun(k, r)
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

func (s *State) approachedAt(r *Rules, seen *sighting) Millis {
	if r.Policy == Exact {
		return seen.ping.At
	}
	return max(seen.ping.At, s.ClosedAt)
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
