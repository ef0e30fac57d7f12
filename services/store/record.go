package store

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/services/brand"
)

// record is one row or feature as texts by column.
type record struct {
	line  int
	cells map[string]string
	order []string // of the columns
	area  *geo.Area
	place *geo.Point // of the geometry; columns lat and lng go before it
	warn  []Violation
}

func (rec *record) set(column, cell string) {
	if _, twice := rec.cells[column]; !twice {
		rec.order = append(rec.order, column)
	}
	cell = strings.TrimSpace(cell)
	if column != colID && strings.IndexFunc(cell, unicode.IsControl) >= 0 {
		rec.warn = append(rec.warn, Violation{Field: column, Reason: "control characters or line breaks became blanks"})
		cell = strings.Join(strings.FieldsFunc(cell, func(r rune) bool { return unicode.IsControl(r) || r == ' ' }), " ")
	}
	rec.cells[column] = cell
}

// row makes a store and its fence of the texts, or tells every fault.
func (rec *record) row() (Row, Violations) {
	var vs Violations
	s := Store{
		ExternalID: rec.cells[colID], Chain: rec.cells[colBrand], District: rec.cells[colCity], Address: rec.cells[colAddress],
		Phone: rec.cells[colPhone], ImageURL: rec.cells[colImage], TimeZone: rec.cells[colTimeZone],
	}
	for column, cell := range rec.cells {
		if locale, ok := strings.CutPrefix(column, namePrefix); ok {
			s.setName(locale, cell)
		}
	}
	s.setName("", rec.cells[colName])
	s.Tags = splitTags(rec.cells[colTags])
	s.Place = rec.position(&vs)
	s.Closed = rec.closed(&vs)
	s.Hours = rec.hours()
	if s.TimeZone == "" {
		s.TimeZone = ZoneFor(s.Place, rec.cells[colCountry], "")
	}
	vs = append(vs, rec.faults(&s, len(vs) > 0)...)
	fence := rec.fence(&s, &vs)
	return Row{Line: rec.line, Store: s, Fence: fence, Columns: rec.columns(), Warnings: rec.warn}, vs
}

// faults checks the store; one whose position could not be read is not blamed for the position again.
func (rec *record) faults(s *Store, noPlace bool) Violations {
	vs := slices.DeleteFunc(s.faults(), func(v Violation) bool {
		return noPlace && (v.Field == colLat || v.Field == colLng)
	})
	for i := range vs {
		if vs[i].Field == "external_id" {
			vs[i].Field = colID
		}
	}
	if zone := rec.cells[colTimeZone]; zone != "" && !brand.ValidTimeZone(zone) {
		vs.Add(colTimeZone, "not an IANA time zone such as Asia/Seoul")
	}
	return vs
}

// columns are those that an existing store takes over. A row without a cell for its place still places its store.
func (rec *record) columns() []string {
	columns := slices.Clone(rec.order)
	for _, column := range []string{colLat, colLng} {
		if !slices.Contains(columns, column) {
			columns = append(columns, column)
		}
	}
	// An empty zone is none to take over: a store always has one.
	return slices.DeleteFunc(columns, func(c string) bool { return c == colTimeZone && rec.cells[c] == "" })
}

func (rec *record) position(vs *Violations) geo.Point {
	lat, lng := rec.cells[colLat], rec.cells[colLng]
	if lat == "" && lng == "" && rec.place != nil {
		return *rec.place
	}
	return geo.Point{Lat: number(colLat, lat, vs), Lng: number(colLng, lng, vs)}
}

func number(field, text string, vs *Violations) float64 {
	if text == "" {
		vs.Add(field, "missing")
		return 0
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		vs.Add(field, "not a number")
	}
	return value
}

func (rec *record) closed(vs *Violations) bool {
	switch strings.ToLower(rec.cells[colClosed]) {
	case "", "false", "0", "no", "n":
		return false
	case "true", "1", "yes", "y":
		return true
	}
	vs.Add(colClosed, "must be true or false")
	return false
}

func (rec *record) hours() Hours {
	text := rec.cells[colHours]
	if text == "" {
		return Hours{}
	}
	h, err := ParseHours(text)
	if err != nil {
		rec.warn = append(rec.warn, Violation{Field: colHours, Reason: "left unknown: " + err.Error()})
	}
	return h
}

// fence is the row's fence: its area, else a circle where it has a radius.
func (rec *record) fence(s *Store, vs *Violations) *Fence {
	f := &Fence{ExternalID: s.ExternalID, Purpose: Purpose(rec.cells[colPurpose]), Area: rec.area}
	if f.Purpose == "" {
		f.Purpose = Near
	}
	if f.Purpose != Visit && f.Purpose != Near && f.Purpose != Other {
		vs.Add(colPurpose, "must be visit, near or other")
	}
	radius := rec.cells[colRadius]
	if rec.area != nil {
		f.checkShape(vs)
		return f
	}
	if radius == "" {
		return nil
	}
	metres := number(colRadius, radius, vs)
	if !(metres >= MinRadius && metres <= MaxRadius) {
		vs.Add(colRadius, "must be %d to %d m", MinRadius, MaxRadius)
		return nil
	}
	circle, err := geo.NewCircle(s.Place, metres)
	if err != nil { // of the place, which was judged already
		return nil
	}
	f.Circle = &circle
	return f
}

func splitTags(text string) []string {
	var tags []string
	for tag := range strings.SplitSeq(text, ";") {
		if tag = strings.TrimSpace(tag); tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}

func (s *Store) setName(locale, name string) {
	if name == "" {
		delete(s.Names, locale)
		return
	}
	if s.Names == nil {
		s.Names = map[string]string{}
	}
	s.Names[locale] = name
}
