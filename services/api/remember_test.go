package api

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/wantgo/wantgo/services/engine"
)

// leases is a memory of requests with one claim in it, whose renewals the test answers.
type leases struct {
	engine.Requests
	mu     sync.Mutex
	answer func(age time.Duration) (kept bool, err error)
	made   time.Time
	at     time.Time
}

func (l *leases) Renew(_ context.Context, _ uuid.UUID, _, _ string, claim time.Time) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept, err := l.answer(time.Since(l.made))
	if err != nil || !kept || !claim.Equal(l.at) {
		return time.Time{}, err
	}
	l.at = time.Now()
	return l.at, nil
}

// A claim is renewed while its work runs. Work whose claim went to another, or whose claim nobody can renew, is told to
// stop before the claim can be anybody else's; whoever asked is told to repeat.
func TestClaimIsHeld(t *testing.T) {
	for name, c := range map[string]struct {
		answer  func(age time.Duration) (bool, error)
		stopped bool
	}{
		"renewed":                 {func(time.Duration) (bool, error) { return true, nil }, false},
		"taken over":              {func(age time.Duration) (bool, error) { return age < 30*time.Second, nil }, true},
		"not to be renewed":       {func(time.Duration) (bool, error) { return false, errors.New("down") }, true},
		"not renewed for a while": {func(age time.Duration) (bool, error) { return true, downBetween(age, 10*time.Second, 20*time.Second) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &leases{answer: c.answer, made: time.Now(), at: time.Now()}
				k := &claim{memory: l, at: l.at}
				answer, err := k.hold(t.Context(), func(ctx context.Context) (any, error) {
					select {
					case <-ctx.Done():
						return nil, ctx.Err()
					case <-time.After(5 * time.Minute):
						return "done", nil
					}
				})
				l.mu.Lock()
				defer l.mu.Unlock()
				require.Less(t, time.Since(l.at), engine.ClaimLease)
				if !c.stopped {
					require.NoError(t, err)
					require.Equal(t, "done", answer)
					require.Equal(t, l.at, k.at, "it can be given back")
					return
				}
				require.Equal(t, codes.Aborted, status.Code(err))
			})
		})
	}
}

func downBetween(age, from, until time.Duration) error {
	if age >= from && age < until {
		return errors.New("down")
	}
	return nil
}

// A caller that goes away ends the work as such.
func TestClaimOfACallerThatGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		k := &claim{memory: &leases{answer: func(time.Duration) (bool, error) { return true, nil }}}
		_, err := k.hold(ctx, func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() })
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
