package campaign

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/store"
)

// Index finds the campaigns a moment may start without a look at any other campaign. Those of a fence are found by kind,
// the fence's purpose and its store, a tag of that or neither, or by the fence itself or a tag of it; those of an AppEvent
// by kind and what they ask of it (item, category, keyword, type), else by store. It is immutable and safe for concurrent
// use. Drafts and what has ended are not found; what is paused is, so that a decision can say so.
//
// A free fence has no store: its own tags stand in for a store's, and campaigns for every store take it too.
type Index struct {
	byStore    map[storeKey][]*entry
	byTag      map[tagKey][]*entry
	general    map[placeKey][]*entry
	byFence    map[fenceKey][]*entry
	byFenceTag map[fenceTagKey][]*entry
	byWord     map[wordKey][]*entry
	byID       map[uuid.UUID]*entry // all that are not deleted: drafts may be tried, and coupons outlive campaigns
	segments   map[uuid.UUID]*Segment
	lists      map[uuid.UUID]string // the segments' own ids by their lists
	references References
	shortest   time.Duration
	radii      []*Campaign
}

type placeKey struct {
	kind    Kind
	purpose store.Purpose // empty: of no fence
}

type storeKey struct {
	placeKey
	store uuid.UUID
}

type tagKey struct {
	placeKey
	tag string
}

type fenceKey struct {
	kind  Kind
	fence uuid.UUID
}

type fenceTagKey struct {
	kind Kind
	tag  string
}

// word is what an AppEvent tells.
type word uint8

const (
	itemWord word = iota
	categoryWord
	keywordWord
	typeWord
)

type wordKey struct {
	kind Kind
	word word
	text string
}

// NewIndex indexes campaigns, which must not change afterwards, that refer to nothing beside stores by id or tag.
func NewIndex(campaigns []*Campaign) *Index { return References{}.Index(campaigns) }

func emptyIndex(r References) *Index {
	return &Index{
		byStore: map[storeKey][]*entry{}, byTag: map[tagKey][]*entry{}, general: map[placeKey][]*entry{},
		byFence: map[fenceKey][]*entry{}, byFenceTag: map[fenceTagKey][]*entry{}, byWord: map[wordKey][]*entry{},
		byID: map[uuid.UUID]*entry{}, segments: map[uuid.UUID]*Segment{}, lists: map[uuid.UUID]string{}, references: r,
	}
}

// startable tells a campaign that moments may find.
func (c *Campaign) startable() bool {
	return (c.State == Live || c.State == Paused) && c.DeletedAt.IsZero()
}

// over tells a campaign that no moment will start any more.
func (c *Campaign) over() bool {
	return c.State == Ended || c.State == Archived || !c.DeletedAt.IsZero()
}

func (x *Index) add(e *entry) {
	t := &e.campaign.Trigger
	for kind := range set(t.Kinds) {
		switch {
		case kind.ByFence():
			x.addFence(kind, e)
		case kind.ByEvent():
			x.addEvent(kind, e)
		default:
			x.addPlace(placeKey{kind: kind}, e)
		}
	}
	if t.Radius > 0 {
		x.radii = append(x.radii, e.campaign)
	}
	if d := t.Dwell; t.On(Dwelled) && d > 0 && (x.shortest == 0 || d < x.shortest) {
		x.shortest = d
	}
}

func (x *Index) addFence(kind Kind, e *entry) {
	for purpose := range set(e.campaign.Trigger.purposes()) {
		x.addPlace(placeKey{kind, purpose}, e)
	}
	for id := range e.fences {
		x.byFence[fenceKey{kind, id}] = append(x.byFence[fenceKey{kind, id}], e)
	}
	for tag := range e.fenceTags {
		x.byFenceTag[fenceTagKey{kind, tag}] = append(x.byFenceTag[fenceTagKey{kind, tag}], e)
	}
}

// addEvent puts a campaign where the least else is found: under what it asks of an AppEvent, else under its places.
func (x *Index) addEvent(kind Kind, e *entry) {
	put := func(w word, texts map[string]struct{}) {
		for text := range texts {
			x.byWord[wordKey{kind, w, text}] = append(x.byWord[wordKey{kind, w, text}], e)
		}
	}
	switch {
	case len(e.items)+len(e.categories) > 0:
		put(itemWord, e.items)
		put(categoryWord, e.categories)
	case kind == Searched && len(e.keywords) > 0:
		put(keywordWord, e.keywords)
	case kind == Did && len(e.types) > 0:
		put(typeWord, e.types)
	default:
		x.addPlace(placeKey{kind: kind}, e)
	}
}

func (x *Index) addPlace(at placeKey, e *entry) {
	for id := range e.stores {
		x.byStore[storeKey{at, id}] = append(x.byStore[storeKey{at, id}], e)
	}
	for tag := range e.tags {
		x.byTag[tagKey{at, tag}] = append(x.byTag[tagKey{at, tag}], e)
	}
	if e.everywhere {
		x.general[at] = append(x.general[at], e)
	}
}

// set is nil for nothing.
func set[T comparable](list []T) map[T]struct{} {
	if len(list) == 0 {
		return nil
	}
	m := make(map[T]struct{}, len(list))
	for _, v := range list {
		m[v] = struct{}{}
	}
	return m
}

// Segment finds a segment; nil: there is none of that id.
func (x *Index) Segment(id uuid.UUID) *Segment {
	if x == nil {
		return nil
	}
	return x.segments[id]
}

// entry finds a campaign; nil: it is not here.
func (x *Index) entry(id uuid.UUID) *entry {
	if x == nil {
		return nil
	}
	return x.byID[id]
}

// WithRadius are the campaigns that bring fences of their own.
func (x *Index) WithRadius() []*Campaign { return x.radii }

// Chooses tells whether a campaign of the index that names stores, or none, means this one.
func (x *Index) Chooses(c *Campaign, s *store.Store) bool {
	e := x.entry(c.ID)
	return e != nil && (e.at(s, s.Tags) || !c.Trigger.choosesStores())
}
