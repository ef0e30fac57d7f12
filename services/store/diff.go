package store

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/wantgo/wantgo/geo"
)

// field is one column of a store: its text, and how it is taken over.
type field struct {
	name string
	text func(*Store) string
	copy func(to, from *Store)
}

var fields = map[string]field{
	colLat:      {colLat, func(s *Store) string { return degrees(s.Place.Lat) }, func(to, from *Store) { to.Place.Lat = from.Place.Lat }},
	colLng:      {colLng, func(s *Store) string { return degrees(s.Place.Lng) }, func(to, from *Store) { to.Place.Lng = from.Place.Lng }},
	colBrand:    {colBrand, func(s *Store) string { return s.Chain }, func(to, from *Store) { to.Chain = from.Chain }},
	colCity:     {colCity, func(s *Store) string { return s.District }, func(to, from *Store) { to.District = from.District }},
	colAddress:  {colAddress, func(s *Store) string { return s.Address }, func(to, from *Store) { to.Address = from.Address }},
	colPhone:    {colPhone, func(s *Store) string { return s.Phone }, func(to, from *Store) { to.Phone = from.Phone }},
	colImage:    {colImage, func(s *Store) string { return s.ImageURL }, func(to, from *Store) { to.ImageURL = from.ImageURL }},
	colTimeZone: {colTimeZone, func(s *Store) string { return s.TimeZone }, func(to, from *Store) { to.TimeZone = from.TimeZone }},
	colHours:    {colHours, func(s *Store) string { return s.Hours.String() }, func(to, from *Store) { to.Hours.Weekly = from.Hours.Weekly }},
	colTags:     {colTags, func(s *Store) string { return strings.Join(s.Tags, ";") }, func(to, from *Store) { to.Tags = from.Tags }},
	colClosed:   {colClosed, func(s *Store) string { return strconv.FormatBool(s.Closed) }, func(to, from *Store) { to.Closed = from.Closed }},
}

// fieldOf is the field behind a column; id, country, radius and purpose have none.
func fieldOf(column string) (field, bool) {
	locale, named := strings.CutPrefix(column, namePrefix)
	if named || column == colName {
		if !named {
			locale = ""
		}
		return field{
			name: column,
			text: func(s *Store) string { return s.Names[locale] },
			copy: func(to, from *Store) { to.setName(locale, from.Names[locale]) },
		}, true
	}
	f, ok := fields[column]
	return f, ok
}

func degrees(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// FieldChange is one field before and after.
type FieldChange struct {
	Field string `json:"field"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// Change is what a row would do.
type Change struct {
	Line    int           `json:"line"`
	ID      string        `json:"id"`
	Created bool          `json:"created"`
	Fields  []FieldChange `json:"fields"` // what differs, or all that is not empty of a new store
}

// Difference is what a list would do to the stores there are.
type Difference struct {
	Created, Updated, Unchanged int
	// Changes of rows that would create or update, in the order of the list.
	Changes []Change
}

// Diff tells what a list would do to a brand's live stores and fences, found by their own ids. Nothing is ever deleted by
// a list. zone is the brand's, for new stores of which nothing tells it.
func Diff(existing []Store, fences []Fence, rows []Row, zone string) Difference {
	stores := make(map[string]*Store, len(existing))
	for i := range existing {
		stores[existing[i].ExternalID] = &existing[i]
	}
	shapes := make(map[string]*Fence, len(fences))
	for i := range fences {
		shapes[fences[i].ExternalID] = &fences[i]
	}
	var d Difference
	for i := range rows {
		d.add(&rows[i], stores[rows[i].Store.ExternalID], shapes[rows[i].Store.ExternalID], zone)
	}
	return d
}

func (d *Difference) add(row *Row, before *Store, fence *Fence, zone string) {
	c := Change{Line: row.Line, ID: row.Store.ExternalID, Created: before == nil}
	after := row.Merged(before, zone)
	if before == nil {
		before = &Store{}
	}
	for _, f := range allFields(before, &after) {
		if from, to := f.text(before), f.text(&after); from != to {
			c.Fields = append(c.Fields, FieldChange{Field: f.name, From: from, To: to})
		}
	}
	if row.Fence != nil && !sameFence(fence, row.Fence) {
		c.Fields = append(c.Fields, FieldChange{Field: "fence", From: fenceText(fence), To: fenceText(row.Fence)})
	}
	switch {
	case c.Created:
		d.Created++
	case len(c.Fields) == 0:
		d.Unchanged++
		return
	default:
		d.Updated++
	}
	d.Changes = append(d.Changes, c)
}

// allFields are the fields of either store, sorted by name.
func allFields(a, b *Store) []field {
	names := slices.Collect(maps.Keys(fields))
	for _, s := range []*Store{a, b} {
		for locale := range s.Names {
			name := namePrefix + locale
			if locale == "" {
				name = colName
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	all := make([]field, len(names))
	for i, name := range names {
		all[i], _ = fieldOf(name)
	}
	return all
}

func sameFence(a, b *Fence) bool {
	if a == nil || a.Purpose != b.Purpose || (a.Circle == nil) != (b.Circle == nil) || (a.Area == nil) != (b.Area == nil) {
		return false
	}
	if a.Circle != nil {
		return *a.Circle == *b.Circle
	}
	return a.Area == nil || samePolygons(a.Area.Polygons(), b.Area.Polygons())
}

func samePolygons(a, b [][][]geo.Point) bool {
	return slices.EqualFunc(a, b, func(x, y [][]geo.Point) bool {
		return slices.EqualFunc(x, y, func(p, q []geo.Point) bool { return slices.Equal(p, q) })
	})
}

func fenceText(f *Fence) string {
	switch {
	case f == nil:
		return ""
	case f.Circle != nil:
		return fmt.Sprintf("%s circle of %s m", f.Purpose, degrees(f.Circle.Radius))
	}
	return fmt.Sprintf("%s area of %d vertices", f.Purpose, f.Area.Vertices())
}
