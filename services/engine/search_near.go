package engine

import (
	"bytes"
	"math"
	"slices"

	"github.com/wantgo/wantgo/geo"
)

// near is a search for the k nearest under way. geo.Distance and the id alone say which are nearest and in what order.
// Chords to rough vectors tell which places to look at, and the order of any two places whose chords differ by more than
// roughness; so distances are computed of few places but those found.
type near struct {
	from   geo.Point
	vector geo.Vector
	k      int
	radius float64      // metres
	after  *StoreCursor // only what comes after it
	hours  *week        // not nil: only where one of these hours may be open
	accept func(*spot) bool

	found        []hit // in order
	limit2       float64
	floor2       float64
	least, until float64 // chords between which a place is surely after the cursor and within the radius
	looked       int
	budget       int // how many may be looked at; what is found beyond it is not complete
}

// roughness is more than the chords to two rough vectors can differ when the places are equally far away.
const roughness = 2 * roughSlack

type hit struct {
	chord  float64 // to the rough vector
	metres float64 // negative: not yet computed
	spot   *spot
}

// distance of a hit.
func (q *near) distance(h *hit) float64 {
	if h.metres < 0 {
		h.metres = geo.Distance(q.from, h.spot.place)
	}
	return h.metres
}

// before looks at places and ids, which are elsewhere in memory, only where chords are about the same.
func (q *near) before(h, o *hit) bool {
	switch {
	case h.chord < o.chord-roughness:
		return true
	case h.chord > o.chord+roughness:
		return false
	}
	if a, b := q.distance(h), q.distance(o); a != b {
		return a < b
	}
	return bytes.Compare(h.spot.id[:], o.spot.id[:]) < 0
}

func (q *near) start() {
	q.vector, q.budget = q.from.Vector(), math.MaxInt
	q.found = slices.Grow(q.found[:0], q.k)
	q.reset()
}

// reset forgets what was found.
func (q *near) reset() {
	radius := geo.ChordOf(q.radius)
	q.found, q.least, q.floor2 = q.found[:0], -1, -1
	q.limit2 = (radius + roughSlack) * (radius + roughSlack)
	if q.until = radius - roughSlack; math.IsInf(q.radius, 1) {
		q.until = math.Inf(1)
	}
	if q.after != nil {
		after := geo.ChordOf(q.after.Distance)
		q.least = after + roughSlack
		if least := after - roughSlack; least > 0 {
			q.floor2 = least * least
		}
	}
}

// beside takes what a tree has, the nearer half first.
func (q *near) beside(t *spotTree) {
	if t != nil && t.own.box.least2(&q.vector) <= q.limit2 && q.may(&t.own.box, &t.own.week) {
		q.visit(t)
	}
}

// may tells whether anything in a box can be what is looked for, if the box is not too far away.
func (q *near) may(b *box, w *week) bool {
	return (q.floor2 < 0 || b.most2(&q.vector) >= q.floor2) && (q.hours == nil || w.meets(q.hours))
}

func (q *near) visit(t *spotTree) {
	if t.kids[0] == nil {
		q.scan(t.leaf)
		return
	}
	first, nearest, farther := 0, t.boxes[0].least2(&q.vector), t.boxes[1].least2(&q.vector)
	if farther < nearest {
		first, nearest, farther = 1, farther, nearest
	}
	if nearest <= q.limit2 && q.may(&t.boxes[first], &t.weeks[first]) && q.looked <= q.budget {
		q.visit(t.kids[first])
	}
	if farther <= q.limit2 && q.may(&t.boxes[1-first], &t.weeks[1-first]) && q.looked <= q.budget {
		q.visit(t.kids[1-first])
	}
}

func (q *near) scan(l *leaf) {
	for ; l != nil; l = l.more {
		q.looked += l.count
		for i := range l.count {
			if c2 := l.at[i].chord2(&q.vector); c2 <= q.limit2 && c2 >= q.floor2 {
				q.offer(c2, l.spot[i])
			}
		}
	}
}

// consider offers a store that is in no tree at hand.
func (q *near) consider(s *spot) {
	at := rough(s.place.Vector())
	if c2 := at.chord2(&q.vector); c2 <= q.limit2 && c2 >= q.floor2 {
		q.offer(c2, s)
	}
}

// offer takes a place in if it is among the k nearest so far that are accepted.
func (q *near) offer(chord2 float64, s *spot) {
	h := hit{math.Sqrt(chord2), -1, s}
	if q.hours != nil && !s.hours.week.meets(q.hours) || !q.within(&h) {
		return
	}
	at := len(q.found)
	for at > 0 && q.before(&h, &q.found[at-1]) {
		at--
	}
	if at == q.k || at > 0 && q.found[at-1].spot == s || q.accept != nil && !q.accept(s) { // several trees may hold it
		return
	}
	if len(q.found) < q.k {
		q.found = append(q.found, h)
	}
	copy(q.found[at+1:], q.found[at:])
	q.found[at] = h
	if last := &q.found[len(q.found)-1]; len(q.found) == q.k {
		q.limit2 = min(q.limit2, (last.chord+roughness)*(last.chord+roughness))
	}
}

// within tells whether a hit is within the radius and after the cursor.
func (q *near) within(h *hit) bool {
	if h.chord > q.least && h.chord < q.until {
		return true
	}
	d := q.distance(h)
	return d <= q.radius && (q.after == nil || q.after.before(d, h.spot))
}
