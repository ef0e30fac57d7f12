package engine

import "slices"

// ordered is a sorted list in short pieces. A copy made by edit is changed without touching the one it was made of: it
// copies the list of pieces once and every piece that changes.
type ordered[E any] struct {
	compare func(a, b E) int
	pieces  [][]E // none is empty; pieces are never changed in place
	count   int
	own     bool // the list of pieces is this copy's own
}

const maxPiece = 512

// edit is a copy to be changed.
func (o ordered[E]) edit() ordered[E] {
	o.own = false
	return o
}

// sorted makes a list of entries, which it sorts; no two may be equal.
func sorted[E any](compare func(a, b E) int, entries []E) ordered[E] {
	slices.SortFunc(entries, compare)
	o := ordered[E]{compare: compare, count: len(entries)}
	for piece := range slices.Chunk(entries, maxPiece/2) {
		o.pieces = append(o.pieces, slices.Clip(piece))
	}
	return o
}

// find is the place of the first entry that is not below e.
func (o *ordered[E]) find(e E) (piece, at int, found bool) {
	piece, _ = slices.BinarySearchFunc(o.pieces, e, func(p []E, e E) int { return o.compare(p[len(p)-1], e) })
	if piece == len(o.pieces) {
		return piece, 0, false
	}
	at, found = slices.BinarySearchFunc(o.pieces[piece], e, o.compare)
	return piece, at, found
}

func (o *ordered[E]) get(e E) (found E, ok bool) {
	piece, at, ok := o.find(e)
	if ok {
		found = o.pieces[piece][at]
	}
	return found, ok
}

// put adds e, in place of the one that is equal to it.
func (o *ordered[E]) put(e E) {
	if len(o.pieces) == 0 {
		o.pieces, o.count, o.own = [][]E{{e}}, 1, true
		return
	}
	piece, at, found := o.find(e)
	if piece == len(o.pieces) {
		piece--
		at = len(o.pieces[piece])
	}
	fresh := make([]E, 0, len(o.pieces[piece])+1)
	fresh = append(append(fresh, o.pieces[piece][:at]...), e)
	if found {
		o.replace(piece, append(fresh, o.pieces[piece][at+1:]...))
		return
	}
	o.count++
	fresh = append(fresh, o.pieces[piece][at:]...)
	if half := len(fresh) / 2; len(fresh) > maxPiece {
		o.replace(piece, slices.Clone(fresh[:half]), slices.Clone(fresh[half:]))
		return
	}
	o.replace(piece, fresh)
}

// remove takes out the entry equal to e, if there is one.
func (o *ordered[E]) remove(e E) {
	piece, at, found := o.find(e)
	if !found {
		return
	}
	o.count--
	if len(o.pieces[piece]) == 1 {
		o.replace(piece)
		return
	}
	o.replace(piece, slices.Delete(slices.Clone(o.pieces[piece]), at, at+1))
}

func (o *ordered[E]) replace(piece int, fresh ...[]E) {
	if !o.own {
		o.pieces, o.own = slices.Clone(o.pieces), true
	}
	o.pieces = slices.Replace(o.pieces, piece, piece+1, fresh...)
}

// span is a part of the list: from the first entry that from is not above up to the first that until is not above.
func (o *ordered[E]) span(from, until E) span[E] {
	var s span[E]
	s.list = o
	s.piece, s.at, _ = o.find(from)
	s.endPiece, s.endAt, _ = o.find(until)
	return s
}

type span[E any] struct {
	list            *ordered[E]
	piece, at       int
	endPiece, endAt int
}

// size counts the entries.
func (s span[E]) size() int {
	n := s.endAt - s.at
	for p := s.piece; p < s.endPiece; p++ {
		n += len(s.list.pieces[p])
	}
	return n
}

// all calls yield for each entry in order.
func (s span[E]) all(yield func(E) bool) {
	for p, at := s.piece, s.at; p < s.endPiece || p == s.endPiece && at < s.endAt; p, at = p+1, 0 {
		end := s.endAt
		if p < s.endPiece {
			end = len(s.list.pieces[p])
		}
		for _, e := range s.list.pieces[p][at:end] {
			if !yield(e) {
				return
			}
		}
	}
}
