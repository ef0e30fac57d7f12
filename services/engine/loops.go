package engine

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"golang.org/x/sync/errgroup"
)

// Run lets time pass on this node until ctx ends: timers, the sweep, the catalogue, the clock, revocations, stock,
// house-keeping and dispatching. A fault of one round is logged and the next round tries again.
func (e *Engine) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	every := func(name string, period time.Duration, round func(context.Context) error) {
		g.Go(func() error { return e.repeat(ctx, name, period, round) })
	}
	every("clock", time.Second, e.measure)
	every("catalogue", 500*time.Millisecond, e.followCatalogue)
	every("revocations", 500*time.Millisecond, e.followRevocations)
	every("timers", 200*time.Millisecond, e.tickHeld)
	every("sweep", 2*time.Second, func(ctx context.Context) error { return e.sweep(ctx, sweepOverdue) })
	every("stock", 10*time.Second, e.keepStock)
	every("sendings", 500*time.Millisecond, e.followSendings)
	every("sending pages", 250*time.Millisecond, e.runSendings)
	every("house", time.Minute, e.keepHouse)
	every("results", 15*time.Second, e.countResults)
	every("fade", time.Minute, e.fade)
	if e.dispatcher != nil {
		g.Go(func() error { return e.dispatcher.Run(ctx) })
	}
	if err := e.sweep(ctx, 0); err != nil {
		e.log.Error("first sweep failed", "error", err)
	}
	return g.Wait()
}

