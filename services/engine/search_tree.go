package engine

import (
	"math"

	"github.com/wantgo/wantgo/geo"
)

// spotTree is an immutable set of places, split in two by halves of their number, with a box round each part. Places are
// unit vectors, so neither poles nor the antimeridian are anything special. nil is the empty set.
//
// The fence index can also rank points, and is not used here: every fence costs it a covering of cells, it begins each
// page at the nearest place instead of where the last one ended, and its nodes cannot tell that everything in them is
// closed. Changing one place copies the way to it and shares the rest.
type spotTree struct {
	kids   [2]*spotTree
	bounds [2]bounds // of the kids: a walk passes by a kid without a look at it
	own    bounds
	count  int
	leaf   []entry // where there are no kids
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

// entry is a store with its place, twice: what a walk asks of most stores is here, side by side with its neighbours.
type entry struct {
	at    geo.Vector
	place geo.Point
	spot  *spot
}

func entryOf(s *spot) entry { return entry{s.place.Vector(), s.place, s} }

// maxLeaf is how many places a leaf may have, unless they are all in one place.
const maxLeaf = 16

// box holds vectors between two corners.
type box struct{ low, high geo.Vector }

func (b box) with(c box) box {
	for i := range b.low {
		b.low[i], b.high[i] = min(b.low[i], c.low[i]), max(b.high[i], c.high[i])
	}
	return b
}

func (b *box) holds(v geo.Vector) bool {
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
		if d := max(b.low[i]-v[i], v[i]-b.high[i]); d > 0 {
			sum += d * d
		}
	}
	return sum
}

func (b *box) most2(v *geo.Vector) (sum float64) {
	for i := range v {
		d := max(math.Abs(v[i]-b.low[i]), math.Abs(b.high[i]-v[i]))
		sum += d * d
	}
	return sum
}

// widest is the axis along which the box is longest, and that length.
func (b *box) widest() (axis int, length float64) {
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
	t := leafOf(entries)
	axis, length := t.own.box.widest()
	if len(entries) <= maxLeaf || length == 0 {
		t.leaf = append(make([]entry, 0, len(entries)), entries...)
		return t
	}
	half := len(entries) / 2
	partition(entries, half, axis)
	return parent(plant(entries[:half]), plant(entries[half:]))
}

func leafOf(entries []entry) *spotTree {
	t := &spotTree{own: boundsOf(&entries[0]), count: len(entries), leaf: entries}
	for i := range entries[1:] {
		b := boundsOf(&entries[i+1])
		t.own = t.own.with(&b)
	}
	return t
}

func boundsOf(e *entry) bounds { return bounds{box{e.at, e.at}, e.spot.hours.week} }

func parent(a, b *spotTree) *spotTree {
	return &spotTree{kids: [2]*spotTree{a, b}, bounds: [2]bounds{a.own, b.own}, own: a.own.with(&b.own), count: a.count + b.count}
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
		return leafOf([]entry{e})
	case t.leaf != nil:
		return plant(append(append(make([]entry, 0, len(t.leaf)+1), t.leaf...), e))
	}
	i := 0
	if t.bounds[1].box.least2(&e.at) < t.bounds[0].box.least2(&e.at) {
		i = 1
	}
	return join(t.kids[i].with(e), t.kids[1-i])
}

// without is the tree without an entry; ok is false where it is not there.
func (t *spotTree) without(e entry) (rest *spotTree, ok bool) {
	if t == nil || !t.own.box.holds(e.at) {
		return t, false
	}
	for i := range t.leaf {
		if t.leaf[i].spot == e.spot {
			if len(t.leaf) == 1 {
				return nil, true
			}
			return leafOf(append(append(make([]entry, 0, len(t.leaf)-1), t.leaf[:i]...), t.leaf[i+1:]...)), true
		}
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
	dst = append(dst, t.leaf...)
	return t.kids[1].entries(t.kids[0].entries(dst))
}
