package api

import (
	"fmt"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/expression"
)

// segmentFixed are the fields of a segment that no update writes.
var segmentFixed = []string{"id", "etag", "create_time", "update_time"}

func (s *Server) segments() rows[audience.Segment] {
	e := s.engine
	return rows[audience.Segment]{e, e.SegmentByID, e.Segment, func(v *audience.Segment) row { return row{v.ID, v.ExternalID, &v.Version} },
		"segment_id", v1.ErrorReason_SEGMENT_NOT_FOUND}
}

func segmentTo(s *audience.Segment) *v1.Segment {
	return &v1.Segment{
		Id: s.ID.String(), ExternalId: s.ExternalID, Etag: etagOf(s.Version), DisplayName: s.Name, Description: s.Description, Rule: s.Rule,
		CreateTime: stamp(s.CreatedAt), UpdateTime: stamp(s.UpdatedAt),
	}
}

// segmentFrom reads what a brand says of a segment, over what there was. Without a rule it is a list, which begins empty.
func (s *Server) segmentFrom(brandID uuid.UUID, given *v1.Segment, base audience.Segment) (*audience.Segment, error) {
	next := base
	next.ExternalID, next.Name, next.Description, next.Rule = given.GetExternalId(), given.GetDisplayName(), given.GetDescription(), given.GetRule()
	next.UpdatedAt = s.engine.Now()
	if base.CreatedAt.IsZero() {
		next.CreatedAt = next.UpdatedAt
		if next.Rule == "" {
			next.List = next.ID
		}
	}
	var fs faults
	if !base.CreatedAt.IsZero() && base.IsList() != next.IsList() {
		fs.add("segment.rule", v1.ErrorReason_INVALID_FIELD, "a list stays a list and a rule a rule: make another segment")
		return nil, fs.err()
	}
	if fs = faultsOf(next.Validate(), fieldNames{prefix: "segment.", names: map[string]string{"name": "display_name"}}); fs != nil {
		return nil, fs.err()
	}
	if next.IsList() {
		return &next, nil
	}
	return &next, s.checkRule(brandID, next.Rule, "segment.rule")
}

// checkRule refuses a rule that cannot be asked, with the place of each fault.
func (s *Server) checkRule(brandID uuid.UUID, rule, field string) error {
	found, err := s.engine.RuleFaults(brandID, rule)
	if err != nil {
		return err
	}
	return ruleFaults(found, field).err()
}

func ruleFaults(found []expression.Fault, field string) (fs faults) {
	for _, f := range found {
		fs.add(field, v1.ErrorReason_INVALID_FIELD, fmt.Sprintf("line %d, column %d: %s", f.Line, f.Column, f.Text),
			"line", fmt.Sprint(f.Line), "column", fmt.Sprint(f.Column))
	}
	return fs
}

// segmentFree refuses one segment too many.
func (s *Server) segmentFree(c *Caller) error {
	if n := len(s.engine.Segments(c.Brand)); n >= audience.MostSegments {
		return refuse(codes.ResourceExhausted, v1.ErrorReason_TOO_MANY, "the brand has as many segments as it may", "field", "segment", "limit", fmt.Sprint(audience.MostSegments))
	}
	return nil
}
