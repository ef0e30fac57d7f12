package api

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/geojson"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// fenceImport is one ImportFences on its way.
type fenceImport struct {
	*Server
	caller  *Caller
	request *v1.ImportFencesRequest
	visits  map[uuid.UUID]string // store -> own id of its visit fence; of those that were asked for
	refused []*v1.ImportReport_Row
	mended  []*v1.ImportReport_Row
	created reportRows
	updated reportRows
	same    int32
	put     []store.Fence
}

// reportRows are the rows of one kind: all are counted, as many as a report may list are made.
type reportRows struct {
	count int
	rows  []*v1.ImportReport_Row
}

// next counts a row and tells whether it is to be made.
func (r *reportRows) next() bool {
	r.count++
	return len(r.rows) < maxReported
}

// ImportFences creates and updates fences from GeoJSON, by their own ids.
func (s *fenceService) ImportFences(ctx context.Context, r *v1.ImportFencesRequest) (*v1.ImportFencesResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	var fs faults
	fs.unsupported(r.GetTimeZone() != "" && r.GetTimeZone() != b.Settings.TimeZone, "time_zone", "a free fence has the brand's zone")
	if fs != nil {
		return nil, fs.err()
	}
	content, err := unpack(r.GetContent())
	if err != nil {
		return nil, err
	}
	result, err := geojson.Read(bytes.NewReader(content), r.GetStrict())
	if err != nil {
		return nil, unreadable("1", err.Error())
	}
	in := &fenceImport{Server: s.Server, caller: c, request: r, visits: map[uuid.UUID]string{}, put: make([]store.Fence, 0, len(result.Features))}
	for _, f := range result.Refused {
		in.refuse(f.Line, f.Position, f.ID, fault{Reason: v1.ErrorReason_SHAPE_INVALID, Field: "geometry", Text: f.Reason})
	}
	before := s.engine.FencesByExternalID(c.Brand, ownIDs(result.Features))
	for i := range result.Features {
		in.take(&result.Features[i], before[i])
	}
	if !r.GetValidateOnly() && len(in.put) > 0 {
		if _, err := s.engine.Write(ctx, engine.CatalogueWrite{BrandID: c.Brand, Actor: c.by(), Fences: in.put}); err != nil {
			return nil, write{}.conflict(err, "", "")
		}
	}
	return &v1.ImportFencesResponse{Report: in.report()}, nil
}

func (in *fenceImport) refuse(line, position int, id string, f fault) {
	in.refused = append(in.refused, &v1.ImportReport_Row{
		Line: int32(line), Feature: int32(position), ExternalId: id, Action: v1.ImportReport_REFUSED, Reason: f.Reason, Field: f.Field, Detail: f.Text,
	})
}

func ownIDs(features []geojson.Feature) []string {
	ids := make([]string, len(features))
	for i := range features {
		ids[i] = features[i].ID
	}
	return ids
}

// take makes a fence of one feature, or refuses it. before is the fence of that own id, or nil.
func (in *fenceImport) take(feature *geojson.Feature, before *store.Fence) {
	f := store.Fence{ID: engine.NewID(in.engine.Now()), ExternalID: feature.ID}
	if before != nil {
		f.ID, f.Rules = before.ID, before.Rules
	}
	if bad := in.fill(&f, feature, before); bad.Reason != 0 {
		in.refuse(feature.Line, feature.Position, feature.ID, bad)
		return
	}
	if f.Purpose == store.Visit {
		in.visits[f.StoreID] = f.ExternalID
	}
	for _, w := range feature.Warnings {
		row := rowOf(feature, v1.ImportReport_MENDED)
		row.Field, row.Detail = "geometry", w.String()
		in.mended = append(in.mended, row)
	}
	switch {
	case before == nil:
		if in.created.next() {
			in.created.rows = append(in.created.rows, rowOf(feature, v1.ImportReport_CREATED))
		}
	case sameFence(before, &f):
		in.same++
		return
	default:
		if in.updated.next() {
			row := rowOf(feature, v1.ImportReport_UPDATED)
			row.Changes = fenceChanges(before, &f)
			in.updated.rows = append(in.updated.rows, row)
		}
	}
	in.put = append(in.put, f)
}

func rowOf(feature *geojson.Feature, action v1.ImportReport_Action) *v1.ImportReport_Row {
	return &v1.ImportReport_Row{Line: int32(feature.Line), Feature: int32(feature.Position), ExternalId: feature.ID, Action: action}
}

// fill reads what a feature says; the zero fault when all is well.
func (in *fenceImport) fill(f *store.Fence, feature *geojson.Feature, before *store.Fence) fault {
	f.Purpose = orPurpose(purposes[in.request.GetPurpose()], store.Near)
	if name, given := feature.Properties["purpose"]; given {
		text, _ := name.(string)
		if f.Purpose = store.Purpose(text); f.Purpose != store.Visit && f.Purpose != store.Near && f.Purpose != store.Other {
			return fault{Reason: v1.ErrorReason_INVALID_FIELD, Field: "purpose", Text: "must be visit, near or other"}
		}
	}
	if bad := in.fillStore(f, feature.Properties["store_external_id"], before); bad.Reason != 0 {
		return bad
	}
	f.Tags = tagsOf(feature.Properties["tags"], in.request.GetTags())
	if bad := fillShape(f, feature); bad.Reason != 0 {
		return bad
	}
	if fs := faultsOf(f.Validate(), fieldNames{reasons: fenceNames.reasons}); fs != nil {
		return fs[0]
	}
	if f.Purpose == store.Visit && in.isTaken(f) {
		return fault{Reason: v1.ErrorReason_VISIT_FENCE_EXISTS, Field: "purpose", Text: "the store has its visit fence already"}
	}
	return fault{}
}

