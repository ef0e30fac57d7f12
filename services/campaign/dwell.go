package campaign

import (
	"slices"
	"time"

	"github.com/wantgo/wantgo/services/store"
)

// Campaigns of one fence may ask for different dwell times, while a stay tells of one dwell at a time. The way to
// serve them all: the fence's dwell times are those of Dwells and its own, ascending; a stay first waits for the
// least; when Dwelled was told at d, the caller arms the stay again for NextDwell(…, d). Each Dwelled makes a
// moment with Moment.Dwell = d, and Match gives it only to the campaigns that asked for d. So a campaign for
// 20 minutes never fires at 5, fires at 20, and once a stay.

// Dwells are the dwell times that live and paused campaigns ask for at fences of a purpose of a store, ascending,
// each once. Campaigns that leave it to the fence are not among them: the caller adds the fence's own dwell time.
// s is nil for a free fence; use DwellsAt to have its tags looked at.
func (x *Index) Dwells(s *store.Store, purpose store.Purpose) []time.Duration {
	return x.DwellsAt(&store.Fence{Purpose: purpose}, s)
}

// DwellsAt is Dwells for one fence, free or of the store s.
func (x *Index) DwellsAt(f *store.Fence, s *store.Store) []time.Duration {
	var asked []time.Duration
	x.around(Dwelled, f, s, func(e *entry) {
		if d := e.campaign.Trigger.Dwell; d > 0 {
			asked = append(asked, d)
		}
	})
	slices.Sort(asked)
	return slices.Compact(asked)
}

// ShortestDwell is the least dwell time that any campaign asks for; 0: none asks for one.
func (x *Index) ShortestDwell() time.Duration { return x.shortest }

// NextDwell is the first of the ascending dwell times after reached; 0: none is left.
func NextDwell(dwells []time.Duration, reached time.Duration) time.Duration {
	for _, d := range dwells {
		if d > reached {
			return d
		}
	}
	return 0
}

// dwellReached is the dwell time that made the moment.
func (m *Moment) dwellReached() time.Duration {
	if m.Dwell > 0 {
		return m.Dwell
	}
	return m.Stayed
}

// dwellAsked is the dwell time that a campaign waits for at the moment's fence.
func (m *Moment) dwellAsked(c *Campaign) time.Duration {
	switch {
	case c.Trigger.Dwell > 0:
		return c.Trigger.Dwell
	case m.FenceDwell > 0:
		return m.FenceDwell
	case m.Fence.Rules != nil && m.Fence.Rules.Dwell > 0:
		return m.Fence.Rules.Dwell
	}
	return -1 // nobody set one
}
