package engine

import (
	"math"
	"slices"

	"github.com/wantgo/wantgo/geo"
)

// spotTree is an immutable set of places, split in two by halves of their number, with a box round each part. Places are
// unit vectors, so neither poles nor the antimeridian are anything special. nil is the empty set.
//
// The fence index can also rank points, and is not used here: every fence costs it a covering of cells, it begins each
// page at the nearest place instead of where the last one ended, and its nodes cannot tell that everything in them is
// closed. Changing one place copies the way to it and shares the rest.
//
// A search waits for memory more than it computes. So what a walk asks of a node is its first 64 bytes, which the size of
// the whole, 192 bytes, makes one cache line, and a leaf is one piece.
type spotTree struct {
	boxes [2]box       // of the kids: a walk passes by a kid without a look at it
	kids  [2]*spotTree // both or none
	leaf  *leaf        // where there are no kids
	weeks [2]week      // of the kids
	own   bounds
	count int
	_     [16]byte
}

// bounds is what holds of all places of a tree.
type bounds struct {
	box  box
	week week // hours in which any of them may be open
}

func (b bounds) with(c *bounds) bounds {
	b.box = b.box.with(c.box)
	b.week.add(&c.week)
	return b
}

// roughVector is a unit vector rounded to half the size. Trees know places by it alone.
type roughVector [3]float32

// roughSlack is more than the chord from any vector to another one can differ from the chord to that one's rough vector:
// each of three components is off by at most half a unit of the last place of 1.
const roughSlack = 6e-8

func rough(v geo.Vector) roughVector {
	return roughVector{float32(v[0]), float32(v[1]), float32(v[2])}
}

func (r *roughVector) vector() geo.Vector {
	return geo.Vector{float64(r[0]), float64(r[1]), float64(r[2])}
}

// chord2 is the square of the chord from v.
func (r *roughVector) chord2(v *geo.Vector) float64 {
	x, y, z := float64(r[0])-v[0], float64(r[1])-v[1], float64(r[2])-v[2]
	return x*x + y*y + z*z
}

// maxLeaf is how many places a leaf may have.
const maxLeaf = 32

// leaf is a few stores.
type leaf struct {
	count int
	at    [maxLeaf]roughVector
	spot  [maxLeaf]*spot
	more  *leaf // where too many are in one place
}

// entry is one store of a tree.
type entry struct {
	at   roughVector
	spot *spot
}

func entryOf(s *spot) entry { return entry{rough(s.place.Vector()), s} }

// box holds rough vectors between two corners.
type box struct{ low, high roughVector }

func (b box) with(c box) box {
	for i := range b.low {
		b.low[i], b.high[i] = min(b.low[i], c.low[i]), max(b.high[i], c.high[i])
	}
	return b
}

func (b *box) holds(v roughVector) bool {
	for i := range v {
		if v[i] < b.low[i] || v[i] > b.high[i] {
			return false
		}
	}
	return true
}

// least2 and most2 are the squares of the least and the greatest chord from v to anything in the box.
func (b *box) least2(v *geo.Vector) (sum float64) {
	for i := range v {
		if d := max(float64(b.low[i])-v[i], v[i]-float64(b.high[i])); d > 0 {
			sum += d * d
		}
	}
	return sum
}

func (b *box) most2(v *geo.Vector) (sum float64) {
	for i := range v {
		d := max(math.Abs(v[i]-float64(b.low[i])), math.Abs(float64(b.high[i])-v[i]))
		sum += d * d
	}
	return sum
}

// widest is the axis along which the box is longest, and that length.
func (b *box) widest() (axis int, length float32) {
	for i := range b.low {
		if l := b.high[i] - b.low[i]; l > length {
			axis, length = i, l
		}
	}
	return axis, length
}

func (t *spotTree) size() int {
	if t == nil {
		return 0
	}
	return t.count
}

// plant makes a tree of entries, which it sorts about.
func plant(entries []entry) *spotTree {
	if len(entries) == 0 {
		return nil
	}
	own := boundsOf(&entries[0])
	for i := range entries[1:] {
		b := boundsOf(&entries[i+1])
		own = own.with(&b)
	}
	axis, length := own.box.widest()
	if len(entries) <= maxLeaf || length == 0 {
		return &spotTree{own: own, count: len(entries), leaf: newLeaf(entries)}
	}
	half := len(entries) / 2
	partition(entries, half, axis)
	return parent(plant(entries[:half]), plant(entries[half:]))
}

func newLeaf(entries []entry) *leaf {
	l := &leaf{count: min(len(entries), maxLeaf)}
	for i, e := range entries[:l.count] {
		l.at[i], l.spot[i] = e.at, e.spot
	}
	if rest := entries[l.count:]; len(rest) > 0 {
		l.more = newLeaf(rest)
	}
	return l
}

func boundsOf(e *entry) bounds { return bounds{box{e.at, e.at}, e.spot.hours.week} }

func parent(a, b *spotTree) *spotTree {
	return &spotTree{
		boxes: [2]box{a.own.box, b.own.box}, kids: [2]*spotTree{a, b}, weeks: [2]week{a.own.week, b.own.week},
		own: a.own.with(&b.own), count: a.count + b.count,
	}
}

func join(a, b *spotTree) *spotTree {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	if max(a.count, b.count) > 3*min(a.count, b.count)+2*maxLeaf {
		return plant(b.entries(a.entries(make([]entry, 0, a.count+b.count)))) // one side grew heavy: paid once in many changes
	}
	return parent(a, b)
}

// partition puts the half entries that are least along an axis first (C. A. R. Hoare, Algorithm 65).
func partition(e []entry, half, axis int) {
	for low, high := 0, len(e)-1; low < high; {
		pivot, i, j := e[low+(high-low)/2].at[axis], low, high
		for i <= j {
			for e[i].at[axis] < pivot {
				i++
			}
			for e[j].at[axis] > pivot {
				j--
			}
			if i <= j {
				e[i], e[j] = e[j], e[i]
				i++
				j--
			}
		}
		if half <= j {
			high = j
		} else if half >= i {
			low = i
		} else {
			return
		}
	}
}

// with is the tree with one more entry.
func (t *spotTree) with(e entry) *spotTree {
	switch {
	case t == nil:
		return plant([]entry{e})
	case t.leaf != nil:
		return plant(append(t.entries(make([]entry, 0, t.count+1)), e))
	}
	i, at := 0, e.at.vector()
	if t.boxes[1].least2(&at) < t.boxes[0].least2(&at) {
		i = 1
	}
	return join(t.kids[i].with(e), t.kids[1-i])
}

// without is the tree without an entry; ok is false where it is not there.
func (t *spotTree) without(e entry) (rest *spotTree, ok bool) {
	if t == nil || !t.own.box.holds(e.at) {
		return t, false
	}
	if t.leaf != nil {
		list := t.entries(make([]entry, 0, t.count))
		at := slices.Index(list, e)
		if at < 0 {
			return t, false
		}
		return plant(slices.Delete(list, at, at+1)), true
	}
	for i, kid := range t.kids {
		if rest, ok := kid.without(e); ok {
			return join(rest, t.kids[1-i]), true
		}
	}
	return t, false
}

func (t *spotTree) entries(dst []entry) []entry {
	if t == nil {
		return dst
	}
	for l := t.leaf; l != nil; l = l.more {
		for i := range l.count {
			dst = append(dst, entry{l.at[i], l.spot[i]})
		}
	}
	return t.kids[1].entries(t.kids[0].entries(dst))
}
