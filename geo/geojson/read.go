package geojson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/wantgo/wantgo/geo"
)

const (
	// MaxFeatureBytes is the size from which on a feature is refused.
	MaxFeatureBytes = 64 << 20
	// MaxDepth is the depth of brackets from which on a feature is refused.
	MaxDepth = 64
)

// ErrFormat is returned for input that is not GeoJSON at all.
var ErrFormat = errors.New("not GeoJSON")

// Feature is one usable feature. Either Shape or Point is set.
type Feature struct {
	Position   int    // in the file, from 0
	Line       int    // where it begins, from 1
	ID         string // see Read
	Name       string // property name, if it is a string
	Properties map[string]any
	Shape      geo.Shape // of a Polygon or MultiPolygon, always a *geo.Area
	Point      *geo.Point
	Warnings   []geo.Warning
}

// Refusal is one feature that could not be used. The reason holds no coordinate.
type Refusal struct {
	Position int
	Line     int
	ID       string
	Reason   string
}

// Result is what a file held.
type Result struct {
	Features []Feature
	Refused  []Refusal
}

// Read reads a FeatureCollection, a Feature or a geometry. It returns ErrFormat if the input is none of these, and the
// reader's own errors; faults within a feature are refusals.
//
// A feature's id is its own id (string or number, spelled as in the file), else its property id, else its property
// name, else its position from 0; one met before, be that feature refused or not, gets #2, #3. With strict a feature
// that would need mending is refused.
func Read(r io.Reader, strict bool) (Result, error) {
	d := &document{in: newScanner(r), strict: strict, ids: map[string]int{}}
	if err := d.read(); err != nil {
		return d.result, err
	}
	return d.result, nil
}

type document struct {
	in     *scanner
	strict bool
	ids    map[string]int
	names  names
	result Result
	next   int
}

// read goes over the members of the top object. Features are taken as they come; all else is kept until the end tells
// what the object is.
func (d *document) read() error {
	if err := d.in.open(); err != nil {
		return err
	}
	line := d.in.line
	collection := false
	var m members
	for {
		key, err := d.in.key()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if key == "features" && !collection && d.in.peekArray() {
			collection = true
			if err := d.features(); err != nil {
				return err
			}
			continue
		}
		value, err := d.in.value()
		if err != nil {
			return fmt.Errorf("%w: member %.40q: %v", ErrFormat, key, err)
		}
		m.put(key, bytes.Clone(value))
	}
	return d.finish(&m, collection, line)
}

func (d *document) finish(m *members, collection bool, line int) error {
	var kind string
	if m.kind != nil && json.Unmarshal(m.kind, &kind) != nil {
		return fmt.Errorf("%w: type is not a string", ErrFormat)
	}
	switch {
	case collection && (kind == "FeatureCollection" || kind == ""):
		return nil
	case collection:
		return fmt.Errorf("%w: features in a %.40q", ErrFormat, kind)
	case kind == "FeatureCollection":
		return fmt.Errorf("%w: a FeatureCollection without features", ErrFormat)
	case kind == "Feature":
		d.add(m, line)
		return nil
	case kind == "":
		return fmt.Errorf("%w: no type", ErrFormat)
	}
	d.add(&members{kind: featureKind, geometry: object(m)}, line)
	return nil
}

// object writes the members that a geometry has as an object again.
func object(m *members) []byte {
	out := append([]byte(`{"type":`), m.kind...)
	if m.coordinates != nil {
		out = append(append(out, `,"coordinates":`...), m.coordinates...)
	}
	return append(out, '}')
}

func (d *document) features() error {
	for {
		more, err := d.in.element()
		if err != nil {
			return err
		}
		if !more {
			return nil
		}
		line := d.in.line
		raw, err := d.in.value()
		if err != nil {
			if err := d.broken(raw, line, err); err != nil {
				return err
			}
			continue
		}
		m, err := split(raw)
		if err != nil {
			d.refuse(&m, line, err)
			continue
		}
		d.add(&m, line)
	}
}

// broken refuses a feature that could not be cut out; only the reader's own failure ends the reading.
func (d *document) broken(raw []byte, line int, err error) error {
	if !errors.Is(err, errFault) {
		return err
	}
	m, _ := split(raw)
	d.refuse(&m, line, err)
	return nil
}

// identify gives the feature its position and id.
func (d *document) identify(m *members) (position int, id string) {
	position = d.next
	d.next++
	if id = text(m.id); id == "" {
		properties := rawProperties(m.properties)
		if id = text(properties["id"]); id == "" {
			id = text(properties["name"])
		}
	}
	if id == "" {
		id = strconv.Itoa(position)
	}
	return position, d.unique(id)
}

func (d *document) unique(id string) string {
	d.ids[id]++
	if d.ids[id] == 1 {
		return id
	}
	for {
		again := id + "#" + strconv.Itoa(d.ids[id])
		if d.ids[again] == 0 {
			d.ids[again] = 1
			return again
		}
		d.ids[id]++
	}
}

// text returns a JSON string's or number's text, else nothing.
func text(raw []byte) string {
	if plain, ok := plainText(raw); ok {
		return plain
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

func (d *document) refuse(m *members, line int, reason error) {
	position, id := d.identify(m)
	d.result.Refused = append(d.result.Refused, Refusal{Position: position, Line: line, ID: id, Reason: reason.Error()})
}

func rawProperties(raw []byte) map[string]json.RawMessage {
	var properties map[string]json.RawMessage
	if raw == nil || json.Unmarshal(raw, &properties) != nil {
		return nil
	}
	return properties
}

func (d *document) add(m *members, line int) {
	position, id := d.identify(m)
	f := Feature{Position: position, Line: line, ID: id}
	if err := f.fill(m, d.strict, &d.names); err != nil {
		d.result.Refused = append(d.result.Refused, Refusal{Position: position, Line: line, ID: id, Reason: err.Error()})
		return
	}
	d.result.Features = append(d.result.Features, f)
}
