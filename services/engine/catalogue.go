package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// catalogue holds every brand's compiled configuration. Decisions read a brand's view without a lock; the tables
// behind it are for whoever lists and edits.
type catalogue struct {
	storage Catalogue
	mu      sync.Mutex // one refresh at a time
	brands  sync.Map   // uuid.UUID -> *brandTables
	keys    sync.Map   // uuid.UUID -> *brand.Key, over all brands
	loaded  atomic.Bool
	// replaced is told of credentials that came or changed while the node runs; nil: nobody is.
	replaced func(brandID uuid.UUID, provider pusher.Provider)
}

// brandTables is one brand's catalogue by id and own id.
type brandTables struct {
	mu          sync.RWMutex
	version     int64
	brand       *brand.Brand
	credentials map[uuid.UUID]brand.Credential
	keys        map[uuid.UUID]*brand.Key
	stores      map[uuid.UUID]*store.Store
	storeIDs    map[string]uuid.UUID
	fences      map[uuid.UUID]*store.Fence
	fenceIDs    map[string]uuid.UUID
	fencesOf    map[uuid.UUID][]uuid.UUID // store -> its fences; free ones are not here
	shared      shared
	campaigns   map[uuid.UUID]*campaign.Campaign
	campaignIDs map[string]uuid.UUID
	segments    map[uuid.UUID]*audience.Segment
	segmentIDs  map[string]uuid.UUID
	retired     map[uuid.UUID]bool // lists that no segment has any more
	items       map[uuid.UUID]*item.Item
	itemIndex   *item.Index // of the items above
	webhooks    map[uuid.UUID]brand.Webhook
	search      *searchIndex // of the stores above; a step ahead of the view while that cannot be compiled
	view        atomic.Pointer[view]
}

func newBrandTables() *brandTables {
	return &brandTables{
		credentials: map[uuid.UUID]brand.Credential{},
		keys:        map[uuid.UUID]*brand.Key{},
		stores:      map[uuid.UUID]*store.Store{},
		storeIDs:    map[string]uuid.UUID{},
		fences:      map[uuid.UUID]*store.Fence{},
		fenceIDs:    map[string]uuid.UUID{},
		fencesOf:    map[uuid.UUID][]uuid.UUID{},
		shared:      newShared(),
		campaigns:   map[uuid.UUID]*campaign.Campaign{},
		campaignIDs: map[string]uuid.UUID{},
		segments:    map[uuid.UUID]*audience.Segment{},
		segmentIDs:  map[string]uuid.UUID{},
		retired:     map[uuid.UUID]bool{},
		items:       map[uuid.UUID]*item.Item{},
		webhooks:    map[uuid.UUID]brand.Webhook{},
	}
}

// fenceChange tells the engine that open visits of a fence must end.
type fenceChange struct {
	brandID uuid.UUID
	fenceID uuid.UUID
	deleted bool
}

// refresh brings every brand up to the versions in the database and returns the fences whose visits must end.
func (c *catalogue) refresh(ctx context.Context) ([]fenceChange, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	versions, err := c.storage.Versions(ctx)
	if err != nil {
		return nil, fmt.Errorf("catalogue versions: %w", err)
	}
	var ended []fenceChange
	var faults []error
	for id, version := range versions {
		changes, err := c.refreshBrand(ctx, id, version)
		if err != nil {
			faults = append(faults, fmt.Errorf("catalogue of brand %s: %w", id, err))
			continue
		}
		ended = append(ended, changes...)
	}
	if len(faults) == 0 {
		c.loaded.Store(true)
	}
	return ended, errors.Join(faults...)
}

func (c *catalogue) refreshBrand(ctx context.Context, id uuid.UUID, version int64) ([]fenceChange, error) {
	t := c.tables(id)
	known := int64(-1)
	if t != nil {
		if t.version >= version {
			return nil, nil
		}
		known = t.version
	}
	change, err := c.storage.Changes(ctx, id, known)
	if err != nil {
		return nil, err
	}
	if t == nil {
		t = newBrandTables()
	}
	ended, err := t.apply(id, change)
	if err != nil {
		return nil, err
	}
	for i := range change.Keys {
		c.keys.Store(change.Keys[i].ID, t.keys[change.Keys[i].ID])
	}
	c.brands.Store(id, t)
	for i := range change.Credentials {
		if known >= 0 && c.replaced != nil {
			c.replaced(id, change.Credentials[i].Provider)
		}
	}
	return ended, nil
}

