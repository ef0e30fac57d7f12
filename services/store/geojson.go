package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/geojson"
)

func (l *list) readGeoJSON(lines []string) error {
	result, err := geojson.Read(strings.NewReader(strings.Join(lines, "\n")), false)
	if err != nil {
		if errors.Is(err, geojson.ErrFormat) {
			err = fmt.Errorf("%w: %w", ErrList, err)
		}
		return err
	}
	for _, r := range result.Refused {
		l.refused = append(l.refused, Refusal{Line: r.Line, ID: clip(r.ID), Field: "geometry", Reason: r.Reason})
	}
	seen := map[string]bool{}
	for _, r := range result.Refused {
		seen[r.ID] = true
	}
	for _, f := range result.Features {
		seen[f.ID] = true
	}
	for i := range result.Features {
		f := &result.Features[i]
		f.ID = ownID(f, seen)
		l.addFeature(f)
	}
	slices.SortStableFunc(l.refused, func(a, b Refusal) int { return a.Line - b.Line })
	return nil
}

func (l *list) addFeature(f *geojson.Feature) {
	rec := &record{line: f.Line, cells: map[string]string{}, place: f.Point}
	var broken Violations
	for _, name := range slices.Sorted(maps.Keys(f.Properties)) {
		column := columnOf(name)
		if column == "" || column == colID {
			continue
		}
		text, ok := propertyText(f.Properties[name])
		if !ok {
			broken.Add(column, "must be text, a number, true or false")
		}
		if strings.ContainsRune(text, utf8.RuneError) {
			broken.Add(column, "bytes that are no text in the file's encoding")
		}
		rec.set(column, text)
	}
	rec.set(colID, f.ID)
	if area, ok := f.Shape.(*geo.Area); ok {
		center := area.Center()
		rec.area, rec.place = area, &center
	}
	for _, w := range f.Warnings {
		rec.warn = append(rec.warn, Violation{Field: "geometry", Reason: w.String()})
	}
	if strings.ContainsRune(f.ID, utf8.RuneError) {
		broken.Add(colID, "bytes that are no text in the file's encoding")
	}
	if len(broken) > 0 {
		l.refuse(f.Line, f.ID, broken)
		return
	}
	l.add(rec)
}

// ownID takes back the number that the reader of GeoJSON gives to a repeated id ("a#2"), so that a second store of one own
// id is refused as in a table. Features without an id, called after their name, keep it: names may repeat.
func ownID(f *geojson.Feature, seen map[string]bool) string {
	at := strings.LastIndexByte(f.ID, '#')
	if at < 0 {
		return f.ID
	}
	base := f.ID[:at]
	if _, err := strconv.Atoi(f.ID[at+1:]); err != nil || !seen[base] {
		return f.ID
	}
	if name, _ := propertyText(f.Properties["name"]); name == base {
		return f.ID
	}
	return base
}

// propertyText is a property as a cell of a table.
func propertyText(value any) (text string, ok bool) {
	switch v := value.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case fmt.Stringer: // json.Number
		return v.String(), true
	case []any:
		var parts []string
		for _, item := range v {
			part, isText := item.(string)
			if !isText {
				return "", false
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, ";"), true
	}
	return "", false
}
