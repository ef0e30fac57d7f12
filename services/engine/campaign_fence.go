package engine

import (
	"slices"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

// A campaign with a radius brings near fences of its own: a circle round each store it chose, for as long as it is live or
// paused. They are part of the view and of nothing else: nobody lists, edits or stores them, and what happens at them
// starts no other campaign. Their ids follow from campaign and store, so every node has the same.

// CampaignFenceID is that of a campaign's own fence round a store.
func CampaignFenceID(campaignID, storeID uuid.UUID) uuid.UUID {
	return uuid.NewSHA1(campaignID, storeID[:])
}

// campaignFences are all such fences; those of the old view where neither campaigns nor stores changed.
func (t *brandTables) campaignFences(x *campaign.Index, old *view) map[uuid.UUID]*store.Fence {
	if old != nil && old.campaigns == x && old.search == t.search {
		return old.own
	}
	fences := map[uuid.UUID]*store.Fence{}
	for _, c := range x.WithRadius() {
		if !slices.ContainsFunc(c.Trigger.Kinds, campaign.Kind.ByFence) {
			continue
		}
		for _, s := range t.stores {
			if x.Chooses(c, s) {
				id := CampaignFenceID(c.ID, s.ID)
				fences[id] = &store.Fence{
					ID: id, StoreID: s.ID, Purpose: store.Near, CampaignID: c.ID,
					Circle: &geo.Circle{Center_: s.Place, Radius: c.Trigger.Radius},
				}
			}
		}
	}
	return fences
}

// ownTouched are the fences of campaigns that came, went or changed between two views, or whose store did.
func (t *brandTables) ownTouched(old, v *view) (ids []uuid.UUID) {
	for id := range old.own {
		if v.own[id] == nil {
			ids = append(ids, id)
		}
	}
	for id, f := range v.own {
		before := old.own[id]
		if before == nil || !sameShape(before, f) || t.otherStore(old, f) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (t *brandTables) otherStore(old *view, f *store.Fence) bool {
	indexed := old.fence(presence.ID(f.ID))
	return indexed == nil || indexed.Value.(*fenceView).store != t.stores[f.StoreID]
}

// ownEnded are the fences of campaigns whose open visits must end.
func ownEnded(brandID uuid.UUID, old, v *view) (ended []fenceChange) {
	if old == nil {
		return nil
	}
	for id, f := range old.own {
		if now := v.own[id]; now == nil || !sameShape(f, now) {
			ended = append(ended, fenceChange{brandID, id, now == nil})
		}
	}
	return ended
}
