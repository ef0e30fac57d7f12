package index

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/wantgo/wantgo/geo"
)

// Near is a fence with its gap: metres to its nearest edge, negative inside.
type Near struct {
	Fence *Fence
	Gap   float64
}

func compareNear(a, b Near) int {
	if c := cmp.Compare(a.Gap, b.Gap); c != 0 {
		return c
	}
	return bytes.Compare(a.Fence.ID[:], b.Fence.ID[:])
}

// Nearest appends the k fences with the smallest gap to p, in order of gap, then id; all fences if there are no more
// than k. None for a position that is not on the globe. A circle without radius is a point, and its gap the distance.
//
// The place of a fence that is nearest to p lies in the ball of some leaf that has the fence at its edge. Leaves are
// visited by the least distance of their ball, so that once that is beyond the k-th gap nothing nearer is left. Fences
// round p itself are all met on the way to p's own leaf; nodes whose ball holds p are therefore always visited.
func (s *Snapshot) Nearest(p geo.Point, k int, dst []Near) []Near {
	return s.NearestWithin(p, k, math.Inf(1), nil, dst)
}

// NearestFunc is Nearest among the fences that keep accepts; nil accepts all. keep may be asked more than once of a
// fence. Where it refuses nearly all, the search goes far: NearestWithin bounds it, and Groups avoid it.
func (s *Snapshot) NearestFunc(p geo.Point, k int, keep func(*Fence) bool, dst []Near) []Near {
	return s.NearestWithin(p, k, math.Inf(1), keep, dst)
}

// NearestWithin is NearestFunc among the fences whose gap is at most so many metres; nothing farther is looked at.
func (s *Snapshot) NearestWithin(p geo.Point, k int, within float64, keep func(*Fence) bool, dst []Near) []Near {
	if !onGlobe(p) || k <= 0 || s.count == 0 || math.IsNaN(within) {
		return dst
	}
	q := searches.Get().(*search)
	q.start(p, min(k, s.count), within, keep)
	q.begin(s)
	for _, n := range s.roots {
		if n.kids != nil || len(n.edge) > 0 || len(n.inner) > 0 {
			q.push(n, q.vector.Chord2(n.vector), ballChord[0])
		}
	}
	for len(q.heap) > 0 && q.heap[0].least <= q.reach {
		q.visit(q.pop())
	}
	dst = q.result(within, dst)
	q.end()
	return dst
}

// search is a search under way. It ranks by bounds of the gap and measures exactly only at the end.
type search struct {
	p      geo.Point
	vector geo.Vector
	cos    float64
	k      int
	keep   func(*Fence) bool
	heap   []nearNode
	found  []bounded           // in order of high
	seen   map[*Fence]struct{} // those in found, where they are many
	first  *node               // p's own leaf
	path   []*Fence            // those that hold balls on the way to it
	limit  float64             // metres: no fence with a larger gap is among the k nearest
	reach  float64             // the chord of limit; at least 0
}

// bounded is a fence whose gap lies between two bounds.
type bounded struct {
	fence     *Fence
	low, high float64
}

const manySeen = 64

var searches = sync.Pool{New: func() any { return new(search) }}

func (q *search) start(p geo.Point, k int, within float64, keep func(*Fence) bool) {
	q.p, q.vector, q.cos, q.k, q.keep = p, p.Vector(), math.Cos(p.Lat*radians), k, keep
	q.setLimit(within)
	if k > manySeen {
		q.seen = make(map[*Fence]struct{}, 2*k)
	}
}

// end lets go of everything but the room.
func (q *search) end() {
	clear(q.heap[:cap(q.heap)])
	clear(q.found[:cap(q.found)])
	clear(q.path[:cap(q.path)])
	*q = search{heap: q.heap[:0], found: q.found[:0], path: q.path[:0]}
	searches.Put(q)
}

// setLimit notes the limit and its chord, from above: a chord is at most its arc.
func (q *search) setLimit(metres float64) {
	q.limit = metres
	q.reach = max(0, metres/geo.EarthRadius)
	if q.reach > 0.1 {
		q.reach = geo.ChordOf(metres) + chordSlack
	}
}

// begin offers what p's own leaf has, so that the limit is low before anything else is looked at.
func (q *search) begin(s *Snapshot) {
	if q.first, q.path = s.leafAt(q.p, q.path); q.first != nil {
		q.offerAll(q.first)
	}
}

