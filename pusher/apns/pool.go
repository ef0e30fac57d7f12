package apns

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

var errClosed = errors.New("apns: sender closed")

// recheck is how often a waiting request looks for room although nothing was released: a server may raise
// its limit, or acknowledge a cancelled stream, without a request ending here.
const recheck = 100 * time.Millisecond

// settle is the same while a connection without requests has no room yet: its last stream is being put away.
const settle = time.Millisecond

// pool keeps at most max connections for one environment and topic, and the gate in front of them.
type pool struct {
	dialer *dialer
	max    int

	mu       sync.Mutex
	open     []*connection
	draining []*connection
	changed  chan struct{} // closed and replaced whenever room may have come
	dialing  bool
	looking  bool
	failures int   // how many dials failed
	lastErr  error // why the last one did
	next     int   // where the search for room begins: load is spread
	closed   bool
	opened   int
}

func newPool(d *dialer, limit int) *pool {
	return &pool{dialer: d, max: limit, changed: make(chan struct{})}
}

// acquire returns a connection with a slot reserved on it. Give it back by release.
func (p *pool) acquire(ctx context.Context) (*connection, error) {
	p.mu.Lock()
	failures := p.failures
	for {
		if p.closed {
			p.mu.Unlock()
			return nil, errClosed
		}
		p.sweep()
		if c := p.reserve(); c != nil {
			p.mu.Unlock()
			return c, nil
		}
		if p.failures > failures && len(p.open) == 0 {
			err := p.lastErr
			p.mu.Unlock()
			return nil, err
		}
		p.maybeDial()
		p.inspect()
		changed, wait := p.changed, p.patience()
		p.mu.Unlock()
		if err := await(ctx, changed, wait); err != nil {
			return nil, err
		}
		p.mu.Lock()
	}
}

func (p *pool) patience() time.Duration {
	for _, c := range p.open {
		if c.busy == 0 {
			return settle
		}
	}
	return recheck
}

func await(ctx context.Context, changed <-chan struct{}, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-timer.C:
	}
	return nil
}

// sweep moves connections that take nothing more aside and closes those that have nothing left to finish.
func (p *pool) sweep() {
	p.open = slices.DeleteFunc(p.open, func(c *connection) bool {
		retired := c.retired.Load()
		if retired {
			p.draining = append(p.draining, c)
		}
		return retired
	})
	p.draining = slices.DeleteFunc(p.draining, func(c *connection) bool {
		if c.busy == 0 {
			go c.Close() // which may wait for a write
		}
		return c.busy == 0
	})
}

// inspect finds out, beside the lock, which connections are not full but going, and retires them.
func (p *pool) inspect() {
	if p.looking || len(p.open) == 0 {
		return
	}
	p.looking = true
	list := slices.Clone(p.open)
	go func() {
		found := false
		for _, c := range list {
			if c.going() {
				c.retired.Store(true)
				found = true
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.looking = false
		if found {
			p.wake()
		}
	}()
}

func (p *pool) reserve() *connection {
	for i := range p.open {
		c := p.open[(p.next+i)%len(p.open)]
		if c.warmth == warming || c.busy >= mostStreams || !c.ReserveNewRequest() {
			continue
		}
		c.busy++
		if c.warmth == cold {
			c.warmth = warming
		}
		p.next++
		return c
	}
	return nil
}

// maybeDial opens one more connection when all are warm and full.
func (p *pool) maybeDial() {
	if p.dialing || len(p.open) >= p.max || len(p.draining) >= 2*p.max {
		return
	}
	for _, c := range p.open {
		if c.warmth != warm {
			return
		}
	}
	p.dialing = true
	go func() {
		c, err := p.dialer.dial(context.Background())
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dialing = false
		switch {
		case err != nil:
			p.failures, p.lastErr = p.failures+1, err
		case p.closed:
			_ = c.Close()
		default:
			p.open = append(p.open, c)
			p.opened++
		}
		p.wake()
	}()
}

// release gives a slot back after its answer was read; warmed says that the server knows us now.
func (p *pool) release(c *connection, warmed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.busy--
	switch {
	case warmed:
		c.warmth = warm
	case c.warmth == warming:
		c.warmth = cold
	}
	p.wake()
}

func (p *pool) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	for _, c := range append(p.open, p.draining...) {
		_ = c.Close()
	}
	p.open, p.draining = nil, nil
	p.wake()
}
