package engine

import (
	"slices"
	"time"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher/cap"
)

// How large a person's hot state may be, bytes. What is dropped to get there, in this order:
//
//	over the target  how many pings came in all but the last hours;
//	                 devices of the person that were not heard of for a day and are inside nothing;
//	                 folded days older than a week become one fold for each scope and key
//	over the bound   such devices but the last eight heard; all folded days become one; ids by which repeats and
//	                 beginnings are known; at last the visits of the devices heard of the longest ago end, as by silence
//
// What AppEvents and visits leave has bounds of its own: ids of 32 events, 32 reminders, 256 visits. Over the bound the
// earlier half of the reminders goes first, with a decision that says so, and the earlier half of the visits.
//
// Nothing of this gives room in a cap. A cap counts a fold in every window that the fold touches, so folds that became
// one count for at least as much as before. The rest is no part of what caps count: without it a ping that is told again
// may bring about a second fact, and a second moment then finds less room, not more. Notifications, folds and coupons
// by offer are never dropped; when they fill the most of the state, nothing more is decided.
const (
	stateTarget = 1500
	stateBound  = 16 << 10
	ledgerBound = 12 << 10
	// idleDevice is for how long a device inside nothing is remembered in a state over the target.
	idleDevice = 24 * time.Hour
	// freshFolds is for how long folded days are kept apart in a state over the target.
	freshFolds = 7 * 24 * time.Hour
	// keptDevices is how many devices inside nothing a state over the bound keeps.
	keptDevices = 8
)

// fit encodes the state within its bounds, into the array of the last.
func (t *turn) fit(now time.Time) ([]byte, error) {
	h := &t.p.hot
	b, err := h.encode(t.write.State[:0])
	for _, s := range []struct {
		limit int
		shed  func()
	}{
		{stateTarget, func() { h.pings = h.pings[max(0, len(h.pings)-fewPingCounts):] }},
		{stateTarget, func() { t.dropIdle(now.Add(-idleDevice).UnixMilli(), 0) }},
		{stateTarget, func() { h.folds = mergeFolds(h.folds, now.Add(-freshFolds)) }},
		{stateBound, func() { t.shedReminders(now) }},
		{stateBound, func() { t.dropIdle(now.UnixMilli(), keptDevices) }},
		{stateBound, func() { h.folds = mergeFolds(h.folds, now) }},
		{stateBound, t.forgetPings},
	} {
		if err != nil || len(b) <= s.limit {
			return b, err
		}
		s.shed()
		b, err = h.encode(b[:0])
	}
	for err == nil && len(b) > stateBound && t.endLongestUnheard() {
		b, err = h.encode(b[:0])
	}
	return b, err
}

// dropIdle forgets devices that are inside nothing and were last heard of by a time, but the last keep of them and those
// that this turn is about.
func (t *turn) dropIdle(by int64, keep int) {
	h := &t.p.hot
	var idle []*deviceState
	for _, d := range h.devices {
		about := slices.ContainsFunc(t.undo.states, func(s savedState) bool { return s.device == d })
		if !about && len(d.presence.Stays) == 0 && d.presence.LastHeard <= by {
			idle = append(idle, d)
		}
	}
	if len(idle) <= keep {
		return
	}
	slices.SortStableFunc(idle, heardLater)
	idle = idle[keep:]
	h.devices = slices.DeleteFunc(slices.Clone(h.devices), func(d *deviceState) bool { return slices.Contains(idle, d) })
}

func heardLater(a, b *deviceState) int {
	switch {
	case a.presence.LastHeard > b.presence.LastHeard:
		return -1
	case a.presence.LastHeard < b.presence.LastHeard:
		return 1
	}
	return 0
}

// mergeFolds makes one fold of those of a scope and key that ended by a time.
func mergeFolds(folds []cap.Fold, by time.Time) []cap.Fold {
	type what struct {
		scope cap.Scope
		key   string
	}
	at := map[what]int{}
	merged := make([]cap.Fold, 0, len(folds))
	for _, f := range folds {
		k := what{f.Scope, f.Key}
		i, again := at[k]
		switch {
		case f.Until.After(by):
		case again:
			m := &merged[i]
			if f.From.Before(m.From) {
				m.From = f.From
			}
			if f.Until.After(m.Until) {
				m.Until = f.Until
			}
			m.Count += f.Count
			continue
		default:
			at[k] = len(merged)
		}
		merged = append(merged, f)
	}
	return merged
}

// forgetPings drops the ids of pings: the latest that caused a write, the last one, and those that began stays.
func (t *turn) forgetPings() {
	for _, d := range t.p.hot.devices {
		t.touch(d)
		d.recent, d.presence.LastPing = recentPings{}, presence.ID{}
		for i := range d.presence.Stays {
			d.presence.Stays[i].By = presence.ID{}
		}
	}
}

// endLongestUnheard ends the visits of the device heard of the longest ago and forgets it. false: there is none.
func (t *turn) endLongestUnheard() bool {
	devices := t.p.hot.devices
	if len(devices) == 0 {
		return false
	}
	last := slices.MaxFunc(devices, heardLater)
	t.touch(last)
	t.endAll(last, t.nowMillis(), presence.Silence, nil)
	t.p.hot.devices = slices.DeleteFunc(slices.Clone(devices), func(d *deviceState) bool { return d == last })
	return true
}

// ledgerFull tells whether what caps and offers count leaves no room for more.
func (h *hot) ledgerFull() bool {
	return 90*len(h.entries)+60*len(h.folds)+24*len(h.issued) > ledgerBound
}
