package engine

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
)

// One round of each background loop: tests let time pass by hand.

func (e *Engine) FollowCatalogue(ctx context.Context) error   { return e.followCatalogue(ctx) }
func (e *Engine) FollowRevocations(ctx context.Context) error { return e.followRevocations(ctx) }
func (e *Engine) Sweep(ctx context.Context, overdue time.Duration) error {
	return e.sweep(ctx, overdue)
}

// Scaled is an estimate from a sample that ended with an id.
func Scaled(e SendingEstimate, last uuid.UUID) SendingEstimate {
	e.scale(shareBelow(last))
	return e
}

func (e *Engine) RunSendings(ctx context.Context) error { return e.runSendings(ctx) }

func (e *Engine) Tick(ctx context.Context) error { return e.tickHeld(ctx) }

// NewNodeClockAt is a clock made at a time, whose monotonic clock is moved by hand.
func NewNodeClockAt(start time.Time, passed *time.Duration) *NodeClock {
	return &NodeClock{start: start, passed: func() time.Duration { return *passed }}
}

// Waiting is how many calls about one person wait for it.
func (e *Engine) Waiting(key PersonKey) int {
	q := &e.copies.get(key).folds
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// MergeFolds makes one fold of those of a scope and key that ended by a time.
var MergeFolds = mergeFolds

// ChangeForTest changes a person's profile as no call may.
func (e *Engine) ChangeForTest(ctx context.Context, key PersonKey, change func(*audience.Profile)) error {
	return e.change(ctx, key, func(t *turn) error {
		p := t.current()
		change(&p)
		t.putProfile(p)
		return nil
	})
}
