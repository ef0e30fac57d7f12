package geojson

import (
	"strconv"
	"unicode/utf8"

	"github.com/wantgo/wantgo/geo"
)

// What is plain JSON, spelled without escapes and in the few forms that nearly every file has, is read here, by hand.
// Every function says no to all else, sound or not, and leaves it to the decoders: what it says yes to they would read
// the same.

// names shares the keys of properties, which are few and in every feature.
type names struct{ known map[string]string }

const maxNames = 256

func (n *names) name(text []byte) string {
	if known, ok := n.known[string(text)]; ok {
		return known
	}
	name := string(text)
	if n.known == nil {
		n.known = map[string]string{}
	}
	if len(n.known) < maxNames {
		n.known[name] = name
	}
	return name
}

// plainQuoted is what stands between the quotes of a string without escapes.
func plainQuoted(raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return nil, false
	}
	inner, ascii := raw[1:len(raw)-1], true
	for _, b := range inner {
		if b < ' ' || b == '\\' || b == '"' {
			return nil, false
		}
		ascii = ascii && b < utf8.RuneSelf
	}
	return inner, ascii || utf8.Valid(inner)
}

// plainText is the text of a string or number.
func plainText(raw []byte) (string, bool) {
	if inner, ok := plainQuoted(raw); ok {
		return string(inner), true
	}
	if n := numberLength(raw); n > 0 && n == len(raw) {
		return string(raw), true
	}
	return "", false
}

// numberLength is the length of the number (RFC 8259, section 6) that raw begins with; 0: with none.
func numberLength(raw []byte) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(raw) && raw[i] >= '0' && raw[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(raw) && raw[i] == '-' {
		i++
	}
	if i < len(raw) && raw[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(raw) && raw[i] == '.' {
		if i++; !digits() {
			return 0
		}
	}
	if i < len(raw) && (raw[i] == 'e' || raw[i] == 'E') {
		if i++; i < len(raw) && (raw[i] == '+' || raw[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

// number takes a finite number.
func (p *parts) number() (float64, bool) {
	p.skip()
	n := numberLength(p.raw[p.at:])
	if n == 0 {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(p.raw[p.at:p.at+n]), 64)
	p.at += n
	return v, err == nil
}

// quoted takes a string without escapes.
func (p *parts) quoted() ([]byte, bool) {
	if p.skip() != '"' {
		return nil, false
	}
	raw, err := p.value()
	if err != nil {
		return nil, false
	}
	return plainQuoted(raw)
}

// over tells whether only white space is left.
func (p *parts) over() bool {
	p.skip()
	return p.at == len(p.raw)
}

// list takes an array or object whose elements are read by element; one without any is not plain.
func (p *parts) list(open, end byte, element func() bool) bool {
	if !p.take(open) {
		return false
	}
	for {
		if !element() {
			return false
		}
		if !p.take(',') {
			return p.take(end)
		}
	}
}

// plainProperties are those of an object of texts, numbers, true and false, and lists of texts.
func plainProperties(raw []byte, shared *names) (map[string]any, bool) {
	p, properties := parts{raw: raw}, map[string]any{}
	ok := p.list('{', '}', func() bool {
		key, ok := p.quoted()
		if !ok || !p.take(':') {
			return false
		}
		value, ok := p.property()
		properties[shared.name(key)] = value
		return ok
	})
	return properties, ok && p.over()
}

func (p *parts) property() (any, bool) {
	switch p.skip() {
	case '"':
		text, ok := p.quoted()
		return string(text), ok
	case '[':
		var texts []any
		ok := p.list('[', ']', func() bool {
			text, ok := p.quoted()
			texts = append(texts, string(text))
			return ok
		})
		return texts, ok
	case 't', 'f':
		raw, err := p.value()
		word := string(raw)
		return word == "true", err == nil && (word == "true" || word == "false")
	}
	return p.number()
}

// plainGeometry reads an object that has a type and coordinates and nothing else.
func plainGeometry(raw []byte) (g geometry, ok bool) {
	p := parts{raw: raw}
	var kind, coordinates []byte
	ok = p.list('{', '}', func() bool {
		key, ok := p.quoted()
		if !ok || !p.take(':') {
			return false
		}
		switch {
		case string(key) == "type" && kind == nil:
			kind, ok = p.quoted()
			return ok
		case string(key) == "coordinates" && coordinates == nil:
			p.skip()
			var err error
			coordinates, err = p.value()
			return err == nil
		}
		return false
	})
	if !ok || !p.over() {
		return g, false
	}
	return plainCoordinates(string(kind), coordinates)
}

func plainCoordinates(kind string, raw []byte) (g geometry, ok bool) {
	p := parts{raw: raw}
	switch kind {
	case "Point":
		var at geo.Point
		at, ok = p.position()
		g.point = &at
	case "Polygon":
		var rings [][]geo.Point
		rings, ok = p.rings()
		g.polygons = append(g.polygons, rings)
	case "MultiPolygon":
		ok = p.list('[', ']', func() bool {
			rings, ok := p.rings()
			g.polygons = append(g.polygons, rings)
			return ok
		})
	}
	return g, ok && p.over()
}

func (p *parts) rings() (rings [][]geo.Point, ok bool) {
	ok = p.list('[', ']', func() bool {
		var ring []geo.Point
		ok := p.list('[', ']', func() bool {
			at, ok := p.position()
			ring = append(ring, at)
			return ok
		})
		rings = append(rings, ring)
		return ok
	})
	return rings, ok
}

// position takes two numbers or more, of which the first two count.
func (p *parts) position() (at geo.Point, ok bool) {
	n := 0
	ok = p.list('[', ']', func() bool {
		v, ok := p.number()
		switch n++; n {
		case 1:
			at.Lng = v
		case 2:
			at.Lat = v
		}
		return ok
	})
	return at, ok && n >= 2
}
