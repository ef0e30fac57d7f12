package index

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/cell"
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
// than k. None for a position that is not on the globe.
//
// The place of a fence that is nearest to p lies in the ball of some leaf that has the fence at its edge. Leaves are
// visited by the least distance of their ball, so that once that is beyond the k-th gap nothing nearer is left. Fences
// round p itself are all met on the way to p's own leaf; nodes whose ball holds p are therefore always visited.
func (s *Snapshot) Nearest(p geo.Point, k int, dst []Near) []Near {
	return s.NearestFunc(p, k, nil, dst)
}

// NearestFunc is Nearest among the fences that keep accepts; nil accepts all.
func (s *Snapshot) NearestFunc(p geo.Point, k int, keep func(*Fence) bool, dst []Near) []Near {
	if !onGlobe(p) || k <= 0 || s.count == 0 {
		return dst
	}
	q := queues.Get().(*nearQueue)
	q.start(p, min(k, s.count), keep, dst)
	for _, n := range s.roots {
		q.push(n)
	}
	for len(q.heap) > 0 && !q.settled(q.heap[0].least) {
		q.visit(q.pop())
	}
	dst = q.found
	*q = nearQueue{heap: q.heap[:0]}
	queues.Put(q)
	return dst
}

var queues = sync.Pool{New: func() any { return new(nearQueue) }}

type nearNode struct {
	least float64 // metres that p is at least away from the node's ball
	node  *node
}

// nearQueue is a search under way: a binary heap of nodes, and what was found so far, sorted, behind what dst held.
type nearQueue struct {
	p      geo.Point
	vector geo.Vector
	cos    float64
	k      int
	keep   func(*Fence) bool
	heap   []nearNode
	found  []Near
	before int
}

func (q *nearQueue) start(p geo.Point, k int, keep func(*Fence) bool, dst []Near) {
	q.p, q.vector, q.cos, q.k, q.keep, q.found, q.before = p, p.Vector(), math.Cos(p.Lat*radians), k, keep, dst, len(dst)
}

func (q *nearQueue) full() bool { return len(q.found)-q.before >= q.k }

func (q *nearQueue) settled(least float64) bool {
	return q.full() && least > q.found[len(q.found)-1].Gap
}

func (q *nearQueue) visit(n *node) {
	for _, f := range n.inner {
		q.offer(f)
	}
	for i := range n.edge {
		if c := &n.edge[i]; !q.full() || !c.beyond(q.p, q.cos, q.found[len(q.found)-1].Gap) {
			q.offer(c.fence)
		}
	}
	if n.kids != nil {
		for _, k := range n.kids {
			q.push(k)
		}
	}
}

// offer takes a fence in if it is among the k nearest so far. One that was pushed out before is no nearer now.
func (q *nearQueue) offer(f *Fence) {
	if q.keep != nil && !q.keep(f) {
		return
	}
	near := Near{Fence: f, Gap: f.Shape.Gap(q.p)}
	found := q.found[q.before:]
	if len(found) == q.k && compareNear(near, found[len(found)-1]) >= 0 {
		return
	}
	at, there := slices.BinarySearchFunc(found, near, compareNear)
	if there {
		return
	}
	if len(found) == q.k {
		q.found = q.found[:len(q.found)-1]
	}
	q.found = slices.Insert(q.found, q.before+at, near)
}

func (q *nearQueue) push(n *node) {
	if n == nil || n.kids == nil && len(n.edge) == 0 && len(n.inner) == 0 {
		return
	}
	least := geo.ArcOf(math.Sqrt(q.vector.Chord2(n.vector)))*(1-1e-9) - cell.Radius(n.cell.Res()) - 1
	if least <= 0 {
		least = math.Inf(-1) // p may be deep inside fences of this ball
	}
	if q.settled(least) {
		return
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

func (q *nearQueue) pop() *node {
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
