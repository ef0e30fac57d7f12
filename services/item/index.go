package item

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

const (
	// MostFound is how many items one keyword finds at most.
	MostFound = 100
	// mostTerms is how many terms one keyword is held against that may hold it. What is beyond is not found: no keyword
	// costs more, however many items there are.
	mostTerms = 4096
	// mostRelated is how many items of a category are looked at for one that is to be had in a store.
	mostRelated = 1000
)

// Index finds items by own id, keyword and category. It is immutable and safe for concurrent use. nil has no items.
type Index struct {
	all *part
	// What changed since all was made: fresh holds the changed items, and replaced also those that are gone.
	fresh    *part
	replaced map[uuid.UUID]struct{}
}

// NewIndex indexes items, which must not change afterwards. Deleted ones are left out.
func NewIndex(items []*Item) *Index { return &Index{all: newPart(items), fresh: newPart(nil)} }

// With is the index after some items changed, those deleted by their DeletedAt. A change of few items costs no more than
// these and what changed lately.
func (x *Index) With(changed []*Item) *Index {
	if len(changed) == 0 {
		return x
	}
	if x == nil {
		x = NewIndex(nil)
	}
	last := make(map[uuid.UUID]*Item, len(changed))
	for _, i := range changed {
		last[i.ID] = i
	}
	fresh := make([]*Item, 0, len(x.fresh.items)+len(last))
	for _, i := range x.fresh.items {
		if last[i.ID] == nil {
			fresh = append(fresh, i)
		}
	}
	replaced := make(map[uuid.UUID]struct{}, len(x.replaced)+len(last))
	for id := range x.replaced {
		replaced[id] = struct{}{}
	}
	for id, i := range last {
		fresh, replaced[id] = append(fresh, i), struct{}{}
	}
	if len(replaced) > 500+len(x.all.items)/16 {
		for _, i := range x.all.items {
			if _, gone := replaced[i.ID]; !gone {
				fresh = append(fresh, i)
			}
		}
		return NewIndex(fresh)
	}
	return &Index{all: x.all, fresh: newPart(fresh), replaced: replaced}
}

// Len is the number of items.
func (x *Index) Len() int {
	if x == nil {
		return 0
	}
	n := len(x.fresh.items) + len(x.all.items)
	for id := range x.replaced {
		if _, there := x.all.ids[id]; there {
			n--
		}
	}
	return n
}

func (x *Index) stands(i *Item) bool {
	_, gone := x.replaced[i.ID]
	return !gone
}

// ByExternalID is the item of the brand's own id; nil: there is none.
func (x *Index) ByExternalID(own string) *Item {
	if x == nil {
		return nil
	}
	if i := x.fresh.find(own); i != nil {
		return i
	}
	if i := x.all.find(own); i != nil && x.stands(i) {
		return i
	}
	return nil
}

// Search returns up to limit items that a keyword finds, the best first; see the package's words. limit is bounded by
// MostFound.
func (x *Index) Search(keyword string, limit int) []*Item {
	key := Normalize(keyword)
	if limit = min(limit, MostFound); x == nil || key == "" || limit <= 0 {
		return nil
	}
	best := map[*Item]rank{}
	take := func(i *Item, r rank) bool {
		if before, known := best[i]; !known || r < before {
			best[i] = r
		}
		return true
	}
	x.fresh.search(key, limit, take)
	x.all.search(key, limit, func(i *Item, r rank) bool { return x.stands(i) && take(i, r) })
	found := make([]*Item, 0, len(best))
	for i := range best {
		found = append(found, i)
	}
	slices.SortFunc(found, func(a, b *Item) int {
		return cmp.Or(cmp.Compare(best[a], best[b]), cmp.Compare(a.ExternalID, b.ExternalID))
	})
	return found[:min(len(found), limit)]
}

// Finds tells whether a keyword finds an item at all.
func Finds(keyword string, i *Item) bool {
	key := Normalize(keyword)
	for _, term := range terms(i) {
		if _, ok := rankOf(key, term); ok {
			return true
		}
	}
	return false
}

// Related is another item of the same category that is to be had in a store (the zero store: anywhere): the next one in
// the order of the own ids, after the last the first. nil: there is none. So every item has its own, and always the same.
func (x *Index) Related(i *Item, storeID uuid.UUID) *Item {
	if x == nil || i.Category == "" {
		return nil
	}
	after := x.all.category(i.Category, i.ExternalID)
	fresh := x.fresh.category(i.Category, i.ExternalID)
	for range mostRelated {
		next := after.peek(x.stands)
		if other := fresh.peek(nil); next == nil || other != nil && follows(i.ExternalID, next, other) {
			next = other
			fresh.at++
		} else {
			after.at++
		}
		if next == nil {
			return nil
		}
		if next.ExternalID != i.ExternalID && next.IsAt(storeID) {
			return next
		}
	}
	return nil
}

// follows tells whether a comes after b in the order that begins behind an own id.
func follows(from string, a, b *Item) bool {
	wrapA, wrapB := a.ExternalID <= from, b.ExternalID <= from
	if wrapA != wrapB {
		return wrapA
	}
	return a.ExternalID > b.ExternalID
}

// rank orders what is found: how it was found, then how long the term is.
type rank int

func rankOf(key, term string) (rank, bool) {
	how := 2
	switch {
	case key == term:
		how = 0
	case strings.HasPrefix(term, key):
		how = 1
	case !within(key) || !strings.Contains(term, key):
		return 0, false
	}
	return rank(how<<16 + utf8.RuneCountInString(term)), key != ""
}

// within tells whether a key is long enough to be looked for inside terms.
func within(key string) bool { return utf8.RuneCountInString(key) > 1 }

// terms are what an item is found by, each once.
func terms(i *Item) []string {
	list := make([]string, 0, len(i.Names)+len(i.Keywords)+1)
	add := func(text string) {
		if key := Normalize(text); key != "" && !slices.Contains(list, key) {
			list = append(list, key)
		}
	}
	for _, name := range i.Names {
		add(name)
	}
	for _, k := range i.Keywords {
		add(k)
	}
	add(i.Category)
	return list
}
