package store

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/services/brand"
)

// Violation and Violations are the faults of a request.
type (
	Violation  = brand.Violation
	Violations = brand.Violations
)

// What a store or fence may have.
const (
	MaxExternalID = 128 // characters
	MaxTags       = 50
	MaxVertices   = 500_000
	// MinRadius and MaxRadius, metres, of a circle.
	MinRadius = 1
	MaxRadius = 100_000
)

// Validate returns every fault of a store as it is to be stored, or nil.
func (s *Store) Validate() error {
	vs := s.faults()
	vs.Check(brand.ValidTimeZone(s.TimeZone), "time_zone", "not an IANA time zone such as Asia/Seoul")
	return vs.Err()
}

// faults leaves out the time zone, which a row of a file may lack.
func (s *Store) faults() Violations {
	var vs Violations
	checkExternalID(&vs, s.ExternalID)
	vs.Check(len(s.Names) <= 50, "names", "more than 50 locales")
	for locale, name := range s.Names {
		field := "names." + clip(locale)
		vs.Check(locale == "" || brand.ValidLocale(locale), field, "not a BCP 47 locale such as ko or en-GB")
		vs.Check(brand.PlainText(name, 200), field, "must be plain text of at most 200 characters")
	}
	vs.Check(brand.PlainText(s.Address, 300), "address", "must be plain text of at most 300 characters")
	vs.Check(brand.PlainText(s.District, 100), "district", "must be plain text of at most 100 characters")
	vs.Check(brand.PlainText(s.Phone, 40), "phone", "must be plain text of at most 40 characters")
	vs.Check(brand.PlainText(s.Chain, 100), "chain", "must be plain text of at most 100 characters")
	vs.Check(s.ImageURL == "" || webAddress(s.ImageURL), "image_url", "must be an https or http address")
	checkPlace(&vs, s.Place)
	s.Hours.validate(&vs, "hours")
	checkTags(&vs, s.Tags)
	return vs
}

func checkExternalID(vs *Violations, id string) {
	vs.Check(id != "" && strings.TrimSpace(id) == id && brand.PlainText(id, MaxExternalID), "external_id",
		"must be plain text of 1 to %d characters, without blanks around it", MaxExternalID)
}

// checkPlace also refuses latitude 0, longitude 0, where nothing is but what has no position.
func checkPlace(vs *Violations, p geo.Point) {
	swapped := ""
	if p.Lat < -90 || p.Lat > 90 {
		if (geo.Point{Lat: p.Lng, Lng: p.Lat}).Validate() == nil {
			swapped = " (latitude and longitude look swapped)"
		}
	}
	vs.Check(p.Lat >= -90 && p.Lat <= 90, "lat", "must be -90 to 90 degrees%s", swapped)
	vs.Check(p.Lng >= -180 && p.Lng <= 180, "lng", "must be -180 to 180 degrees")
	vs.Check(p != geo.Point{}, "lat", "0,0 is no store's place")
}

func checkTags(vs *Violations, tags []string) {
	vs.Check(len(tags) <= MaxTags, "tags", "more than %d", MaxTags)
	for i, tag := range tags {
		vs.Check(strings.TrimSpace(tag) == tag && tag != "" && brand.PlainText(tag, 64) && !strings.Contains(tag, ";"),
			fmt.Sprintf("tags[%d]", i), "must be plain text of 1 to 64 characters without ;")
	}
}

func webAddress(text string) bool {
	address, err := url.Parse(text)
	return err == nil && len(text) <= 2000 && address.Host != "" && (address.Scheme == "https" || address.Scheme == "http")
}

// Validate returns every fault of a fence, or nil. That a store has at most one visit fence is for CheckVisits.
func (f *Fence) Validate() error {
	var vs Violations
	checkExternalID(&vs, f.ExternalID)
	switch f.Purpose {
	case Visit:
		vs.Check(f.StoreID != uuid.Nil, "store_id", "missing: a visit fence is the walls of its store")
	case Near, Other:
	default:
		vs.Add("purpose", "must be visit, near or other")
	}
	f.checkShape(&vs)
	checkTags(&vs, f.Tags)
	if f.Rules != nil {
		if err := f.Rules.Check(); err != nil {
			vs.Add("rules", err.Error())
		}
	}
	return vs.Err()
}

func (f *Fence) checkShape(vs *Violations) {
	vs.Check((f.Circle == nil) != (f.Area == nil), "shape", "exactly one of circle and area must be set")
	if f.Circle != nil {
		if err := f.Circle.Center_.Validate(); err != nil {
			vs.Add("circle.center", err.Error())
		}
		vs.Check(f.Circle.Radius >= MinRadius && f.Circle.Radius <= MaxRadius, "circle.radius", "must be %d to %d m", MinRadius, MaxRadius)
	}
	if f.Area != nil {
		vs.Check(f.Area.Vertices() <= MaxVertices, "area", "more than %d vertices", MaxVertices)
	}
}

// CheckVisits refuses a second live visit fence of one store. It looks at all fences given; deleted ones do not count.
func CheckVisits(fences []Fence) error {
	var vs Violations
	walls := map[uuid.UUID]string{}
	for i := range fences {
		f := &fences[i]
		if f.Purpose != Visit || !f.DeletedAt.IsZero() {
			continue
		}
		if first, taken := walls[f.StoreID]; taken {
			vs.Add("purpose", "the store of fence %q has the visit fence %q already", clip(f.ExternalID), clip(first))
			continue
		}
		walls[f.StoreID] = f.ExternalID
	}
	return vs.Err()
}

// Name is the store's name for a locale: in it, in its language, the one without a locale, else the chain or own id.
func (s *Store) Name(locale string) string {
	base, _, _ := strings.Cut(locale, "-")
	for _, name := range []string{s.Names[locale], s.Names[base], s.Names[""], s.Chain} {
		if name != "" {
			return name
		}
	}
	return s.ExternalID
}
