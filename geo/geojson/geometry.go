package geojson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/paulmach/orb"
	orbjson "github.com/paulmach/orb/geojson"

	"github.com/wantgo/wantgo/geo"
)

// fill parses a feature's members. What is spelled as nearly every file spells it is read by hand; the rest, and all
// that is wrong, is left to the decoders that know every turn of the format.
func (f *Feature) fill(m *members, strict bool, shared *names) error {
	if !bytes.Equal(m.kind, featureKind) {
		var kind string
		if err := json.Unmarshal(m.kind, &kind); err != nil || kind != "Feature" {
			return errors.New("type is not Feature")
		}
	}
	if m.properties != nil {
		var ok bool
		if f.Properties, ok = plainProperties(m.properties, shared); !ok {
			f.Properties = nil
			if err := json.Unmarshal(m.properties, &f.Properties); err != nil {
				return fmt.Errorf("properties: %w", plain(err))
			}
		}
	}
	f.Name, _ = f.Properties["name"].(string)
	if g, ok := plainGeometry(m.geometry); ok {
		return f.take(g, strict)
	}
	return f.place(m.geometry, strict)
}

func (f *Feature) place(raw []byte, strict bool) error {
	var head struct {
		Type        string          `json:"type"`
		Coordinates json.RawMessage `json:"coordinates"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return fmt.Errorf("geometry: %w", plain(err))
	}
	at, ok := positionDepth[head.Type]
	if head.Type == "" {
		return errors.New("geometry: there is none")
	}
	if !ok {
		return fmt.Errorf("geometry: a %.40q has no inside; Polygon, MultiPolygon and Point are read", head.Type)
	}
	if err := checkPositions(head.Coordinates, at); err != nil {
		return err
	}
	g, err := orbjson.UnmarshalGeometry(raw)
	if err != nil {
		return fmt.Errorf("geometry: %w", plain(err))
	}
	return f.take(polygonsOf(g.Coordinates), strict)
}

// geometry is what a geometry's coordinates say: a point, or polygons.
type geometry struct {
	point    *geo.Point
	polygons [][][]geo.Point
}

func polygonsOf(g orb.Geometry) (read geometry) {
	switch g := g.(type) {
	case orb.Point:
		read.point = &geo.Point{Lat: g.Lat(), Lng: g.Lon()}
	case orb.Polygon:
		read.polygons = append(read.polygons, rings(g))
	case orb.MultiPolygon:
		for _, p := range g {
			read.polygons = append(read.polygons, rings(p))
		}
	}
	return read
}

func (f *Feature) take(g geometry, strict bool) error {
	if g.point != nil {
		f.Point = g.point
		return g.point.Validate()
	}
	area, warnings, err := geo.NewArea(g.polygons, strict)
	if err != nil {
		return err
	}
	f.Shape, f.Warnings = area, warnings
	return nil
}

func rings(p orb.Polygon) [][]geo.Point {
	out := make([][]geo.Point, len(p))
	for i, ring := range p {
		out[i] = make([]geo.Point, len(ring))
		for j, at := range ring {
			out[i][j] = geo.Point{Lat: at.Lat(), Lng: at.Lon()}
		}
	}
	return out
}

// positionDepth is the depth of brackets at which a geometry has its positions.
var positionDepth = map[string]int{"Point": 1, "Polygon": 3, "MultiPolygon": 4}

// checkPositions refuses what a decoder into pairs would let through: positions of under two numbers and null.
func checkPositions(raw []byte, at int) error {
	if len(raw) == 0 {
		return errors.New("geometry: no coordinates")
	}
	depth, numbers, blank := 0, 0, true
	for _, b := range raw {
		switch b {
		case '[':
			depth++
			numbers, blank = 1, true
		case ',':
			numbers++
		case ']':
			if depth == at && (blank || numbers < 2) {
				return errors.New("geometry: a position has under two numbers")
			}
			depth--
		case 'n':
			return errors.New("geometry: a coordinate is null")
		case ' ', '\t', '\r', '\n':
		default:
			blank = false
		}
	}
	return nil
}

// plain keeps of a decoder's error what is safe to show: never a value of the input.
func plain(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("a %.12s is where a %s is expected", kind.Value, kind.Type.Kind())
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return errors.New("not sound JSON (is a coordinate not a finite number?)")
	}
	return errors.New("cannot be decoded")
}
