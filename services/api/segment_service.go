package api

import (
	"context"

	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/engine"
)

type segmentService struct {
	v1.UnimplementedSegmentServiceServer
	*Server
}

// CreateSegment makes a segment.
func (s *segmentService) CreateSegment(ctx context.Context, r *v1.CreateSegmentRequest) (*v1.CreateSegmentResponse, error) {
	made, err := s.create(write{ctx: ctx, caller: callerOf(ctx)}, r.GetSegment(), r.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	return &v1.CreateSegmentResponse{Segment: segmentTo(made)}, nil
}

func (s *segmentService) create(w write, given *v1.Segment, dry bool) (*audience.Segment, error) {
	if err := s.segments().free(w.caller, given.GetExternalId()); err != nil {
		return nil, err
	}
	if err := s.segmentFree(w.caller); err != nil {
		return nil, err
	}
	made, err := s.segmentFrom(w.caller.Brand, given, audience.Segment{ID: engine.NewID(s.engine.Now())})
	if err != nil || dry {
		return made, err
	}
	return made, s.putSegment(w, made)
}

func (s *segmentService) putSegment(w write, of *audience.Segment) error {
	return s.segments().write(w, of, engine.CatalogueWrite{Segments: []audience.Segment{*of}})
}

// GetSegment shows a segment.
func (s *segmentService) GetSegment(ctx context.Context, r *v1.GetSegmentRequest) (*v1.GetSegmentResponse, error) {
	found, err := s.segments().find(callerOf(ctx), r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	return &v1.GetSegmentResponse{Segment: segmentTo(found)}, nil
}

// ListSegments lists segments by id.
func (s *segmentService) ListSegments(ctx context.Context, r *v1.ListSegmentsRequest) (*v1.ListSegmentsResponse, error) {
	list, next, err := page(s.engine.Segments(callerOf(ctx).Brand), func(v *audience.Segment) [16]byte { return v.ID }, nil,
		"segments", r.GetPageToken(), pageSize(r.GetPageSize(), largePages))
	if err != nil {
		return nil, err
	}
	out := &v1.ListSegmentsResponse{NextPageToken: next}
	for _, v := range list {
		out.Segments = append(out.Segments, segmentTo(v))
	}
	return out, nil
}

// UpdateSegment changes a segment, or makes it where that is allowed.
func (s *segmentService) UpdateSegment(ctx context.Context, r *v1.UpdateSegmentRequest) (*v1.UpdateSegmentResponse, error) {
	c, given := callerOf(ctx), r.GetSegment()
	before, err := s.segments().find(c, given.GetId(), given.GetExternalId())
	if isMissing(err) && r.GetAllowMissing() && given.GetId() == "" {
		if err := s.checkMessage(given, "segment."); err != nil {
			return nil, err
		}
		made, err := s.create(write{ctx: ctx, caller: c}, given, r.GetValidateOnly())
		if err != nil {
			return nil, err
		}
		return &v1.UpdateSegmentResponse{Segment: segmentTo(made)}, nil
	}
	if err != nil {
		return nil, err
	}
	merged, err := merge(segmentTo(before), given, r.GetUpdateMask(), segmentFixed...)
	if err != nil {
		return nil, err
	}
	if err := s.checkMessage(merged, "segment."); err != nil {
		return nil, err
	}
	if merged.GetExternalId() != before.ExternalID {
		if err := s.segments().free(c, merged.GetExternalId()); err != nil {
			return nil, err
		}
	}
	next, err := s.segmentFrom(c.Brand, merged, *before)
	if err != nil {
		return nil, err
	}
	if !r.GetValidateOnly() {
		err = s.putSegment(write{ctx, c, given.GetEtag()}, next)
	}
	if err != nil {
		return nil, err
	}
	return &v1.UpdateSegmentResponse{Segment: segmentTo(next)}, nil
}

// DeleteSegment removes a segment that no campaign needs.
func (s *segmentService) DeleteSegment(ctx context.Context, r *v1.DeleteSegmentRequest) (*v1.DeleteSegmentResponse, error) {
	c := callerOf(ctx)
	found, err := s.segments().find(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	if user := s.engine.SegmentUser(c.Brand, found.ID); user != nil {
		return nil, refuse(codes.FailedPrecondition, v1.ErrorReason_IN_USE, "campaign "+orText(user.Name, user.ID.String())+" needs it: end that, or take the segment out of it",
			"campaign_id", user.ID.String(), "external_id", user.ExternalID)
	}
	gone := *found
	gone.DeletedAt = s.engine.Now()
	return &v1.DeleteSegmentResponse{}, s.putSegment(write{ctx, c, r.GetEtag()}, &gone)
}

// EstimateSegment counts people.
func (s *segmentService) EstimateSegment(ctx context.Context, r *v1.EstimateSegmentRequest) (*v1.EstimateSegmentResponse, error) {
	c := callerOf(ctx)
	var n engine.Estimate
	var err error
	if rule := r.GetRule(); rule != "" {
		if err := s.checkRule(c.Brand, rule, "rule"); err != nil {
			return nil, err
		}
		n, err = s.engine.EstimateRule(ctx, c.Brand, rule)
	} else {
		var found *audience.Segment
		if found, err = s.segments().find(c, r.GetId(), r.GetExternalId()); err != nil {
			return nil, err
		}
		if !found.IsList() { // the brand's schema may have changed since it was saved
			if err := s.checkRule(c.Brand, found.Rule, "segment.rule"); err != nil {
				return nil, err
			}
		}
		n, err = s.engine.EstimateSegment(ctx, c.Brand, found.ID)
	}
	if err != nil {
		return nil, err
	}
	return &v1.EstimateSegmentResponse{Matching: n.Matching, People: n.People, Exact: n.Exact, Consenting: n.Consenting, AsOfTime: stamp(n.At)}, nil
}
