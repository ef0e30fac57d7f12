package api

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// TestCampaign sends a test person what a campaign would say.
func (s *campaignService) TestCampaign(ctx context.Context, r *v1.TestCampaignRequest) (*v1.TestCampaignResponse, error) {
	c := callerOf(ctx)
	found, err := s.campaigns().find(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	of := engine.TestOf{Campaign: found, DeviceID: parseID(r.GetDeviceId()), Keyword: r.GetKeyword(), Variant: r.GetVariant()}
	if of.Store, of.Item, err = s.props(c, "", r.GetStoreExternalId(), r.GetItemExternalId()); err != nil {
		return nil, err
	}
	if !hasVariant(found, r.GetVariant()) {
		return nil, noVariant("variant")
	}
	if of.PersonID, err = s.testPerson(ctx, c, r); err != nil {
		return nil, err
	}
	told, err := s.engine.Test(ctx, c.Brand, of)
	switch {
	case errors.Is(err, engine.ErrNoTestPerson):
		return nil, refuse(codes.FailedPrecondition, v1.ErrorReason_NOT_A_TEST_PERSON, "not a test person: UpsertPerson marks one", "cause", "not a test person")
	case err != nil:
		return nil, missing(err, v1.ErrorReason_PERSON_NOT_FOUND)
	}
	_, reason, values := judge(string(told.Reason), told.Values)
	return &v1.TestCampaignResponse{NotificationId: formatID(told.Notification), Reason: reason, Values: values}, nil
}

// testPerson finds whom a test is for.
func (s *campaignService) testPerson(ctx context.Context, c *Caller, r *v1.TestCampaignRequest) (uuid.UUID, error) {
	if name := r.GetPersonExternalId(); name != "" {
		id, err := s.engine.PersonOf(ctx, c.Brand, engine.PersonRef{PersonExternalID: name})
		return id, missing(err, v1.ErrorReason_PERSON_NOT_FOUND, "external_id", name)
	}
	id, err := s.engine.PersonOf(ctx, c.Brand, engine.PersonRef{DeviceID: parseID(r.GetDeviceId())})
	return id, missing(err, v1.ErrorReason_DEVICE_NOT_FOUND, "device_id", r.GetDeviceId())
}

// props are the store and the item that a preview or a test pretends; nil where none is named.
func (s *campaignService) props(c *Caller, storeID, storeName, itemName string) (at *store.Store, about *item.Item, err error) {
	if storeID != "" || storeName != "" {
		if at, err = s.findStore(c, storeID, storeName); err != nil {
			return nil, nil, err
		}
	}
	if itemName == "" {
		return at, nil, nil
	}
	about, err = s.engine.ItemByExternalID(c.Brand, itemName)
	return at, about, missing(err, v1.ErrorReason_ITEM_NOT_FOUND, "external_id", itemName)
}