// repeat runs a round at once and then periodically. Overlong rounds are bounded, not piled up.
func (e *Engine) repeat(ctx context.Context, name string, period time.Duration, round func(context.Context) error) error {
	tick := time.NewTicker(period)
	defer tick.Stop()
	failing := false
	for {
		bounded, cancel := context.WithTimeout(ctx, longest(name))
		err := round(bounded)
		cancel()
		if err != nil && ctx.Err() == nil && !failing {
			e.log.Error("background loop fails", "loop", name, "error", err)
		}
		if err == nil && failing {
			e.log.Info("background loop works again", "loop", name)
		}
		failing = err != nil
		e.metrics.loop(name, err)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// longest bounds a round. Summing the places, or the decisions, of a very busy hour takes minutes; nothing else may.
func longest(loop string) time.Duration {
	if loop == "house" || loop == "results" {
		return 15 * time.Minute
	}
	return 30 * time.Second
}

func (e *Engine) measure(ctx context.Context) error {
	nc, ok := e.clock.(*NodeClock)
	if !ok {
		return nil
	}
	trusted := nc.Sane()
	if err := nc.Measure(ctx, e.ground); err != nil {
		return err
	}
	if now := nc.Sane(); now != trusted {
		e.log.Warn("the database's clock", "trusted", now, "away", nc.Database().Sub(nc.Now()).Round(time.Millisecond).String())
	}
	return e.readEpoch(ctx)
}

func (e *Engine) tickHeld(ctx context.Context) error {
	if !e.clock.Sane() {
		return nil
	}
	_, err := e.Advance(ctx, e.clock.Now())
	return err
}

// maxUnended bounds the changed fences whose visits are still to be ended. There is one a fence at most.
const maxUnended = 100_000

// unended are changed fences whose visits are still to be ended.
type unended struct {
	mu      sync.Mutex
	changes map[uuid.UUID]fenceChange // by fence
}

// followCatalogue takes in what changed and ends the visits of fences that changed or went. What could not be ended is
// tried again in every round.
func (e *Engine) followCatalogue(ctx context.Context) error {
	ended, err := e.catalogue.refresh(ctx)
	e.endVisits(ctx, ended)
	return err
}

// endVisits ends the visits of changed fences, and of those that are still to be ended.
func (e *Engine) endVisits(ctx context.Context, ended []fenceChange) {
	if len(ended) > fewEnded {
		ended = e.visited(ctx, ended)
	}
	for _, change := range e.unended.with(ended, e.log) {
		if fault := e.endVisitsOf(ctx, change); fault != nil {
			e.log.Error("visits of a changed fence could not be ended", "brand", change.brandID, "fence", change.fenceID, "error", fault)
			continue
		}
		e.unended.done(change)
	}
}

// with adds changes and lists all that are to be done.
func (u *unended) with(more []fenceChange, log *slog.Logger) []fenceChange {
	u.mu.Lock()
	defer u.mu.Unlock()
	left := 0
	for _, c := range more {
		if _, known := u.changes[c.fenceID]; !known && len(u.changes) >= maxUnended {
			// A ping ends the visit of a fence that went, and judges by the new shape of one that changed.
			left++
			continue
		}
		if u.changes == nil {
			u.changes = map[uuid.UUID]fenceChange{}
		}
		u.changes[c.fenceID] = c
	}
	if left > 0 {
		log.Error("too many changed fences: open visits are left to the next pings", "fences", left)
	}
	return slices.Collect(maps.Values(u.changes))
}

// done forgets a change, unless the fence has changed again.
func (u *unended) done(c fenceChange) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.changes[c.fenceID] == c {
		delete(u.changes, c.fenceID)
	}
}

// revocationOverlap is how far back revocations are read again: one becomes visible when its statement commits, which
// may be that long after its time.
const revocationOverlap = 30 * time.Second

// followRevocations drops copies of people whose consent, pause, owner or device changed on another node, each once.
func (e *Engine) followRevocations(ctx context.Context) error {
	since := e.revokedAt
	if nc, ok := e.clock.(*NodeClock); ok && nc.Database().Before(since) { // the clock that dates them was set back
		since = nc.Database()
	}
	list, err := e.ground.Revocations(ctx, since.Add(-revocationOverlap))
	if err != nil {
		return err
	}
	seen := make(map[Revocation]struct{}, len(list))
	moved := map[PersonKey]struct{}{}
	for _, r := range list {
		r.At = r.At.UTC()
		seen[r] = struct{}{}
		if _, known := e.revoked[r]; known {
			continue
		}
		switch r.Reason {
		case "moved", "erased":
			moved[r.Key] = struct{}{}
			e.copies.drop(r.Key)
		case "paused", "withdrawn": // what is carried holds positions
			e.copies.drop(r.Key)
		default:
			e.copies.forget(r.Key)
		}
		if r.At.After(e.revokedAt) {
			e.revokedAt = r.At
		}
	}
	e.revoked = seen
	e.disown(moved)
	return nil
}

// disown forgets whose the devices of people are that gave devices away.
func (e *Engine) disown(moved map[PersonKey]struct{}) {
	if len(moved) == 0 {
		return
	}
	e.seats.removeOf(moved)
	for _, k := range e.named.Keys() {
		if d, ok := e.named.Peek(k); ok {
			if _, gone := moved[PersonKey{d.BrandID, d.PersonID}]; gone {
				e.named.Remove(k)
			}
		}
	}
}

func (e *Engine) keepStock(ctx context.Context) error {
	if err := e.stock.renew(ctx); err != nil {
		return err
	}
	_, err := e.storage.Reclaim(ctx, stockGrace)
	return err
}

func (e *Engine) keepHouse(ctx context.Context) error {
	if !e.clock.Sane() {
		return nil
	}
	report, err := e.ground.KeepHouse(ctx, e.clock.Now())
	if report.PartitionsDropped > 0 {
		e.log.Info("places folded and dropped", "partitions", report.PartitionsDropped, "places", report.PlacesFolded)
	}
	return err
}

// fade drops positions older than ten minutes from memory. A copy in use is looked at in the next round.
func (e *Engine) fade(context.Context) error {
	now := e.clock.Now().UnixMilli()
	for _, key := range e.copies.people.Keys() {
		p, ok := e.copies.people.Peek(key)
		if !ok || !p.mu.TryLock() {
			continue
		}
		for _, d := range p.hot.devices {
			d.presence.Fade(now)
			if _, _, held := d.presence.Last(); !held {
				d.follower.Reset()
			}
		}
		p.mu.Unlock()
	}
	return nil
}
