package campaign

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/store"
)

// Index finds the campaigns a moment may start by kind, fence purpose and store, tag or neither, without a look at
// any other campaign. It is immutable and safe for concurrent use. Drafts, ended and deleted campaigns are not in
// it; paused ones are, so that a decision can say so.
//
// A free fence has no store: its own tags stand in for a store's, and campaigns for every store take it too.
type Index struct {
	byStore  map[storeKey][]*entry
	byTag    map[tagKey][]*entry
	general  map[placeKey][]*entry
	shortest time.Duration
}

type placeKey struct {
	kind    Kind
	purpose store.Purpose
}

type storeKey struct {
	placeKey
	store uuid.UUID
}

type tagKey struct {
	placeKey
	tag string
}

// entry is a campaign with what tells whether another list holds it too.
type entry struct {
	campaign *Campaign
	stores   map[uuid.UUID]struct{}
	tags     map[string]struct{}
}

// NewIndex indexes campaigns, which must not change afterwards.
func NewIndex(campaigns []*Campaign) *Index {
	x := &Index{byStore: map[storeKey][]*entry{}, byTag: map[tagKey][]*entry{}, general: map[placeKey][]*entry{}}
	for _, c := range campaigns {
		if (c.State == Live || c.State == Paused) && c.DeletedAt.IsZero() {
			x.add(c)
		}
	}
	return x
}

func (x *Index) add(c *Campaign) {
	e := &entry{campaign: c, stores: set(c.Trigger.Stores), tags: set(c.Trigger.Tags)}
	for kind := range set(c.Trigger.Kinds) {
		for purpose := range set(c.Trigger.purposes()) {
			x.put(placeKey{kind, purpose}, e)
		}
	}
	if d := c.Trigger.Dwell; c.Trigger.On(Dwelled) && d > 0 && (x.shortest == 0 || d < x.shortest) {
		x.shortest = d
	}
}

func (x *Index) put(at placeKey, e *entry) {
	for id := range e.stores {
		x.byStore[storeKey{at, id}] = append(x.byStore[storeKey{at, id}], e)
	}
	for tag := range e.tags {
		x.byTag[tagKey{at, tag}] = append(x.byTag[tagKey{at, tag}], e)
	}
	if len(e.stores)+len(e.tags) == 0 {
		x.general[at] = append(x.general[at], e)
	}
}

func set[T comparable](list []T) map[T]struct{} {
	m := make(map[T]struct{}, len(list))
	for _, v := range list {
		m[v] = struct{}{}
	}
	return m
}

// Match appends to dst every campaign that m may start, each once, in a fixed order: those naming the store, those
// naming a tag, those for every store. A dwelled moment matches a campaign only at that campaign's own dwell time.
func (x *Index) Match(m *Moment, dst []Candidate) []Candidate {
	if m.Fence == nil {
		return dst
	}
	tags := m.Fence.Tags
	if m.Store != nil {
		tags = m.Store.Tags
	}
	x.each(placeKey{m.Kind, m.Fence.Purpose}, m.Store, tags, func(c *Campaign) {
		if m.Kind != Dwelled || m.dwellAsked(c) == m.dwellReached() {
			dst = append(dst, Candidate{Campaign: c, Moment: m})
		}
	})
	return dst
}

func (x *Index) each(at placeKey, s *store.Store, tags []string, visit func(*Campaign)) {
	id := uuid.Nil
	if s != nil {
		id = s.ID
		for _, e := range x.byStore[storeKey{at, id}] {
			visit(e.campaign)
		}
	}
	for i, tag := range tags {
		for _, e := range x.byTag[tagKey{at, tag}] {
			if !e.found(id, tags[:i]) {
				visit(e.campaign)
			}
		}
	}
	for _, e := range x.general[at] {
		visit(e.campaign)
	}
}

// found tells whether the campaign was met before: by the store's id or by one of the earlier tags.
func (e *entry) found(id uuid.UUID, earlier []string) bool {
	if _, ok := e.stores[id]; ok {
		return true
	}
	return slices.ContainsFunc(earlier, func(tag string) bool { _, ok := e.tags[tag]; return ok })
}
