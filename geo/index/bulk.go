package index

import (
	"slices"

	"github.com/wantgo/wantgo/geo/cell"
)

// worthBulk is the number of changes from which on they go down the trie together: each node on their way is then copied
// once and not once a fence.
const worthBulk = 64

// fenceSet is fences by identity.
type fenceSet map[*Fence]struct{}

func (s fenceSet) has(f *Fence) bool {
	_, ok := s[f]
	return ok
}

// bulk removes fences, with those that are put anew, and then puts fences.
func (c *change) bulk(put []*Fence, remove []ID) {
	put = lastOfEach(put)
	gone := fenceSet{}
	take := func(id ID) {
		if f := c.snapshot.ids.find(id); f != nil {
			gone[f] = struct{}{}
		}
	}
	for _, id := range remove {
		take(id)
	}
	for _, f := range put {
		take(f.ID)
	}
	c.removeAll(gone)
	c.putAll(put)
}

// lastOfEach keeps the last fence of each id.
func lastOfEach(fences []*Fence) []*Fence {
	last := make(map[ID]int, len(fences))
	for i, f := range fences {
		last[f.ID] = i
	}
	if len(last) == len(fences) {
		return fences
	}
	kept := make([]*Fence, 0, len(last))
	for i, f := range fences {
		if last[f.ID] == i {
			kept = append(kept, f)
		}
	}
	return kept
}

func (c *change) putAll(fences []*Fence) {
	c.snapshot.ids = c.snapshot.ids.withAll(fences, 0)
	c.snapshot.count += len(fences)
	all := make([]geometry, len(fences))
	for i, f := range fences {
		all[i] = newGeometry(f)
	}
	for i, n := range c.snapshot.roots {
		c.snapshot.roots[i] = c.putAllIn(n, all)
	}
}

// part tells which of the fences hold the node's ball and of which the edge touches it.
func (n *node) part(all []geometry) (within []*Fence, at []geometry) {
	for i := range all {
		switch n.side(&all[i]) {
		case cell.Within:
			within = append(within, all[i].fence)
		case cell.AtEdge:
			at = append(at, all[i])
		}
	}
	return within, at
}

// putAllIn returns the node with the fences, or the node itself where none of them touches it.
func (c *change) putAllIn(n *node, all []geometry) *node {
	if n == nil {
		return nil
	}
	within, at := n.part(all)
	if len(within)+len(at) == 0 {
		return n
	}
	next := *n
	if len(within) > 0 {
		next.inner = slices.Concat(n.inner, within)
	}
	switch {
	case len(at) == 0:
	case n.kids != nil:
		kids := *n.kids
		for d, k := range kids.nodes {
			kids.nodes[d] = c.putAllIn(k, at)
		}
		next.kids, next.passed = &kids, n.passed+int32(weigh(at))
	case n.weight()+weigh(at) > n.room():
		for i := range n.edge {
			at = append(at, newGeometry(n.edge[i].fence))
		}
		next.edge = nil
		c.fill(&next, at)
	default:
		next.edge = make([]candidate, 0, len(n.edge)+len(at))
		next.edge = append(next.edge, n.edge...)
		for i := range at {
			next.edge = append(next.edge, newCandidate(at[i].fence))
		}
	}
	return &next
}

func (c *change) removeAll(gone fenceSet) {
	if len(gone) == 0 {
		return
	}
	all := make([]geometry, 0, len(gone))
	for f := range gone {
		all = append(all, newGeometry(f))
		c.snapshot.ids = c.snapshot.ids.without(f.ID, 0)
	}
	c.snapshot.count -= len(all)
	roots := c.snapshot.roots
	for i, n := range roots {
		roots[i] = c.removeAllFrom(n, all, gone)
	}
	c.snapshot.roots = roots // only now: a merge looks for what it takes back among all that was there
}

func (c *change) removeAllFrom(n *node, all []geometry, gone fenceSet) *node {
	if n == nil {
		return nil
	}
	within, at := n.part(all)
	if len(within)+len(at) == 0 {
		return n
	}
	next := *n
	if len(within) > 0 {
		next.inner = slices.DeleteFunc(slices.Clone(n.inner), gone.has)
	}
	switch {
	case len(at) == 0:
	case n.kids == nil:
		next.edge = slices.DeleteFunc(slices.Clone(n.edge), func(k candidate) bool { return gone.has(k.fence) })
	case n.passed-int32(weigh(at)) <= leafFew:
		c.merge(&next, gone)
	default:
		kids := *n.kids
		for d, k := range kids.nodes {
			kids.nodes[d] = c.removeAllFrom(k, at, gone)
		}
		next.kids, next.passed = &kids, n.passed-int32(weigh(at))
	}
	return &next
}

// withAll returns a trie that also holds fences whose ids must not be there yet.
func (n *idNode) withAll(fences []*Fence, level int) *idNode {
	switch {
	case len(fences) == 0:
		return n
	case n == nil:
		return buildIDs(fences, level)
	case n.kids == nil:
		return buildIDs(slices.Concat(n.fences, fences), level)
	}
	kids := *n.kids
	for d, part := range partIDs(fences, level) {
		kids[d] = kids[d].withAll(part, level+1)
	}
	return &idNode{kids: &kids}
}
