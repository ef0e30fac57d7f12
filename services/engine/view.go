package engine

import (
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/index"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/expression"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// SensitiveTag marks a fence of purpose other as a sensitive place: whoever is in it is not looked at.
const SensitiveTag = "sensitive"

// view is one brand's catalogue compiled for decisions. It is immutable.
type view struct {
	serial    uint64 // no two views of a process have the same
	version   int64
	brand     *brand.Brand
	fences    *index.Snapshot // every Fence.Value is a *fenceView
	sensitive *index.Snapshot
	campaigns *campaign.Index
	webhooks  []brand.Webhook // in the order of their ids
	search    *searchIndex
	items     *item.Index
	searches  bool                       // a live campaign asks for searches of stores
	schema    *expression.Schema         // of what campaigns and segments say in CEL
	own       map[uuid.UUID]*store.Fence // that campaigns brought
	// approachLookout, metres, is the widest of any fence; 0: none asks for approaches.
	approachLookout float64
	edges           nextEdges
}

// views counts them.
var views atomic.Uint64

// fence finds a fence; nil: it is gone.
func (v *view) fence(id presence.ID) *index.Fence {
	f, _ := v.fences.Fence(id)
	return f
}

// fenceView is a fence with what decisions need beside its shape.
type fenceView struct {
	*fenceRules
	fence  *store.Fence
	store  *store.Store // nil: free
	circle float64      // radius, metres; 0: not a circle
}

// fenceRules are what holds for a fence; fences for which the same holds share them.
type fenceRules struct {
	rules    presence.Rules   // with the least of dwells
	later    []presence.Rules // rules with each of the further dwells
	dwells   []time.Duration  // ascending, without repeats: every dwell that a live campaign asks for here
	ownDwell time.Duration    // the fence's own dwell time, the brand's default included; 0: none
}

func sameShape(a, b *store.Fence) bool {
	if (a.Circle == nil) != (b.Circle == nil) {
		return false
	}
	if a.Circle != nil {
		return *a.Circle == *b.Circle
	}
	return reflect.DeepEqual(a.Area, b.Area)
}

// changesDwell tells whether a campaign's change may change dwell times of fences. Compiling all fences again is
// the simple, seldom paid answer.
func (t *brandTables) changesDwell(c *campaign.Campaign) bool {
	return c.Trigger.On(campaign.Dwelled)
}

func (t *brandTables) compile(whole bool, touched []uuid.UUID, campaigns bool) (*view, error) {
	v := &view{serial: views.Add(1), version: t.version, brand: t.brand, search: t.search, items: t.itemIndex, webhooks: list(t.webhooks)}
	old := t.view.Load()
	v.searches = t.anyLive(campaign.StoreSearched)
	if old == nil || campaigns {
		v.campaigns = t.references(v, old).Index(t.campaignList())
	} else {
		v.campaigns, v.schema = old.campaigns, old.schema
	}
	v.own = t.campaignFences(v.campaigns, old)
	var err error
	if whole || old == nil {
		err = t.compileAll(v)
	} else {
		err = t.compileSome(v, old, append(touched, t.ownTouched(old, v)...))
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (t *brandTables) campaignList() []*campaign.Campaign {
	list := make([]*campaign.Campaign, 0, len(t.campaigns))
	for _, c := range t.campaigns {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *campaign.Campaign) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return list
}

func (t *brandTables) compileAll(v *view) error {
	open := make([]*index.Fence, 0, len(t.fences))
	var sensitive []*index.Fence
	for _, f := range t.fences {
		entry := t.indexed(v, f)
		if isSensitive(f) {
			sensitive = append(sensitive, entry)
		} else {
			open = append(open, entry)
		}
	}
	for _, f := range v.own {
		open = append(open, t.indexed(v, f))
	}
	var err error
	if v.fences, err = index.Build(open); err != nil {
		return err
	}
	v.sensitive, err = index.Build(sensitive)
	return err
}

func (t *brandTables) compileSome(v, old *view, touched []uuid.UUID) error {
	var open, sensitive []*index.Fence
	var goneOpen, goneSensitive []index.ID
	v.approachLookout = old.approachLookout
	for _, id := range touched {
		f := t.fences[id]
		if f == nil {
			f = v.own[id]
		}
		switch {
		case f == nil:
			goneOpen, goneSensitive = append(goneOpen, id), append(goneSensitive, id)
		case isSensitive(f):
			sensitive, goneOpen = append(sensitive, t.indexed(v, f)), append(goneOpen, id)
		default:
			open, goneSensitive = append(open, t.indexed(v, f)), append(goneSensitive, id)
		}
	}
	if len(touched) == 0 {
		v.fences, v.sensitive = old.fences, old.sensitive
		return nil
	}
	var err error
	if v.fences, err = old.fences.With(open, goneOpen); err != nil {
		return err
	}
	v.sensitive, err = old.sensitive.With(sensitive, goneSensitive)
	return err
}

func isSensitive(f *store.Fence) bool {
	return f.Purpose == store.Other && slices.Contains(f.Tags, SensitiveTag)
}

// indexedFence is a fence of the index and its view, side by side.
type indexedFence struct {
	index.Fence
	view fenceView
}

// indexed joins a fence with its store, the rules that hold for it and the dwell times asked of it.
func (t *brandTables) indexed(v *view, f *store.Fence) *index.Fence {
	at := t.stores[f.StoreID]
	entry := &indexedFence{view: fenceView{fence: f, store: at, fenceRules: t.rulesFor(v, f, at)}}
	if f.Circle != nil {
		entry.view.circle = f.Circle.Radius
	}
	v.approachable(&entry.view.rules)
	entry.Fence = index.Fence{ID: f.ID, Shape: f.Shape(), Value: &entry.view}
	return &entry.Fence
}

// rulesFor are a fence's own rules or the brand's, with the dwell times that campaigns ask for there.
func (t *brandTables) rulesFor(v *view, f *store.Fence, at *store.Store) *fenceRules {
	rules := v.brand.Settings.Presence
	if f.Rules != nil {
		rules = *f.Rules
	}
	dwells := v.campaigns.DwellsAt(f, at)
	if len(dwells) > 0 {
		return newFenceRules(rules, dwells)
	}
	shared := t.shared.rules[rules]
	if shared == nil {
		shared = newFenceRules(rules, nil)
		t.shared.keep(rules, shared)
	}
	return shared
}

func newFenceRules(rules presence.Rules, dwells []time.Duration) *fenceRules {
	r := &fenceRules{rules: rules, dwells: dwells, ownDwell: rules.Dwell}
	if d := rules.Dwell; d > 0 && !slices.Contains(dwells, d) {
		r.dwells = append(slices.Clone(dwells), d)
		slices.Sort(r.dwells)
	}
	for i, d := range r.dwells {
		if i == 0 {
			r.rules.Dwell = d
			continue
		}
		further := r.rules
		further.Dwell = d
		r.later = append(r.later, further)
	}
	return r
}

// rulesAt are the rules for a stay: those of the dwell time it waits for, or was last told of. A stay that waits for a
// later dwell than the least was told of the least already: if nobody asks for the later one any more it goes on
// waiting for it, rather than be told of the least again.
func (fv *fenceView) rulesAt(stay *presence.Stay) *presence.Rules {
	if stay == nil || stay.DwellAt == 0 {
		return &fv.rules
	}
	armed := time.Duration(stay.DwellAt-stay.Since) * time.Millisecond
	if armed <= fv.rules.Dwell || fv.rules.Dwell == 0 {
		return &fv.rules
	}
	for i := range fv.later {
		if fv.later[i].Dwell == armed {
			return &fv.later[i]
		}
	}
	waiting := fv.rules
	waiting.Dwell = armed
	return &waiting
}

// horizon is the least time in which a ping can bring about a timer that did not exist before; 0: never.
func (t *brandTables) horizon() time.Duration {
	t.mu.RLock()
	defer t.mu.RUnlock()
	shortest := time.Duration(0)
	take := func(d time.Duration) {
		if d > 0 && (shortest == 0 || d < shortest) {
			shortest = d
		}
	}
	rules := func(r *presence.Rules) {
		if r.Policy != presence.Exact {
			take(r.Silence * 5 / 4)
			take(r.Dwell)
			take(t.view.Load().campaigns.ShortestDwell())
		}
	}
	rules(&t.brand.Settings.Presence)
	for _, f := range t.fences {
		if f.Rules != nil {
			rules(f.Rules)
		}
	}
	return shortest
}
