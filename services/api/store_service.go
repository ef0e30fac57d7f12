package api

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

type storeService struct {
	v1.UnimplementedStoreServiceServer
	*Server
}

// CreateStore makes a store.
func (s *storeService) CreateStore(ctx context.Context, r *v1.CreateStoreRequest) (*v1.CreateStoreResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	made, err := s.create(ctx, c, b, r.GetStore(), r.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	return &v1.CreateStoreResponse{Store: storeTo(made, &b.Settings)}, nil
}

func (s *storeService) create(ctx context.Context, c *Caller, b *brand.Brand, given *v1.Store, dry bool) (*store.Store, error) {
	if err := c.mayStore(uuid.Nil); err != nil {
		return nil, err
	}
	if err := s.freeStoreID(c, given.GetExternalId()); err != nil {
		return nil, err
	}
	made, err := storeFrom(given, store.Store{ID: engine.NewID(s.engine.Now())}, &b.Settings)
	if err != nil || dry {
		return made, err
	}
	return made, s.putStore(write{ctx: ctx, caller: c}, nil, made)
}

// freeStoreID refuses an own id that a store has.
func (s *storeService) freeStoreID(c *Caller, externalID string) error {
	if externalID == "" {
		return nil
	}
	if taken, err := s.engine.StoreByExternalID(c.Brand, externalID); err == nil {
		return refuse(codes.AlreadyExists, v1.ErrorReason_EXTERNAL_ID_TAKEN, "the brand's own id is taken",
			"external_id", externalID, "id", taken.ID.String())
	}
	return nil
}

// GetStore shows a store.
func (s *storeService) GetStore(ctx context.Context, r *v1.GetStoreRequest) (*v1.GetStoreResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	found, err := s.findStore(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	return &v1.GetStoreResponse{Store: storeTo(found, &b.Settings)}, nil
}

// ListStores lists stores by id.
func (s *storeService) ListStores(ctx context.Context, r *v1.ListStoresRequest) (*v1.ListStoresResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	keep := func(v *store.Store) bool {
		for _, tag := range r.GetTags() {
			if !slices.Contains(v.Tags, tag) {
				return false
			}
		}
		return c.Key.AllowsStore(v.ID)
	}
	list, next, err := page(s.engine.Stores(c.Brand), func(v *store.Store) [16]byte { return v.ID }, keep,
		"stores "+strings.Join(r.GetTags(), "\x00"), r.GetPageToken(), pageSize(r.GetPageSize(), largePages))
	if err != nil {
		return nil, err
	}
	out := &v1.ListStoresResponse{NextPageToken: next}
	for _, v := range list {
		out.Stores = append(out.Stores, storeTo(v, &b.Settings))
	}
	return out, nil
}

// UpdateStore changes a store, or makes it where that is allowed.
func (s *storeService) UpdateStore(ctx context.Context, r *v1.UpdateStoreRequest) (*v1.UpdateStoreResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	given := r.GetStore()
	before, err := s.findStore(c, given.GetId(), given.GetExternalId())
	if isMissing(err) && r.GetAllowMissing() && given.GetId() == "" {
		if err := s.checkMessage(given, "store."); err != nil {
			return nil, err
		}
		made, err := s.create(ctx, c, b, given, r.GetValidateOnly())
		if err != nil {
			return nil, err
		}
		return &v1.UpdateStoreResponse{Store: storeTo(made, &b.Settings)}, nil
	}
	if err != nil {
		return nil, err
	}
	merged, err := merge(storeTo(before, &b.Settings), given, r.GetUpdateMask(), storeFixed...)
	if err != nil {
		return nil, err
	}
	if err := s.checkMessage(merged, "store."); err != nil {
		return nil, err
	}
	after, err := storeFrom(merged, *before, &b.Settings)
	if err == nil && !r.GetValidateOnly() {
		err = s.putStore(write{ctx, c, given.GetEtag()}, before, after)
	}
	if err != nil {
		return nil, err
	}
	return &v1.UpdateStoreResponse{Store: storeTo(after, &b.Settings)}, nil
}

// DeleteStore removes a store with its fences.
func (s *storeService) DeleteStore(ctx context.Context, r *v1.DeleteStoreRequest) (*v1.DeleteStoreResponse, error) {
	c := callerOf(ctx)
	found, err := s.findStore(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	for _, k := range s.engine.Campaigns(c.Brand) {
		if slices.Contains(k.Trigger.Stores, found.ID) && isOpen(k) {
			return nil, refuse(codes.FailedPrecondition, v1.ErrorReason_IN_USE, "a campaign names the store", "campaign_id", k.ID.String())
		}
	}
	now := s.engine.Now()
	gone := *found
	gone.DeletedAt = now
	w := engine.CatalogueWrite{BrandID: c.Brand, Actor: c.by(), Expect: expect(gone.ID, r.GetEtag()), Stores: []store.Store{gone}}
	for _, f := range s.engine.FencesOf(c.Brand, gone.ID) {
		fence := *f
		fence.DeletedAt = now
		w.Fences = append(w.Fences, fence)
	}
	_, err = s.engine.Write(ctx, w)
	return &v1.DeleteStoreResponse{}, write{}.conflict(err, gone.ExternalID, etagOf(found.Version))
}
