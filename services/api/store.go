package api

import (
	"maps"
	"slices"

	"github.com/wantgo/wantgo/geo"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// storeNames are the domain's field names as the contract has them.
var storeNames = fieldNames{
	prefix: "store.",
	names:  map[string]string{"lat": "latitude", "lng": "longitude", "image_url": "image_uri"},
	reasons: map[string]v1.ErrorReason_Code{
		"time_zone": v1.ErrorReason_TIME_ZONE_UNKNOWN, "names": v1.ErrorReason_LOCALE_INVALID,
	},
}

// storeFixed are the fields that the server sets.
var storeFixed = []string{"id", "etag", "create_time", "update_time"}

func storeTo(s *store.Store, b *brand.Settings) *v1.Store {
	out := &v1.Store{
		Id: s.ID.String(), ExternalId: s.ExternalID, Etag: etagOf(s.Version), Names: maps.Clone(s.Names),
		Latitude: &s.Place.Lat, Longitude: &s.Place.Lng, TimeZone: s.TimeZone, Address: s.Address, District: s.District,
		Phone: s.Phone, Chain: s.Chain, ImageUri: s.ImageURL, Tags: slices.Clone(s.Tags), Hours: spansTo(s.Hours.Weekly),
		HoursExceptions: exceptionsTo(s.Hours.Exceptions), State: v1.Store_ACTIVE,
	}
	if name, ok := out.Names[""]; ok { // the contract has no name without a locale
		delete(out.Names, "")
		if _, taken := out.Names[b.Locale]; !taken {
			out.Names[b.Locale] = name
		}
	}
	if s.Closed {
		out.State = v1.Store_INACTIVE
	}
	return out
}

// storeFrom reads a store over base, whose identity it keeps.
func storeFrom(g *v1.Store, base store.Store, b *brand.Settings) (*store.Store, error) {
	s, fs := base, faults{}
	s.ExternalID = g.GetExternalId()
	if s.ExternalID == "" {
		s.ExternalID = s.ID.String() // a store always has a name of its own
	}
	s.Names, s.Place = maps.Clone(g.GetNames()), geo.Point{Lat: g.GetLatitude(), Lng: g.GetLongitude()}
	if g.Latitude == nil {
		fs.add("store.latitude", v1.ErrorReason_INVALID_FIELD, "missing")
	}
	if g.Longitude == nil {
		fs.add("store.longitude", v1.ErrorReason_INVALID_FIELD, "missing")
	}
	s.TimeZone = orText(g.GetTimeZone(), orText(base.TimeZone, b.TimeZone))
	s.Address, s.District, s.Phone, s.Chain = g.GetAddress(), g.GetDistrict(), g.GetPhone(), g.GetChain()
	s.ImageURL, s.Tags = g.GetImageUri(), slices.Clone(g.GetTags())
	s.Hours = store.Hours{
		Weekly: spansFrom(g.GetHours()), Exceptions: exceptionsFrom(g.GetHoursExceptions(), "store.hours_exceptions", &fs),
	}
	s.Closed = g.GetState() == v1.Store_INACTIVE
	fs.unsupported(g.GetCountry() != "", "store.country", "the time zone says it")
	fs = append(fs, faultsOf(s.Validate(), storeNames)...)
	if len(fs) > 1 && (g.Latitude == nil || g.Longitude == nil) {
		fs = slices.DeleteFunc(fs, func(f fault) bool { return f.Text == "0,0 is no store's place" })
	}
	return &s, fs.err()
}

// moved are the store's circles, where they follow its place: a circle whose centre is the place has none of its own.
func (s *Server) moved(c *Caller, before, after *store.Store) []store.Fence {
	var list []store.Fence
	if before == nil || before.Place == after.Place {
		return nil
	}
	for _, f := range s.engine.FencesOf(c.Brand, before.ID) {
		if f.Circle == nil || f.Circle.Center_ != before.Place {
			continue
		}
		follows := *f
		follows.Circle = &geo.Circle{Center_: after.Place, Radius: f.Circle.Radius}
		list = append(list, follows)
	}
	return list
}

// putStore writes a store with the fences that follow it.
func (s *Server) putStore(w write, before, after *store.Store) error {
	return s.stores().write(w, after, engine.CatalogueWrite{Stores: []store.Store{*after}, Fences: s.moved(w.caller, before, after)})
}

// findStore finds a store of the caller's brand that the caller may act for.
func (s *Server) findStore(c *Caller, id, externalID string) (*store.Store, error) {
	found, err := s.stores().find(c, id, externalID)
	if err != nil {
		return nil, err
	}
	return found, c.mayStore(found.ID)
}