// isTaken tells whether the store of a visit fence has another one, in the catalogue or further up in the file.
func (in *fenceImport) isTaken(f *store.Fence) bool {
	own, taken := in.visits[f.StoreID]
	if !taken {
		for _, other := range in.engine.FencesOf(in.caller.Brand, f.StoreID) {
			if other.Purpose == store.Visit {
				own, taken = other.ExternalID, true
			}
		}
	}
	return taken && own != f.ExternalID
}

func orPurpose(p, otherwise store.Purpose) store.Purpose {
	if p == "" {
		return otherwise
	}
	return p
}

func (in *fenceImport) fillStore(f *store.Fence, name any, before *store.Fence) fault {
	if text, _ := name.(string); text != "" {
		at, err := in.engine.StoreByExternalID(in.caller.Brand, text)
		if err != nil {
			return fault{Reason: v1.ErrorReason_STORE_NOT_FOUND, Field: "store_external_id", Text: "there is no such store"}
		}
		f.StoreID = at.ID
	}
	if !in.caller.Key.AllowsStore(f.StoreID) {
		return fault{Reason: v1.ErrorReason_STORE_NOT_ALLOWED, Field: "store_external_id", Text: "the key is limited to other stores"}
	}
	if before != nil && !in.caller.Key.AllowsStore(before.StoreID) {
		return fault{Reason: v1.ErrorReason_STORE_NOT_ALLOWED, Field: "id", Text: "the key is limited to other stores"}
	}
	return fault{}
}

func fillShape(f *store.Fence, feature *geojson.Feature) fault {
	if feature.Point == nil {
		area, ok := feature.Shape.(*geo.Area)
		if !ok {
			return fault{Reason: v1.ErrorReason_SHAPE_INVALID, Field: "geometry", Text: "not a Polygon, MultiPolygon or Point"}
		}
		f.Area = area
		return fault{}
	}
	radius, ok := feature.Properties["radius_meters"].(float64)
	if !ok || !(radius >= 10 && radius <= 50_000) {
		return fault{Reason: v1.ErrorReason_INVALID_FIELD, Field: "radius_meters", Text: "a Point needs a radius of 10 to 50000 m"}
	}
	circle, err := geo.NewCircle(*feature.Point, radius)
	if err != nil {
		return fault{Reason: v1.ErrorReason_SHAPE_INVALID, Field: "geometry", Text: err.Error()}
	}
	f.Circle = &circle
	return fault{}
}

// tagsOf are a feature's tags, a list or one text, with those for all.
func tagsOf(property any, all []string) []string {
	var tags []string
	add := func(tag string) {
		if tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	switch p := property.(type) {
	case string:
		add(p)
	case []any:
		for _, v := range p {
			text, _ := v.(string)
			add(text)
		}
	}
	for _, tag := range all {
		add(tag)
	}
	return tags
}

func sameFence(a, b *store.Fence) bool {
	return a.Purpose == b.Purpose && a.StoreID == b.StoreID && slices.Equal(a.Tags, b.Tags) && sameShape(a, b)
}

// fenceChanges are the fields that differ. A shape is told by its size alone.
func fenceChanges(a, b *store.Fence) (changes []*v1.ImportReport_Change) {
	add := func(field string, differs bool, text func(*store.Fence) string) {
		if differs {
			changes = append(changes, &v1.ImportReport_Change{Field: field, Before: text(a), After: text(b)})
		}
	}
	add("purpose", a.Purpose != b.Purpose, func(f *store.Fence) string { return string(f.Purpose) })
	add("store_id", a.StoreID != b.StoreID, func(f *store.Fence) string { return formatID(f.StoreID) })
	add("tags", !slices.Equal(a.Tags, b.Tags), func(f *store.Fence) string { return fmt.Sprint(f.Tags) })
	add("shape", !sameShape(a, b), shapeText)
	return changes
}

func sameShape(a, b *store.Fence) bool {
	if a.Circle != nil && b.Circle != nil {
		return *a.Circle == *b.Circle
	}
	return a.Area != nil && b.Area != nil && reflect.DeepEqual(a.Area.Polygons(), b.Area.Polygons())
}

func shapeText(f *store.Fence) string {
	if f.Circle != nil {
		return fmt.Sprintf("circle of %g m", f.Circle.Radius)
	}
	return fmt.Sprintf("area of %d vertices", f.Area.Vertices())
}

func (in *fenceImport) report() *v1.ImportReport {
	slices.SortStableFunc(in.refused, func(a, b *v1.ImportReport_Row) int { return int(a.Feature) - int(b.Feature) })
	return reported(&v1.ImportReport{
		Created: int32(in.created.count), Updated: int32(in.updated.count), Unchanged: in.same, Refused: int32(len(in.refused)),
		Mended: int32(len(in.mended)), Encoding: encodingUTF8, Rows: slices.Concat(in.refused, in.mended, in.created.rows, in.updated.rows),
	})
}
