package api

import (
	"encoding/json"
	"errors"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// personTo is a person as its brand may see it.
func (s *Server) personTo(brandID, id uuid.UUID, p *audience.Profile) *v1.Person {
	out := &v1.Person{
		Id: formatID(id), ExternalId: p.ExternalID, Etag: personEtag(p), Tier: p.Tier, Staff: p.Staff, Test: p.Test,
		FavouriteStoreExternalId: p.FavouriteStore, Locale: p.Locale, TimeZone: p.TimeZone, BirthDate: p.BirthDate,
		SegmentExternalIds: s.listsOf(brandID, p), LastOpenTime: stamp(p.LastOpenedAt),
	}
	if len(p.Attributes) > 0 {
		out.Attributes = &structpb.Struct{Fields: make(map[string]*structpb.Value, len(p.Attributes))}
		for name := range p.Attributes {
			out.Attributes.Fields[name] = valueTo(p.Value(name))
		}
	}
	if b := p.Purchases; b != nil {
		out.Purchases = &v1.PurchaseSummary{Count: int32(min(b.Count, math.MaxInt32)), FirstTime: stamp(b.First), LastTime: stamp(b.Last), Amounts: b.Amount}
	}
	return out
}

// listsOf names the lists that a person is on.
func (s *Server) listsOf(brandID uuid.UUID, p *audience.Profile) (names []string) {
	if len(p.Segments) == 0 {
		return nil
	}
	for _, segment := range s.engine.Segments(brandID) {
		if segment.Lists(p) {
			names = append(names, orText(segment.ExternalID, segment.ID.String()))
		}
	}
	return names
}

func valueTo(v any) *structpb.Value {
	switch v := v.(type) {
	case string:
		return structpb.NewStringValue(v)
	case float64:
		return structpb.NewNumberValue(v)
	case bool:
		return structpb.NewBoolValue(v)
	case []string:
		list := &structpb.ListValue{}
		for _, text := range v {
			list.Values = append(list.Values, structpb.NewStringValue(text))
		}
		return structpb.NewListValue(list)
	}
	return structpb.NewNullValue()
}

// valueFrom is an attribute's value as the domain has it; nil: what no attribute can be.
func valueFrom(v *structpb.Value) any {
	switch v := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return v.StringValue
	case *structpb.Value_NumberValue:
		return v.NumberValue
	case *structpb.Value_BoolValue:
		return v.BoolValue
	case *structpb.Value_ListValue:
		texts := make([]string, 0, len(v.ListValue.GetValues()))
		for _, one := range v.ListValue.GetValues() {
			text, ok := one.GetKind().(*structpb.Value_StringValue)
			if !ok {
				return nil
			}
			texts = append(texts, text.StringValue)
		}
		return texts
	}
	return nil
}

// personEtag changes with every field that a brand may write. It says nothing of them.
func personEtag(p *audience.Profile) string {
	h := fnv.New64a()
	written := []any{p.ExternalID, p.Tier, p.Staff, p.Test, p.FavouriteStore, p.Locale, p.TimeZone, p.BirthDate}
	for _, name := range slices.Sorted(maps.Keys(p.Attributes)) {
		written = append(written, name, p.Value(name))
	}
	_ = json.NewEncoder(h).Encode(written)
	return strconv.FormatUint(h.Sum64(), 36)
}

// personFields are what a brand may write of a person, beside attributes.
var personFields = map[string]func(*audience.Profile, *v1.Person){
	"tier":                        func(p *audience.Profile, g *v1.Person) { p.Tier = g.GetTier() },
	"staff":                       func(p *audience.Profile, g *v1.Person) { p.Staff = g.GetStaff() },
	"favourite_store_external_id": func(p *audience.Profile, g *v1.Person) { p.FavouriteStore = g.GetFavouriteStoreExternalId() },
	"locale":                      func(p *audience.Profile, g *v1.Person) { p.Locale = g.GetLocale() },
	"time_zone":                   func(p *audience.Profile, g *v1.Person) { p.TimeZone = g.GetTimeZone() },
	"birth_date":                  func(p *audience.Profile, g *v1.Person) { p.BirthDate = g.GetBirthDate() },
	"test":                        func(p *audience.Profile, g *v1.Person) { p.Test = g.GetTest() },
}

// personEdit is what a request wants a person to be.
type personEdit struct {
	given      *v1.Person
	fields     []string
	attributes map[string]any // nil takes one away
	whole      bool           // other attributes go
}

// personEditFrom reads a request against the brand's schema.
func personEditFrom(given *v1.Person, mask []string, b *brand.Settings) (*personEdit, error) {
	e := &personEdit{given: given, attributes: map[string]any{}}
	if len(mask) == 0 || slices.Equal(mask, []string{"*"}) {
		mask = append(slices.Sorted(maps.Keys(personFields)), "attributes")
	}
	fields := given.GetAttributes().GetFields()
	for _, path := range mask {
		name, isAttribute := strings.CutPrefix(path, "attributes.")
		switch {
		case path == "attributes":
			e.whole = true
			for name, v := range fields {
				e.set(name, v)
			}
		case isAttribute:
			e.set(name, fields[name])
		case personFields[path] != nil:
			e.fields = append(e.fields, path)
		default:
			return nil, refuse(codes.InvalidArgument, v1.ErrorReason_UPDATE_MASK_INVALID,
				"update_mask: names no field that may be written", "path", path, "field", "update_mask")
		}
	}
	return e, e.check(b)
}

func (e *personEdit) set(name string, v *structpb.Value) {
	if _, null := v.GetKind().(*structpb.Value_NullValue); v == nil || null {
		e.attributes[name] = nil
		return
	}
	if e.attributes[name] = valueFrom(v); e.attributes[name] == nil {
		e.attributes[name] = struct{}{} // of no type: the schema says so
	}
}

func (e *personEdit) check(b *brand.Settings) error {
	values := map[string]any{}
	for name, v := range e.attributes {
		if v != nil {
			values[name] = v
		}
	}
	fs := faultsOf(audience.SchemaOf(b.Attributes).Check(values).Err(), personNames)
	return fs.err()
}

var personNames = fieldNames{prefix: "person.", reasons: map[string]v1.ErrorReason_Code{
	"time_zone": v1.ErrorReason_TIME_ZONE_UNKNOWN, "locale": v1.ErrorReason_LOCALE_INVALID,
}}

// apply makes a profile what was asked for.
func (e *personEdit) apply(b *brand.Settings, s *Server) func(*audience.Profile) error {
	return func(p *audience.Profile) error {
		if etag := e.given.GetEtag(); etag != "" && etag != personEtag(p) {
			return refuse(codes.Aborted, v1.ErrorReason_ETAG_MISMATCH, "changed since it was read: read it again", "etag", personEtag(p))
		}
		e.write(p)
		return faultsOf(p.Fault(b, s.engine.Now()), personNames).err()
	}
}

// write puts the fields into a profile, which they may not fit.
func (e *personEdit) write(p *audience.Profile) {
	for _, name := range e.fields {
		personFields[name](p, e.given)
	}
	if e.whole {
		p.Attributes = nil
	}
	p.SetAttributes(e.attributes)
}

// personFault is the status of what became of one person.
func personFault(err error, idKey, id string) error {
	switch {
	case errors.Is(err, engine.ErrErased):
		return refuse(codes.FailedPrecondition, v1.ErrorReason_PERSON_ERASED, "the person was erased, and comes back only by logging in", idKey, id)
	case err != nil:
		return missing(err, v1.ErrorReason_PERSON_NOT_FOUND, idKey, id)
	}
	return nil
}
