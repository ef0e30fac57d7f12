package presence

import "math"

const (
	// claimFloor, metres: no claimed accuracy is believed to be better.
	claimFloor = 5
	// proudShare is how many proud fixes it takes, at least, for an entry.
	proudShare = 30
	// leastEvidence begins a case; less is within the error of logBessel.
	leastEvidence = 1e-5
	// claimCeiling, metres, keeps absurd claims finite.
	claimCeiling = 1e6
	// scatterFloor, metres: nor the scatter of a track without accuracies.
	scatterFloor = 3
	// widest and narrowest, metres: between the two entry hypotheses.
	widest, narrowest = 20, 6
)

func (r *Rules) surety() float64 {
	if r.Surety > 0 {
		return r.Surety
	}
	if r.Policy == Strict {
		return 17
	}
	return 14.5
}

// most is the largest part of the surety that one ping can give.
func (r *Rules) most() float64 {
	n := r.Agreeing
	if n <= 0 {
		n = 3
		if r.Policy == Strict {
			n = 4
		}
	}
	// Rounding must not ask for one ping more.
	return r.surety() / float64(n) * (1 + 1e-9)
}

// forEntry gives two log-likelihood ratios against "EnterMargin outside": of a
// place just inside, and of one as deep inside as the error is wide.
func (r *Rules) forEntry(gap, radius, sigma float64) (near, deep float64) {
	apart := min(max(2*sigma, narrowest), widest)
	near = r.bound(ratio(gap, radius, sigma, r.EnterMargin-apart, r.EnterMargin))
	if 2*sigma <= apart {
		return near, near
	}
	return near, r.bound(ratio(gap, radius, sigma, r.EnterMargin-2*sigma, r.EnterMargin))
}

// forExit is the log-likelihood ratio of "ExitMargin outside" against "nearer".
func (r *Rules) forExit(gap, radius, sigma float64) float64 {
	apart := min(max(2*sigma, 10), r.ExitMargin)
	return r.bound(ratio(gap, radius, sigma, r.ExitMargin, r.ExitMargin-apart))
}

// ratio is the logarithm of how much likelier a fix with this gap is for a phone at
// the gap a than for one at the gap b. Across a straight edge gaps are Gaussian.
// From the centre of a circle the distance d of a fix follows Rice's law, whose
// density for a phone at distance v is d/s^2 exp(-(d^2+v^2)/2s^2) I0(dv/s^2).
func ratio(gap, radius, sigma, a, b float64) float64 {
	s2 := sigma * sigma
	if !(radius > 0) || sigma*50 < radius {
		return (a - b) * (gap - (a+b)/2) / s2
	}
	d, va, vb := max(radius+gap, 0), max(radius+a, 0), max(radius+b, 0)
	return (vb*vb-va*va)/(2*s2) + logBessel(d*va/s2) - logBessel(d*vb/s2)
}

// logBessel is the logarithm of the modified Bessel function I0 for x >= 0, to
// 2e-7 (M. Abramowitz, I. Stegun, 9.8.1 and 9.8.2).
func logBessel(x float64) float64 {
	if x < 3.75 {
		t := x * x / (3.75 * 3.75)
		return math.Log(1 + t*(3.5156229+t*(3.0899424+t*(1.2067492+t*(0.2659732+t*(0.0360768+t*0.0045813))))))
	}
	t := 3.75 / x
	p := 0.39894228 + t*(0.01328592+t*(0.00225319+t*(-0.00157565+t*(0.00916281+t*(-0.02057706+t*(0.02635537+t*(-0.01647633+t*0.00392377)))))))
	return x + math.Log(p/math.Sqrt(x))
}

func (r *Rules) bound(x float64) float64 {
	m := r.most()
	return min(max(x, -m), m)
}

func (s *State) stepEvidence(c *Candidate, r *Rules, seen *sighting, out []Transition) []Transition {
	if !(math.Abs(c.Gap) <= math.MaxFloat64) || seen.ping.At < s.last.At {
		return out
	}
	if math.IsNaN(seen.sigma) {
		s.observe(seen, true)
	}
	i := s.stay(c.Fence)
	if i >= 0 {
		if lost := r.silentAfter(s.LastHeard); lost != 0 && seen.ping.At >= lost {
			lost = s.notBefore(&s.Stays[i], lost)
			out = s.finish(i, lost, Silence, seen, out)
			s.ClosedAt = max(s.ClosedAt, lost)
			i = -1
		}
	}
	if i >= 0 {
		return s.weighExit(i, c, r, seen, out)
	}
	return s.weighEntry(c, r, seen, out)
}

