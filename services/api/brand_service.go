package api

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

type brandService struct {
	v1.UnimplementedBrandServiceServer
	*Server
}

// brandOf is the caller's own brand.
func (s *Server) brandOf(c *Caller) (*brand.Brand, error) {
	b, err := s.engine.Brand(c.Brand)
	return b, missing(err, v1.ErrorReason_BRAND_NOT_FOUND, "brand_id", c.Brand.String())
}

func (s *Server) brandTo(b *brand.Brand) *v1.Brand {
	out := &v1.Brand{Id: b.ID.String(), Etag: etagOf(b.Version), Settings: s.settingsTo(b), CreateTime: stamp(b.CreatedAt)}
	if b.Stopped {
		out.StopTime = &timestamppb.Timestamp{} // the row does not know since when: the epoch
	}
	return out
}

// GetBrand answers with the caller's own brand.
func (s *brandService) GetBrand(ctx context.Context, _ *v1.GetBrandRequest) (*v1.GetBrandResponse, error) {
	b, err := s.brandOf(callerOf(ctx))
	if err != nil {
		return nil, err
	}
	return &v1.GetBrandResponse{Brand: s.brandTo(b)}, nil
}

// UpdateBrand writes settings.
func (s *brandService) UpdateBrand(ctx context.Context, r *v1.UpdateBrandRequest) (*v1.UpdateBrandResponse, error) {
	c := callerOf(ctx)
	before, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	merged, err := merge(s.brandTo(before), r.GetBrand(), r.GetUpdateMask(), "id", "etag", "stop_time", "create_time", "update_time")
	if err != nil {
		return nil, err
	}
	if err := s.checkMessage(merged, "brand."); err != nil {
		return nil, err
	}
	after, err := settingsFrom(merged.GetSettings(), before, s.around(c, before))
	if err != nil {
		return nil, err
	}
	if !r.GetValidateOnly() {
		if err := s.putBrand(ctx, c, after, r.GetBrand().GetEtag()); err != nil {
			return nil, err
		}
	}
	return &v1.UpdateBrandResponse{Brand: s.brandTo(after)}, nil
}

func (s *Server) putBrand(ctx context.Context, c *Caller, b *brand.Brand, etag string) error {
	version, err := s.engine.Write(ctx, engine.CatalogueWrite{
		BrandID: c.Brand, Actor: c.by(), Expect: expect(b.ID, etag), Brand: b,
	})
	b.Version = version
	return err
}

// PauseBrand stops everything the brand would have notified.
func (s *brandService) PauseBrand(ctx context.Context, _ *v1.PauseBrandRequest) (*v1.PauseBrandResponse, error) {
	b, err := s.stop(ctx, true)
	if err != nil {
		return nil, err
	}
	return &v1.PauseBrandResponse{Brand: s.brandTo(b)}, nil
}

// ResumeBrand ends that.
func (s *brandService) ResumeBrand(ctx context.Context, _ *v1.ResumeBrandRequest) (*v1.ResumeBrandResponse, error) {
	b, err := s.stop(ctx, false)
	if err != nil {
		return nil, err
	}
	return &v1.ResumeBrandResponse{Brand: s.brandTo(b)}, nil
}

func (s *brandService) stop(ctx context.Context, stopped bool) (*brand.Brand, error) {
	c := callerOf(ctx)
	before, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	after := *before
	after.Stopped = stopped
	return &after, s.putBrand(ctx, c, &after, "")
}
