package admit_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/api/admit"
)

// narrow is room for four calls of a class at once.
var narrow = admit.Settings{Least: 24, Most: 24, First: 24}

// full is a gate with no room left, and what gives the room back.
func full(t *testing.T, s admit.Settings) (g *admit.Gate, free func(calls int)) {
	g = admit.NewGate(s)
	var permits []admit.Permit
	for range 4 {
		p, err := g.Enter(t.Context(), admit.Phone, 1)
		require.NoError(t, err)
		permits = append(permits, p)
	}
	return g, func(calls int) {
		for _, p := range permits[:calls] {
			g.Exit(p, true)
		}
		permits = permits[calls:]
	}
}

func TestARefusalComesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, free := full(t, narrow)
		began := time.Now()
		_, err := g.Enter(t.Context(), admit.Phone, 1)
		var refusal *admit.Refusal
		require.ErrorAs(t, err, &refusal)
		require.Equal(t, 40*time.Millisecond, time.Since(began))
		require.GreaterOrEqual(t, refusal.RetryAfter, 500*time.Millisecond)
		free(4)
		p, err := g.Enter(t.Context(), admit.Phone, 1)
		require.NoError(t, err)
		g.Exit(p, true)
	})
}

// TestTheOrderOfThoseWhoWait: nobody is let in while one of an earlier class waits, nor before an earlier one of its own.
func TestTheOrderOfThoseWhoWait(t *testing.T) {
	l := admit.NewLimiter(admit.Settings{Least: 96, Most: 96, First: 96})
	var held []admit.Permit
	for range 16 {
		p, ok := l.Try(0, admit.Phone, 1)
		require.True(t, ok)
		held = append(held, p)
	}
	waiting := map[admit.Class][]*admit.Waiter{}
	for _, c := range []admit.Class{admit.Console, admit.Import, admit.Phone} {
		for range 3 { // too few for any class to earn a turn before its time
			w := admit.NewWaiter()
			_, ok := l.Try(0, c, 1)
			require.False(t, ok)
			_, ok = l.Queue(0, c, 1, w)
			require.True(t, ok)
			waiting[c] = append(waiting[c], w)
		}
	}
	granted := func() (all []admit.Permit) {
		before := false // one of an earlier class waits
		for c := admit.Phone; c <= admit.Console; c++ {
			var rest []*admit.Waiter
			for _, w := range waiting[c] {
				select {
				case <-w.Granted():
					require.False(t, before, "%s overtook", c)
					require.Empty(t, rest, "%s out of turn", c)
					all = append(all, w.Permit())
				default:
					rest = append(rest, w)
				}
			}
			waiting[c], before = rest, before || len(rest) > 0
		}
		return all
	}
	require.Empty(t, granted())
	steps := 0
	for ; len(held) > 0; steps++ {
		l.Release(0, held[0], true)
		held = append(held[1:], granted()...)
	}
	require.Equal(t, 16+9, steps)
	require.Zero(t, l.Look().Held)
}

func TestWhoGoesAwayLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, free := full(t, narrow)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		_, err := g.Enter(ctx, admit.Phone, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		free(4)
		now := g.Look()
		require.Zero(t, now.Held)
		require.Zero(t, now.Calls)
		require.Zero(t, now.Waiting)
		require.Equal(t, uint64(1), now.Counts[admit.Phone].Gone)
	})
}

// TestNothingIsLostInTheCrowd lets many come, wait, give up and go at once, and counts at the end.
func TestNothingIsLostInTheCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := admit.NewGate(narrow)
		var all sync.WaitGroup
		var mu sync.Mutex
		took, refused, gone := 0, 0, 0
		for i := range 600 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%50)*time.Millisecond)
				defer cancel()
				time.Sleep(time.Duration(i*7%200) * time.Millisecond)
				p, err := g.Enter(ctx, admit.Class(i%3), i%40)
				var refusal *admit.Refusal
				mu.Lock()
				switch {
				case err == nil:
					took++
				case errors.As(err, &refusal):
					refused++
				default:
					gone++
				}
				mu.Unlock()
				if err == nil {
					time.Sleep(time.Duration(i*13%60) * time.Millisecond)
					g.Exit(p, true)
				}
			})
		}
		all.Wait()
		now := g.Look()
		require.Zero(t, now.Held)
		require.Zero(t, now.Calls)
		require.Zero(t, now.Waiting)
		require.Equal(t, 600, took+refused+gone)
		require.Positive(t, took)
		require.Positive(t, refused)
		require.Positive(t, gone)
		sum := uint64(0)
		for _, n := range now.Counts {
			require.Equal(t, n.Offered, n.Admitted+n.Full+n.Waited+n.Gone)
			sum += n.Offered
		}
		require.Equal(t, uint64(600), sum)
	})
}

func TestMetricsTellAdmittedAndRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, free := full(t, narrow)
		_, err := g.Enter(t.Context(), admit.Import, 1)
		require.Error(t, err)
		free(4)
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(g)
		families, err := registry.Gather()
		require.NoError(t, err)
		n := 0
		for _, f := range families {
			n += len(f.GetMetric())
		}
		require.Equal(t, 9*3+4*3, n)
		now := g.Look()
		require.Equal(t, uint64(4), now.Counts[admit.Phone].Admitted)
		require.Equal(t, uint64(1), now.Counts[admit.Import].Waited)
	})
}

// TestRefusedDoNotComeBackTogether: what a crowd is told is spread over as long as it is long.
func TestRefusedDoNotComeBackTogether(t *testing.T) {
	l := admit.NewLimiter(admit.Settings{})
	least, most := time.Hour, time.Duration(0)
	for range 1000 {
		after := l.RetryAfter(admit.Phone)
		least, most = min(least, after), max(most, after)
	}
	require.GreaterOrEqual(t, least, 500*time.Millisecond)
	require.LessOrEqual(t, most, 1500*time.Millisecond)
	require.Greater(t, most-least, 800*time.Millisecond)
}

func BenchmarkEnterExit(b *testing.B) {
	g := admit.NewGate(admit.Settings{})
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if !g.Open(admit.Phone) {
			b.Fatal("shut")
		}
		p, err := g.Enter(ctx, admit.Phone, 1)
		if err != nil {
			b.Fatal(err)
		}
		g.Exit(p, true)
	}
}

func BenchmarkEnterExitParallel(b *testing.B) {
	g := admit.NewGate(admit.Settings{})
	ctx := b.Context()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if p, err := g.Enter(ctx, admit.Phone, 1); err == nil {
				g.Exit(p, true)
			}
		}
	})
}

func BenchmarkShutDoor(b *testing.B) {
	m := newMachine(1, 3*time.Millisecond)
	m.offer(admit.Import, 500, 50)
	m.run(2 * time.Second)
	now := func() time.Duration { return m.now }
	b.ReportAllocs()
	for b.Loop() {
		m.limiter.Open(now, admit.Import)
	}
}
