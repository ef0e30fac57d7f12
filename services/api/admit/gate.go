package admit

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Gate is a Limiter whose callers wait. Its methods are safe for concurrent use.
type Gate struct {
	*Limiter
	began   time.Time
	waiters sync.Pool
}

// NewGate makes a Gate on the process's monotonic clock.
func NewGate(s Settings) *Gate {
	return &Gate{Limiter: NewLimiter(s), began: time.Now(), waiters: sync.Pool{New: func() any { return NewWaiter() }}}
}

// Refusal is the error of a call that found no room. Nothing of it was done.
type Refusal struct {
	Class Class
	// RetryAfter is when to come back; it differs from refusal to refusal.
	RetryAfter time.Duration
}

// Error says which class found no room.
func (r *Refusal) Error() string {
	return fmt.Sprintf("no room for another call (%s); come back in %s", r.Class, r.RetryAfter)
}

func (g *Gate) now() time.Duration { return time.Since(g.began) }

// Open tells whether a call of a class is worth reading. Where it is not, the call is to be refused at once, with
// RetryAfter.
func (g *Gate) Open(c Class) bool { return g.Limiter.Open(g.now, c) }

// Enter gives a call room, at once or after a short wait. The error is a *Refusal, or the context's. The permit is to
// be given to Exit when the call has ended.
func (g *Gate) Enter(ctx context.Context, c Class, weight int) (Permit, error) {
	if p, ok := g.Try(g.now(), c, weight); ok {
		return p, nil
	}
	return g.wait(ctx, c, weight)
}

func (g *Gate) wait(ctx context.Context, c Class, weight int) (Permit, error) {
	w := g.waiters.Get().(*Waiter)
	defer g.waiters.Put(w)
	patience, ok := g.Queue(g.now(), c, weight, w)
	if !ok {
		return Permit{}, &Refusal{c, g.RetryAfter(c)}
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.Granted():
		return w.Permit(), nil
	case <-timer.C:
	case <-ctx.Done():
	}
	gone := ctx.Err()
	if !g.Limiter.Leave(g.now(), w, gone != nil) {
		<-w.Granted()
		if gone == nil {
			return w.Permit(), nil
		}
		g.Release(g.now(), w.Permit(), false)
	}
	if gone != nil {
		return Permit{}, gone
	}
	return Permit{}, &Refusal{c, g.RetryAfter(c)}
}

// Exit ends a call. sample says that it did its work.
func (g *Gate) Exit(p Permit, sample bool) { g.Release(g.now(), p, sample) }
