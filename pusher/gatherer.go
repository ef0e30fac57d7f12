package pusher

import (
	"context"
	"sync"
	"time"
)

// gatherer makes few statements of many small writes: what is added within a few milliseconds, or while the
// previous write runs, is written together. A failed write is kept and repeated, after the third time in halves,
// so that one bad item does not hold back the rest for ever. Items are never dropped before the end of run.
type gatherer[T any] struct {
	most   int           // items in one write
	linger time.Duration // how long the first item of a batch waits for company
	write  func(ctx context.Context, batch []T) error
	failed func(err error, items int)

	mu     sync.Mutex
	items  []gathered[T]
	closed bool
	wake   chan struct{}
}

type gathered[T any] struct {
	item  T
	fails int
}

// The waits between repetitions of a failed write, and the time for the last try of a stop cut short.
const (
	firstRewrite = 50 * time.Millisecond
	lastRewrite  = time.Second
	lastTry      = 2 * time.Second
)

func newGatherer[T any](most int, linger time.Duration, write func(context.Context, []T) error, failed func(error, int)) *gatherer[T] {
	return &gatherer[T]{most: most, linger: linger, write: write, failed: failed, wake: make(chan struct{}, 1)}
}

// add never blocks.
func (g *gatherer[T]) add(item T) {
	g.mu.Lock()
	g.items = append(g.items, gathered[T]{item: item})
	g.mu.Unlock()
	g.nudge()
}

// close lets run return once everything is written.
func (g *gatherer[T]) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.nudge()
}

func (g *gatherer[T]) nudge() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

func (g *gatherer[T]) state() (waiting int, closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.items), g.closed
}

// run writes until close was called and nothing is left, or ctx ends: then everything is tried once more and
// what fails is left behind and counted.
func (g *gatherer[T]) run(ctx context.Context) (left int) {
	failures := 0
	for g.await(ctx) {
		batch := g.take()
		err := g.write(ctx, plain(batch))
		if err == nil {
			failures = 0
			continue
		}
		failures++
		g.failed(err, len(batch))
		g.putBack(batch)
		sleep(ctx, min(firstRewrite<<min(failures-1, 10), lastRewrite))
	}
	if ctx.Err() == nil {
		return 0
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTry)
	defer cancel()
	for batch := g.take(); len(batch) > 0; batch = g.take() {
		if err := g.write(ctx, plain(batch)); err != nil {
			g.failed(err, len(batch))
			left += len(batch)
		}
	}
	return left
}

// await returns true when there is something to write, false when run must end.
func (g *gatherer[T]) await(ctx context.Context) bool {
	for ctx.Err() == nil {
		waiting, closed := g.state()
		switch {
		case waiting >= g.most || waiting > 0 && closed:
			return true
		case waiting > 0:
			sleep(ctx, g.linger)
			return ctx.Err() == nil
		case closed:
			return false
		}
		select {
		case <-g.wake:
		case <-ctx.Done():
		}
	}
	return false
}

// take removes the next batch: it is as large as its most often failed item allows.
func (g *gatherer[T]) take() []gathered[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, room := 0, g.most
	for n < len(g.items) {
		allowed := max(g.most>>min(max(g.items[n].fails-2, 0), 30), 1)
		if n >= min(room, allowed) {
			break
		}
		room = min(room, allowed)
		n++
	}
	batch := append([]gathered[T](nil), g.items[:n]...)
	if g.items = g.items[n:]; len(g.items) == 0 {
		g.items = nil
	}
	return batch
}

// putBack puts a failed batch behind the rest.
func (g *gatherer[T]) putBack(batch []gathered[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range batch {
		b.fails++
		g.items = append(g.items, b)
	}
}

func plain[T any](batch []gathered[T]) []T {
	items := make([]T, len(batch))
	for i, b := range batch {
		items[i] = b.item
	}
	return items
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
