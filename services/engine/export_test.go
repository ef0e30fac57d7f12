package engine

import (
	"context"
	"time"
)

// One round of each background loop: tests let time pass by hand.

func (e *Engine) FollowCatalogue(ctx context.Context) error   { return e.followCatalogue(ctx) }
func (e *Engine) FollowRevocations(ctx context.Context) error { return e.followRevocations(ctx) }
func (e *Engine) Sweep(ctx context.Context, overdue time.Duration) error {
	return e.sweep(ctx, overdue)
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
