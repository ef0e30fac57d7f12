package index

import (
	"slices"

	"github.com/wantgo/wantgo/geo/cell"
)

// change makes the next snapshot. Nodes are copied before they are changed, each time anew: that is a few hundred bytes
// a level.
type change struct {
	*builder
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
		for d, k := range kids.nodes {
			kids.nodes[d] = c.putIn(k, g)
		}
		next.kids, next.passed = &kids, n.passed+int32(g.weight())
	case n.mayBurst(g):
		next.edge = nil
		c.fill(&next, geometries(n.edge, g))
	default:
		next.edge = append(slices.Clip(n.edge), newCandidate(g.fence))
	}
	return &next
}

// mayBurst tells whether the leaf with one fence more should be split. Where a split parted nothing, it is tried again
// only once the leaf has grown by a half.
func (n *node) mayBurst(g *geometry) bool {
	return n.weight()+g.weight() > n.room()
}

// weight is of a leaf's candidates.
func (n *node) weight() (total int) {
	for i := range n.edge {
		total += n.edge[i].weight()
	}
	return total
}

// room is the weight that a leaf bears.
func (n *node) room() int { return max(leafFull, int(n.passed)*3/2) }

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
		for d, k := range kids.nodes {
			kids.nodes[d] = c.removeFrom(k, g)
		}
		if next.passed -= int32(g.weight()); next.passed <= leafFew {
			c.merge(&next, fenceSet{g.fence: {}})
		} else {
			next.kids = &kids
		}
	default:
		next.edge = slices.DeleteFunc(slices.Clone(n.edge), func(k candidate) bool { return k.fence == g.fence })
	}
	return &next
}

// merge makes the node a leaf again, without the fences that are being removed. Its children do not have all its fences:
// some touch the node's ball and none of theirs. As every place is in the ball of some leaf, wherever in the trie,
// walking all nodes whose ball meets this one's finds them.
func (c *change) merge(n *node, gone fenceSet) {
	m := merger{leaf: n, gone: gone}
	for _, root := range c.snapshot.roots {
		m.walk(root)
	}
	n.kids, n.passed, n.edge = nil, 0, m.edge
}

// merger collects the fences whose edge touches the ball of a leaf; they are few.
type merger struct {
	leaf *node
	gone fenceSet
	edge []candidate
}

func (m *merger) walk(n *node) {
	if n == nil {
		return
	}
	if far := ballChord[n.cell.Res()] + ballChord[m.leaf.cell.Res()] + chordSlack; n.vector.Chord2(m.leaf.vector) > far*far {
		return
	}
	for _, f := range n.inner {
		m.take(f)
	}
	for i := range n.edge {
		m.take(n.edge[i].fence)
	}
	if n.kids != nil {
		for _, k := range n.kids.nodes {
			m.walk(k)
		}
	}
}

func (m *merger) take(f *Fence) {
	if m.gone.has(f) || slices.ContainsFunc(m.edge, func(c candidate) bool { return c.fence == f }) {
		return
	}
	if g := newGeometry(f); m.leaf.side(&g) == cell.AtEdge {
		m.edge = append(m.edge, newCandidate(f))
	}
}
