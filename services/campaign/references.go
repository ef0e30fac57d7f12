package campaign

import (
	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/expression"
)

// References are what campaigns refer to by name.
type References struct {
	// Schema is what their expressions may be about; nil: no expression can be compiled, and none is ever true.
	Schema   *expression.Schema
	Segments []*audience.Segment
	// Stores finds the stores that a trigger chooses by district, polygon or saved set; nil: none are found. The map is
	// not changed.
	Stores func(*Campaign) map[uuid.UUID]struct{}
	// Previous is an index of the same brand: what did not change since is not compiled again. It is not kept.
	Previous *Index
}

// Index indexes campaigns, which must not change afterwards.
func (r References) Index(campaigns []*Campaign) *Index {
	before := r.Previous
	r.Previous = nil
	x := emptyIndex(r)
	for _, s := range r.Segments {
		x.segments[s.ID] = r.segment(s, before)
		if s.IsList() {
			x.lists[s.List] = ownID(s)
		}
	}
	for _, c := range campaigns {
		if !c.DeletedAt.IsZero() {
			continue
		}
		var chosen map[uuid.UUID]struct{}
		if c.Trigger.SearchesStores() && r.Stores != nil {
			chosen = r.Stores(c)
		}
		e := newEntry(c, chosen)
		r.compile(e, before)
		x.byID[c.ID] = e
		if c.startable() {
			x.add(e)
		}
	}
	return x
}

func ownID(s *audience.Segment) string {
	if s.ExternalID != "" {
		return s.ExternalID
	}
	return s.ID.String()
}

func (r *References) segment(s *audience.Segment, before *Index) *Segment {
	if old := before.Segment(s.ID); old != nil && old.Segment == s && before.references.Schema == r.Schema {
		return old
	}
	compiled := &Segment{Segment: s}
	if !s.IsList() && r.Schema != nil {
		compiled.Program, _ = r.Schema.Compile(expression.Segment, s.Rule) // without a program it is never true
	}
	return compiled
}

func (r *References) compile(e *entry, before *Index) {
	c := e.campaign
	if c.over() {
		return
	}
	if old := before.entry(c.ID); old != nil && old.campaign == c && before.references.Schema == r.Schema {
		e.audience, e.filter = old.audience, old.filter
		return
	}
	e.audience = r.program(expression.Audience, c.Audience)
	e.filter = r.program(expression.Filter, c.Trigger.Filter)
}

func (r *References) program(scope expression.Scope, source string) compiled {
	out := compiled{source: source}
	if source != "" && r.Schema != nil {
		out.program, _ = r.Schema.Compile(scope, source)
	}
	return out
}
