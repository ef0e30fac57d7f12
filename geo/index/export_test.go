package index

import (
	"math"

	"github.com/wantgo/wantgo/geo"
)

// Footprint counts what a snapshot keeps beyond the base cells that every snapshot has: nodes and places of fences.
func Footprint(s *Snapshot) int {
	total := s.ids.count()
	if s.ids != nil {
		total++
	}
	for _, n := range s.roots {
		total += n.footprint() - 1
	}
	return total
}

func (n *node) footprint() int {
	if n == nil {
		return 0
	}
	total := 1 + len(n.inner) + len(n.edge)
	if n.kids != nil {
		for _, k := range n.kids.nodes {
			total += k.footprint()
		}
	}
	return total
}

// Tested tells how many of the fences that contain p were found without the exact test, and how many fences were asked:
// of these, how many by their shape and not by bounds alone.
func Tested(s *Snapshot, p geo.Point) (sure, asked, shapes int) {
	leaf, found := s.leafAt(p, nil)
	cos := math.Cos(p.Lat * radians)
	for i := range leaf.edge {
		c := &leaf.edge[i]
		low, high := c.haversine(p, cos)
		if c.cos == notCircle || !c.outside(low) && !c.inside(high) {
			shapes++
		}
	}
	return len(found), len(leaf.edge), shapes
}
