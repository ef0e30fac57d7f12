package presence

import "math"

// gapSure is what is left of a gap after the 0.1 % by which the gap to a polygon's edge may be off, at both ends.
const gapSure = 0.998

// Room says how far, in metres, the device's fixes can lie from the place of c while no ping, of any accuracy, and no
// passing of time begins or adds evidence for that fence or tells of it; and until when that holds: 0 if no time ends
// it. It is never more than the distance to the nearest place where Apply could change something. The proof is in the
// package comment. c.Gap must be given under Exact too.
func (s *State) Room(c *Candidate, at Millis) (metres float64, until Millis) {
	r := c.rules()
	if !(math.Abs(c.Gap) <= math.MaxFloat64) || s.IsPending(c.Fence) {
		return 0, 0
	}
	if i := s.stay(c.Fence); i >= 0 {
		return s.roomInside(i, c, r)
	}
	if c.Inside {
		return 0, 0
	}
	metres = max(c.Gap, 0) * gapSure
	if r.approaches() {
		most, until := s.roomBefore(c, r, at)
		return min(metres, most), until
	}
	return metres, 0
}

func (s *State) roomInside(i int, c *Candidate, r *Rules) (metres float64, until Millis) {
	beyond := 0.0
	if r.Policy != Exact {
		beyond = r.ExitMargin / 2
		until = r.silentAfter(s.LastHeard)
	}
	stay := &s.Stays[i]
	if due := stay.DwellAt; due != 0 && !stay.Dwelled && !stay.Quiet && (until == 0 || due < until) {
		until = due
	}
	if c.Inside {
		return (beyond + max(-c.Gap, 0)) * gapSure, until
	}
	return max(0, beyond*gapSure-max(c.Gap, 0)/gapSure), until
}

// roomBefore is the room until anything changes that an Approached depends on.
func (s *State) roomBefore(c *Candidate, r *Rules, at Millis) (metres float64, until Millis) {
	i := s.approach(c.Fence)
	if i < 0 {
		return s.roomArmed(c, r), 0
	}
	gap := max(c.Gap, 0) / gapSure
	metres = r.ApproachLookout()*gapSure - gap
	rested := s.Approaches[i].At + approachRest.Milliseconds()
	if rested > at {
		return max(0, metres), rested
	}
	return max(0, min(metres, r.ApproachDistance*gapSure-gap)), 0
}

// roomArmed is the room until a ping is followed, or ends a rest.
func (s *State) roomArmed(c *Candidate, r *Rules) float64 {
	gap := max(c.Gap, 0)
	switch k := s.running(c.Fence); {
	case k >= 0 && s.runs[k].Rests:
		u := &s.runs[k]
		return max(0, float64(u.Span)-math.Abs(gap-float64(u.Home))-2*(1-gapSure)*gap-0.001) * gapSure
	case k >= 0:
		return 0
	case s.allRest():
		return math.Inf(1)
	}
	return max(0, gap*gapSure-r.ApproachLookout())
}

// Slack is Room at the time the device was last heard, without its end.
func (s *State) Slack(c *Candidate) float64 {
	metres, _ := s.Room(c, s.LastHeard)
	return metres
}

// Fingerprint tells apart the states of a fence that make Room differ at the same place: no stay, a stay, evidence
// pending, an approach marked.
func (s *State) Fingerprint(fence ID) uint64 {
	var f uint64
	if i := s.stay(fence); i >= 0 {
		f = 1
		if s.Stays[i].Quiet {
			f |= 2
		}
	}
	if s.IsPending(fence) {
		f |= 4
	}
	if i := s.approach(fence); i >= 0 {
		f |= 8
	}
	if k := s.running(fence); k >= 0 && s.runs[k].Rests {
		f |= 16 | uint64(math.Float32bits(s.runs[k].Home))<<32 ^ uint64(math.Float32bits(s.runs[k].Span))<<8
	}
	return f
}
