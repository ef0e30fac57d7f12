package engine

import (
	"bytes"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/cell"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

// coarseFor is for how long after it was looked at a coarse cell tells where somebody is.
const coarseFor = time.Hour

// nearness is where a flash happens: the fences of its stores, and the coarse cells round them.
type nearness struct {
	view   *view
	fences []*fenceView // in the order of their ids
	of     map[uuid.UUID]*fenceView
	cells  map[uint64]*store.Store
}

// nearOf is where a campaign's flash happens, found out once for a view.
func (e *Engine) nearOf(brandID uuid.UUID, c *campaign.Campaign) *nearness {
	t := e.catalogue.tables(brandID)
	t.mu.RLock()
	defer t.mu.RUnlock()
	v := t.view.Load()
	e.sendings.mu.Lock()
	defer e.sendings.mu.Unlock()
	if n := e.sendings.near[c.ID]; n != nil && n.view == v {
		return n
	}
	n := t.nearness(v, c)
	if len(e.sendings.near) > sendingsAtOnce || e.sendings.near == nil {
		e.sendings.near = map[uuid.UUID]*nearness{}
	}
	e.sendings.near[c.ID] = n
	return n
}

// nearness asks an index of the campaign alone, so that a draft's is found as a live one's.
func (t *brandTables) nearness(v *view, c *campaign.Campaign) *nearness {
	n := &nearness{view: v, of: map[uuid.UUID]*fenceView{}, cells: map[uint64]*store.Store{}}
	alone := t.indexAlone(c)
	for id, s := range t.stores {
		if !alone.Chooses(c, s) {
			continue
		}
		n.round(s)
		for _, fence := range t.fencesOf[id] {
			if f, ok := v.fences.Fence(fence); ok && f.Value.(*fenceView).fence.Purpose != store.Other {
				n.fences, n.of[fence] = append(n.fences, f.Value.(*fenceView)), f.Value.(*fenceView)
			}
		}
	}
	slices.SortFunc(n.fences, func(a, b *fenceView) int { return bytes.Compare(a.fence.ID[:], b.fence.ID[:]) })
	return n
}

// indexAlone is an index of one campaign, as if it were live, with what it refers to. The tables are locked.
func (t *brandTables) indexAlone(c *campaign.Campaign) *campaign.Index {
	live := *c
	live.State, live.DeletedAt = campaign.Live, time.Time{}
	refers := t.references(&view{}, t.view.Load())
	return refers.Index([]*campaign.Campaign{&live})
}

// round adds the coarse cell of a store and those about it. Of two stores of one cell the one with the lesser id stays.
func (n *nearness) round(s *store.Store) {
	home := cell.Coarse(s.Place)
	ring, err := home.Neighbours()
	if err != nil {
		return
	}
	for _, c := range append(ring, home) {
		if old := n.cells[uint64(c)]; old == nil || bytes.Compare(s.ID[:], old.ID[:]) < 0 {
			n.cells[uint64(c)] = s
		}
	}
}

// nearby tells whether a person is where a flash happens, as far as may be looked at, and completes the moment. What is
// known is used as a ping would be: gates 1 to 4 are asked, and the use is recorded with what comes of it.
func (q *question) nearby(t *turn, m *campaign.Moment, out *outcome) bool {
	out.outside = true
	if ok, _ := audience.MayLocate(&t.p.profile, q.v.brand, q.now); !ok {
		return false
	}
	m.At, m.Received = q.now, q.now
	for _, d := range t.p.hot.devices {
		for i := range d.presence.Stays {
			if f := q.near.of[uuidOf(d.presence.Stays[i].Fence)]; f != nil {
				m.Fence, m.Store, m.DeviceID, out.outside = f.fence, f.store, d.id, false
				return true
			}
		}
	}
	h := &t.p.hot
	if s := q.near.cells[h.cell]; h.cell != 0 && s != nil && q.now.UnixMilli()-h.cellAt < coarseFor.Milliseconds() {
		m.Store, out.outside = s, false
		return true
	}
	return false
}
