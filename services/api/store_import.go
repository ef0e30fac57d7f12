package api

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

var formats = map[v1.ImportStoresRequest_Format]string{
	v1.ImportStoresRequest_CSV: store.FormatCSV, v1.ImportStoresRequest_GEOJSON: store.FormatGeoJSON,
}

// storeImport is one ImportStores on its way.
type storeImport struct {
	*Server
	caller  *Caller
	request *v1.ImportStoresRequest
	zone    string
	locale  string
	rows    []store.Row
	refused []*v1.ImportReport_Row
	stores  map[string]*store.Store
	fences  map[string]*store.Fence
	visits  map[uuid.UUID]*store.Fence // store -> its visit fence
}

// ImportStores creates and updates stores from a file; nothing is deleted by one.
func (s *storeService) ImportStores(ctx context.Context, r *v1.ImportStoresRequest) (*v1.ImportStoresResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	in := &storeImport{Server: s.Server, caller: c, request: r, zone: orText(r.GetTimeZone(), b.Settings.TimeZone), locale: orText(r.GetLocale(), b.Settings.Locale)}
	if err := in.settings(); err != nil {
		return nil, err
	}
	content, err := unpack(r.GetContent())
	if err != nil {
		return nil, err
	}
	encoding := encodingOf(r.GetEncoding(), content)
	if err := in.read(content, encoding); err != nil {
		return nil, err
	}
	in.known()
	in.sift()
	report := in.report(encoding)
	if r.GetValidateOnly() {
		return &v1.ImportStoresResponse{Report: report}, nil
	}
	w := in.write()
	if len(w.Stores)+len(w.Fences) == 0 {
		return &v1.ImportStoresResponse{Report: report}, nil
	}
	_, err = s.engine.Write(ctx, w)
	return &v1.ImportStoresResponse{Report: report}, write{}.conflict(err, "", "")
}

// withColumns gives the column that the contract names otherwise than lists do the name it has there.
func withColumns(content []byte, format v1.ImportStoresRequest_Format) []byte {
	const ours, theirs = "radius_meters", "radius_m"
	if format == v1.ImportStoresRequest_GEOJSON {
		return bytes.ReplaceAll(content, []byte(`"`+ours+`"`), []byte(`"`+theirs+`"`))
	}
	header, rest, more := bytes.Cut(content, []byte{'\n'})
	if !more {
		return content
	}
	return slices.Concat(bytes.Replace(header, []byte(ours), []byte(theirs), 1), []byte{'\n'}, rest)
}

func (in *storeImport) settings() error {
	var fs faults
	if !brand.ValidTimeZone(in.zone) {
		fs.add("time_zone", v1.ErrorReason_TIME_ZONE_UNKNOWN, "not an IANA time zone", "time_zone", in.zone)
	}
	if !brand.ValidLocale(in.locale) {
		fs.add("locale", v1.ErrorReason_LOCALE_INVALID, "not a BCP 47 language tag", "locale", in.locale)
	}
	return fs.err()
}

// read reads the file; what the domain calls the name is the name in the locale asked for.
func (in *storeImport) read(content []byte, encoding string) error {
	rows, refused, err := store.Read(bytes.NewReader(withColumns(content, in.request.GetFormat())), formats[in.request.GetFormat()], encoding)
	if errors.Is(err, store.ErrList) {
		return unreadable("1", strings.TrimPrefix(err.Error(), store.ErrList.Error()+": "))
	}
	if err != nil {
		return err
	}
	for _, f := range refused {
		reason := v1.ErrorReason_INVALID_FIELD
		if f.Field == "id" && strings.HasPrefix(f.Reason, "already in line") {
			reason = v1.ErrorReason_ROW_REPEATED
		}
		in.refuse(f.Line, f.ID, reason, f.Field, f.Reason)
	}
	const plain, located = "name", "name:"
	for i := range rows {
		s := &rows[i].Store
		if name, ok := s.Names[""]; ok && s.Names[in.locale] == "" {
			s.Names[in.locale] = name
		}
		delete(s.Names, "")
		if at := slices.Index(rows[i].Columns, plain); at >= 0 {
			rows[i].Columns = slices.Clone(rows[i].Columns)
			rows[i].Columns[at] = located + in.locale
		}
	}
	in.rows = rows
	return nil
}

