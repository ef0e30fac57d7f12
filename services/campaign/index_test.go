package campaign

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/store"
)

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
