package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
)

// stepped is a storage whose clock is moved by hand.
type stepped struct {
	*postgres.Store
	now time.Time
}

func (s *stepped) Now(context.Context) (time.Time, error) { return s.now, nil }

// measured lets a second pass on a node and its database, so often, and measures each time.
func (s *stepped) measured(t *testing.T, c *engine.NodeClock, passed *time.Duration, seconds int) {
	t.Helper()
	for range seconds {
		*passed += time.Second
		s.now = s.now.Add(time.Second)
		require.NoError(t, c.Measure(t.Context(), s))
	}
}

func TestAStepOfTheClockIsNotFollowed(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour, 3 * time.Second, 7 * 24 * time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			passed := time.Minute
			c, s := engine.NewNodeClockAt(noon.Add(-5*time.Hour), &passed), &stepped{now: noon} // the system's clock is wrong
			require.False(t, c.Sane(), "never measured")
			s.measured(t, c, &passed, 5)
			require.True(t, c.Sane())
			require.Equal(t, noon.Add(5*time.Second), c.Now())

			s.now = s.now.Add(step)
			s.measured(t, c, &passed, 2)
			require.False(t, c.Sane())
			require.Equal(t, noon.Add(7*time.Second), c.Now(), "by its own reckoning")
			require.Equal(t, noon.Add(7*time.Second+step), c.Database())
			s.now = s.now.Add(-step)
			s.measured(t, c, &passed, 1)
			require.True(t, c.Sane(), "it has come back")
			require.Equal(t, noon.Add(8*time.Second), c.Now())

			s.now = s.now.Add(step)
			stands := int(min(step.Abs(), 10*time.Minute) / time.Second)
			s.measured(t, c, &passed, stands)
			require.False(t, c.Sane())
			s.measured(t, c, &passed, 1)
			require.True(t, c.Sane(), "it has stood long enough")
			require.Equal(t, s.now, c.Now())
		})
	}
}

func TestAClockWithoutReadingsIsNotTrusted(t *testing.T) {
	passed := time.Duration(0)
	c, s := engine.NewNodeClockAt(noon, &passed), &stepped{now: noon}
	s.measured(t, c, &passed, 1)
	passed += 9 * time.Second
	require.True(t, c.Sane())
	passed += time.Second
	require.False(t, c.Sane())
}

// Visits that are open when the database's clock is stepped by an hour stay open, on every node and after it is back.
func TestVisitsOutliveAStepOfTheClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	s, passed := &stepped{Store: w.store, now: w.clock.Now()}, time.Minute
	clock := engine.NewNodeClockAt(noon, &passed)
	e := w.node(func(c *engine.Config) { c.Storage, c.Clock = s, clock })
	for _, p := range w.phones(e, large(20, 10_000)) {
		p.enters(e)
	}
	open := w.count(`SELECT count(*) FROM open_visit`)
	require.NotZero(t, open)
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		s.now = s.now.Add(step)
		for range 20 {
			s.measured(t, clock, &passed, 1)
			require.NoError(t, e.Tick(w.ctx))
			require.NoError(t, e.Sweep(w.ctx, 0))
		}
		s.now = s.now.Add(-step)
		s.measured(t, clock, &passed, 1)
		require.NoError(t, e.Tick(w.ctx))
		require.NoError(t, e.Sweep(w.ctx, 0))
		require.Equal(t, open, w.count(`SELECT count(*) FROM open_visit`))
		require.Zero(t, w.count(`SELECT count(*) FROM place WHERE kind = 'exited'`))
	}
	s.now = s.now.Add(time.Hour)
	s.measured(t, clock, &passed, 601)
	require.NoError(t, e.Sweep(w.ctx, 0))
	require.Zero(t, w.count(`SELECT count(*) FROM open_visit`), "an hour that stands has passed")
}
