package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
)

// maxFold is how many waiting calls about one person are taken into one turn at most: they share its fate.
const maxFold = 64

// errAbandoned is answered for calls whose turn ended without a word: a fault in the program.
var errAbandoned = errors.New("the turn was abandoned")

// folds are the calls about one person that wait for the person. One of them leads: it takes all that wait when it gets
// hold of the person into one turn and one write, and passes the lead to the first of those that came meanwhile. Calls
// about many people take no part: they lock the people, in order, like any other.
type folds struct {
	mu      sync.Mutex
	led     bool
	waiting []*folded // the leader first, until it has taken its turn
}

// folded is one waiting call.
type folded struct {
	ctx  context.Context
	step step
	err  error
	wake chan bool // true: lead now; false: done. nil: it leads from the first
	lead bool
}

// fold takes a step about one person together with those of other calls that wait for the same person, in the order
// in which they came. The error is this call's alone. A context that ends while the call waits ends the call; once its
// turn has begun it is told what became of it.
func (e *Engine) fold(ctx context.Context, key PersonKey, s step) error {
	p := e.copies.get(key)
	f := &folded{ctx: ctx, step: s}
	lead, ok := p.folds.join(f)
	if !ok {
		return ErrBusy
	}
	if lead || p.folds.await(f) {
		e.lead(p, f)
	}
	return f.err
}

// maxWaiting is how many calls about one person wait at most: a few turns' worth, more than a person's devices can mean.
const maxWaiting = 4 * maxFold

// join queues a call, unless too many wait; lead: nobody leads, so it does.
func (q *folds) join(f *folded) (lead, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= maxWaiting {
		return false, false
	}
	q.waiting = append(q.waiting, f)
	if !q.led {
		q.led, f.lead = true, true
		return true, true
	}
	f.wake = make(chan bool, 1)
	return false, true
}

// busy tells whether calls wait for the person, or one leads.
func (q *folds) busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.led
}

// await waits until the call is done (false) or has to lead (true).
func (q *folds) await(f *folded) bool {
	select {
	case lead := <-f.wake:
		return lead
	case <-f.ctx.Done():
	}
	q.mu.Lock()
	i := slices.Index(q.waiting, f)
	if i >= 0 && !f.lead {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.mu.Unlock()
		f.err = f.ctx.Err()
		return false
	}
	q.mu.Unlock()
	return <-f.wake
}

// take removes the calls of one turn; the leader's is the first.
func (q *folds) take() []*folded {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), maxFold)
	batch := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return batch
}

// pass gives the lead to the first call that waits.
func (q *folds) pass() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.led = false
		return
	}
	q.waiting[0].lead = true
	q.waiting[0].wake <- true
}

// lead runs one turn for a call and those that wait behind it.
func (e *Engine) lead(p *person, f *folded) {
	batch, ctx := p.folds.take(), f.ctx
	ended := false
	defer func() {
		for _, w := range batch {
			if !ended && w.err == nil {
				w.err = errAbandoned
			}
			if w != f {
				w.wake <- false
			}
		}
		p.folds.pass()
	}()
	if len(batch) > 1 { // a caller that goes away takes nobody with it
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), e.committer.timeout)
		defer cancel()
	}
	failed, err := e.together(ctx, []PersonKey{p.key}, func(turns map[PersonKey]*turn) error {
		t := turns[p.key]
		for _, w := range batch {
			if t == nil {
				w.err = ErrGone
				continue
			}
			t.attempt(w.ctx, w.step, func(err error) { w.err = err })
		}
		return nil
	})
	for _, w := range batch {
		if fault := cmp.Or(err, failed[p.key]); fault != nil && (w.err == nil || errors.Is(w.err, ErrGone)) {
			w.err = fault
		}
	}
	ended = true
}
