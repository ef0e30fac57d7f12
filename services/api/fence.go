package api

import (
	"bytes"
	"slices"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/geojson"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// fenceNames are the domain's field names as the contract has them.
var fenceNames = fieldNames{
	prefix: "fence.",
	names:  map[string]string{"area": "geojson", "circle.radius": "circle.radius_meters", "circle.center": "circle.latitude"},
	reasons: map[string]v1.ErrorReason_Code{
		"area": v1.ErrorReason_SHAPE_INVALID, "shape": v1.ErrorReason_SHAPE_INVALID, "circle": v1.ErrorReason_SHAPE_INVALID,
	},
}

var fenceFixed = []string{"id", "etag", "create_time", "update_time"}

func (s *Server) fenceTo(brandID uuid.UUID, f *store.Fence) *v1.Fence {
	out := &v1.Fence{
		Id: f.ID.String(), ExternalId: f.ExternalID, Etag: etagOf(f.Version), Purpose: keyOf(purposes, f.Purpose),
		StoreId: formatID(f.StoreID), Tags: slices.Clone(f.Tags), State: v1.Fence_ACTIVE,
	}
	var at *store.Store
	if f.StoreID != uuid.Nil {
		if found, err := s.engine.Store(brandID, f.StoreID); err == nil {
			at, out.StoreExternalId, out.TimeZone = found, found.ExternalID, found.TimeZone
		}
	}
	if f.Rules != nil {
		out.Rules = presenceTo(*f.Rules, nil)
	}
	if f.Circle != nil {
		circle := &v1.Fence_Circle{RadiusMeters: f.Circle.Radius}
		if at == nil || at.Place != f.Circle.Center_ {
			circle.Latitude, circle.Longitude = &f.Circle.Center_.Lat, &f.Circle.Center_.Lng
		}
		out.Shape = &v1.Fence_Circle_{Circle: circle}
	} else if text, err := geojson.Write(f.Area); err == nil {
		out.Shape = &v1.Fence_Geojson{Geojson: string(text)}
	}
	return out
}

// fenceFrom reads a fence over base, whose identity it keeps. at is the store it is anchored to; nil: it is free.
func fenceFrom(g *v1.Fence, base store.Fence, at *store.Store, b *brand.Settings) (*store.Fence, error) {
	f, fs := base, faults{}
	f.ExternalID = orText(g.GetExternalId(), f.ID.String()) // a fence always has a name of its own
	f.Purpose, f.Tags, f.StoreID = purposes[g.GetPurpose()], slices.Clone(g.GetTags()), uuid.Nil
	if at != nil {
		f.StoreID = at.ID
	}
	fs.unsupported(g.GetDisplayName() != "", "fence.display_name", "the own id names a fence")
	fs.unsupported(g.GetState() == v1.Fence_INACTIVE, "fence.state", "delete the fence instead")
	zone := b.TimeZone
	if at != nil {
		zone = at.TimeZone
	}
	fs.unsupported(g.GetTimeZone() != "" && g.GetTimeZone() != zone, "fence.time_zone", "a fence has its store's zone, else the brand's")
	f.Rules = fenceRulesFrom(g.GetRules(), b.Presence, &fs)
	f.Circle, f.Area = shapeFrom(g, at, &fs)
	if len(fs) == 0 {
		fs = faultsOf(f.Validate(), fenceNames)
	}
	return &f, fs.err()
}

// shapeFrom reads a circle, which without a centre is round its store, or an area.
func shapeFrom(g *v1.Fence, at *store.Store, fs *faults) (*geo.Circle, *geo.Area) {
	if g.GetCircle() == nil {
		return nil, areaFrom(g.GetGeojson(), "fence.geojson", fs)
	}
	var centre geo.Point
	switch {
	case g.GetCircle().Latitude != nil:
		centre = geo.Point{Lat: g.GetCircle().GetLatitude(), Lng: g.GetCircle().GetLongitude()}
	case at != nil:
		centre = at.Place
	default:
		fs.add("fence.circle.latitude", v1.ErrorReason_INVALID_FIELD, "missing: a free circle has a centre of its own")
		return nil, nil
	}
	circle, err := geo.NewCircle(centre, g.GetCircle().GetRadiusMeters())
	if err != nil {
		fs.add("fence.circle", v1.ErrorReason_SHAPE_INVALID, err.Error(), "cause", err.Error())
		return nil, nil
	}
	return &circle, nil
}

// areaFrom reads one polygon or multipolygon, mended where it can be; nil: it is at fault.
func areaFrom(text, field string, fs *faults) *geo.Area {
	bad := func(cause string) *geo.Area {
		fs.add(field, v1.ErrorReason_SHAPE_INVALID, cause, "cause", cause, "feature", "0")
		return nil
	}
	result, err := geojson.Read(bytes.NewReader([]byte(text)), false)
	switch {
	case err != nil:
		return bad("not GeoJSON")
	case len(result.Refused) > 0:
		return bad(result.Refused[0].Reason)
	case len(result.Features) != 1:
		return bad("not one geometry")
	}
	area, ok := result.Features[0].Shape.(*geo.Area)
	if !ok {
		return bad("not a Polygon or MultiPolygon")
	}
	return area
}

// anchor finds the store that a fence names, by either id; nil for a free fence.
func (s *Server) anchor(c *Caller, g *v1.Fence) (*store.Store, error) {
	if g.GetStoreId() == "" && g.GetStoreExternalId() == "" {
		return nil, c.mayStore(uuid.Nil)
	}
	at, err := s.findStore(c, g.GetStoreId(), g.GetStoreExternalId())
	if err != nil {
		return nil, err
	}
	if name := g.GetStoreExternalId(); name != "" && name != at.ExternalID {
		var fs faults
		fs.add("fence.store_external_id", v1.ErrorReason_INVALID_FIELD, "names another store than store_id")
		return nil, fs.err()
	}
	return at, nil
}

// checkVisit refuses a second visit fence of a store.
func (s *Server) checkVisit(c *Caller, f *store.Fence) error {
	if f.Purpose != store.Visit {
		return nil
	}
	for _, other := range s.engine.FencesOf(c.Brand, f.StoreID) {
		if other.Purpose == store.Visit && other.ID != f.ID {
			var fs faults
			fs.add("fence.purpose", v1.ErrorReason_VISIT_FENCE_EXISTS, "the store has its visit fence already",
				"store_id", f.StoreID.String(), "fence_id", other.ID.String())
			return fs.err()
		}
	}
	return nil
}

func (s *Server) putFence(w write, f *store.Fence) error {
	return s.fences().write(w, f, engine.CatalogueWrite{Fences: []store.Fence{*f}})
}
