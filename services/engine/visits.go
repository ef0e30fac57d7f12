package engine

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/presence"
	statev1 "github.com/wantgo/wantgo/proto/wantgo/state/v1"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
)

// What visits a person made is kept for those who agreed to that (loc_retain), at most a year and no longer than the
// consent stands, to the minute and by store; nothing else of a visit is. A visit is an entry at a visit fence that the
// person made: not one that was there when the fence came, and not that of a second device while the first is inside.
// Withdrawing the consent, to that or to the use of location at all, deletes the visits in the same write; what grows too
// old is deleted by a timer, whether the person is heard of or not.
const (
	visitsKept = 365 * 24 * time.Hour
	// maxVisits is how many are kept of a person; the earliest give way.
	maxVisits = 256
)

// visitHistory is the visits of a person by store. It is replaced, never changed in place.
type visitHistory []storeVisits

// storeVisits are the visits to one store, the earliest first: minutes since 1970.
type storeVisits struct {
	store   uuid.UUID
	minutes []int64
}

func (h visitHistory) messages() (list []*statev1.VisitHistory) {
	for i := range h {
		m := &statev1.VisitHistory{StoreId: bytesOf(h[i].store)}
		last := int64(0)
		for _, at := range h[i].minutes {
			m.Minutes = append(m.Minutes, uint32(at-last))
			last = at
		}
		list = append(list, m)
	}
	return list
}

func visitsFrom(list []*statev1.VisitHistory) (h visitHistory) {
	for _, m := range list {
		s := storeVisits{store: idFrom(m.StoreId)}
		last := int64(0)
		for _, step := range m.Minutes {
			last += int64(step)
			s.minutes = append(s.minutes, last)
		}
		h = append(h, s)
	}
	return h
}

// with is the history with one more visit.
func (h visitHistory) with(store uuid.UUID, at time.Time) visitHistory {
	minute := at.Unix() / 60
	next := slices.Clone(h)
	i := slices.IndexFunc(next, func(s storeVisits) bool { return s.store == store })
	if i < 0 {
		next = append(next, storeVisits{store: store, minutes: []int64{minute}})
	} else {
		minutes := append(slices.Clone(next[i].minutes), minute)
		slices.Sort(minutes)
		next[i].minutes = minutes
	}
	for next.len() > maxVisits {
		next = next.withoutEarliest()
	}
	return next
}

func (h visitHistory) len() (n int) {
	for i := range h {
		n += len(h[i].minutes)
	}
	return n
}

func (h visitHistory) withoutEarliest() visitHistory {
	return h.after(h.earliest())
}

// earliest is the minute of the first visit; 0: there is none.
func (h visitHistory) earliest() (first int64) {
	for i := range h {
		if at := h[i].minutes[0]; first == 0 || at < first {
			first = at
		}
	}
	return first
}

// latest is when the last visit to any store began; zero: there is none.
func (h visitHistory) latest() time.Time {
	last := int64(0)
	for i := range h {
		last = max(last, h[i].minutes[len(h[i].minutes)-1])
	}
	if last == 0 {
		return time.Time{}
	}
	return time.Unix(last*60, 0).UTC()
}

// after is the history without what was at or before a minute.
func (h visitHistory) after(minute int64) (left visitHistory) {
	for _, s := range h {
		at, _ := slices.BinarySearch(s.minutes, minute+1)
		if s.minutes = s.minutes[at:]; len(s.minutes) > 0 {
			left = append(left, s)
		}
	}
	return left
}

// count is the number of visits since a time, at a store; the zero store: at any.
func (h visitHistory) count(store uuid.UUID, since time.Time) (n int) {
	from := since.Unix() / 60
	if since.IsZero() {
		from = 0
	}
	for _, s := range h {
		if store == uuid.Nil || s.store == store {
			at, _ := slices.BinarySearch(s.minutes, from)
			n += len(s.minutes) - at
		}
	}
	return n
}

// visited notes that a visit began, if that may be kept.
func (t *turn) visited(d *deviceState, fv *fenceView, at time.Time) {
	if fv.store == nil || t.p.profile.VisitsKeptUntil(t.e.clock.Now()).IsZero() {
		return
	}
	for _, other := range t.p.hot.devices {
		if other != d && other.stay(presence.ID(fv.fence.ID)) != nil {
			return
		}
	}
	t.p.hot.visits = t.p.hot.visits.with(fv.store.ID, at)
	t.dirty = true
}

// standing is the profile as the turn would write it, to be read only.
func (t *turn) standing() *audience.Profile {
	if t.write.Profile != nil {
		return t.write.Profile
	}
	return &t.p.profile
}

// visitsKnown answers how often the person was at stores.
func (t *turn) visitsKnown(now time.Time) *campaign.Visits {
	if t.standing().VisitsKeptUntil(now).IsZero() {
		return &campaign.Visits{Count: func(uuid.UUID, time.Time) int { return 0 }}
	}
	h := t.p.hot.visits.after(now.Add(-visitsKept).Unix() / 60)
	return &campaign.Visits{Consented: true, Count: h.count}
}

// ageVisits drops visits that may not be kept any more.
func (t *turn) ageVisits(now time.Time) {
	h := &t.p.hot
	if len(h.visits) == 0 {
		return
	}
	if t.standing().VisitsKeptUntil(now).IsZero() {
		h.visits = nil
		return
	}
	if old := now.Add(-visitsKept).Unix() / 60; h.visits.earliest() <= old {
		h.visits = h.visits.after(old)
	}
}

// visitsDue is when visits must go, ms; 0: there are none.
func (p *person) visitsDue() int64 {
	if len(p.hot.visits) == 0 {
		return 0
	}
	at := time.Unix(p.hot.visits.earliest()*60, 0).Add(visitsKept)
	if until := p.profile.VisitsKeptUntil(at.Add(-visitsKept)); !until.IsZero() && until.Before(at) {
		at = until
	}
	return at.UnixMilli()
}

// takeVisits takes over another person's visits, if both agreed to their being kept.
func (t *turn) takeVisits(given visitHistory, mayGive bool, now time.Time) {
	if !mayGive || t.p.profile.VisitsKeptUntil(now).IsZero() {
		return
	}
	for _, s := range given {
		for _, minute := range s.minutes {
			t.p.hot.visits = t.p.hot.visits.with(s.store, time.Unix(minute*60, 0))
		}
	}
}
