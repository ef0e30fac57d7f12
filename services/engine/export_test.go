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
