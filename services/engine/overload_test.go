package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// A queue of writes that nobody takes from is full at some point; then a write is refused once a statement's time has
// passed, or when its caller's has.
func TestAFullQueueOfWritesRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommitter(nil, nil)
		w := &PersonWrite{}
		for range cap(c.queue) {
			_, err := c.submit(t.Context(), w)
			require.NoError(t, err)
		}
		began := time.Now()
		_, err := c.submit(t.Context(), w)
		require.ErrorIs(t, err, ErrBusy)
		require.Equal(t, c.timeout, time.Since(began))

		began = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = c.submit(ctx, w)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
	})
}

// Calls about one person that do not get on are refused from some number on, and those that wait end with their
// callers' time.
func TestCallsAboutOnePersonAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		people, err := newCopies(1)
		require.NoError(t, err)
		e := &Engine{copies: people}
		e.metrics = newMetrics(prometheus.NewRegistry(), e)
		key := PersonKey{uuid.New(), uuid.New()}
		folds := &people.get(key).folds
		lead, ok := folds.join(&folded{ctx: t.Context()})
		require.True(t, lead && ok)
		ended := make(chan error)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range maxWaiting - 1 {
			go func() { ended <- e.fold(ctx, key, nil) }()
		}
		synctest.Wait()
		require.ErrorIs(t, e.fold(t.Context(), key, nil), ErrBusy)
		for range maxWaiting - 1 {
			require.True(t, errors.Is(<-ended, context.DeadlineExceeded))
		}
	})
}
