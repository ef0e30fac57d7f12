package campaign

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/store"
)

// TestNextEdgeAgainstEveryMinute steps through the minutes until a schedule says something else.
func TestNextEdgeAgainstEveryMinute(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	edges := 0
	for range 900 {
		loc, err := time.LoadLocation([]string{"Asia/Seoul", "America/New_York", "Europe/Berlin"}[rng.IntN(3)])
		require.NoError(t, err)
		now := time.Date(2026, time.Month(1+rng.IntN(12)), 1+rng.IntN(28), rng.IntN(24), rng.IntN(60), rng.IntN(60), 0, loc)
		c := &Campaign{ID: id(1), State: Live, Trigger: Trigger{Kinds: []Kind{Entered}}}
		for range rng.IntN(4) {
			c.Schedule.Weekly = append(c.Schedule.Weekly, store.Span{Day: now.AddDate(0, 0, rng.IntN(3)-1).Weekday(), From: rng.IntN(1440), Until: 1 + rng.IntN(1440)})
		}
		if rng.IntN(2) == 0 {
			c.Schedule.StartDate = now.AddDate(0, 0, rng.IntN(3)-1).Format(time.DateOnly)
		}
		if rng.IntN(2) == 0 {
			c.Schedule.EndDate = now.AddDate(0, 0, rng.IntN(3)-1).Format(time.DateOnly)
		}
		until := now.Add(6 * time.Hour)
		got := NewIndex([]*Campaign{c}).NextEdge(&store.Fence{Purpose: store.Visit}, nil, now, until, loc, nil)
		require.True(t, got.After(now) && !got.After(until))
		before := c.Schedule.At(now, nil)
		for at := now.Truncate(time.Minute).Add(time.Minute); at.Before(got); at = at.Add(time.Minute) {
			require.Equal(t, before, c.Schedule.At(at.In(loc), nil), "%v: changed at %v, not at %v: %+v", now, at, got, c.Schedule)
		}
		if got.Before(until) {
			edges++
		}
	}
	require.Greater(t, edges, 50)
}

// TestNextEdgeIsOfThePlace: of the campaigns only those that may start at the fence count, of opening hours only those
// that one of them asks for.
func TestNextEdgeIsOfThePlace(t *testing.T) {
	loc, err := time.LoadLocation("Asia/Seoul")
	require.NoError(t, err)
	now := time.Date(2026, 5, 13, 12, 0, 0, 0, loc)
	until := now.Add(6 * time.Hour)
	from := func(n uint64, hour int, at Trigger) *Campaign {
		at.Kinds = []Kind{Dwelled}
		return &Campaign{ID: id(n), State: Live, Trigger: at, Schedule: Schedule{Weekly: []store.Span{{Day: now.Weekday(), From: hour * 60, Until: 23 * 60}}}}
	}
	s := &store.Store{ID: id(7), Tags: []string{"bakery"}, Hours: store.Hours{Weekly: []store.Span{{Day: now.Weekday(), From: 9 * 60, Until: 13*60 + 30}}}}
	f := &store.Fence{Purpose: store.Near}
	purposes := []store.Purpose{store.Near}
	other := from(1, 13, Trigger{Purposes: purposes, Stores: []uuid.UUID{id(8)}})
	visits := from(2, 14, Trigger{Purposes: []store.Purpose{store.Visit}})
	tagged := from(3, 16, Trigger{Purposes: purposes, Tags: []string{"bakery"}})
	named := from(4, 15, Trigger{Purposes: purposes, Stores: []uuid.UUID{s.ID}})
	edge := func(f *store.Fence, s *store.Store, cs ...*Campaign) string {
		return NewIndex(cs).NextEdge(f, s, now, until, loc, nil).Format("15:04")
	}
	require.Equal(t, "18:00", edge(f, s, other, visits))
	require.Equal(t, "16:00", edge(f, s, other, visits, tagged))
	require.Equal(t, "15:00", edge(f, s, other, visits, tagged, named))
	tagged.OpenOnly = true
	require.Equal(t, "13:30", edge(f, s, tagged, named), "it closes")
	require.Equal(t, "16:00", edge(&store.Fence{Purpose: store.Near, Tags: []string{"bakery"}}, nil, tagged, named), "a free fence")
}
