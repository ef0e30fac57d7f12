package audience

import (
	"maps"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/brand"
)

// Fault is nil where the parts of a profile that a brand may write are well-formed: the size of its attributes, zone,
// locale, birth date, tier. What attributes may be is for Schema.Check to say when they are written: a brand may have
// taken one out of its schema since. An unknown favourite store is no fault: stores come and go.
func (p *Profile) Fault(b *brand.Settings, now time.Time) error {
	var vs Violations
	size := 0
	for name := range p.Attributes {
		size += len(name) + sizeOf(p.Value(name))
	}
	vs.Check(size <= MaxAttributes, "attributes", "more than %d bytes in all", MaxAttributes)
	vs.Check(p.TimeZone == "" || brand.ValidTimeZone(p.TimeZone), "time_zone", "not an IANA time zone such as Asia/Seoul")
	vs.Check(p.Locale == "" || brand.ValidLocale(p.Locale), "locale", "not a BCP 47 locale such as ko or en-GB")
	if p.BirthDate != "" {
		_, ok := AgeAt(p.BirthDate, now, b.Zone())
		vs.Check(ok, "birth_date", "not the birth date (YYYY-MM-DD) of anyone alive")
	}
	vs.Check(utf8.RuneCountInString(p.Tier) <= 64 && plain(p.Tier), "tier", "must be plain text of at most 64 characters")
	vs.Check(len(p.FavouriteStore) <= MaxExternalID && plain(p.FavouriteStore), "favourite_store_external_id", "must be plain text of at most %d bytes", MaxExternalID)
	return vs.Err()
}

// CheckExternalID tells why text cannot be a brand's own id of a person; "": it can.
func CheckExternalID(text string) string {
	switch {
	case text == "":
		return "missing"
	case len(text) > MaxExternalID:
		return "longer than 128 bytes"
	case !plain(text):
		return "holds control characters or bytes that are no text"
	}
	return ""
}

// SameWritten tells whether what a brand may write of two profiles is the same.
func SameWritten(a, b *Profile) bool {
	return a.ExternalID == b.ExternalID && a.TimeZone == b.TimeZone && a.Locale == b.Locale && a.BirthDate == b.BirthDate &&
		a.Test == b.Test && a.Staff == b.Staff && a.Tier == b.Tier && a.FavouriteStore == b.FavouriteStore &&
		slices.Equal(a.Segments, b.Segments) && sameAttributes(a.Attributes, b.Attributes)
}

func sameAttributes(a, b map[string]any) bool {
	return maps.EqualFunc(a, b, func(x, y any) bool { return reflect.DeepEqual(plainValue(x), plainValue(y)) })
}

// plainValue gives lists one type: those that were stored come back as []any.
func plainValue(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	texts := make([]string, 0, len(list))
	for _, one := range list {
		if text, ok := one.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// Value is an attribute as string, float64, bool or []string; nil: not set.
func (p *Profile) Value(name string) any { return plainValue(p.Attributes[name]) }

// SetAttributes is the profile's attributes with some changed; nil takes one out. The old map is not touched.
func (p *Profile) SetAttributes(values map[string]any) {
	if len(values) == 0 {
		return
	}
	next := make(map[string]any, len(p.Attributes)+len(values))
	maps.Copy(next, p.Attributes)
	for name, value := range values {
		if value == nil {
			delete(next, name)
			continue
		}
		next[name] = value
	}
	if len(next) == 0 {
		next = nil
	}
	p.Attributes = next
}

// PutOnList puts the profile on a list, or takes it off, and drops lists that are not known any more. The old slice is
// not touched. It tells whether that changed anything for this list.
func (p *Profile) PutOnList(list uuid.UUID, on bool, known func(uuid.UUID) bool) (changed bool) {
	was := slices.Contains(p.Segments, list)
	if was == on {
		return false
	}
	next := make([]uuid.UUID, 0, len(p.Segments)+1)
	for _, id := range p.Segments {
		if id != list && known(id) {
			next = append(next, id)
		}
	}
	if on {
		next = append(next, list)
	}
	if p.Segments = next; len(next) == 0 {
		p.Segments = nil
	}
	return true
}
