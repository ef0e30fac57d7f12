package engine

import (
	"slices"
	"time"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/cell"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

// fact writes one transition down and makes its moment, if it is one.
func (t *turn) fact(d *deviceState, tr *presence.Transition, now int64, p *Ping, foreground bool, answer *Answer, moments *[]campaign.Moment) {
	at := time.UnixMilli(now).UTC()
	place := Place{
		ID: newID(at), DeviceID: d.id, FenceID: uuidOf(tr.Fence), Kind: tr.Kind, Reason: tr.Reason,
		At: time.UnixMilli(tr.At).UTC(), DecidedAt: time.UnixMilli(tr.DecidedAt).UTC(), PingID: uuidOf(tr.Ping),
		Cell: t.p.hot.cell,
	}
	var fv *fenceView
	if f := t.fence(tr.Fence); f != nil {
		fv = f.Value.(*fenceView)
		place.StoreID = fv.fence.StoreID
	}
	t.write.Places = append(t.write.Places, place)
	t.visit(d, tr)
	if tr.Kind == presence.Entered && tr.Reason == presence.Moved && fv != nil && fv.fence.Purpose == store.Visit {
		t.visited(d, fv, place.At)
	}
	t.dirty = true
	if answer != nil {
		answer.Transitions = append(answer.Transitions, told(&place, fv))
	}
	t.e.metrics.transition(tr.Kind, tr.Reason)
	if fv != nil && moments != nil && isMoment(tr) {
		*moments = append(*moments, newMoment(d, tr, &place, fv, at, p, foreground))
	}
	if tr.Kind == presence.Dwelled && fv != nil {
		armNextDwell(d, tr, fv)
	}
}

// isMoment tells whether a transition may start a campaign: it was brought about by the person, not by us, and is not old.
func isMoment(tr *presence.Transition) bool {
	return !tr.Late && (tr.Reason == presence.Moved || tr.Reason == presence.TimePassed)
}

func newMoment(d *deviceState, tr *presence.Transition, place *Place, fv *fenceView, received time.Time, p *Ping, foreground bool) campaign.Moment {
	m := campaign.Moment{
		ID: place.ID, Kind: campaign.KindOf(tr.Kind), Fence: fv.fence, Store: fv.store, DeviceID: d.id,
		At: place.At, Received: received, Late: tr.Late, Foreground: foreground,
	}
	m.Stayed = time.Duration(tr.At-tr.Since) * time.Millisecond
	if tr.Kind == presence.Dwelled {
		m.Dwell, m.FenceDwell = dwellOf(d, tr, fv), fv.ownDwell
	}
	if fv.store != nil && p != nil {
		m.Distance = geo.Distance(p.Place, fv.store.Place)
	} else if p != nil && tr.Kind == presence.Approached {
		m.Distance = max(0, fv.fence.Shape().Gap(p.Place))
	}
	return m
}

// dwellOf is the dwell time that a Dwelled reached: the one the stay was due for.
func dwellOf(d *deviceState, tr *presence.Transition, fv *fenceView) time.Duration {
	if s := d.stay(tr.Fence); s != nil && s.DwellAt > 0 {
		return time.Duration(s.DwellAt-s.Since) * time.Millisecond
	}
	return fv.rules.Dwell
}

// armNextDwell makes a stay that was told of one dwell wait for the next that is asked for at its fence.
func armNextDwell(d *deviceState, tr *presence.Transition, fv *fenceView) {
	next := campaign.NextDwell(fv.dwells, dwellOf(d, tr, fv))
	if s := d.stay(tr.Fence); s != nil && next != 0 {
		s.DwellAt, s.Dwelled = s.Since+next.Milliseconds(), false
	}
}

// visit keeps the row by which a fence's open visits are found.
func (t *turn) visit(d *deviceState, tr *presence.Transition) {
	v := OpenVisit{DeviceID: d.id, FenceID: uuidOf(tr.Fence), Since: time.UnixMilli(tr.Since).UTC()}
	switch tr.Kind {
	case presence.Entered:
		t.write.Opened = append(t.write.Opened, v)
	case presence.Exited: // what opened and closed in one write was never open
		t.write.Opened = slices.DeleteFunc(t.write.Opened, func(o OpenVisit) bool { return o.DeviceID == v.DeviceID && o.FenceID == v.FenceID })
		t.write.Closed = append(t.write.Closed, v)
	}
}

func told(place *Place, fv *fenceView) TransitionAnswer {
	a := TransitionAnswer{
		ID: place.ID, FenceID: place.FenceID, StoreID: place.StoreID, Kind: place.Kind, Reason: place.Reason,
		At: place.At.UnixMilli(), PingID: place.PingID,
	}
	if fv != nil {
		a.FenceExternalID, a.Purpose = fv.fence.ExternalID, fv.fence.Purpose
		if fv.store != nil {
			a.StoreExternalID = fv.store.ExternalID
		}
	}
	return a
}

// end closes one stay for a reason of ours: a fact, but no moment.
func (t *turn) end(d *deviceState, fence presence.ID, at int64, reason presence.Reason, answer *Answer) {
	revision := d.presence.Revision
	for _, tr := range d.presence.End(fence, at, reason, nil) {
		t.fact(d, &tr, t.nowMillis(), nil, false, answer, nil)
	}
	t.dirty = t.dirty || d.presence.Revision != revision
}

func (t *turn) endAll(d *deviceState, at int64, reason presence.Reason, answer *Answer) {
	for _, tr := range d.presence.EndAll(at, reason, nil) {
		t.fact(d, &tr, t.nowMillis(), nil, false, answer, nil)
	}
}

func (t *turn) nowMillis() int64 { return t.e.clock.Now().UnixMilli() }

// coarse keeps the person's H3 cell of resolution 7: with another write, or every 15 minutes, and not before the
// person has left the ring around the old one.
func (r *reporting) coarse(place geo.Point, at int64) {
	h := &r.p.hot
	if len(r.transitions) == 0 && at-h.cellAt < recordCovers.Milliseconds() {
		return
	}
	c := cell.CoarseFrom(cell.Cell(h.cell), place)
	if uint64(c) != h.cell && (h.cell == 0 || !borders(cell.Cell(h.cell), c)) {
		h.cell = uint64(c)
	}
	if at-h.cellAt >= recordCovers.Milliseconds() {
		h.cellAt = at
	}
}

// borders tells whether b lies in the ring around a. What cannot be told is no neighbour.
func borders(a, b cell.Cell) bool {
	ring, err := a.Neighbours()
	return err == nil && slices.Contains(ring, b)
}