// take brings in what this node has just written as a version, without reading it back. Only a write of nothing but
// fences, onto the version before, is taken so; false: refresh.
func (c *catalogue) take(w *CatalogueWrite, version int64) ([]fenceChange, bool) {
	if w.Brand != nil || len(w.Keys)+len(w.Credentials)+len(w.Stores)+len(w.Campaigns)+len(w.Segments)+len(w.Items)+len(w.Webhooks) > 0 {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tables(w.BrandID)
	if t == nil || t.version != version-1 {
		return nil, false
	}
	fences := slices.Clone(w.Fences) // they are the writer's
	for i := range fences {
		fences[i].Version = version
	}
	ended, err := t.apply(w.BrandID, CatalogueChange{Version: version, Fences: fences})
	return ended, err == nil
}

func (c *catalogue) tables(id uuid.UUID) *brandTables {
	t, ok := c.brands.Load(id)
	if !ok {
		return nil
	}
	return t.(*brandTables)
}

// view is the brand as decisions see it, or nil.
func (c *catalogue) view(id uuid.UUID) *view {
	if t := c.tables(id); t != nil {
		return t.view.Load()
	}
	return nil
}

func (c *catalogue) key(id uuid.UUID) *brand.Key {
	k, ok := c.keys.Load(id)
	if !ok {
		return nil
	}
	return k.(*brand.Key)
}

func (c *catalogue) brandIDs() []uuid.UUID {
	var ids []uuid.UUID
	c.brands.Range(func(id, _ any) bool { ids = append(ids, id.(uuid.UUID)); return true })
	return ids
}

// apply takes a change into the tables and publishes a new view.
func (t *brandTables) apply(id uuid.UUID, change CatalogueChange) ([]fenceChange, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := t.view.Load() == nil
	whole := first || change.Brand != nil
	if change.Brand != nil {
		t.brand = change.Brand
	}
	for i := range change.Keys {
		k := change.Keys[i]
		t.keys[k.ID] = &k
	}
	for i := range change.Credentials {
		putOrDrop(t.credentials, change.Credentials[i].ID, change.Credentials[i], !change.Credentials[i].DeletedAt.IsZero())
	}
	for i := range change.Webhooks {
		putOrDrop(t.webhooks, change.Webhooks[i].ID, change.Webhooks[i], !change.Webhooks[i].DeletedAt.IsZero())
	}
	for i := range change.Segments {
		t.putSegment(&change.Segments[i])
	}
	t.putItems(change.Items)
	for i := range change.Stores {
		t.putStore(&change.Stores[i])
	}
	if first {
		t.fences, t.fenceIDs = make(map[uuid.UUID]*store.Fence, len(change.Fences)), make(map[string]uuid.UUID, len(change.Fences))
	}
	var ended []fenceChange
	for i := range change.Fences {
		f := &change.Fences[i]
		if old := t.fences[f.ID]; !first && old != nil && (!f.DeletedAt.IsZero() || !sameShape(old, f)) {
			ended = append(ended, fenceChange{id, f.ID, !f.DeletedAt.IsZero()})
		}
		t.putFence(f)
	}
	for i := range change.Campaigns {
		c := &change.Campaigns[i]
		whole = whole || t.changesDwell(c) || t.campaigns[c.ID] != nil && t.changesDwell(t.campaigns[c.ID])
		t.putCampaign(c)
	}
	t.search = t.search.with(change.Stores)
	if first || t.refersAnew(&change) {
		t.search = t.search.withCampaigns(t.campaignList(), (&storeFinder{tables: t}).chosen)
	}
	if change.Brand != nil {
		t.search = t.search.withHolidays(t.brand.Settings.Holidays)
	}
	var touched []uuid.UUID
	if !whole {
		touched = t.touched(change)
	}
	before := t.version
	t.version = change.Version
	v, err := t.compile(whole, touched, t.refersAnew(&change))
	if err != nil {
		t.version = before // decisions go on with the old view, and every round tries again
		return nil, err
	}
	ended = append(ended, ownEnded(id, t.view.Load(), v)...)
	t.view.Store(v)
	return ended, nil
}

// touched are the fences that changed, or whose store did, each once.
func (t *brandTables) touched(change CatalogueChange) []uuid.UUID {
	ids := make([]uuid.UUID, len(change.Fences))
	for i := range change.Fences {
		ids[i] = change.Fences[i].ID
	}
	if len(change.Stores) == 0 {
		return ids
	}
	for i := range change.Stores {
		ids = append(ids, t.fencesOf[change.Stores[i].ID]...)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

func putOrDrop[K comparable, V any](m map[K]V, k K, v V, drop bool) {
	if drop {
		delete(m, k)
		return
	}
	m[k] = v
}

// release gives up an own id, unless another row of the same change has it by now.
func release(ids map[string]uuid.UUID, own string, holder uuid.UUID) {
	if ids[own] == holder {
		delete(ids, own)
	}
}

func (t *brandTables) putStore(s *store.Store) {
	if old := t.stores[s.ID]; old != nil {
		release(t.storeIDs, old.ExternalID, s.ID)
	}
	if s.ExternalID != "" && s.DeletedAt.IsZero() {
		t.storeIDs[s.ExternalID] = s.ID
	}
	putOrDrop(t.stores, s.ID, s, !s.DeletedAt.IsZero())
}

func (t *brandTables) putFence(f *store.Fence) {
	t.shared.take(f)
	was, is := uuid.Nil, f.StoreID
	if old := t.fences[f.ID]; old != nil {
		release(t.fenceIDs, old.ExternalID, f.ID)
		was = old.StoreID
	}
	putOrDrop(t.fences, f.ID, f, !f.DeletedAt.IsZero())
	if !f.DeletedAt.IsZero() {
		is = uuid.Nil
	} else if f.ExternalID != "" {
		t.fenceIDs[f.ExternalID] = f.ID
	}
	t.moveFence(f.ID, was, is)
}

// moveFence takes a fence from a store to another. No store is a free fence's.
func (t *brandTables) moveFence(id, from, to uuid.UUID) {
	if from == to {
		return
	}
	if from != uuid.Nil {
		rest := slices.DeleteFunc(t.fencesOf[from], func(other uuid.UUID) bool { return other == id })
		putOrDrop(t.fencesOf, from, rest, len(rest) == 0)
	}
	if to != uuid.Nil {
		t.fencesOf[to] = append(t.fencesOf[to], id)
	}
}

func (t *brandTables) putCampaign(c *campaign.Campaign) {
	if old := t.campaigns[c.ID]; old != nil {
		release(t.campaignIDs, old.ExternalID, c.ID)
	}
	if c.ExternalID != "" && c.DeletedAt.IsZero() {
		t.campaignIDs[c.ExternalID] = c.ID
	}
	putOrDrop(t.campaigns, c.ID, c, !c.DeletedAt.IsZero())
}
