package api

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
)

var attributeTypes = map[v1.Attribute_Type]string{
	v1.Attribute_STRING: brand.TypeString, v1.Attribute_NUMBER: brand.TypeNumber, v1.Attribute_BOOL: brand.TypeBool,
	v1.Attribute_DATE: brand.TypeDate, v1.Attribute_LIST: brand.TypeList,
}

var eventWays = map[v1.EventType_Way]string{v1.EventType_TASK: brand.EventTask, v1.EventType_CONTENT: brand.EventContent}

// declaredFrom reads what a brand declares for its campaigns: types, attributes, store sets, topics, holidays, and how they
// compete.
func (a CampaignSetting) declaredFrom(given *v1.BrandSettings, s *brand.Settings, fs *faults) {
	s.EventTypes, s.StoreSets, s.Holidays = nil, nil, nil
	s.Attributes = attributesFrom(given.GetAttributes())
	for _, g := range given.GetEventTypes() {
		s.EventTypes = append(s.EventTypes, brand.EventType{Name: g.GetName(), Kind: eventWays[g.GetWay()], Properties: attributesFrom(g.GetProperties())})
	}
	for i, g := range given.GetStoreSets() {
		s.StoreSets = append(s.StoreSets, a.storeSetFrom(g, fmt.Sprintf("brand.settings.store_sets[%d].", i), fs))
	}
	for country, g := range given.GetHolidays() {
		if s.Holidays == nil {
			s.Holidays = map[string]brand.Holidays{}
		}
		s.Holidays[country] = brand.Holidays{Added: slices.Clone(g.GetAdded()), Removed: slices.Clone(g.GetRemoved())}
	}
	s.Topics, s.Holdout = slices.Clone(given.GetTopics()), given.GetHoldout()
	s.Digest, s.Review = given.GetDigest(), given.GetReview()
}

func attributesFrom(given []*v1.Attribute) (list []brand.Attribute) {
	for _, g := range given {
		list = append(list, brand.Attribute{Name: g.GetName(), Type: attributeTypes[g.GetType()]})
	}
	return list
}

func (a CampaignSetting) storeSetFrom(g *v1.StoreSet, field string, fs *faults) brand.StoreSet {
	set := brand.StoreSet{Name: g.GetName(), Tags: slices.Clone(g.GetStoreTags()), Districts: slices.Clone(g.GetDistricts())}
	if a.Store != nil {
		set.Stores = a.storesFrom(nil, g.GetStoreExternalIds(), field, v1.ErrorReason_CAMPAIGN_STORE_UNKNOWN, fs)
	} else {
		fs.unsupported(len(g.GetStoreExternalIds()) > 0, field+"store_external_ids", "no stores are known here")
	}
	set.Inside = insideFrom(g.GetInsideGeojson(), field+"inside_geojson", fs)
	return set
}

// declaredTo writes what declaredFrom reads.
func (s *Server) declaredTo(b *brand.Brand, out *v1.BrandSettings) {
	set := &b.Settings
	out.Attributes, out.Topics, out.Holdout = attributesTo(set.Attributes), slices.Clone(set.Topics), set.Holdout
	out.Digest, out.Review = set.Digest, set.Review
	for _, t := range set.EventTypes {
		out.EventTypes = append(out.EventTypes, &v1.EventType{Name: t.Name, Way: keyOf(eventWays, t.Kind), Properties: attributesTo(t.Properties)})
	}
	for _, t := range set.StoreSets {
		out.StoreSets = append(out.StoreSets, &v1.StoreSet{Name: t.Name, StoreExternalIds: s.storeNames(b.ID, t.Stores),
			StoreTags: slices.Clone(t.Tags), Districts: slices.Clone(t.Districts), InsideGeojson: compact(t.Inside)})
	}
	for country, days := range set.Holidays {
		if out.Holidays == nil {
			out.Holidays = map[string]*v1.HolidayChanges{}
		}
		out.Holidays[country] = &v1.HolidayChanges{Added: slices.Clone(days.Added), Removed: slices.Clone(days.Removed)}
	}
}

func attributesTo(list []brand.Attribute) (out []*v1.Attribute) {
	for _, a := range list {
		out = append(out, &v1.Attribute{Name: a.Name, Type: keyOf(attributeTypes, a.Type)})
	}
	return out
}

// storeNames are the own ids of stores; one that is gone is left out, so that what is read can be written back.
func (s *Server) storeNames(brandID uuid.UUID, ids []uuid.UUID) (names []string) {
	for _, id := range ids {
		if found, err := s.engine.Store(brandID, id); err == nil {
			names = append(names, found.ExternalID)
		}
	}
	return names
}
