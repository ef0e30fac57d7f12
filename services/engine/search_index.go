package engine

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

// searchIndex is one brand's stores for finding them by place, label and text. It is immutable but for what rotas
// remember of their hours; a change shares with its predecessor all that it does not touch. Closed stores are not in it.
type searchIndex struct {
	ids   ordered[*spot]     // by id
	all   *spotTree          // every store
	terms ordered[term]      // tags and chains, with the stores that have them
	keys  ordered[textEntry] // texts from the beginnings of their words on
	zones map[*time.Location]int
	offer offers
	// strewn is how many stores changed one by one since all were laid out in memory as they are on the map.
	strewn int
}

// spot is a store as searches need it.
type spot struct {
	id    uuid.UUID // the first 64 bytes are what an answer needs
	place geo.Point
	label string // see labelOf
	hours *rota
	tags  *tagSet
	store *store.Store
	chain string   // its key
	keys  []string // of names, chain and district, from each word on
}

// tagSet is the tags of one or many stores.
type tagSet struct{ names []string }

type term struct {
	name string
	tree *spotTree
}

type textEntry struct {
	key  string
	spot *spot // nil in bounds
}

func compareSpots(a, b *spot) int { return bytes.Compare(a.id[:], b.id[:]) }
func compareTerms(a, b term) int  { return strings.Compare(a.name, b.name) }
func compareTexts(a, b textEntry) int {
	if c := cmp.Compare(a.key, b.key); c != 0 || a.spot == nil || b.spot == nil {
		return c
	}
	return compareSpots(a.spot, b.spot)
}

func tagTerm(tag string) string   { return "tag\x00" + tag }
func chainTerm(key string) string { return "chain\x00" + key }

// spotWriter makes spots that share what is the same of many: hours, tags, and texts such as that of a chain.
type spotWriter struct {
	rotas map[string]*rota
	texts map[string][]string
	tags  map[string]*tagSet
}

func newSpotWriter() *spotWriter {
	return &spotWriter{map[string]*rota{}, map[string][]string{}, map[string]*tagSet{}}
}

// learn makes what a spot has known to others.
func (w *spotWriter) learn(s *spot) {
	w.rotas[rotaName(s.store)], w.tags[strings.Join(s.tags.names, "\x00")] = s.hours, s.tags
}

func (w *spotWriter) spot(s *store.Store) *spot {
	p := &spot{id: s.ID, place: s.Place, hours: w.rota(s), tags: w.tagsOf(s), label: labelOf(s), store: s, chain: textKey(s.Chain)}
	for _, name := range s.Names {
		p.keys = append(p.keys, textsOf(name)...)
	}
	p.keys = append(append(p.keys, w.textsOf(s.Chain)...), w.textsOf(s.District)...)
	slices.Sort(p.keys)
	p.keys = slices.Clip(slices.Compact(p.keys))
	return p
}

func (w *spotWriter) rota(s *store.Store) *rota {
	name := rotaName(s)
	if shared := w.rotas[name]; shared != nil {
		return shared
	}
	fresh := &rota{hours: s.Hours, zone: zoneOf(s.TimeZone), week: weekOf(&s.Hours)}
	w.rotas[name] = fresh
	return fresh
}

func (w *spotWriter) tagsOf(s *store.Store) *tagSet {
	name := strings.Join(s.Tags, "\x00")
	set := w.tags[name]
	if set == nil {
		set = &tagSet{s.Tags}
		w.tags[name] = set
	}
	return set
}

func (w *spotWriter) textsOf(text string) []string {
	if list, ok := w.texts[text]; ok {
		return list
	}
	w.texts[text] = textsOf(text)
	return w.texts[text]
}

// textsOf are the keys of a text from each of its words on.
func textsOf(text string) (list []string) {
	var room [8]int
	key, words := textKeys(text, room[:0])
	for _, at := range words {
		if rest := key[at:]; rest != "" {
			list = append(list, rest)
		}
	}
	return list
}

func (s *spot) hasPrefix(prefix string) bool {
	return slices.ContainsFunc(s.keys, func(key string) bool { return strings.HasPrefix(key, prefix) })
}

