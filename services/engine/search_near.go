package engine

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/wantgo/wantgo/geo"
)

// chordSlack2 is more than rounding can put between the square of a chord of two vectors and the one that follows from
// geo.Distance: both go through sin²(d/2R), each with an error of some units of the last place of 1.
const chordSlack2 = 3e-14

// near is a search for the k nearest under way. Chords tell which places to look at; geo.Distance and the id alone say
// which are nearest and in what order.
type near struct {
	from   geo.Point
	vector geo.Vector
	k      int
	radius float64      // metres
	after  *StoreCursor // only what comes after it
	hours  *week        // not nil: only where one of these hours may be open
	accept func(*spot) bool

	found  []hit // in order
	limit2 float64
	floor2 float64
	looked int
	budget int // how many may be looked at; what is found beyond it is not complete
}

type hit struct {
	distance float64
	spot     *spot
}

// compare looks at ids, which are elsewhere in memory, only where distances are the same.
func (h hit) compare(o hit) int {
	if c := cmp.Compare(h.distance, o.distance); c != 0 || h.spot == o.spot {
		return c
	}
	return bytes.Compare(h.spot.id[:], o.spot.id[:])
}

// chord2 is the square of the chord of so many metres.
func chord2(metres float64) float64 {
	c := geo.ChordOf(metres)
	return c * c
}

func (q *near) start() {
	q.vector, q.budget = q.from.Vector(), math.MaxInt
	q.found = make([]hit, 0, q.k+1)
	q.reset()
}

// reset forgets what was found.
func (q *near) reset() {
	q.found, q.limit2, q.floor2 = q.found[:0], chord2(q.radius)+chordSlack2, -1
	if q.after != nil {
		q.floor2 = chord2(q.after.Distance) - chordSlack2
	}
}

// beside takes what a tree has, the nearer half first.
func (q *near) beside(t *spotTree) {
	if t != nil && q.may(&t.own, t.own.box.least2(&q.vector)) {
		q.visit(t)
	}
}

func (q *near) may(b *bounds, least2 float64) bool {
	return least2 <= q.limit2 && (q.floor2 < 0 || b.box.most2(&q.vector) >= q.floor2) && (q.hours == nil || b.week.meets(q.hours))
}

func (q *near) visit(t *spotTree) {
	if t.leaf != nil {
		for i := range t.leaf {
			q.offer(&t.leaf[i])
		}
		return
	}
	first, nearest, farther := 0, t.bounds[0].box.least2(&q.vector), t.bounds[1].box.least2(&q.vector)
	if farther < nearest {
		first, nearest, farther = 1, farther, nearest
	}
	if q.may(&t.bounds[first], nearest) && q.looked <= q.budget {
		q.visit(t.kids[first])
	}
	if q.may(&t.bounds[1-first], farther) && q.looked <= q.budget {
		q.visit(t.kids[1-first])
	}
}

// offer takes a place in if it is among the k nearest so far that are accepted.
func (q *near) offer(e *entry) {
	q.looked++
	c2 := q.vector.Chord2(e.at)
	if c2 > q.limit2 || c2 < q.floor2 || q.hours != nil && !e.spot.hours.week.meets(q.hours) {
		return
	}
	h, full := hit{geo.Distance(q.from, e.place), e.spot}, len(q.found) == q.k
	if h.distance > q.radius || full && q.found[q.k-1].compare(h) <= 0 || q.after != nil && !q.after.before(h) {
		return
	}
	at, there := slices.BinarySearchFunc(q.found, h, hit.compare)
	if there || q.accept != nil && !q.accept(e.spot) { // there: several trees may hold it
		return
	}
	if full {
		q.found = q.found[:q.k-1]
	}
	q.found = slices.Insert(q.found, at, h)
	if len(q.found) == q.k {
		q.limit2 = min(q.limit2, chord2(q.found[q.k-1].distance)+chordSlack2)
	}
}
