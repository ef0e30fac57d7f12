package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxGroup is how many people one statement writes at most. Measured: a statement costs half a millisecond beside its rows,
// which beyond a few hundred is nothing any more, and who is in it waits for all of it.
const maxGroup = 400

// pageOfPeople is how many people a loop over many takes in hand at once.
const pageOfPeople = 200

// A statement costs some tenths of a millisecond before its first row. While another one runs, a group therefore waits
// for it, or until it is large enough to be worth one of its own; but never for longer than lingering.
const (
	worthwhile = 200
	lingering  = 4 * time.Millisecond
)

// committer gathers the writes that wait while a statement runs and sends them as the next one. A lone write goes
// at once; under load the groups grow by themselves.
type committer struct {
	people    People
	queue     chan *pendingWrite
	timeout   time.Duration
	metrics   *Metrics
	closed    chan struct{} // nobody commits any more
	gathering sync.Mutex    // one group is gathered at a time
	running   atomic.Int32  // statements
	ended     chan struct{} // one of them did
}

// ErrClosed is answered by a node that has stopped, for what came after its last committer ended. It was not written.
var ErrClosed = errors.New("the engine is closed")

type pendingWrite struct {
	write *PersonWrite
	done  chan writeResult
}

// writeResult is what became of one write: committed, lost (another decided first), or unknown with err.
type writeResult struct {
	committed bool
	err       error
}

func newCommitter(people People, m *Metrics) *committer {
	return &committer{people: people, queue: make(chan *pendingWrite, 4096), timeout: 15 * time.Second, metrics: m, closed: make(chan struct{}), ended: make(chan struct{}, 1)}
}

// run commits until ctx ends and the queue is empty. Several may run at once.
func (c *committer) run(ctx context.Context) {
	var held *pendingWrite
	for {
		var group []*pendingWrite
		if group, held = c.next(ctx, held); len(group) == 0 {
			return
		}
		c.running.Add(1)
		c.commit(group, false)
		c.running.Add(-1)
		select {
		case c.ended <- struct{}{}:
		default:
		}
	}
}

// next waits for a write, or takes the one that was held back, and gathers others round it; none: it is over.
func (c *committer) next(ctx context.Context, first *pendingWrite) (group []*pendingWrite, held *pendingWrite) {
	c.gathering.Lock()
	defer c.gathering.Unlock()
	if first == nil {
		select {
		case first = <-c.queue:
		case <-ctx.Done():
			select {
			case first = <-c.queue:
			default:
				return nil, nil
			}
		}
	}
	return c.gather(ctx, first)
}

// gather takes what waits, up to a group's size, and what comes while it is worth waiting. A second write of one person,
// which two copies of that person can bring about, is held for the next group.
func (c *committer) gather(ctx context.Context, first *pendingWrite) (group []*pendingWrite, held *pendingWrite) {
	group = append(make([]*pendingWrite, 0, maxGroup), first)
	people := map[PersonKey]struct{}{first.write.Key: {}}
	var waited *time.Timer
	for last := false; len(group) < maxGroup; {
		var w *pendingWrite
		select {
		case w = <-c.queue:
		default:
			if last || len(group) >= worthwhile || c.running.Load() == 0 {
				return group, nil
			}
			if waited == nil {
				waited = time.NewTimer(lingering)
				defer waited.Stop()
			}
			select {
			case w = <-c.queue:
			case <-c.ended:
			case <-waited.C:
			case <-ctx.Done():
			}
			if last = w == nil; last {
				continue
			}
		}
		if _, twice := people[w.write.Key]; twice {
			return group, w
		}
		people[w.write.Key] = struct{}{}
		group = append(group, w)
	}
	return group, nil
}

// submit queues a write; its result comes on the returned channel. Where the queue stays full for as long as a statement
// may take, the write is not taken: ErrBusy.
func (c *committer) submit(ctx context.Context, w *PersonWrite) (<-chan writeResult, error) {
	p := &pendingWrite{write: w, done: make(chan writeResult, 1)}
	select {
	case c.queue <- p:
		return p.done, nil
	default:
	}
	patience := time.NewTimer(c.timeout)
	defer patience.Stop()
	select {
	case c.queue <- p:
		return p.done, nil
	case <-patience.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.closed:
		return nil, ErrClosed
	}
}

// wait is the result of a submitted write.
func (c *committer) wait(done <-chan writeResult) writeResult {
	select {
	case r := <-done:
		return r
	case <-c.closed:
	}
	select {
	case r := <-done: // settled by the last committer
		return r
	default:
		return writeResult{err: ErrClosed}
	}
}

// groups are the writes of a statement, side by side.
var groups = sync.Pool{New: func() any {
	room := make([]PersonWrite, maxGroup)
	return &room
}}

// commit writes a group. On an error it halves: one faulty person costs nobody else, and a lost connection is
// settled by asking which of the writes the rows carry.
//
// again says that the writes were sent before and nothing is known of it: one that loses now may have lost to itself.
func (c *committer) commit(group []*pendingWrite, again bool) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	room := groups.Get().(*[]PersonWrite)
	writes := (*room)[:len(group)]
	defer func() {
		clear(writes)
		groups.Put(room)
	}()
	for i, p := range group {
		writes[i] = *p.write
	}
	started := time.Now()
	committed, err := c.people.Commit(ctx, writes)
	c.metrics.committed(len(group), time.Since(started), err)
	if err == nil && again && slices.Contains(committed, false) {
		var earlier []bool
		if earlier, err = c.people.Committed(ctx, writes); err == nil {
			for i := range committed {
				committed[i] = committed[i] || earlier[i]
			}
		}
	}
	if err == nil {
		for i, p := range group {
			p.done <- writeResult{committed: committed[i]}
		}
		return
	}
	c.settle(group, writes, err)
}

func (c *committer) settle(group []*pendingWrite, writes []PersonWrite, cause error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	done, err := c.people.Committed(ctx, writes)
	if err != nil {
		unknown := fmt.Errorf("commit: %w", errors.Join(cause, err))
		for _, p := range group {
			p.done <- writeResult{err: unknown}
		}
		return
	}
	var rest []*pendingWrite
	for i, p := range group {
		if done[i] {
			p.done <- writeResult{committed: true}
		} else {
			rest = append(rest, p)
		}
	}
	switch {
	case len(rest) == 0:
	case len(rest) == 1 && len(group) == 1:
		rest[0].done <- writeResult{err: fmt.Errorf("commit: %w", cause)}
	case len(rest) == 1:
		c.commit(rest, true)
	default:
		c.commit(rest[:len(rest)/2], true)
		c.commit(rest[len(rest)/2:], true)
	}
}
