package engine

import (
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
)

// fewTexts is how many texts are looked through at once rather than from near to far. Asking a store on a walk for its
// texts takes about as long as looking at so many stores of a list.
const (
	fewTexts = 1024
	walkCost = 8
)

// search is one query under way. Of the lists that must each hold whatever is found, the shortest is walked from near to
// far, and the others are asked of each store met. A list is a tree of its own, so a walk ends soon however far off what
// it holds. Only a text has no tree, since there are as many texts as people can type: its stores are looked through, if
// they are few at once, else as soon as a walk would take as long as that.
type search struct {
	index   *searchIndex
	query   *StoreQuery
	stopped bool
	text    string
	chain   string
	near    near
	times   map[*time.Location]time.Time // of query.Local, by zone
	touched byte
}

// at is the time that the query is about, for a store.
func (s *search) at(p *spot) time.Time {
	if s.query.Local.IsZero() {
		return s.query.At
	}
	return s.times[p.hours.zone]
}

func (s *search) run() {
	q := s.query
	s.clocks()
	radius := q.Radius
	if radius == 0 {
		radius = math.Inf(1)
	}
	s.near = near{from: q.From, k: min(q.Limit+1, s.index.ids.count), radius: radius, after: q.After, found: s.near.found}
	if s.near.k == 0 {
		return
	}
	if s.filters() {
		s.near.accept = s.accepts
	}
	if q.Open || q.WithOffer && !s.index.offer.anyHour {
		s.near.hours = s.openHours()
	}
	s.near.start()
	if q.Only != nil {
		s.each(q.Only)
		return
	}
	trees, size := s.lists()
	if s.text == "" {
		s.walk(trees)
		return
	}
	texts := s.index.prefix(s.text)
	n := texts.size()
	if n > fewTexts {
		s.near.budget = n / walkCost
		if s.walk(trees); s.near.looked <= s.near.budget {
			return
		}
	} else if size < n {
		s.walk(trees)
		return
	}
	s.near.budget = math.MaxInt
	s.near.reset()
	for t := range texts.all {
		s.near.consider(t.spot)
	}
}

func (s *search) walk(trees []*spotTree) {
	for _, t := range trees {
		s.near.beside(t)
	}
}

func (s *search) each(ids []uuid.UUID) {
	for _, id := range ids {
		if p, ok := s.index.spotOf(id); ok {
			s.near.consider(p)
		}
	}
}

// lists is the shortest of the lists of which every store found is in, and its length.
func (s *search) lists() (trees []*spotTree, size int) {
	trees, size = []*spotTree{s.index.all}, s.index.all.size()
	take := func(others ...*spotTree) {
		n := 0
		for _, t := range others {
			n += t.size()
		}
		if n < size {
			trees, size = others, n
		}
	}
	for _, tag := range s.query.Tags {
		take(s.index.term(tagTerm(tag)))
	}
	if s.chain != "" {
		take(s.index.term(chainTerm(s.chain)))
	}
	if s.query.WithOffer {
		if others, whole := s.index.offer.trees(s.index, s.zoneTimes(), s.query.who); !whole {
			take(others...)
		}
	}
	return trees, size
}

func (s *search) filters() bool {
	q := s.query
	return q.Open || q.WithOffer || len(q.Tags) > 0 || s.chain != "" || s.text != ""
}

// accepts asks a store for every condition but its place, the cheap ones first.
func (s *search) accepts(p *spot) bool {
	q := s.query
	if s.chain != "" && p.chain != s.chain || s.text != "" && !p.hasPrefix(s.text) {
		return false
	}
	for _, tag := range q.Tags {
		if !slices.Contains(p.tags.names, tag) {
			return false
		}
	}
	if q.Open && !p.hours.at(s.at(p)).Open {
		return false
	}
	return !q.WithOffer || s.index.offer.concern(p, s.at(p), q.who)
}
