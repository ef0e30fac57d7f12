package demo

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

// Somebody stays in the city between shortest and longest; then somebody new comes in.
const (
	shortest = 2 * time.Minute
	longest  = 6 * time.Minute
)

// rhythm says when a walker's phone reports next, and how much time has passed for the walker. It returns false when
// the walk is over.
type rhythm func(ctx context.Context) (at time.Time, passed time.Duration, more bool)

// steadily reports every period of real time, beginning at a random moment of the first.
func steadily(every time.Duration) rhythm {
	last := time.Now()
	wait := rand.N(every)
	return func(ctx context.Context) (time.Time, time.Duration, bool) {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return time.Time{}, 0, false
		case <-timer.C:
		}
		now := time.Now()
		passed := now.Sub(last)
		last, wait = now, every
		return now, passed, true
	}
}

// crowd is everybody in the city.
type crowd struct {
	walkers int
	seed    uint64
	city    city
	appKey  string
	conns   []grpc.ClientConnInterface
	rhythm  func() rhythm
	tally   *tally

	mu   sync.Mutex
	born int // people who ever came
}

// walk lets everybody walk until ctx ends or their rhythm does. What a phone cannot do is counted, not fatal, once it
// is installed; the first ones must be installed.
func (c *crowd) walk(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	installing := make(chan struct{}, 16)
	for range c.walkers {
		group.Go(func() error { return c.visitors(ctx, installing) })
	}
	return group.Wait()
}

// visitors are one person after the other.
func (c *crowd) visitors(ctx context.Context, installing chan struct{}) error {
	places := c.city.places()
	for first := true; ctx.Err() == nil; first = false {
		n, random := c.next()
		home := n % len(c.city.stores)
		p := newPhone(c.conns[n%len(c.conns)], c.appKey, newPerson(random, n), c.city.stores[home].TimeZone)
		installing <- struct{}{}
		err := p.install(ctx)
		<-installing
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		case err != nil:
			c.tally.failed(err)
			return nil
		}
		c.tally.arrived()
		stay := shortest + time.Duration(random.Float64()*float64(longest-shortest))
		if !c.stroll(ctx, p, newWalker(random, places, home), stay) {
			return nil
		}
	}
	return nil
}

// next is the number and the randomness of the next person: the same for the same seed, whoever asks.
func (c *crowd) next() (int, *rand.Rand) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.born
	c.born++
	return n, rand.New(rand.NewPCG(c.seed, uint64(n)))
}

// stroll lets one person walk and report; false: the walk is over for this place in the crowd.
func (c *crowd) stroll(ctx context.Context, p *phone, w *walker, stay time.Duration) bool {
	rhythm := c.rhythm()
	for stay > 0 {
		at, passed, more := rhythm(ctx)
		if !more {
			return false
		}
		stay -= passed
		w.step(passed)
		answer, err := p.report(ctx, w.fix(), at)
		if err != nil {
			if ctx.Err() == nil {
				c.tally.failed(err)
			}
			continue
		}
		c.tally.answered(answer)
		if m := answer.GetInAppMessage(); m != nil {
			if err := p.shown(ctx, m.GetNotificationId()); err != nil && ctx.Err() == nil {
				c.tally.failed(err)
			}
		}
	}
	return true
}