func (s *State) weighEntry(c *Candidate, r *Rules, seen *sighting, out []Transition) []Transition {
	if seen.ping.At < r.AppearedAt {
		return out
	}
	near, deep := r.forEntry(c.Gap, c.Radius, seen.entering*(1+seen.doubt))
	if seen.doubt > 0 {
		n, d := r.forEntry(c.Gap, c.Radius, seen.entering*(1-seen.doubt))
		near, deep = min(near, n), min(deep, d)
	}
	if seen.proud {
		little := r.surety() / proudShare
		near, deep = min(max(near, -little), little), min(max(deep, -little), little)
	}
	driving := r.MaxSpeed > 0 && seen.speed > r.MaxSpeed
	if driving {
		near, deep = min(near, 0), min(deep, 0)
	}
	e := s.add(c.Fence, near, deep, c.Inside, seen)
	switch {
	case e == nil:
		return out
	case c.Gap > r.ExitMargin+3*seen.sigma:
		s.settle(c.Fence)
	case c.Inside && s.wasInside(c, r, seen):
		return s.beginQuietly(c, r, seen, out)
	case c.Inside && !driving && max(e.Sum, e.Deep) >= r.surety():
		return s.begin(c.Fence, r, e.Since, e.By, seen, out)
	}
	return out
}

func (s *State) weighExit(i int, c *Candidate, r *Rules, seen *sighting, out []Transition) []Transition {
	stay := &s.Stays[i]
	s.setDwell(stay, r)
	e := s.add(c.Fence, r.forExit(c.Gap, c.Radius, seen.sigma), 0, !c.Inside, seen)
	if e == nil {
		if c.Inside && stay.dwellDue(seen.ping.At) {
			out = s.dwell(stay, stay.DwellAt, seen, out)
		}
		return out
	}
	if !c.Inside && e.Sum >= r.surety() {
		return s.finish(i, s.notBefore(stay, e.Since), Moved, seen, out)
	}
	return out
}

// add adds to the fence's evidence, which only a ping on the right side of the
// edge begins. It returns nil when none is pending afterwards.
func (s *State) add(fence ID, sum, deep float64, rightSide bool, seen *sighting) *evidence {
	p := seen.ping
	k := s.pending(fence)
	if k >= 0 && p.At-s.evidence[k].Latest > 3*staleAfter {
		s.settle(fence)
		k = -1
	}
	if k < 0 {
		if !rightSide || sum < leastEvidence || len(s.evidence) >= maxEvidence {
			return nil
		}
		s.evidence = append(s.evidence, evidence{Fence: fence, By: p.ID, Since: p.At})
		k = len(s.evidence) - 1
	}
	e := &s.evidence[k]
	e.Sum = max(e.Sum+sum, 0)
	e.Deep = max(e.Deep+deep, 0)
	e.Latest = p.At
	if e.Sum == 0 && e.Deep == 0 {
		s.settle(fence)
		return nil
	}
	return e
}

// wasInside says whether the device stood inside before the fence appeared. The
// gap changes by no more than the way gone since the last ping.
func (s *State) wasInside(c *Candidate, r *Rules, seen *sighting) bool {
	return r.AppearedAt != 0 && r.AlreadyInside != Enter &&
		s.last.At != 0 && s.last.At < r.AppearedAt && r.AppearedAt <= seen.ping.At &&
		c.Gap+seen.moved <= 0
}

// beginQuietly opens the stay of a device that was inside already.
func (s *State) beginQuietly(c *Candidate, r *Rules, seen *sighting, out []Transition) []Transition {
	n := len(out)
	out = s.begin(c.Fence, r, seen.ping.At, seen.ping.ID, seen, out)[:n]
	if stay := &s.Stays[len(s.Stays)-1]; r.AlreadyInside == Ignore {
		stay.Quiet, stay.DwellAt = true, 0
	}
	return out
}