func (q *search) offerAll(n *node) {
	for _, f := range n.inner {
		c := newCandidate(f)
		q.offer(&c)
	}
	for i := range n.edge {
		q.offer(&n.edge[i])
	}
}

func (q *search) visit(n *node) {
	if n != q.first {
		q.offerAll(n)
	}
	if n.kids == nil {
		return
	}
	ball := ballChord[n.cell.Res()+1]
	for d, k := range n.kids.nodes {
		if k != nil {
			q.push(k, n.kids.away2(d, &q.vector), ball)
		}
	}
}

// offer takes a fence in if it may be among the k nearest so far. One that was pushed out before is no nearer now.
func (q *search) offer(c *candidate) {
	low, high := c.haversine(q.p, q.cos)
	if c.beyond(low, max(0, q.limit)) {
		return
	}
	b := bounded{fence: c.fence}
	if b.low, b.high = c.gap(q.p, low, high); b.low > q.limit || q.has(c.fence) || q.keep != nil && !q.keep(c.fence) {
		return
	}
	if q.seen != nil {
		q.seen[c.fence] = struct{}{}
	}
	at, _ := slices.BinarySearchFunc(q.found, b.high, func(o bounded, high float64) int { return cmp.Compare(o.high, high) })
	q.found = slices.Insert(q.found, at, b)
	q.trim()
}

func (q *search) has(f *Fence) bool {
	if q.seen != nil {
		_, there := q.seen[f]
		return there
	}
	for i := range q.found {
		if q.found[i].fence == f {
			return true
		}
	}
	return false
}

// trim lowers the limit to the k-th upper bound and lets go of those at the end that are surely beyond. Where bounds do
// not part them and they become many, their gaps are measured.
func (q *search) trim() {
	if len(q.found) < q.k {
		return
	}
	if kth := q.found[q.k-1].high; kth < q.limit {
		q.setLimit(kth)
	}
	for n := len(q.found); n > q.k && q.found[n-1].low > q.limit; n-- {
		q.drop(n - 1)
	}
	if len(q.found) > 2*q.k+32 {
		q.measure()
		for n := len(q.found); n > q.k; n-- {
			q.drop(n - 1)
		}
		q.setLimit(min(q.limit, q.found[q.k-1].high))
	}
}

func (q *search) drop(last int) {
	delete(q.seen, q.found[last].fence)
	q.found = q.found[:last]
}

// measure replaces bounds by exact gaps and sorts by these, then id.
func (q *search) measure() {
	for i := range q.found {
		if b := &q.found[i]; b.low < b.high {
			gap := b.fence.Shape.Gap(q.p)
			b.low, b.high = gap, gap
		}
	}
	slices.SortFunc(q.found, func(a, b bounded) int {
		return compareNear(Near{Fence: a.fence, Gap: a.high}, Near{Fence: b.fence, Gap: b.high})
	})
}

func (q *search) result(within float64, dst []Near) []Near {
	q.measure()
	for _, b := range q.found[:min(q.k, len(q.found))] {
		if b.high <= within {
			dst = append(dst, Near{Fence: b.fence, Gap: b.high})
		}
	}
	return dst
}

type nearNode struct {
	least float64 // chord that p is at least away from the node's ball
	node  *node
}

// push adds a node to the heap, given the square of its centre's chord and the chord of its ball.
func (q *search) push(n *node, chord2, ball float64) {
	ball += roughSlack
	if far := q.reach + ball; chord2 > far*far {
		return
	}
	least := math.Sqrt(chord2) - ball
	if least <= 0 {
		least = math.Inf(-1) // p may be deep inside fences of this ball
	}
	q.heap = append(q.heap, nearNode{least: least, node: n})
	for i := len(q.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if q.heap[up].least <= q.heap[i].least {
			return
		}
		q.heap[up], q.heap[i] = q.heap[i], q.heap[up]
		i = up
	}
}

func (q *search) pop() *node {
	top, last := q.heap[0].node, len(q.heap)-1
	q.heap[0] = q.heap[last]
	q.heap[last] = nearNode{}
	q.heap = q.heap[:last]
	for i := 0; ; {
		kid := 2*i + 1
		if kid >= last {
			return top
		}
		if kid+1 < last && q.heap[kid+1].least < q.heap[kid].least {
			kid++
		}
		if q.heap[i].least <= q.heap[kid].least {
			return top
		}
		q.heap[i], q.heap[kid] = q.heap[kid], q.heap[i]
		i = kid
	}
}
