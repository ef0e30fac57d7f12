package presence

import (
	"bytes"
	"cmp"
	"slices"
)

// Tick does what falls due at now without a ping: a dwell, while the phone has
// kept its last promise to report, and the end of stays of a device that has
// gone silent. rules may return nil for a fence it does not know; that stay is
// left alone, as are those of Exact fences. The changes are appended to out in
// the order of time, a dwell before an exit, then by fence id.
func (s *State) Tick(now Millis, rules func(ID) *Rules, out []Transition) []Transition {
	start := len(out)
	for i := 0; i < len(s.Stays); {
		stay := &s.Stays[i]
		r := rules(stay.Fence)
		if r == nil || r.Policy == Exact {
			i++
			continue
		}
		s.setDwell(stay, r)
		lost := r.silentAfter(s.LastHeard)
		if due := s.dwellTimer(stay); due != 0 && due <= now && (lost == 0 || due <= lost) {
			stay.Dwelled = true
			s.Revision++
			out = append(out, Transition{Fence: stay.Fence, Kind: Dwelled, At: due, DecidedAt: now, Since: stay.Since, Reason: TimePassed})
		}
		if lost == 0 || lost > now {
			i++
			continue
		}
		lost = s.notBefore(stay, lost)
		gone := s.removeStay(i)
		s.ClosedAt = max(s.ClosedAt, lost)
		if r.approaches() {
			s.markApproach(gone.Fence, lost, false)
		}
		if !gone.Quiet {
			out = append(out, Transition{Fence: gone.Fence, Kind: Exited, At: lost, DecidedAt: now, Since: gone.Since, Reason: Silence})
		}
	}
	slices.SortStableFunc(out[start:], func(a, b Transition) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(b.Kind, a.Kind), bytes.Compare(a.Fence[:], b.Fence[:]))
	})
	return out
}

// dwellTimer is when the stay's dwell falls due by itself; 0: it waits for a ping.
// A phone that missed its promise, or whose last pings speak for having left, may
// be gone.
func (s *State) dwellTimer(stay *Stay) Millis {
	if stay.DwellAt == 0 || stay.Dwelled || stay.Quiet || stay.DwellAt > s.PromisedBy {
		return 0
	}
	if s.pending(stay.Fence) >= 0 {
		return 0
	}
	return stay.DwellAt
}

// notBefore keeps the end of a stay from being dated before what was already told
// of it, which pings that come late would do.
func (s *State) notBefore(stay *Stay, at Millis) Millis {
	told := stay.Since
	if stay.Dwelled {
		told = max(told, stay.DwellAt)
	}
	if at < told {
		s.ClosedAt = max(s.ClosedAt, told)
	}
	return max(at, told)
}

// NextDue is when Tick has something to do, if no ping comes before; 0: never.
func (s *State) NextDue(rules func(ID) *Rules) Millis {
	next := Millis(0)
	sooner := func(t Millis) {
		if t != 0 && (next == 0 || t < next) {
			next = t
		}
	}
	for i := range s.Stays {
		if r := rules(s.Stays[i].Fence); r != nil && r.Policy != Exact {
			sooner(s.dwellTimer(&s.Stays[i]))
			sooner(r.silentAfter(s.LastHeard))
		}
	}
	return next
}

// End closes the stay of a fence, if one is open, for a reason that no ping gave,
// and drops what evidence there is about it.
func (s *State) End(fence ID, at Millis, why Reason, out []Transition) []Transition {
	s.forgetApproach(fence)
	i := s.stay(fence)
	if i < 0 {
		s.settle(fence)
		return out
	}
	at = s.notBefore(&s.Stays[i], at)
	gone := s.removeStay(i)
	s.ClosedAt = max(s.ClosedAt, at)
	if gone.Quiet {
		return out
	}
	return append(out, Transition{Fence: fence, Kind: Exited, At: at, DecidedAt: at, Since: gone.Since, Reason: why})
}

// EndAll closes every stay and drops everything carried but the recent ping ids, and
// the marks of approaches: they tell where somebody was. An approach ends with it.
func (s *State) EndAll(at Millis, why Reason, out []Transition) []Transition {
	start := len(out)
	for len(s.Stays) > 0 {
		out = s.End(s.Stays[len(s.Stays)-1].Fence, at, why, out)
	}
	inOrder(out[start:])
	s.Approaches = nil
	s.Carried = Carried{recent: s.recent, recentNext: s.recentNext}
	return out
}
