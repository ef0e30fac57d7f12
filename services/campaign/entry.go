package campaign

import (
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/expression"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// entry is a campaign as the index keeps it: what it asks of a moment in sets, and its expressions compiled.
type entry struct {
	campaign   *Campaign
	stores     map[uuid.UUID]struct{} // named, or found by what names others
	tags       map[string]struct{}
	fences     map[uuid.UUID]struct{}
	fenceTags  map[string]struct{}
	everywhere bool // neither stores nor fences are chosen
	items      map[string]struct{}
	categories map[string]struct{}
	keywords   map[string]struct{} // normalised
	types      map[string]struct{}
	audience   compiled
	filter     compiled
}

// compiled is an expression; with a source and no program it cannot be compiled, and is never true.
type compiled struct {
	source  string
	program *expression.Program
}

func newEntry(c *Campaign, chosen map[uuid.UUID]struct{}) *entry {
	t := &c.Trigger
	e := &entry{
		campaign: c, stores: set(t.Stores), tags: set(t.Tags), fences: set(t.Fences), fenceTags: set(t.FenceTags),
		items: set(t.Items), categories: set(t.Categories), types: set(t.Types),
	}
	if len(chosen) > 0 {
		all := maps.Clone(chosen)
		maps.Copy(all, e.stores)
		e.stores = all
	}
	keywords := make([]string, len(t.Keywords))
	for i, k := range t.Keywords {
		keywords[i] = item.Normalize(k)
	}
	e.keywords = set(keywords)
	e.everywhere = !t.choosesStores() && len(t.Fences)+len(t.FenceTags) == 0
	return e
}

// choosesStores tells whether some stores are meant, by whatever names them.
func (t *Trigger) choosesStores() bool {
	return len(t.Stores)+len(t.Tags) > 0 || t.SearchesStores()
}

// SearchesStores tells whether stores are chosen by what has to be looked up among all of them.
func (t *Trigger) SearchesStores() bool { return len(t.Districts)+len(t.Sets)+len(t.Inside) > 0 }

// at tells whether a place is one that the campaign chose. Its own tags stand in for those of a store that there is not.
func (e *entry) at(s *store.Store, tags []string) bool {
	if e.everywhere {
		return true
	}
	if s != nil {
		if _, ok := e.stores[s.ID]; ok {
			return true
		}
	}
	return hasAny(e.tags, tags)
}

func hasAny(of map[string]struct{}, list []string) bool {
	return len(of) > 0 && slices.ContainsFunc(list, func(s string) bool { _, ok := of[s]; return ok })
}

func contains(of map[string]struct{}, s string) bool { _, ok := of[s]; return ok }

// about tells whether what an AppEvent tells is what the campaign asks for: of every group that it names something in, one.
func (e *entry) about(m *Moment) bool {
	switch {
	case m.Kind == Searched && len(e.keywords) > 0 && !contains(e.keywords, m.keyword()):
		return false
	case m.Kind == Did && len(e.types) > 0 && (m.Event == nil || !contains(e.types, m.Event.Type)):
		return false
	case m.Kind == Lingered && (m.Event == nil || m.Event.Lingered < e.campaign.Trigger.Linger):
		return false
	case len(e.items)+len(e.categories) == 0:
		return true
	}
	return contains(e.items, m.itemID()) || m.Item != nil && contains(e.categories, m.Item.Category)
}

// itemID is the brand's own id of what the moment is about.
func (m *Moment) itemID() string {
	switch {
	case m.Item != nil:
		return m.Item.ExternalID
	case m.Event != nil:
		return m.Event.ItemID
	}
	return ""
}

// keyword is what was searched for, as keywords are compared.
func (m *Moment) keyword() string {
	if m.Event == nil {
		return ""
	}
	return item.Normalize(m.Event.Keyword)
}