func (in *storeImport) refuse(line int, id string, reason v1.ErrorReason_Code, field, detail string) {
	in.refused = append(in.refused, &v1.ImportReport_Row{
		Line: int32(line), ExternalId: id, Action: v1.ImportReport_REFUSED, Reason: reason, Field: field, Detail: detail,
	})
}

// known looks up what the brand has.
func (in *storeImport) known() {
	in.stores, in.fences, in.visits = map[string]*store.Store{}, map[string]*store.Fence{}, map[uuid.UUID]*store.Fence{}
	for _, s := range in.engine.Stores(in.caller.Brand) {
		in.stores[s.ExternalID] = s
	}
	for _, f := range in.engine.Fences(in.caller.Brand) {
		in.fences[f.ExternalID] = f
		if f.Purpose == store.Visit {
			in.visits[f.StoreID] = f
		}
	}
}

// sift gives each row its fence and refuses rows that the caller may not write or that could not be kept.
func (in *storeImport) sift() {
	in.rows = slices.DeleteFunc(in.rows, func(row store.Row) bool {
		id := row.Store.ExternalID
		before := in.stores[id]
		target := uuid.Nil
		if before != nil {
			target = before.ID
		}
		if !in.caller.Key.AllowsStore(target) {
			in.refuse(row.Line, id, v1.ErrorReason_STORE_NOT_ALLOWED, "id", "the key is limited to other stores")
			return true
		}
		merged := row.Merged(before, in.zone)
		if fs := faultsOf(merged.Validate(), fieldNames{}); fs != nil {
			in.refuse(row.Line, id, fs[0].Reason, fs[0].Field, fs[0].Text)
			return true
		}
		for _, f := range in.fencesOf(&row, uuid.Max) {
			if fs := faultsOf(f.Validate(), fieldNames{}); fs != nil {
				in.refuse(row.Line, id, fs[0].Reason, "radius_meters", fs[0].String())
				return true
			}
			if other := in.visits[target]; f.Purpose == store.Visit && other != nil && other.ExternalID != f.ExternalID {
				in.refuse(row.Line, id, v1.ErrorReason_VISIT_FENCE_EXISTS, "purpose", "the store has its visit fence already")
				return true
			}
		}
		return false
	})
}

func (f fault) String() string { return f.Field + ": " + f.Text }

// fencesOf are the fences that a row makes for its store: its own, else the one round every store of the file.
func (in *storeImport) fencesOf(row *store.Row, storeID uuid.UUID) []store.Fence {
	var list []store.Fence
	add := func(f store.Fence) {
		f.StoreID, f.ExternalID = storeID, row.Store.ExternalID+"/"+string(f.Purpose)
		if f.ID = uuid.Max; in.fences[f.ExternalID] != nil {
			f.ID = in.fences[f.ExternalID].ID
		}
		list = append(list, f)
	}
	if row.Fence != nil {
		add(*row.Fence)
	}
	for _, extra := range []struct {
		purpose store.Purpose
		radius  float64
	}{{store.Near, in.request.GetNearRadiusMeters()}, {store.Visit, in.request.GetVisitRadiusMeters()}} {
		if extra.radius > 0 && (row.Fence == nil || row.Fence.Purpose != extra.purpose) {
			add(store.Fence{Purpose: extra.purpose, Circle: &geo.Circle{Center_: row.Store.Place, Radius: extra.radius}})
		}
	}
	return list
}

// columnNames are a list's columns as fields of the contract.
var columnNames = map[string]string{
	"lat": "latitude", "lng": "longitude", "brand": "chain", "city": "district", "image_url": "image_uri", "closed": "state",
}

func columnField(column string) string {
	if locale, ok := strings.CutPrefix(column, "name:"); ok {
		return "names." + locale
	}
	if name, ok := columnNames[column]; ok {
		return name
	}
	return column
}

