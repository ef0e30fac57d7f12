package campaign

import (
	"slices"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/store"
)

// Match appends to dst every campaign that m may start, each once, in a fixed order: those of the item, its category, the
// keyword or the type that an AppEvent tells; those naming the store, those naming a tag, those for every store; those
// naming the fence, those naming a tag of it. A dwelled moment matches a campaign only at that campaign's own dwell time.
//
// A moment of one campaign (a reminder's, a sending's, a fence's that is the campaign's own) matches that and no other,
// and is not asked again what led to it.
func (x *Index) Match(m *Moment, dst []Candidate) []Candidate {
	if only := m.only(); only != uuid.Nil {
		if e := x.byID[only]; e != nil && e.campaign.startable() && e.campaign.Trigger.On(m.Kind) && e.dwelled(m) {
			dst = append(dst, Candidate{Campaign: e.campaign, Moment: m})
		}
		return dst
	}
	switch {
	case m.Fence != nil && m.Kind.ByFence():
		x.around(m.Kind, m.Fence, m.Store, func(e *entry) {
			if e.dwelled(m) {
				dst = append(dst, Candidate{Campaign: e.campaign, Moment: m})
			}
		})
	case m.Kind.ByEvent():
		x.told(m, func(e *entry) { dst = append(dst, Candidate{Campaign: e.campaign, Moment: m}) })
	case !m.Kind.ByFence():
		x.each(placeKey{kind: m.Kind}, m.Store, m.tags(), func(e *entry) { dst = append(dst, Candidate{Campaign: e.campaign, Moment: m}) })
	}
	return dst
}

// only is the one campaign that the moment is of; uuid.Nil: it is of none.
func (m *Moment) only() uuid.UUID {
	if m.Campaign == uuid.Nil && m.Fence != nil {
		return m.Fence.CampaignID
	}
	return m.Campaign
}

// tags are those of the moment's store; a free fence's own stand in for them.
func (m *Moment) tags() []string {
	switch {
	case m.Store != nil:
		return m.Store.Tags
	case m.Fence != nil:
		return m.Fence.Tags
	}
	return nil
}

func (e *entry) dwelled(m *Moment) bool {
	return m.Kind != Dwelled || m.Fence == nil || m.dwellAsked(e.campaign) == m.dwellReached()
}

// around visits the campaigns that a transition at a fence may start, each once.
func (x *Index) around(kind Kind, f *store.Fence, s *store.Store, visit func(*entry)) {
	if f.CampaignID != uuid.Nil {
		if e := x.byID[f.CampaignID]; e != nil && e.campaign.startable() && e.campaign.Trigger.On(kind) {
			visit(e)
		}
		return
	}
	tags := f.Tags
	if s != nil {
		tags = s.Tags
	}
	x.each(placeKey{kind, f.Purpose}, s, tags, visit)
	if len(x.byFence) == 0 && len(x.byFenceTag) == 0 {
		return
	}
	placed := func(e *entry) bool { return slices.Contains(e.campaign.Trigger.purposes(), f.Purpose) && e.at(s, tags) }
	for _, e := range x.byFence[fenceKey{kind, f.ID}] {
		if !placed(e) {
			visit(e)
		}
	}
	for i, tag := range f.Tags {
		for _, e := range x.byFenceTag[fenceTagKey{kind, tag}] {
			if _, named := e.fences[f.ID]; !named && !placed(e) && !hasAny(e.fenceTags, f.Tags[:i]) {
				visit(e)
			}
		}
	}
}

// told visits the campaigns that an AppEvent may start, each once.
func (x *Index) told(m *Moment, visit func(*entry)) {
	tags := m.tags()
	fits := func(e *entry) {
		if e.about(m) && e.at(m.Store, tags) {
			visit(e)
		}
	}
	if len(x.byWord) > 0 {
		id := m.itemID()
		for _, e := range x.byWord[wordKey{m.Kind, itemWord, id}] {
			fits(e)
		}
		if m.Item != nil {
			for _, e := range x.byWord[wordKey{m.Kind, categoryWord, m.Item.Category}] {
				if !contains(e.items, id) {
					fits(e)
				}
			}
		}
		switch {
		case m.Kind == Searched:
			for _, e := range x.byWord[wordKey{m.Kind, keywordWord, m.keyword()}] {
				fits(e)
			}
		case m.Kind == Did && m.Event != nil:
			for _, e := range x.byWord[wordKey{m.Kind, typeWord, m.Event.Type}] {
				fits(e)
			}
		}
	}
	x.each(placeKey{kind: m.Kind}, m.Store, tags, func(e *entry) {
		if e.about(m) {
			visit(e)
		}
	})
}

// each visits the campaigns of a place, each once: by its store, by its tags, and those for every place.
func (x *Index) each(at placeKey, s *store.Store, tags []string, visit func(*entry)) {
	id := uuid.Nil
	if s != nil {
		id = s.ID
		for _, e := range x.byStore[storeKey{at, id}] {
			visit(e)
		}
	}
	for i, tag := range tags {
		for _, e := range x.byTag[tagKey{at, tag}] {
			if !e.found(id, tags[:i]) {
				visit(e)
			}
		}
	}
	for _, e := range x.general[at] {
		visit(e)
	}
}

// found tells whether the campaign was met before: by the store's id or by one of the earlier tags.
func (e *entry) found(id uuid.UUID, earlier []string) bool {
	if _, ok := e.stores[id]; ok && id != uuid.Nil {
		return true
	}
	return hasAny(e.tags, earlier)
}
