package api

import (
	"context"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/item"
)

type itemService struct {
	v1.UnimplementedItemServiceServer
	*Server
}

// CreateItem makes an item.
func (s *itemService) CreateItem(ctx context.Context, r *v1.CreateItemRequest) (*v1.CreateItemResponse, error) {
	made, err := s.create(ctx, callerOf(ctx), r.GetItem(), r.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	return &v1.CreateItemResponse{Item: itemTo(made)}, nil
}

func (s *itemService) create(ctx context.Context, c *Caller, given *v1.Item, dry bool) (*item.Item, error) {
	if err := s.items().free(c, given.GetExternalId()); err != nil {
		return nil, err
	}
	made, err := s.itemFrom(c, given, item.Item{ID: engine.NewID(s.engine.Now())})
	if err != nil || dry {
		return made, err
	}
	return made, s.putItem(write{ctx: ctx, caller: c}, made)
}

// GetItem shows an item.
func (s *itemService) GetItem(ctx context.Context, r *v1.GetItemRequest) (*v1.GetItemResponse, error) {
	found, err := s.items().find(callerOf(ctx), r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	return &v1.GetItemResponse{Item: itemTo(found)}, nil
}

// ListItems lists items by id, or what a keyword finds.
func (s *itemService) ListItems(ctx context.Context, r *v1.ListItemsRequest) (*v1.ListItemsResponse, error) {
	c := callerOf(ctx)
	keep := func(i *item.Item) bool { return r.GetCategory() == "" || i.Category == r.GetCategory() }
	out := &v1.ListItemsResponse{}
	if r.GetKeyword() != "" {
		if r.GetPageToken() != "" {
			return nil, errPageToken()
		}
		for _, i := range s.engine.SearchItems(c.Brand, r.GetKeyword(), item.MostFound) {
			if keep(i) && len(out.Items) < pageSize(r.GetPageSize(), largePages) {
				out.Items = append(out.Items, itemTo(i))
			}
		}
		return out, nil
	}
	list, next, err := page(s.engine.Items(c.Brand), func(i *item.Item) [16]byte { return i.ID }, keep, "items "+r.GetCategory(),
		r.GetPageToken(), pageSize(r.GetPageSize(), largePages))
	if err != nil {
		return nil, err
	}
	out.NextPageToken = next
	for _, i := range list {
		out.Items = append(out.Items, itemTo(i))
	}
	return out, nil
}

// UpdateItem changes an item, or makes it where that is allowed.
func (s *itemService) UpdateItem(ctx context.Context, r *v1.UpdateItemRequest) (*v1.UpdateItemResponse, error) {
	c, given := callerOf(ctx), r.GetItem()
	before, err := s.items().find(c, given.GetId(), given.GetExternalId())
	if isMissing(err) && r.GetAllowMissing() && given.GetId() == "" {
		if err := s.checkMessage(given, "item."); err != nil {
			return nil, err
		}
		made, err := s.create(ctx, c, given, r.GetValidateOnly())
		if err != nil {
			return nil, err
		}
		return &v1.UpdateItemResponse{Item: itemTo(made)}, nil
	}
	if err != nil {
		return nil, err
	}
	merged, err := merge(itemTo(before), given, r.GetUpdateMask(), itemFixed...)
	if err != nil {
		return nil, err
	}
	if given.GetStoreExternalIds() != nil { // a list by own ids replaces the one by ids
		merged.StoreIds = given.GetStoreIds()
	}
	if merged.GetExternalId() == "" {
		merged.ExternalId = before.ExternalID
	}
	if err := s.checkMessage(merged, "item."); err != nil {
		return nil, err
	}
	after, err := s.itemFrom(c, merged, *before)
	if err == nil && !r.GetValidateOnly() {
		err = s.putItem(write{ctx, c, given.GetEtag()}, after)
	}
	if err != nil {
		return nil, err
	}
	return &v1.UpdateItemResponse{Item: itemTo(after)}, nil
}

// DeleteItem removes an item.
func (s *itemService) DeleteItem(ctx context.Context, r *v1.DeleteItemRequest) (*v1.DeleteItemResponse, error) {
	c := callerOf(ctx)
	found, err := s.items().find(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	gone := *found
	gone.DeletedAt = s.engine.Now()
	return &v1.DeleteItemResponse{}, s.putItem(write{ctx, c, r.GetEtag()}, &gone)
}
