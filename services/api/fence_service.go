package api

import (
	"context"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

type fenceService struct {
	v1.UnimplementedFenceServiceServer
	*Server
}

// findFence finds a fence of the caller's brand that the caller may act for.
func (s *fenceService) findFence(c *Caller, id, externalID string) (*store.Fence, error) {
	found, err := s.fences().find(c, id, externalID)
	if err != nil {
		return nil, err
	}
	return found, c.mayStore(found.StoreID)
}

// CreateFence makes a fence.
func (s *fenceService) CreateFence(ctx context.Context, r *v1.CreateFenceRequest) (*v1.CreateFenceResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	made, err := s.create(ctx, c, b, r.GetFence(), r.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	return &v1.CreateFenceResponse{Fence: s.fenceTo(c.Brand, made)}, nil
}

func (s *fenceService) create(ctx context.Context, c *Caller, b *brand.Brand, given *v1.Fence, dry bool) (*store.Fence, error) {
	if err := s.fences().free(c, given.GetExternalId()); err != nil {
		return nil, err
	}
	return s.put(write{ctx: ctx, caller: c}, b, given, store.Fence{ID: engine.NewID(s.engine.Now())}, dry)
}

// put checks a fence and, unless it is a dry run, writes it.
func (s *fenceService) put(w write, b *brand.Brand, given *v1.Fence, base store.Fence, dry bool) (*store.Fence, error) {
	at, err := s.anchor(w.caller, given)
	if err != nil {
		return nil, err
	}
	f, err := fenceFrom(given, base, at, &b.Settings)
	if err != nil {
		return nil, err
	}
	if err := s.checkVisit(w.caller, f); err != nil || dry {
		return f, err
	}
	return f, s.putFence(w, f)
}

// GetFence shows a fence.
func (s *fenceService) GetFence(ctx context.Context, r *v1.GetFenceRequest) (*v1.GetFenceResponse, error) {
	c := callerOf(ctx)
	found, err := s.findFence(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	return &v1.GetFenceResponse{Fence: s.fenceTo(c.Brand, found)}, nil
}

// ListFences lists fences by id.
func (s *fenceService) ListFences(ctx context.Context, r *v1.ListFencesRequest) (*v1.ListFencesResponse, error) {
	c := callerOf(ctx)
	at, purpose := parseID(r.GetStoreId()), purposes[r.GetPurpose()]
	keep := func(f *store.Fence) bool {
		return (at == uuid.Nil || f.StoreID == at) && (purpose == "" || f.Purpose == purpose) && c.Key.AllowsStore(f.StoreID)
	}
	list, next, err := page(s.engine.Fences(c.Brand), func(f *store.Fence) [16]byte { return f.ID }, keep,
		"fences "+r.GetStoreId()+" "+r.GetPurpose().String(), r.GetPageToken(), pageSize(r.GetPageSize(), largePages))
	if err != nil {
		return nil, err
	}
	out := &v1.ListFencesResponse{NextPageToken: next}
	for _, f := range list {
		out.Fences = append(out.Fences, s.fenceTo(c.Brand, f))
	}
	return out, nil
}

// UpdateFence changes a fence, or makes it where that is allowed.
func (s *fenceService) UpdateFence(ctx context.Context, r *v1.UpdateFenceRequest) (*v1.UpdateFenceResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	given := r.GetFence()
	before, err := s.findFence(c, given.GetId(), given.GetExternalId())
	if isMissing(err) && r.GetAllowMissing() && given.GetId() == "" {
		if err := s.checkMessage(given, "fence."); err != nil {
			return nil, err
		}
		made, err := s.create(ctx, c, b, given, r.GetValidateOnly())
		if err != nil {
			return nil, err
		}
		return &v1.UpdateFenceResponse{Fence: s.fenceTo(c.Brand, made)}, nil
	}
	if err != nil {
		return nil, err
	}
	merged, err := merge(anchored(s.fenceTo(c.Brand, before), given), given, r.GetUpdateMask(), fenceFixed...)
	if err != nil {
		return nil, err
	}
	if err := s.checkMessage(merged, "fence."); err != nil {
		return nil, err
	}
	after, err := s.put(write{ctx, c, given.GetEtag()}, b, merged, *before, r.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	return &v1.UpdateFenceResponse{Fence: s.fenceTo(c.Brand, after)}, nil
}

// anchored takes off what follows from the store, where the update names another one.
func anchored(before, given *v1.Fence) *v1.Fence {
	before.TimeZone = ""
	if given.GetStoreId() != "" && given.GetStoreId() != before.GetStoreId() {
		before.StoreExternalId = ""
	}
	if given.GetStoreExternalId() != "" && given.GetStoreExternalId() != before.GetStoreExternalId() {
		before.StoreId = ""
	}
	return before
}

// DeleteFence removes a fence.
func (s *fenceService) DeleteFence(ctx context.Context, r *v1.DeleteFenceRequest) (*v1.DeleteFenceResponse, error) {
	c := callerOf(ctx)
	found, err := s.findFence(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	gone := *found
	gone.DeletedAt = s.engine.Now()
	return &v1.DeleteFenceResponse{}, s.putFence(write{ctx, c, r.GetEtag()}, &gone)
}
