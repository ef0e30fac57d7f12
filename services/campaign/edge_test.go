package campaign

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
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
		c := &Campaign{ID: id(1), State: Live, Trigger: Trigger{Kinds: []presence.Kind{presence.Entered}}}
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
		got := NewIndex([]*Campaign{c}).NextEdge(now, until, loc)
		require.True(t, got.After(now) && !got.After(until))
		before := c.Schedule.At(now)
		for at := now.Truncate(time.Minute).Add(time.Minute); at.Before(got); at = at.Add(time.Minute) {
			require.Equal(t, before, c.Schedule.At(at.In(loc)), "%v: changed at %v, not at %v: %+v", now, at, got, c.Schedule)
		}
		if got.Before(until) {
			edges++
		}
	}
	require.Greater(t, edges, 50)
}
