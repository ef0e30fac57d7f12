package presence

import (
	"slices"

	"github.com/wantgo/wantgo/geo"
)

// State is what is known of one device. The zero value is a device never heard.
// It is not safe for concurrent use.
type State struct {
	Written
	Carried
}

// Written is the part of a State that is stored.
type Written struct {
	// Stays are the fences the device is inside, in no particular order.
	Stays []Stay
	// LastHeard is the observed time of the newest ping that told of the device.
	LastHeard Millis
	// LastPing is the last applied ping.
	LastPing ID
	// PromisedBy is when the phone has promised to report next; set by the
	// caller. 0: no promise.
	PromisedBy Millis
	// ClosedAt is the latest time at which a stay ended without a ping. Pings
	// that come late never date an entry before it.
	ClosedAt Millis
	// Revision grows with every change of Stays, also of one that no transition
	// tells of.
	Revision uint32
	// Approaches are the fences whose Approached is not told again for now, at most 16. They are written in the
	// statement that tells of the approach, so that it is told at most once, whatever is lost. Lifting a mark needs no
	// write: a lost lifting costs one approach untold, never one told twice.
	Approaches []Approach
}

// Stay is one fence the device is inside.
type Stay struct {
	Fence ID
	// Since is the observed time of the ping By that began it.
	Since Millis
	By    ID
	// Confirmed is the observed time of the ping that settled it.
	Confirmed Millis
	// DwellAt is when the dwell is full. 0: none wanted.
	DwellAt Millis
	// Dwelled: Dwelled has been told; it is told once a stay.
	Dwelled bool
	// Quiet: the device was inside before the fence appeared and nothing is told.
	Quiet bool
}

// Carried is the part of a State that is never stored: it holds positions.
type Carried struct {
	// last is the last applied ping, before the one before it, anchor an older
	// one to measure speed from, suspect a refused teleport.
	last, before, anchor, suspect fix
	suspectPing                   uint64
	scatter                       scatter
	// stride is the speed, m/s, at least held up to the anchor.
	stride   float64
	evidence []evidence
	// runs are the fences that the device may be closing in on.
	runs []run
	// recent holds the folded ids of the last applied pings.
	recent     [recentPings]uint64
	recentNext uint8
}

const (
	recentPings = 16
	// maxEvidence bounds the fences that can be pending at once.
	maxEvidence = 64
	// staleAfter is how long a position or evidence is worth keeping.
	staleAfter Millis = 10 * 60 * 1000
)

// fix is a position with its error. At 0: none.
type fix struct {
	At    Millis
	Place geo.Point
	Sigma float64
}

// evidence is the pending case for entering or, in an open stay, leaving.
type evidence struct {
	Fence ID
	// By and Since are the ping that began it.
	By     ID
	Since  Millis
	Latest Millis
	// Sum and Deep are the two sums of forEntry; leaving has only Sum.
	Sum, Deep float64
}

// Clone returns a State that shares nothing with s.
func (s *State) Clone() State {
	c := *s
	c.Stays = slices.Clone(s.Stays)
	c.evidence = slices.Clone(s.evidence)
	c.Approaches, c.runs = slices.Clone(s.Approaches), slices.Clone(s.runs)
	return c
}

// CloneInto makes dst what Clone returns, in the slices that dst has.
func (s *State) CloneInto(dst *State) {
	stays, evidence, approaches, runs := dst.Stays[:0], dst.evidence[:0], dst.Approaches[:0], dst.runs[:0]
	*dst = *s
	dst.Stays, dst.evidence = append(stays, s.Stays...), append(evidence, s.evidence...)
	dst.Approaches, dst.runs = append(approaches, s.Approaches...), append(runs, s.runs...)
}

// Fences appends the fences that every Apply must be given as candidates, however
// far away they are: those of the open stays, of the pending evidence, of the marked approaches and those that the
// device may be closing in on or rests near.
func (s *State) Fences(dst []ID) []ID {
	for i := range s.Stays {
		dst = append(dst, s.Stays[i].Fence)
	}
	for i := range s.evidence {
		if s.stay(s.evidence[i].Fence) < 0 {
			dst = append(dst, s.evidence[i].Fence)
		}
	}
	for i := range s.Approaches {
		if f := s.Approaches[i].Fence; s.stay(f) < 0 && !s.IsPending(f) {
			dst = append(dst, f)
		}
	}
	for i := range s.runs {
		if f := s.runs[i].Fence; s.stay(f) < 0 && !s.IsPending(f) && s.approach(f) < 0 {
			dst = append(dst, f)
		}
	}
	return dst
}

// IsIdle says that there is no stay, no evidence and no approach: without candidates nothing can change but the track.
func (s *State) IsIdle() bool {
	return len(s.Stays)+len(s.evidence)+len(s.Approaches)+len(s.runs) == 0
}

// IsInside says whether a stay of the fence is open.
func (s *State) IsInside(fence ID) bool { return s.stay(fence) >= 0 }

// IsPending says whether evidence about the fence is waiting for more.
func (s *State) IsPending(fence ID) bool { return s.pending(fence) >= 0 }

// Last is the last applied ping's place and time; ok is false if none is held.
func (c *Carried) Last() (place geo.Point, at Millis, ok bool) {
	return c.last.Place, c.last.At, c.last.At != 0
}

// Forget drops everything carried: positions, evidence, recent ping ids.
func (c *Carried) Forget() { *c = Carried{} }

// Fade drops positions and evidence older than ten minutes at now. Recent ping
// ids stay.
func (c *Carried) Fade(now Millis) {
	for _, f := range []*fix{&c.last, &c.before, &c.anchor, &c.suspect} {
		if f.At != 0 && now-f.At > staleAfter {
			*f = fix{}
		}
	}
	c.evidence = slices.DeleteFunc(c.evidence, func(e evidence) bool { return now-e.Latest > 3*staleAfter })
	c.runs = slices.DeleteFunc(c.runs, func(u run) bool { return now-u.At > staleAfter })
}

func (s *State) stay(fence ID) int {
	for i := range s.Stays {
		if s.Stays[i].Fence == fence {
			return i
		}
	}
	return -1
}

func (c *Carried) pending(fence ID) int {
	for i := range c.evidence {
		if c.evidence[i].Fence == fence {
			return i
		}
	}
	return -1
}

func (c *Carried) settle(fence ID) {
	if i := c.pending(fence); i >= 0 {
		c.evidence[i] = c.evidence[len(c.evidence)-1]
		c.evidence = c.evidence[:len(c.evidence)-1]
	}
}

func (s *State) removeStay(i int) Stay {
	gone := s.Stays[i]
	s.Stays = append(s.Stays[:i], s.Stays[i+1:]...)
	s.settle(gone.Fence)
	s.Revision++
	return gone
}

func (c *Carried) seen(key uint64) bool {
	if key == 0 {
		return false
	}
	for _, k := range &c.recent {
		if k == key {
			return true
		}
	}
	return false
}

func (c *Carried) remember(key uint64) {
	if key != 0 {
		c.recent[c.recentNext%recentPings] = key
		c.recentNext = (c.recentNext + 1) % recentPings
	}
}
