package index

import (
	"math"

	"github.com/wantgo/wantgo/geo"
)

// Match appends the fences that contain p, exactly those, in an order that depends on the snapshot and p alone. A
// position that is not on the globe is in no fence.
func (s *Snapshot) Match(p geo.Point, dst []*Fence) []*Fence {
	if !onGlobe(p) {
		return dst
	}
	leaf, dst := s.leafAt(p, dst)
	if leaf == nil {
		return s.scan(p, dst)
	}
	cos := math.Cos(p.Lat * radians)
	for i := range leaf.edge {
		if c := &leaf.edge[i]; c.contains(p, cos) {
			dst = append(dst, c.fence)
		}
	}
	return dst
}

// scan asks every fence: the last resort where H3 gives no cells.
func (s *Snapshot) scan(p geo.Point, dst []*Fence) []*Fence {
	s.All(func(f *Fence) bool {
		if f.Shape.Contains(p) {
			dst = append(dst, f)
		}
		return true
	})
	return dst
}

// Follower remembers the last answer for one device. Its zero value is ready; it serves one goroutine at a time and any
// sequence of snapshots, and keeps none of them alive (only a leaf of the last one).
type Follower struct {
	version uint64
	leaf    *node
	at      geo.Point // where the answer was made
	quiet2  float64   // square of the degrees of latitude round at within which the answer holds
	wide2   float64   // square of a degree of longitude in those of latitude, at the widest parallel of that ball
	answer  []*Fence
	fixed   int // leading part of answer that holds for all of the leaf's ball
}

// Reset forgets everything.
func (f *Follower) Reset() { *f = Follower{} }

// Match appends the fences of s that contain p, the same as s.Match though maybe in another order.
func (f *Follower) Match(s *Snapshot, p geo.Point, dst []*Fence) []*Fence {
	if !onGlobe(p) {
		return dst
	}
	y, x := p.Lat-f.at.Lat, p.Lng-f.at.Lng
	if (y*y+x*x*f.wide2 > f.quiet2 || f.version != s.version) && !f.look(s, p) {
		return s.scan(p, dst)
	}
	return append(dst, f.answer...)
}

// rim is the part of a leaf's radius from which on a nearer leaf is looked for, so that the quiet radius stays large.
const rim = 0.9

// look makes the answer anew. It returns false where there is no leaf.
func (f *Follower) look(s *Snapshot, p geo.Point) bool {
	cos := math.Cos(p.Lat * radians)
	away := math.Inf(1)
	if f.leaf != nil && f.version == s.version {
		away = farthest(p, cos, f.leaf.centre)
	}
	if away > rim*f.leaf.radiusOrNone() {
		f.leaf, f.answer = s.leafAt(p, f.answer[:0])
		if f.leaf == nil {
			f.Reset()
			return false
		}
		f.version, f.fixed = s.version, len(f.answer)
		away = farthest(p, cos, f.leaf.centre)
	}
	f.at = p
	f.settle(f.ask(p, cos, max(0, f.leaf.radius()-away)), cos)
	return true
}

func (n *node) radiusOrNone() float64 {
	if n == nil {
		return 0
	}
	return n.radius()
}

// settle notes that no edge is nearer than so many metres.
func (f *Follower) settle(quiet, cos float64) {
	degrees := max(0, quiet) * ((1 - 1e-9) / metres)
	wide := min(1, cos+degrees*radians)
	f.quiet2, f.wide2 = degrees*degrees, wide*wide
	if degrees < 1e-9 {
		f.quiet2 = -1 // squares of less may vanish
	}
}

// ask asks the leaf's candidates and returns metres, at most room, within which no edge is. While the leaf's ball lasts,
// no other fence has an edge there.
func (f *Follower) ask(p geo.Point, cos, room float64) float64 {
	f.answer = f.answer[:f.fixed]
	for i := range f.leaf.edge {
		c := &f.leaf.edge[i]
		low, high := c.haversine(p, cos)
		if c.beyond(low, room) {
			continue
		}
		inside, least := c.quiet(p, low, high, room)
		if inside {
			f.answer = append(f.answer, c.fence)
		}
		room = max(0, least)
	}
	return room
}
