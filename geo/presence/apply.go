package presence

import (
	"encoding/binary"
	"math"
)

// sighting is one accepted ping with what the track says about it.
type sighting struct {
	ping *Ping
	now  Millis
	dev  *DeviceRules
	// sigma, metres, is the error to reckon with, entering the one for an entry.
	// doubt is the part of them by which both may be off.
	sigma, entering, doubt float64
	// error, metres, is the same before the track says anything: a leap widens sigma only.
	error float64
	// proud: the fix leaps away from the one before and claims to be the better.
	proud bool
	// speed, m/s, is at least this much.
	speed float64
	// stride is the same since the anchor alone.
	stride float64
	// moved, metres, since the last applied ping; NaN if there is none.
	moved float64
}

// Apply takes one ping. candidates hold every fence that contains it and every
// fence of s.Fences, each once; a stay whose fence is missing is left alone. Of the
// fences that ask for Approached also those no further than their ApproachLookout. dev
// nil means DeviceDefaults(Standard). now is the time of the engine, and only
// marks what comes late. The changes are appended to out: exits, then enters,
// then dwells, then approaches, each by fence id. A refused ping changes nothing; all but
// Duplicate and OutOfOrder and Mock still count as having heard the device.
//
// Pings of a batch go in order of time (see SortPings), except under Exact where
// the order is the caller's. Apply does not allocate unless a stay or evidence
// begins or out must grow.
func (s *State) Apply(p Ping, now Millis, candidates []Candidate, dev *DeviceRules, out []Transition) ([]Transition, Refusal) {
	if dev == nil {
		dev = &standardDevice
	}
	key := fold(&p.ID)
	if s.seen(key) {
		return out, Duplicate
	}
	seen := sighting{ping: &p, now: now, dev: dev, sigma: math.NaN()}
	if dev.Policy != Exact {
		if r := s.refuse(&p, key, candidates, dev); r != None {
			if r == AccuracyTooPoor || r == Teleport {
				s.LastHeard = max(s.LastHeard, p.At)
			}
			return out, r
		}
		s.observe(&seen, len(candidates) > 0)
	}
	s.remember(key)
	start := len(out)
	for i := range candidates {
		c := &candidates[i]
		r := c.rules()
		near := r.approaches() || len(s.Approaches)+len(s.runs) > 0
		was := near && s.stay(c.Fence) >= 0
		if r.Policy == Exact {
			out = s.stepExact(c, r, &seen, out)
		} else {
			out = s.stepEvidence(c, r, &seen, out)
		}
		if near {
			out = s.stepApproach(c, r, was, &seen, out)
		}
	}
	if len(out)-start > 1 {
		inOrder(out[start:])
	}
	s.advance(&seen)
	return out, None
}

func (c *Candidate) rules() *Rules {
	if c.Rules == nil {
		return &standardRules
	}
	return c.Rules
}

// fold makes the ping id a word to compare; the zero id gives 0.
func fold(id *ID) uint64 {
	hi, lo := binary.LittleEndian.Uint64(id[:8]), binary.LittleEndian.Uint64(id[8:])
	return hi*0x9E3779B97F4A7C15 ^ lo
}

func (s *State) advance(seen *sighting) {
	p := seen.ping
	s.LastPing = p.ID
	s.LastHeard = max(s.LastHeard, p.At)
	if seen.dev.Policy == Exact {
		if p.At >= s.last.At {
			s.last = fix{At: p.At, Place: p.Place}
		}
		return
	}
	if s.anchor.At == 0 || p.At-s.anchor.At > anchorAge {
		s.anchor, s.stride = s.last, seen.stride
	}
	s.before = s.last
	s.last = fix{At: p.At, Place: p.Place, Sigma: seen.sigma}
	s.suspect, s.suspectPing = fix{}, 0
}

func (s *State) stepExact(c *Candidate, r *Rules, seen *sighting, out []Transition) []Transition {
	p := seen.ping
	i := s.stay(c.Fence)
	switch {
	case i < 0 && c.Inside:
		return s.begin(c.Fence, r, p.At, p.ID, seen, out)
	case i < 0:
		return out
	case !c.Inside:
		return s.finish(i, p.At, Moved, seen, out)
	}
	stay := &s.Stays[i]
	s.setDwell(stay, r)
	if stay.dwellDue(p.At) {
		out = s.dwell(stay, p.At, seen, out)
	}
	return out
}

// begin opens a stay that started at since by the ping by.
func (s *State) begin(fence ID, r *Rules, since Millis, by ID, seen *sighting, out []Transition) []Transition {
	if r.Policy != Exact {
		since = max(since, s.ClosedAt)
	}
	st := Stay{Fence: fence, Since: since, By: by, Confirmed: seen.ping.At}
	s.Stays = append(s.Stays, st)
	stay := &s.Stays[len(s.Stays)-1]
	s.setDwell(stay, r)
	s.Revision++
	s.settle(fence)
	out = append(out, seen.transition(fence, Entered, since, since))
	if r.Policy != Exact && stay.dwellDue(seen.ping.At) {
		out = s.dwell(stay, stay.DwellAt, seen, out)
	}
	return out
}

// finish closes the stay i, at the given time.
func (s *State) finish(i int, at Millis, why Reason, seen *sighting, out []Transition) []Transition {
	gone := s.removeStay(i)
	if gone.Quiet {
		return out
	}
	t := seen.transition(gone.Fence, Exited, at, gone.Since)
	if t.Reason = why; why == Silence {
		t.Ping = ID{}
		t.Late = seen.dev.IsLate(at, seen.now)
	}
	return append(out, t)
}

func (s *State) dwell(stay *Stay, at Millis, seen *sighting, out []Transition) []Transition {
	stay.Dwelled = true
	s.Revision++
	return append(out, seen.transition(stay.Fence, Dwelled, at, stay.Since))
}

func (seen *sighting) transition(fence ID, k Kind, at, since Millis) Transition {
	p := seen.ping
	return Transition{Fence: fence, Kind: k, At: at, DecidedAt: p.At, Since: since, Ping: p.ID, Late: seen.dev.IsLate(p.At, seen.now)}
}

// setDwell follows a changed dwell while it has not been told.
func (s *State) setDwell(stay *Stay, r *Rules) {
	if stay.Dwelled || stay.Quiet {
		return
	}
	due := Millis(0)
	if r.Dwell > 0 {
		due = stay.Since + r.Dwell.Milliseconds()
	}
	if due != stay.DwellAt {
		stay.DwellAt = due
		s.Revision++
	}
}

func (st *Stay) dwellDue(at Millis) bool {
	return st.DwellAt != 0 && !st.Dwelled && !st.Quiet && at >= st.DwellAt
}
