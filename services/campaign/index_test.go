package campaign

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/store"
)

func TestMatchAgainstAScan(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	tags := []string{"a", "b", "c"}
	some := func() (list []string) {
		for _, tag := range tags {
			if rng.IntN(3) == 0 {
				list = append(list, tag)
			}
		}
		return list
	}
	kinds := []Kind{Entered, Dwelled, Exited}
	purposes := []store.Purpose{store.Visit, store.Near, store.Other}
	states := []State{Live, Live, Paused, Draft, Ended}
	dwells := []time.Duration{0, 5 * time.Minute, 10 * time.Minute}
	matched := 0
	for range 300 {
		var campaigns []*Campaign
		for i := range 40 {
			c := &Campaign{ID: id(uint64(i + 1)), State: states[rng.IntN(len(states))]}
			c.Trigger = Trigger{Tags: some()}
			for range 1 + rng.IntN(3) {
				c.Trigger.Kinds = append(c.Trigger.Kinds, kinds[rng.IntN(3)])
			}
			if c.Trigger.On(Dwelled) {
				c.Trigger.Dwell = dwells[rng.IntN(3)]
			}
			for n := range 3 {
				if rng.IntN(4) == 0 {
					c.Trigger.Stores = append(c.Trigger.Stores, id(uint64(20+n)), id(uint64(20+n)))
				}
				if rng.IntN(3) == 0 {
					c.Trigger.Purposes = append(c.Trigger.Purposes, purposes[n], purposes[n])
				}
			}
			campaigns = append(campaigns, c)
		}
		x := NewIndex(campaigns)
		for range 20 {
			f := wall(purposes[rng.IntN(3)])
			f.Tags = some()
			m := &Moment{Kind: kinds[rng.IntN(3)], Fence: f, Dwell: dwells[1+rng.IntN(2)], FenceDwell: dwells[rng.IntN(3)]}
			if rng.IntN(4) > 0 {
				own := some()
				m.Store = &store.Store{ID: id(uint64(20 + rng.IntN(4))), Tags: append(own, own...)}
			}
			got := x.Match(m, nil)
			var names []uuid.UUID
			for _, c := range got {
				require.Same(t, m, c.Moment)
				names = append(names, c.Campaign.ID)
			}
			slices.SortFunc(names, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
			require.Equal(t, scan(campaigns, m), names)
			matched += len(names)
		}
	}
	require.NotZero(t, matched)
}

// scan is Match as a loop over every campaign.
func scan(campaigns []*Campaign, m *Moment) (found []uuid.UUID) {
	for _, c := range campaigns {
		tr := c.Trigger
		if c.State != Live && c.State != Paused || !slices.Contains(tr.Kinds, m.Kind) {
			continue
		}
		if !slices.Contains(tr.Purposes, m.Fence.Purpose) && !(len(tr.Purposes) == 0 && m.Fence.Purpose != store.Other) {
			continue
		}
		here := len(tr.Stores) == 0 && len(tr.Tags) == 0
		tags := m.Fence.Tags
		if m.Store != nil {
			here = here || slices.Contains(tr.Stores, m.Store.ID)
			tags = m.Store.Tags
		}
		here = here || slices.ContainsFunc(tr.Tags, func(tag string) bool { return slices.Contains(tags, tag) })
		wanted := tr.Dwell
		if wanted == 0 {
			wanted = m.FenceDwell
		}
		if here && (m.Kind != Dwelled || wanted == m.Dwell) {
			found = append(found, c.ID)
		}
	}
	return found
}

func dwelling(d time.Duration) *Campaign {
	c := latte()
	c.ID, c.Trigger.Kinds, c.Trigger.Dwell = id(uint64(d/time.Minute)), []Kind{Dwelled}, d
	return c
}

func TestDwellTimes(t *testing.T) {
	other := dwelling(3 * time.Minute)
	other.Trigger.Stores = []uuid.UUID{id(21)}
	draft := dwelling(time.Minute)
	draft.State = Draft
	tagged := dwelling(7 * time.Minute)
	tagged.Trigger.Tags = []string{"center"}
	own := dwelling(0)
	x := NewIndex([]*Campaign{dwelling(20 * time.Minute), dwelling(5 * time.Minute), dwelling(5 * time.Minute), other, draft, tagged, own})

	dwells := x.Dwells(cafe(), store.Near)
	require.Equal(t, []time.Duration{5 * time.Minute, 7 * time.Minute, 20 * time.Minute}, dwells)
	require.Equal(t, []time.Duration{5 * time.Minute, 20 * time.Minute}, x.Dwells(nil, store.Near))
	require.Empty(t, x.Dwells(cafe(), store.Other))
	free := &store.Fence{Purpose: store.Near, Tags: []string{"center"}}
	require.Equal(t, dwells, x.DwellsAt(free, nil))
	require.Equal(t, 3*time.Minute, x.ShortestDwell())
	require.Zero(t, NewIndex(nil).ShortestDwell())

	var told []time.Duration
	for d := NextDwell(dwells, 0); d != 0; d = NextDwell(dwells, d) {
		told = append(told, d)
	}
	require.Equal(t, dwells, told)

	for _, tc := range []struct {
		reached, fence, rules time.Duration
		want                  []uuid.UUID
	}{
		{5 * time.Minute, 0, 0, []uuid.UUID{id(5), id(5)}},
		{7 * time.Minute, 0, 0, []uuid.UUID{id(7)}},
		{20 * time.Minute, 0, 0, []uuid.UUID{id(20)}},
		{8 * time.Minute, 0, 0, nil},
		{8 * time.Minute, 8 * time.Minute, 0, []uuid.UUID{id(0)}},
		{8 * time.Minute, 0, 8 * time.Minute, []uuid.UUID{id(0)}},
		{20 * time.Minute, 20 * time.Minute, 0, []uuid.UUID{id(20), id(0)}},
	} {
		m := entering()
		m.Kind, m.Dwell, m.FenceDwell = Dwelled, tc.reached, tc.fence
		if tc.rules > 0 {
			m.Fence.Rules = &presence.Rules{Dwell: tc.rules}
		}
		var got []uuid.UUID
		for _, c := range x.Match(m, nil) {
			got = append(got, c.Campaign.ID)
		}
		require.Equal(t, tc.want, got, "%+v", tc)
		m.Dwell, m.Stayed = 0, tc.reached
		require.Len(t, x.Match(m, nil), len(tc.want), "Stayed stands in")
	}
}
