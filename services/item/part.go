package item

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/google/uuid"
)

// part is an index that is made in one go.
type part struct {
	items []*Item // in the order of their own ids
	ids   map[uuid.UUID]struct{}
	terms []string  // sorted, each once
	of    [][]int32 // term -> its items
	// pairs are the terms that hold two characters beside each other, in the order of terms.
	pairs      map[[2]rune][]int32
	categories map[string][]int32 // in the order of items
}

func newPart(list []*Item) *part {
	p := &part{ids: make(map[uuid.UUID]struct{}, len(list)), pairs: map[[2]rune][]int32{}, categories: map[string][]int32{}}
	for _, i := range list {
		if i.DeletedAt.IsZero() {
			p.items, p.ids[i.ID] = append(p.items, i), struct{}{}
		}
	}
	slices.SortFunc(p.items, func(a, b *Item) int { return cmp.Compare(a.ExternalID, b.ExternalID) })
	by := map[string][]int32{}
	for n, i := range p.items {
		for _, term := range terms(i) {
			by[term] = append(by[term], int32(n))
		}
		if i.Category != "" {
			p.categories[i.Category] = append(p.categories[i.Category], int32(n))
		}
	}
	p.terms = make([]string, 0, len(by))
	for term := range by {
		p.terms = append(p.terms, term)
	}
	slices.Sort(p.terms)
	p.of = make([][]int32, len(p.terms))
	for n, term := range p.terms {
		p.of[n] = by[term]
		p.pair(int32(n), term)
	}
	return p
}

func (p *part) pair(n int32, term string) {
	before := rune(-1)
	for _, r := range term {
		if before >= 0 {
			two := [2]rune{before, r}
			if list := p.pairs[two]; len(list) == 0 || list[len(list)-1] != n {
				p.pairs[two] = append(list, n)
			}
		}
		before = r
	}
}

func (p *part) find(own string) *Item {
	at, ok := slices.BinarySearchFunc(p.items, own, func(i *Item, own string) int { return cmp.Compare(i.ExternalID, own) })
	if !ok {
		return nil
	}
	return p.items[at]
}

// search tells of the items that a key finds, and how well; of one that several terms find, of each. Items of one term are
// found equally well, so the first few that count are told of, and no others of that term.
func (p *part) search(key string, few int, found func(*Item, rank) (counts bool)) {
	tell := func(term int) {
		r, ok := rankOf(key, p.terms[term])
		if !ok {
			return
		}
		left := few
		for _, n := range p.of[term] {
			if left == 0 {
				return
			}
			if found(p.items[n], r) {
				left--
			}
		}
	}
	first := sort.SearchStrings(p.terms, key)
	told := 0
	for n := first; n < len(p.terms) && strings.HasPrefix(p.terms[n], key) && told < mostTerms; n++ {
		tell(n)
		told++
	}
	if !within(key) {
		return
	}
	for _, n := range p.rarest(key) {
		if told++; told > mostTerms {
			return
		}
		tell(int(n))
	}
}

// rarest are the terms that hold the pair of a key that the fewest hold.
func (p *part) rarest(key string) (terms []int32) {
	before, some := rune(-1), false
	for _, r := range key {
		if before >= 0 {
			list := p.pairs[[2]rune{before, r}]
			if !some || len(list) < len(terms) {
				terms, some = list, true
			}
		}
		before = r
	}
	return terms
}

// walk goes once through the items of a category, beginning behind an own id.
type walk struct {
	part *part
	list []int32
	from int
	at   int
}

func (p *part) category(name, after string) walk {
	list := p.categories[name]
	from := sort.Search(len(list), func(n int) bool { return p.items[list[n]].ExternalID > after })
	return walk{part: p, list: list, from: from}
}

// peek is the next item that stands; nil: there is no other.
func (w *walk) peek(stands func(*Item) bool) *Item {
	for ; w.at < len(w.list); w.at++ {
		i := w.part.items[w.list[(w.from+w.at)%len(w.list)]]
		if stands == nil || stands(i) {
			return i
		}
	}
	return nil
}
