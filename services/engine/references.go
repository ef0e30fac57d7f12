package engine

import (
	"bytes"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/geojson"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/expression"
)

// references are what the brand's campaigns refer to by name. The schema is kept while the brand's settings are.
func (t *brandTables) references(v, old *view) campaign.References {
	if old != nil && old.brand == t.brand {
		v.schema = old.schema
	} else {
		v.schema = expression.NewSchema(&t.brand.Settings)
	}
	r := campaign.References{Schema: v.schema, Segments: list(t.segments), Stores: (&storeFinder{tables: t}).chosen}
	if old != nil {
		r.Previous = old.campaigns
	}
	return r
}

// refersAnew tells whether a change may change what campaigns refer to.
func (t *brandTables) refersAnew(c *CatalogueChange) bool {
	if len(c.Campaigns)+len(c.Segments) > 0 || c.Brand != nil {
		return true
	}
	if len(c.Stores) > 0 {
		for _, one := range t.campaigns {
			if one.Trigger.SearchesStores() {
				return true
			}
		}
	}
	return false
}

// storeFinder finds the stores that triggers choose by what has to be looked up among all of them. What it found out is
// kept for the next campaign.
type storeFinder struct {
	tables     *brandTables
	byDistrict map[string][]uuid.UUID
	byTag      map[string][]uuid.UUID
	inside     map[string][]uuid.UUID // by the area's text
}

func (f *storeFinder) chosen(c *campaign.Campaign) map[uuid.UUID]struct{} {
	found := map[uuid.UUID]struct{}{}
	f.add(found, c.Trigger.Districts, nil, c.Trigger.Inside)
	for _, name := range c.Trigger.Sets {
		for i := range f.tables.brand.Settings.StoreSets {
			if set := &f.tables.brand.Settings.StoreSets[i]; set.Name == name {
				f.addSet(found, set)
			}
		}
	}
	return found
}

func (f *storeFinder) addSet(found map[uuid.UUID]struct{}, set *brand.StoreSet) {
	for _, id := range set.Stores {
		found[id] = struct{}{}
	}
	f.add(found, set.Districts, set.Tags, set.Inside)
}

func (f *storeFinder) add(found map[uuid.UUID]struct{}, districts, tags []string, area json.RawMessage) {
	if len(districts)+len(tags) > 0 && f.byTag == nil {
		f.sort()
	}
	put := func(ids []uuid.UUID) {
		for _, id := range ids {
			found[id] = struct{}{}
		}
	}
	for _, district := range districts {
		put(f.byDistrict[district])
	}
	for _, tag := range tags {
		put(f.byTag[tag])
	}
	if len(area) > 0 {
		put(f.within(area))
	}
}

func (f *storeFinder) sort() {
	f.byDistrict, f.byTag = map[string][]uuid.UUID{}, map[string][]uuid.UUID{}
	for id, s := range f.tables.stores {
		f.byDistrict[s.District] = append(f.byDistrict[s.District], id)
		for _, tag := range s.Tags {
			f.byTag[tag] = append(f.byTag[tag], id)
		}
	}
}

// within lists the stores inside an area. One that cannot be read holds none: it was checked when it was written.
func (f *storeFinder) within(area json.RawMessage) (ids []uuid.UUID) {
	if found, known := f.inside[string(area)]; known {
		return found
	}
	result, err := geojson.Read(bytes.NewReader(area), false)
	if err != nil {
		return nil
	}
	for i := range result.Features {
		if shape := result.Features[i].Shape; shape != nil {
			for id, s := range f.tables.stores {
				if shape.Contains(s.Place) {
					ids = append(ids, id)
				}
			}
		}
	}
	if f.inside == nil {
		f.inside = map[string][]uuid.UUID{}
	}
	f.inside[string(area)] = ids
	return ids
}
