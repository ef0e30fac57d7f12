package index

import (
	"math"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/cell"
)

// Match appends the fences that contain p, exactly those, in an order that depends on the snapshot and p alone. A
// position that is not on the globe is in no fence.
func (s *Snapshot) Match(p geo.Point, dst []*Fence) []*Fence {
	if !onGlobe(p) {
		return dst
	}
	leaf, dst := s.descend(p, dst)
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

func onGlobe(p geo.Point) bool {
	return p.Lat >= -90 && p.Lat <= 90 && p.Lng >= -180 && p.Lng <= 180
}

// descend follows the digits of p's cell to its leaf and appends the fences that hold the ball of a node on the way.
// It returns no leaf, and dst as it was, if the conversion fails.
func (s *Snapshot) descend(p geo.Point, dst []*Fence) (*node, []*Fence) {
	c, err := cell.Of(p, s.depth)
	if err != nil {
		return nil, dst
	}
	before := len(dst)
	n := s.roots[c.BaseNumber()]
	for res := 1; n != nil; res++ {
		dst = append(dst, n.inner...)
		if n.kids == nil {
			return n, dst
		}
		n = n.kids[c.Digit(res)]
	}
	return nil, dst[:before]
}

// scan asks every fence: the last resort where H3 gives no cell.
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
	at      geo.Point // where the answer was made, with the cosine of its latitude
	cos     float64
	quiet   float64 // metres round at within which no edge lies
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
	if f.leaf == nil || f.version != s.version || !f.leaf.holds(p) {
		f.leaf, f.answer = s.descend(p, f.answer[:0])
		f.version, f.fixed = s.version, len(f.answer)
		if f.leaf == nil {
			return s.scan(p, dst)
		}
		f.look(p)
	} else if farthest(f.at, f.cos, p) > f.quiet {
		f.look(p)
	}
	return append(dst, f.answer...)
}

func (n *node) holds(p geo.Point) bool { return farthest(n.centre, n.cos, p) <= n.radius() }

// look asks the leaf's candidates and learns how far the nearest edge is. While the leaf's ball lasts, no other fence
// has an edge there.
func (f *Follower) look(p geo.Point) {
	f.at, f.cos, f.quiet = p, math.Cos(p.Lat*radians), math.Inf(1)
	f.answer = f.answer[:f.fixed]
	for i := range f.leaf.edge {
		c := &f.leaf.edge[i]
		inside, least := c.quiet(p, f.cos, f.quiet)
		if inside {
			f.answer = append(f.answer, c.fence)
		}
		f.quiet = least
	}
}
