package index

import (
	"slices"

	"github.com/wantgo/wantgo/geo/cell"
)

// change makes the next snapshot. Nodes are copied before they are changed, each time anew: that is a few hundred bytes
// a level.
type change struct {
	builder
	snapshot *Snapshot
}

func (c *change) put(f *Fence) {
	g := newGeometry(f)
	c.snapshot.ids = c.snapshot.ids.with(f, 0)
	c.snapshot.count++
	for i, n := range c.snapshot.roots {
		c.snapshot.roots[i] = c.putIn(n, &g)
	}
}

// putIn returns the node with the fence, or the node itself where the fence does not touch it.
func (c *change) putIn(n *node, g *geometry) *node {
	if n == nil {
		return nil
	}
	side := n.side(g)
	if side == cell.Outside {
		return n
	}
	next := *n
	switch {
	case side == cell.Within:
		next.inner = append(slices.Clip(n.inner), g.fence)
	case n.kids != nil:
		kids := *n.kids
		for d, k := range kids {
			kids[d] = c.putIn(k, g)
		}
		next.kids, next.passed = &kids, n.passed+1
	case len(n.edge) < leafFull || len(n.edge)%leafFull != 0:
		next.edge = append(slices.Clip(n.edge), newCandidate(g.fence))
	default:
		next.edge = nil
		c.fill(&next, geometries(n.edge, g))
	}
	return &next
}

func geometries(of []candidate, more *geometry) []geometry {
	all := make([]geometry, 0, len(of)+1)
	for i := range of {
		all = append(all, newGeometry(of[i].fence))
	}
	return append(all, *more)
}

func (c *change) remove(id ID) {
	f := c.snapshot.ids.find(id)
	if f == nil {
		return
	}
	g := newGeometry(f)
	c.snapshot.ids = c.snapshot.ids.without(id, 0)
	c.snapshot.count--
	for i, n := range c.snapshot.roots {
		c.snapshot.roots[i] = c.removeFrom(n, &g)
	}
}

func (c *change) removeFrom(n *node, g *geometry) *node {
	if n == nil {
		return nil
	}
	side := n.side(g)
	if side == cell.Outside {
		return n
	}
	next := *n
	switch {
	case side == cell.Within:
		next.inner = slices.DeleteFunc(slices.Clone(n.inner), func(f *Fence) bool { return f == g.fence })
	case n.kids != nil:
		kids := *n.kids
		for d, k := range kids {
			kids[d] = c.removeFrom(k, g)
		}
		next.kids, next.passed = &kids, n.passed-1
		next.mergeIfFew()
	default:
		next.edge = slices.DeleteFunc(slices.Clone(n.edge), func(k candidate) bool { return k.fence == g.fence })
	}
	return &next
}

// mergeIfFew makes the node a leaf again when few fences are left below it. All of these are at its edge, as they were
// passed on.
func (n *node) mergeIfFew() {
	if n.passed > leafFew {
		return
	}
	var below []*Fence
	for _, k := range n.kids {
		below = k.gather(below)
	}
	n.kids, n.passed = nil, 0
	n.edge = make([]candidate, len(below))
	for i, f := range below {
		n.edge[i] = newCandidate(f)
	}
}

// gather adds the fences of the node and below that are not there yet; they are few.
func (n *node) gather(to []*Fence) []*Fence {
	if n == nil {
		return to
	}
	for _, f := range n.inner {
		if !slices.Contains(to, f) {
			to = append(to, f)
		}
	}
	for i := range n.edge {
		if f := n.edge[i].fence; !slices.Contains(to, f) {
			to = append(to, f)
		}
	}
	if n.kids != nil {
		for _, k := range n.kids {
			to = k.gather(to)
		}
	}
	return to
}
