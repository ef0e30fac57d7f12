package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
)

// offers are a brand's live campaigns with an offer, by the stores they concern.
type offers struct {
	byStore map[uuid.UUID][]*campaign.Campaign
	byTag   map[string][]*campaign.Campaign
	general []*campaign.Campaign // of every store
	naming  []*campaign.Campaign // those that name stores
	named   *spotTree            // the stores that any campaign names
	anyHour bool                 // one of them asks for no open store
	// holidays are the brand's changes to what is known of countries.
	holidays map[string]brand.Holidays
}

// storesChosen finds the stores that a campaign chooses otherwise than by id or tag.
type storesChosen func(*campaign.Campaign) map[uuid.UUID]struct{}

func newOffers(list []*campaign.Campaign, chosen storesChosen) offers {
	o := offers{byStore: map[uuid.UUID][]*campaign.Campaign{}, byTag: map[string][]*campaign.Campaign{}}
	for _, c := range list {
		if c.State != campaign.Live || c.Offer == nil || !c.DeletedAt.IsZero() {
			continue
		}
		o.anyHour = o.anyHour || !c.OpenOnly || c.OpenLead > 0
		stores := c.Trigger.Stores
		if c.Trigger.SearchesStores() && chosen != nil {
			stores = withChosen(stores, chosen(c))
		}
		for _, id := range stores {
			o.byStore[id] = append(o.byStore[id], c)
		}
		for _, tag := range c.Trigger.Tags {
			o.byTag[tag] = append(o.byTag[tag], c)
		}
		if len(stores) > 0 {
			o.naming = append(o.naming, c)
		}
		if len(c.Trigger.Stores)+len(c.Trigger.Tags) == 0 && !c.Trigger.SearchesStores() {
			o.general = append(o.general, c)
		}
	}
	return o
}

// withChosen are the stores named and those found beside them.
func withChosen(named []uuid.UUID, found map[uuid.UUID]struct{}) []uuid.UUID {
	all := maps.Clone(found)
	for _, id := range named {
		all[id] = struct{}{}
	}
	return slices.Collect(maps.Keys(all))
}

// among is the same for other stores.
func (o offers) among(spotOf func(uuid.UUID) (*spot, bool)) offers {
	var named []entry
	for id := range o.byStore {
		if s, ok := spotOf(id); ok {
			named = append(named, entryOf(s))
		}
	}
	o.named = plant(named)
	return o
}

func (o *offers) names(id uuid.UUID) bool { return len(o.byStore[id]) > 0 }

// concern tells whether any of them concerns a store at a time: it is in its dates and hours, and where it asks for
// that the store is open, and who searches could still win its offer.
func (o *offers) concern(s *spot, at time.Time, who *seeker) bool {
	if s.hours.zone == nil || len(o.byStore)+len(o.byTag)+len(o.general) == 0 {
		return false
	}
	local := at.In(s.hours.zone)
	holds := func(c *campaign.Campaign) bool {
		return c.Schedule.At(local, o.holidays) == "" && s.openFor(c, at) && who.mayWin(c, at, s.store)
	}
	if slices.ContainsFunc(o.general, holds) || slices.ContainsFunc(o.byStore[s.id], holds) {
		return true
	}
	return slices.ContainsFunc(s.tags.names, func(tag string) bool { return slices.ContainsFunc(o.byTag[tag], holds) })
}

// openFor tells whether the store is open as a campaign asks for it.
func (s *spot) openFor(c *campaign.Campaign, at time.Time) bool {
	if !c.OpenOnly || c.OpenLead == 0 && c.OpenTail == 0 {
		return !c.OpenOnly || s.hours.at(at).Open
	}
	open, known := c.OpenAt(s.store.Hours, at, s.hours.zone)
	return open && known
}

// trees hold every store that they may concern in any of some zones; all of the brand's is told by whole.
func (o *offers) trees(x *searchIndex, times map[*time.Location]time.Time, who *seeker) (trees []*spotTree, whole bool) {
	somewhere := func(c *campaign.Campaign) bool {
		for zone, at := range times {
			if c.Schedule.At(at.In(zone), o.holidays) == "" && who.mayWin(c, at, nil) {
				return true
			}
		}
		return false
	}
	if slices.ContainsFunc(o.general, somewhere) {
		return nil, true
	}
	for tag, list := range o.byTag {
		if slices.ContainsFunc(list, somewhere) {
			trees = append(trees, x.term(tagTerm(tag)))
		}
	}
	if who == nil {
		return append(trees, o.named), false
	}
	return append(trees, o.namedBy(x, somewhere)), false
}

// plantCost is about how many stores a walk looks at in the time that it takes to plant one.
const plantCost = 8

// namedBy holds every store that is named by one of some campaigns, and perhaps others that are named.
func (o *offers) namedBy(x *searchIndex, some func(*campaign.Campaign) bool) *spotTree {
	var ids []uuid.UUID
	for _, c := range o.naming {
		if !some(c) {
			continue
		}
		if ids = append(ids, c.Trigger.Stores...); c.Trigger.SearchesStores() || len(ids)*plantCost > o.named.size() {
			return o.named
		}
	}
	var few []entry
	for _, id := range ids {
		if s, ok := x.spotOf(id); ok {
			few = append(few, entryOf(s))
		}
	}
	return plant(few)
}