// terms are the lists that the store is in.
func (s *spot) terms() []string {
	list := make([]string, 0, len(s.tags.names)+1)
	for _, tag := range s.tags.names {
		if name := tagTerm(tag); !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	if s.chain != "" {
		list = append(list, chainTerm(s.chain))
	}
	return list
}

// newSearchIndex indexes stores afresh.
func newSearchIndex(spots []*spot) *searchIndex {
	x := &searchIndex{zones: map[*time.Location]int{}}
	all, lists := make([]entry, len(spots)), map[string][]entry{}
	var keys []textEntry
	for i, s := range spots {
		all[i] = entryOf(s)
		for _, name := range s.terms() {
			lists[name] = append(lists[name], all[i])
		}
		for _, key := range s.keys {
			keys = append(keys, textEntry{key, s})
		}
		x.zones[s.hours.zone]++
	}
	terms := make([]term, 0, len(lists))
	for name, list := range lists {
		terms = append(terms, term{name, plant(list)})
	}
	x.ids, x.terms, x.keys = sorted(compareSpots, spots), sorted(compareTerms, terms), sorted(compareTexts, keys)
	x.all = plant(all)
	return x
}

// with is the index after stores changed. One that is deleted or closed goes.
func (x *searchIndex) with(changed []store.Store) *searchIndex {
	if x == nil || len(changed) > 64 && x.strewn+len(changed) > x.ids.count/8 {
		return x.afresh(changed)
	}
	if len(changed) == 0 {
		return x
	}
	next, w := *x, newSpotWriter()
	next.strewn += len(changed)
	next.zones, next.ids, next.terms, next.keys = maps.Clone(x.zones), x.ids.edit(), x.terms.edit(), x.keys.edit()
	for i := range changed {
		s := &changed[i]
		if old, ok := next.spotOf(s.ID); ok {
			next.drop(old)
			w.learn(old)
		}
		if isFindable(s) {
			next.put(w.spot(s))
		}
	}
	return &next
}

func isFindable(s *store.Store) bool {
	return s.DeletedAt.IsZero() && !s.Closed && s.Place.Validate() == nil
}

// afresh makes the index anew, which is cheaper than very many changes one by one, and what an import in many parts ends
// with. Spots are made in the order of a tree,
// so that neighbours on the map are neighbours in memory.
func (x *searchIndex) afresh(changed []store.Store) *searchIndex {
	stores := map[uuid.UUID]*store.Store{}
	if x != nil {
		for _, piece := range x.ids.pieces {
			for _, s := range piece {
				stores[s.id] = s.store
			}
		}
	}
	for i := range changed {
		delete(stores, changed[i].ID)
		if isFindable(&changed[i]) {
			stores[changed[i].ID] = &changed[i]
		}
	}
	sketch, unknown := make([]entry, 0, len(stores)), &rota{}
	for _, s := range stores {
		sketch = append(sketch, entryOf(&spot{place: s.Place, hours: unknown, store: s}))
	}
	w, spots := newSpotWriter(), make([]*spot, 0, len(stores))
	for _, e := range plant(sketch).entries(nil) {
		spots = append(spots, w.spot(e.spot.store))
	}
	next := newSearchIndex(spots)
	if x != nil {
		next.offer = x.offer.among(next.spotOf)
	}
	return next
}

// spotOf finds a store.
func (x *searchIndex) spotOf(id uuid.UUID) (*spot, bool) {
	return x.ids.get(&spot{id: id})
}

// term is the tree of a list; nil: no store is in it.
func (x *searchIndex) term(name string) *spotTree {
	t, _ := x.terms.get(term{name: name})
	return t.tree
}

func (x *searchIndex) put(s *spot) {
	e := entryOf(s)
	x.ids.put(s)
	x.all = x.all.with(e)
	for _, name := range s.terms() {
		x.terms.put(term{name, x.term(name).with(e)})
	}
	for _, key := range s.keys {
		x.keys.put(textEntry{key, s})
	}
	x.zones[s.hours.zone]++
	if x.offer.names(s.id) {
		x.offer.named = x.offer.named.with(e)
	}
}

func (x *searchIndex) drop(s *spot) {
	e := entryOf(s)
	x.ids.remove(s)
	x.all, _ = x.all.without(e)
	for _, name := range s.terms() {
		if rest, _ := x.term(name).without(e); rest != nil {
			x.terms.put(term{name, rest})
		} else {
			x.terms.remove(term{name: name})
		}
	}
	for _, key := range s.keys {
		x.keys.remove(textEntry{key, s})
	}
	zone := s.hours.zone
	if x.zones[zone]--; x.zones[zone] == 0 {
		delete(x.zones, zone)
	}
	if x.offer.names(s.id) {
		x.offer.named, _ = x.offer.named.without(e)
	}
}

// withCampaigns is the index after campaigns changed; list holds all of them. chosen finds the stores of those that choose
// them otherwise than by id or tag.
func (x *searchIndex) withCampaigns(list []*campaign.Campaign, chosen storesChosen) *searchIndex {
	next := *x
	next.offer = newOffers(list, chosen).among(x.spotOf)
	next.offer.holidays = x.offer.holidays
	return &next
}

// withHolidays is the index after the brand's changes to public holidays.
func (x *searchIndex) withHolidays(changes map[string]brand.Holidays) *searchIndex {
	next := *x
	next.offer.holidays = changes
	return &next
}

// prefix are the texts that begin so.
func (x *searchIndex) prefix(key string) span[textEntry] {
	return x.keys.span(textEntry{key: key}, textEntry{key: key + "\U0010FFFF"})
}
