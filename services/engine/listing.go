package engine

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

// Listings read a brand's catalogue as this node knows it, which is what was written on this node and, within two
// seconds, what was written on others. What they return is shared: copy it before changing it.

func notFound(what string) error { return fmt.Errorf("%s: %w", what, ErrNotFound) }

// list collects a table's values in id order.
func list[V any](m map[uuid.UUID]V) []V {
	ids := make([]uuid.UUID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	values := make([]V, len(ids))
	for i, id := range ids {
		values[i] = m[id]
	}
	return values
}

// read runs f on a brand's tables.
func (e *Engine) read(brandID uuid.UUID, f func(t *brandTables)) bool {
	t := e.catalogue.tables(brandID)
	if t == nil {
		return false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	f(t)
	return true
}

// find reads one row by id.
func find[V any](e *Engine, brandID, id uuid.UUID, what string, table func(*brandTables) map[uuid.UUID]V) (V, error) {
	var v V
	ok := false
	e.read(brandID, func(t *brandTables) { v, ok = table(t)[id] })
	if !ok {
		return v, notFound(what)
	}
	return v, nil
}

// findExternal reads one row by the brand's own id.
func findExternal[V any](e *Engine, brandID uuid.UUID, external, what string, ids func(*brandTables) map[string]uuid.UUID, table func(*brandTables) map[uuid.UUID]V) (V, error) {
	var v V
	ok := false
	e.read(brandID, func(t *brandTables) {
		var id uuid.UUID
		if id, ok = ids(t)[external]; ok {
			v, ok = table(t)[id]
		}
	})
	if !ok {
		return v, notFound(what)
	}
	return v, nil
}

func storesTable(t *brandTables) map[uuid.UUID]*store.Store          { return t.stores }
func fencesTable(t *brandTables) map[uuid.UUID]*store.Fence          { return t.fences }
func campaignsTable(t *brandTables) map[uuid.UUID]*campaign.Campaign { return t.campaigns }
func keysTable(t *brandTables) map[uuid.UUID]*brand.Key              { return t.keys }
func credentialsTable(t *brandTables) map[uuid.UUID]brand.Credential { return t.credentials }
func webhooksTable(t *brandTables) map[uuid.UUID]brand.Webhook       { return t.webhooks }
func lists[V any](e *Engine, brandID uuid.UUID, table func(*brandTables) map[uuid.UUID]V) (values []V) {
	e.read(brandID, func(t *brandTables) { values = list(table(t)) })
	return values
}

// Brand is the brand's own row.
func (e *Engine) Brand(brandID uuid.UUID) (*brand.Brand, error) {
	v := e.catalogue.view(brandID)
	if v == nil {
		return nil, notFound("brand")
	}
	return v.brand, nil
}

// Brands lists every brand this node knows.
func (e *Engine) Brands() []*brand.Brand {
	var brands []*brand.Brand
	for _, id := range e.catalogue.brandIDs() {
		if v := e.catalogue.view(id); v != nil {
			brands = append(brands, v.brand)
		}
	}
	slices.SortFunc(brands, func(a, b *brand.Brand) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return brands
}

// Stores lists a brand's stores by id.
func (e *Engine) Stores(brandID uuid.UUID) []*store.Store { return lists(e, brandID, storesTable) }

// Store finds a store by id.
func (e *Engine) Store(brandID, id uuid.UUID) (*store.Store, error) {
	return find(e, brandID, id, "store", storesTable)
}

// StoreByExternalID finds a store by the brand's own id.
func (e *Engine) StoreByExternalID(brandID uuid.UUID, external string) (*store.Store, error) {
	return findExternal(e, brandID, external, "store", func(t *brandTables) map[string]uuid.UUID { return t.storeIDs }, storesTable)
}

// Fences lists a brand's fences by id.
func (e *Engine) Fences(brandID uuid.UUID) []*store.Fence { return lists(e, brandID, fencesTable) }

// Fence finds a fence by id.
func (e *Engine) Fence(brandID, id uuid.UUID) (*store.Fence, error) {
	return find(e, brandID, id, "fence", fencesTable)
}

// FenceByExternalID finds a fence by the brand's own id.
func (e *Engine) FenceByExternalID(brandID uuid.UUID, external string) (*store.Fence, error) {
	return findExternal(e, brandID, external, "fence", func(t *brandTables) map[string]uuid.UUID { return t.fenceIDs }, fencesTable)
}

// FencesByExternalID finds fences by the brand's own ids, as of one moment; nil where there is none.
func (e *Engine) FencesByExternalID(brandID uuid.UUID, externals []string) []*store.Fence {
	found := make([]*store.Fence, len(externals))
	e.read(brandID, func(t *brandTables) {
		for i, external := range externals {
			if id, ok := t.fenceIDs[external]; ok {
				found[i] = t.fences[id]
			}
		}
	})
	return found
}

// AnyFence tells whether a brand has a fence such as is asked for.
func (e *Engine) AnyFence(brandID uuid.UUID, is func(*store.Fence) bool) (found bool) {
	e.read(brandID, func(t *brandTables) {
		for _, f := range t.fences {
			if found = is(f); found {
				return
			}
		}
	})
	return found
}

// FencesOf lists the fences of a store by id.
func (e *Engine) FencesOf(brandID, storeID uuid.UUID) (fences []*store.Fence) {
	e.read(brandID, func(t *brandTables) {
		for _, id := range t.fencesOf[storeID] {
			fences = append(fences, t.fences[id])
		}
	})
	slices.SortFunc(fences, func(a, b *store.Fence) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return fences
}

// Campaigns lists a brand's campaigns by id.
func (e *Engine) Campaigns(brandID uuid.UUID) []*campaign.Campaign {
	return lists(e, brandID, campaignsTable)
}

// Campaign finds a campaign by id.
func (e *Engine) Campaign(brandID, id uuid.UUID) (*campaign.Campaign, error) {
	return find(e, brandID, id, "campaign", campaignsTable)
}

// CampaignByExternalID finds a campaign by the brand's own id.
func (e *Engine) CampaignByExternalID(brandID uuid.UUID, external string) (*campaign.Campaign, error) {
	return findExternal(e, brandID, external, "campaign", func(t *brandTables) map[string]uuid.UUID { return t.campaignIDs }, campaignsTable)
}

// Webhooks lists a brand's endpoints by id, without those that were deleted.
func (e *Engine) Webhooks(brandID uuid.UUID) []brand.Webhook { return lists(e, brandID, webhooksTable) }

// Webhook finds an endpoint by id.
func (e *Engine) Webhook(brandID, id uuid.UUID) (brand.Webhook, error) {
	return find(e, brandID, id, "webhook", webhooksTable)
}

// Keys lists a brand's keys by id.
func (e *Engine) Keys(brandID uuid.UUID) []*brand.Key { return lists(e, brandID, keysTable) }

// Key finds a key by id.
func (e *Engine) Key(brandID, id uuid.UUID) (*brand.Key, error) {
	return find(e, brandID, id, "key", keysTable)
}

// Credentials lists a brand's credentials by id.
func (e *Engine) Credentials(brandID uuid.UUID) []brand.Credential {
	return lists(e, brandID, credentialsTable)
}

// Credential finds a credential by id.
func (e *Engine) Credential(brandID, id uuid.UUID) (brand.Credential, error) {
	return find(e, brandID, id, "credential", credentialsTable)
}

// Write stores a change of the catalogue and makes it hold on this node before it returns; other nodes follow within
// two seconds. ErrStale: an expected version does not hold. ErrAlreadyExists: an own id is taken.
func (e *Engine) Write(ctx context.Context, w CatalogueWrite) (version int64, err error) {
	version, err = e.storage.Write(ctx, w)
	if err != nil {
		return 0, err
	}
	if ended, ok := e.catalogue.take(&w, version); ok {
		e.endVisits(ctx, ended)
		return version, nil
	}
	if err := e.followCatalogue(ctx); err != nil {
		e.log.Error("a written change is not yet on this node", "brand", w.BrandID, "error", err)
	}
	return version, nil
}

// CreateBrand makes a brand with its first keys.
func (e *Engine) CreateBrand(ctx context.Context, b brand.Brand, keys []brand.Key) error {
	if err := e.storage.CreateBrand(ctx, b); err != nil {
		return err
	}
	_, err := e.Write(ctx, CatalogueWrite{BrandID: b.ID, Actor: "init", Keys: keys})
	return err
}

// Horizon is the least time in which a ping of a brand can bring about a timer that did not exist before; 0: never.
// A replay may take pings together as long as they lie within it.
func (e *Engine) Horizon(brandID uuid.UUID) (horizon int64) {
	if t := e.catalogue.tables(brandID); t != nil {
		return t.horizon().Milliseconds()
	}
	return 0
}