// report is what the rows do or would do.
func (in *storeImport) report(encoding string) *v1.ImportReport {
	existing := make([]store.Store, 0, len(in.stores))
	for _, s := range in.stores {
		existing = append(existing, *s)
	}
	d := store.Diff(existing, in.shapes(), in.rows, in.zone)
	slices.SortFunc(in.refused, func(a, b *v1.ImportReport_Row) int { return int(a.Line) - int(b.Line) })
	out := &v1.ImportReport{
		Created: int32(d.Created), Updated: int32(d.Updated), Unchanged: int32(d.Unchanged), Refused: int32(len(in.refused)),
		Encoding: encoding, Rows: in.refused,
	}
	for _, row := range in.rows {
		for _, w := range row.Warnings {
			out.Mended++
			out.Rows = append(out.Rows, &v1.ImportReport_Row{
				Line: int32(row.Line), ExternalId: row.Store.ExternalID, Action: v1.ImportReport_MENDED, Field: columnField(w.Field), Detail: w.Reason,
			})
		}
	}
	for _, created := range []bool{true, false} {
		for _, c := range d.Changes {
			if c.Created == created {
				out.Rows = append(out.Rows, changeTo(c))
			}
		}
	}
	return reported(out)
}

func changeTo(c store.Change) *v1.ImportReport_Row {
	row := &v1.ImportReport_Row{Line: int32(c.Line), ExternalId: c.ID, Action: v1.ImportReport_UPDATED}
	if c.Created {
		row.Action = v1.ImportReport_CREATED
		return row
	}
	for _, f := range c.Fields {
		row.Changes = append(row.Changes, &v1.ImportReport_Change{Field: columnField(f.Field), Before: f.From, After: f.To})
	}
	return row
}

// shapes are the fences that rows would replace, under the names by which the domain compares them: their stores'.
func (in *storeImport) shapes() []store.Fence {
	var list []store.Fence
	for _, row := range in.rows {
		if row.Fence == nil {
			continue
		}
		if f := in.fences[row.Store.ExternalID+"/"+string(row.Fence.Purpose)]; f != nil {
			same := *f
			same.ExternalID = row.Store.ExternalID
			list = append(list, same)
		}
	}
	return list
}

// write is everything that the file changes, in one go. What would stay the same is left out.
func (in *storeImport) write() engine.CatalogueWrite {
	now := in.engine.Now()
	w := engine.CatalogueWrite{BrandID: in.caller.Brand, Actor: in.caller.by()}
	for i := range in.rows {
		row := &in.rows[i]
		before := in.stores[row.Store.ExternalID]
		after := row.Merged(before, in.zone)
		if before == nil {
			after.ID = engine.NewID(now)
		}
		if before == nil || differs(before, row, in.zone) {
			w.Stores = append(w.Stores, after)
		}
		own := in.fencesOf(row, after.ID)
		for _, f := range in.moved(in.caller, before, &after) {
			if !slices.ContainsFunc(own, func(o store.Fence) bool { return o.ExternalID == f.ExternalID }) {
				w.Fences = append(w.Fences, f)
			}
		}
		w.Fences = append(w.Fences, in.changed(own, func() uuid.UUID { return engine.NewID(now) })...)
	}
	return w
}

// differs tells whether a row changes its store.
func differs(before *store.Store, row *store.Row, zone string) bool {
	bare := *row
	bare.Fence = nil
	return store.Diff([]store.Store{*before}, nil, []store.Row{bare}, zone).Updated > 0
}

// changed leaves out the fences that are there already, and keeps of others what a file does not say.
func (in *storeImport) changed(list []store.Fence, newID func() uuid.UUID) (changed []store.Fence) {
	for _, f := range list {
		before := in.fences[f.ExternalID]
		if before == nil {
			f.ID = newID()
			changed = append(changed, f)
			continue
		}
		f.Tags, f.Rules = before.Tags, before.Rules
		row := store.Row{Store: store.Store{ExternalID: f.ExternalID}, Fence: &f}
		if store.Diff([]store.Store{row.Store}, []store.Fence{*before}, []store.Row{row}, "").Updated > 0 || before.StoreID != f.StoreID {
			changed = append(changed, f)
		}
	}
	return changed
}
