package safezone

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"sync"

	"github.com/wantgo/wantgo/geo/index"
	"github.com/wantgo/wantgo/geo/presence"
)

// search is one zone in the making. Its slices are used again.
type search struct {
	q       *Question
	inside  []*index.Fence
	ids     []presence.ID
	special []presence.ID
	near    []index.Near
	rooms   []Near
	sorted  []float64
	// beyond, metres: the least room of any fence that was not looked at.
	beyond float64
	until  Millis
}

var searches = sync.Pool{New: func() any { return new(search) }}

func (s *search) release() {
	clear(s.inside)
	clear(s.near)
	clear(s.rooms)
	s.q = nil
	searches.Put(s)
}

// run looks at all fences that have a state or contain the place, and at as many others as it takes.
func (s *search) run(q *Question) {
	s.q, s.until, s.beyond = q, math.MaxInt64, Everywhere
	s.special, s.rooms = s.special[:0], s.rooms[:0]
	s.inside = q.Snapshot.Match(q.Place, s.inside[:0])
	for _, f := range s.inside {
		s.special = append(s.special, f.ID)
		s.look(f, f.Shape.Gap(q.Place), true)
	}
	s.ids = q.State.Fences(s.ids[:0])
	for _, id := range s.ids {
		if f, ok := q.Snapshot.Fence(id); ok && !slices.Contains(s.special, id) {
			s.special = append(s.special, id)
			s.look(f, f.Shape.Gap(q.Place), false)
		}
	}
	s.watchers()
	s.others()
	slices.SortFunc(s.rooms, compare)
}

// watchers looks at the fences so near that their approaches are watched for, whose room is not in the order of their
// gap: a device may rest near many.
func (s *search) watchers() {
	if !(s.q.Reach > 0) {
		return
	}
	s.near = s.q.Snapshot.NearestWithin(s.q.Place, mostWatchers, s.q.Reach/gapSure, s.isWatcher, s.near[:0])
	for _, f := range s.near {
		s.special = append(s.special, f.Fence.ID)
		s.look(f.Fence, f.Gap, false)
	}
}

// mostWatchers bounds the work where very many fences overlap; then the radii are smaller than they could be.
const mostWatchers = 400

func (s *search) isWatcher(f *index.Fence) bool {
	r := s.terms(f).Rules
	return r != nil && r.ApproachLookout() > 0 && s.isPlain(f)
}

// others looks at the nearest of the fences without state. Without approaches their room is in the order of their gap
// and K+1 are enough. With them it may be less by up to Reach: the search widens until no fence further off can have
// less room than the K+1 found, and stops at four times as many, which only makes the radii smaller.
func (s *search) others() {
	q, looked := s.q, len(s.rooms)
	for n := q.K + 1; ; n *= 2 {
		s.near = q.Snapshot.NearestFunc(q.Place, n, s.isPlain, s.near[:0])
		s.rooms = s.rooms[:looked]
		for _, f := range s.near {
			s.look(f.Fence, f.Gap, false)
		}
		if len(s.near) < n {
			return
		}
		s.beyond = max(0, s.near[n-1].Gap*gapSure-max(0, q.Reach))
		if q.Reach <= 0 || n > 3*q.K || s.leastOf(q.K+1) <= s.beyond {
			return
		}
	}
}

// gapSure allows for the 0.1 % by which the gap to a polygon may be off.
const gapSure = 0.998

// leastOf is the n-th smallest room so far.
func (s *search) leastOf(n int) float64 {
	if len(s.rooms) < n {
		return math.Inf(1)
	}
	s.sorted = s.sorted[:0]
	for i := range s.rooms {
		s.sorted = append(s.sorted, s.rooms[i].Room)
	}
	slices.Sort(s.sorted)
	return s.sorted[n-1]
}

func (s *search) isPlain(f *index.Fence) bool { return !slices.Contains(s.special, f.ID) }

func (s *search) terms(f *index.Fence) Terms {
	if s.q.Terms == nil {
		return Terms{}
	}
	return s.q.Terms(f)
}

func (s *search) look(f *index.Fence, gap float64, inside bool) {
	rules := s.terms(f).Rules
	c := presence.Candidate{Fence: f.ID, Gap: gap, Inside: inside, Rules: rules}
	room, until := s.q.State.Room(&c, s.q.Now)
	if until != 0 {
		s.until = min(s.until, until)
	}
	s.rooms = append(s.rooms, Near{Fence: f, Gap: gap, Room: room})
	if s.q.State.IsInside(f.ID) {
		s.silence(rules)
	}
}

// silence: a device inside a fence reports at least once in half of the silence time.
func (s *search) silence(r *presence.Rules) {
	if r == nil {
		d := presence.Defaults(presence.Standard)
		r = &d
	}
	if r.Policy != presence.Exact && r.Silence > 0 {
		s.until = min(s.until, s.q.Now+r.Silence.Milliseconds()/2)
	}
}

func compare(a, b Near) int {
	if c := cmp.Or(cmp.Compare(a.Room, b.Room), cmp.Compare(a.Gap, b.Gap)); c != 0 {
		return c
	}
	return bytes.Compare(a.Fence.ID[:], b.Fence.ID[:])
}

// fill takes the K fences with the least room and what follows from them.
func (s *search) fill(z *Zone) {
	k := min(s.q.K, len(s.rooms))
	z.Fences = append(z.Fences, s.rooms[:k]...)
	z.KnowledgeRadius = s.beyond
	if len(s.rooms) > k {
		z.KnowledgeRadius = min(s.beyond, s.rooms[k].Room)
	}
	quiet := s.beyond
	if k > 0 {
		quiet = min(quiet, s.rooms[0].Room)
	}
	z.QuietRadius = max(0, quiet-z.Accuracy)
	s.schedules(z)
	if t := s.q.NextTimer; t != 0 {
		s.until = min(s.until, t)
	}
	z.ValidUntil = max(s.q.Now, min(z.ValidUntil, s.until))
}

// schedules end the zone at the next edge of any of its fences that begins within the knowledge radius.
func (s *search) schedules(z *Zone) {
	if s.q.NextEdge == nil {
		return
	}
	for i := range z.Fences {
		if n := &z.Fences[i]; n.Gap < z.KnowledgeRadius {
			if edge := s.q.NextEdge(n.Fence); edge != 0 {
				s.until = min(s.until, edge)
			}
		}
	}
}

// digest is FNV-1a over what the zone depends on; never 0.
func (s *search) digest(z *Zone) uint64 {
	h := uint64(14695981039346656037)
	add := func(w uint64) {
		for range 8 {
			h = (h ^ w&0xff) * 1099511628211
			w >>= 8
		}
	}
	for _, v := range []float64{z.Center.Lat, z.Center.Lng, z.Accuracy, z.QuietRadius, z.KnowledgeRadius} {
		add(math.Float64bits(v))
	}
	for i := range z.Fences {
		n := &z.Fences[i]
		add(binary.LittleEndian.Uint64(n.Fence.ID[:8]))
		add(binary.LittleEndian.Uint64(n.Fence.ID[8:]))
		add(math.Float64bits(n.Gap))
		add(math.Float64bits(n.Room))
		add(s.terms(n.Fence).Revision)
		add(s.q.State.Fingerprint(n.Fence.ID))
	}
	return max(h, 1)
}
