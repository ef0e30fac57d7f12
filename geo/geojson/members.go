package geojson

import (
	"encoding/json"
	"fmt"
)

// members are those of an object that mean something here, as they are spelled; nil: it has none of that name. Of a
// repeated one the last counts.
type members struct{ kind, id, properties, geometry, coordinates []byte }

var featureKind = []byte(`"Feature"`)

func (m *members) put(key string, value []byte) {
	switch key {
	case "type":
		m.kind = value
	case "id":
		m.id = value
	case "properties":
		m.properties = value
	case "geometry":
		m.geometry = value
	case "coordinates":
		m.coordinates = value
	}
}

// split returns the members of an object, as far as it can be read. They are parts of raw.
func split(raw []byte) (m members, err error) {
	p := parts{raw: raw}
	if !p.take('{') {
		return m, fmt.Errorf("%w: it is not an object", errFault)
	}
	for {
		key, more := p.key()
		if !more {
			if p.ended {
				return m, nil
			}
			return m, fmt.Errorf("%w: it is not sound JSON", errFault)
		}
		value, err := p.value()
		if err != nil {
			return m, err
		}
		m.put(key, value)
	}
}

// parts cuts the members of an object out of its text by the rules of scanner.
type parts struct {
	raw   []byte
	at    int
	ended bool // all of it was read
}

// skip passes white space and returns the byte after it, unread; 0 at the end.
func (p *parts) skip() byte {
	for ; p.at < len(p.raw); p.at++ {
		switch c := p.raw[p.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// take passes white space and, if it is next, that byte.
func (p *parts) take(b byte) bool {
	if p.skip() != b || p.at == len(p.raw) {
		return false
	}
	p.at++
	return true
}

// key returns the next key, its colon passed.
func (p *parts) key() (key string, more bool) {
	p.take(',')
	if p.take('}') {
		p.skip()
		p.ended = p.at == len(p.raw)
		return "", false
	}
	if p.skip() != '"' {
		return "", false
	}
	raw, err := p.value()
	if err != nil {
		return "", false
	}
	key, ok := keyOf(raw)
	return key, ok && p.take(':')
}

// value cuts out the next value.
func (p *parts) value() ([]byte, error) {
	p.skip()
	var c cut
	n, done := c.scan(p.raw[p.at:])
	if !done {
		return nil, fmt.Errorf("%w: the input ends within it", errFault)
	}
	value := p.raw[p.at : p.at+n : p.at+n]
	p.at += n
	return value, c.fault
}

// keyOf reads a key; those that mean something cost nothing.
func keyOf(raw []byte) (string, bool) {
	switch string(raw) {
	case `"type"`:
		return "type", true
	case `"id"`:
		return "id", true
	case `"properties"`:
		return "properties", true
	case `"geometry"`:
		return "geometry", true
	case `"coordinates"`:
		return "coordinates", true
	}
	var key string
	return key, json.Unmarshal(raw, &key) == nil
}
