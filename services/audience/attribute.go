package audience

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wantgo/wantgo/services/brand"
)

// The bounds of what is kept of one person. A profile is read with every decision.
const (
	MaxExternalID = 128    // bytes of a brand's own id
	MaxText       = 1000   // bytes of one attribute's text
	MaxListed     = 100    // texts in one attribute of type list
	MaxAttributes = 16_384 // bytes of all attributes of a person
)

// plain tells text without control characters.
func plain(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, unicode.IsControl) < 0
}

// Schema is a brand's attributes by name.
type Schema map[string]string

// SchemaOf reads a brand's attributes.
func SchemaOf(attributes []brand.Attribute) Schema {
	s := make(Schema, len(attributes))
	for _, a := range attributes {
		s[a.Name] = a.Type
	}
	return s
}

// Check holds values against the schema: an unknown name or a value of another type is a fault of that attribute. A
// value is string, float64, bool or []string; dates are strings.
func (s Schema) Check(values map[string]any) (vs Violations) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		kind, known := s[name]
		field := "attributes." + clipped(name)
		if !known {
			vs.Add(field, "the brand has no such attribute")
			continue
		}
		if why := fits(kind, values[name]); why != "" {
			vs.Add(field, why)
		}
	}
	return vs
}

// fits tells why a value is not of a type; "": it is.
func fits(kind string, value any) string {
	switch v := value.(type) {
	case string:
		switch {
		case kind == brand.TypeDate && !isDate(v):
			return "must be a date such as 2026-01-31"
		case kind != brand.TypeString && kind != brand.TypeDate:
			return "must be a " + kind + ", is text"
		case !isText(v):
			return textFault
		}
	case float64:
		if kind != brand.TypeNumber {
			return "must be a " + kind + ", is a number"
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "must be a finite number"
		}
	case bool:
		if kind != brand.TypeBool {
			return "must be a " + kind + ", is true or false"
		}
	case []string:
		return fitsList(kind, v)
	default:
		return "must be a " + kind
	}
	return ""
}

func fitsList(kind string, list []string) string {
	if kind != brand.TypeList {
		return "must be a " + kind + ", is a list"
	}
	if len(list) > MaxListed {
		return "more than " + strconv.Itoa(MaxListed) + " texts"
	}
	for _, text := range list {
		if !isText(text) {
			return textFault
		}
	}
	return ""
}

var textFault = "must be text of at most " + strconv.Itoa(MaxText) + " bytes without control characters"

func isText(text string) bool { return len(text) <= MaxText && plain(text) }

func isDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

func sizeOf(value any) (size int) {
	switch v := value.(type) {
	case string:
		return len(v)
	case []string:
		for _, text := range v {
			size += len(text) + 1
		}
		return size
	}
	return 8
}

// Parse reads an attribute from text, as files have it: numbers with a point; true, yes, 1, y or false, no, 0, n; lists
// parted by "|". why is its fault; "": none.
func (s Schema) Parse(name, text string) (value any, why string) {
	kind := s[name]
	switch kind {
	case brand.TypeNumber:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return nil, "must be a number"
		}
		return n, ""
	case brand.TypeBool:
		b, ok := ParseBool(text)
		if !ok {
			return nil, "must be true or false"
		}
		return b, ""
	case brand.TypeList:
		list := strings.Split(text, "|")
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		return list, fits(kind, list)
	}
	return text, fits(kind, text)
}

// ParseBool reads what spreadsheets write for true and false.
func ParseBool(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "1", "y":
		return true, true
	case "false", "no", "0", "n":
		return false, true
	}
	return false, false
}

// clipped shortens a foreign name for a field's name.
func clipped(name string) string {
	if len(name) > 64 {
		name = name[:64]
	}
	return strings.ToValidUTF8(name, "?")
}
