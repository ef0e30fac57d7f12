package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxGroup is how many people one statement writes at most. Measured: beyond a few hundred the statement's own cost
// outweighs what the shared commit saves.
const maxGroup = 200

// committer gathers the writes that wait while a statement runs and sends them as the next one. A lone write goes
// at once; under load the groups grow by themselves.
type committer struct {
	people  People
	queue   chan *pendingWrite
	timeout time.Duration
	metrics *Metrics
	closed  chan struct{} // nobody commits any more
}

// errClosed is answered for what came after the last committer ended. It was not written.
var errClosed = errors.New("the engine is closed")

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
	return &committer{people: people, queue: make(chan *pendingWrite, 4096), timeout: 15 * time.Second, metrics: m, closed: make(chan struct{})}
}

// run commits until ctx ends and the queue is empty. Several may run at once.
func (c *committer) run(ctx context.Context) {
	var held *pendingWrite
	for {
		first := held
		if first == nil {
			select {
			case first = <-c.queue:
			case <-ctx.Done():
				select {
				case first = <-c.queue:
				default:
					return
				}
			}
		}
		var group []*pendingWrite
		group, held = c.gather(first)
		c.commit(group, false)
	}
}

// gather takes what waits, up to a group's size. A second write of one person, which two copies of that person can
// bring about, is held for the next group.
func (c *committer) gather(first *pendingWrite) (group []*pendingWrite, held *pendingWrite) {
	group = append(group, first)
	people := map[PersonKey]struct{}{first.write.Key: {}}
	for len(group) < maxGroup {
		select {
		case w := <-c.queue:
			if _, twice := people[w.write.Key]; twice {
				return group, w
			}
			people[w.write.Key] = struct{}{}
			group = append(group, w)
		default:
			return group, nil
		}
	}
	return group, nil
}

// submit queues a write; its result comes on the returned channel.
func (c *committer) submit(ctx context.Context, w *PersonWrite) (<-chan writeResult, error) {
	p := &pendingWrite{write: w, done: make(chan writeResult, 1)}
	select {
	case c.queue <- p:
		return p.done, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.closed:
		return nil, errClosed
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
		return writeResult{err: errClosed}
	}
}

// commit writes a group. On an error it halves: one faulty person costs nobody else, and a lost connection is
// settled by asking which of the writes the rows carry.
//
// again says that the writes were sent before and nothing is known of it: one that loses now may have lost to itself.
func (c *committer) commit(group []*pendingWrite, again bool) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	writes := make([]PersonWrite, len(group))
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
