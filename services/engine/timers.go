package engine

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// sweepOverdue is how overdue another node's person must be before this one acts on it.
	sweepOverdue = 10 * time.Second
	// sweepLimit is how many people one sweep takes.
	sweepLimit = 500
	// maxTimers bounds the timers a node holds in memory; what is beyond is found by the sweep.
	maxTimers = 1 << 20
)

// timers are the due times of people this node wrote last. They are a hint: the row says what is due.
type timers struct {
	mu  sync.Mutex
	at  map[PersonKey]int64
	due dueHeap
}

type dueEntry struct {
	at  int64
	key PersonKey
}

type dueHeap []dueEntry

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(dueEntry)) }
func (h *dueHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// hold notes when a person is due next; zero: not at all.
func (t *timers) hold(key PersonKey, due time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if due.IsZero() {
		delete(t.at, key)
		return
	}
	if t.at == nil {
		t.at = map[PersonKey]int64{}
	}
	at := due.UnixMilli()
	if t.at[key] == at || len(t.due) >= maxTimers {
		return
	}
	t.at[key] = at
	heap.Push(&t.due, dueEntry{at, key})
}

// take removes up to limit people that are due at now.
func (t *timers) take(now int64, limit int) []PersonKey {
	t.mu.Lock()
	defer t.mu.Unlock()
	var keys []PersonKey
	for len(t.due) > 0 && len(keys) < limit {
		top := t.due[0]
		if t.at[top.key] != top.at {
			heap.Pop(&t.due)
			continue
		}
		if top.at > now {
			break
		}
		heap.Pop(&t.due)
		delete(t.at, top.key)
		keys = append(keys, top.key)
	}
	return keys
}

// next is when the first held person is due, Unix ms; 0: nobody is.
func (t *timers) next() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.due) > 0 {
		if top := t.due[0]; t.at[top.key] == top.at {
			return top.at
		}
		heap.Pop(&t.due)
	}
	return 0
}

// NextTimer is when the first person held by this node is due; ok is false when nobody is.
func (e *Engine) NextTimer() (at time.Time, ok bool) {
	ms := e.timers.next()
	return time.UnixMilli(ms).UTC(), ms != 0
}

// Elapsed is what timers brought about for one device.
type Elapsed struct {
	BrandID  uuid.UUID
	DeviceID uuid.UUID
	Answer   Answer
}

// Advance lets everything held by this node that is due at or before to happen, and returns it. Only decisions that
// were committed are returned; what could not be written stays due.
func (e *Engine) Advance(ctx context.Context, to time.Time) ([]Elapsed, error) {
	var all []Elapsed
	for {
		keys := e.timers.take(to.UnixMilli(), pageOfPeople)
		if len(keys) == 0 {
			return all, nil
		}
		elapsed, err := e.elapse(ctx, keys, to, false)
		all = append(all, elapsed...)
		if err != nil {
			for _, k := range keys {
				e.timers.hold(k, to.Add(time.Second))
			}
			return all, err
		}
	}
}

// elapse ticks some people up to a time.
// swept says that the rows themselves said so: then something is written in any case. One that is not due after all gets
// its later time, or it would be found again and again; a copy that knows nothing of it loses its race and is read again.
func (e *Engine) elapse(ctx context.Context, keys []PersonKey, to time.Time, swept bool) ([]Elapsed, error) {
	results := map[PersonKey]*[]Elapsed{}
	failed, err := e.together(ctx, keys, func(turns map[PersonKey]*turn) error {
		for _, k := range keys {
			t := turns[k]
			if t == nil || t.p.status != PersonActive {
				continue
			}
			results[k] = &[]Elapsed{}
			if err := t.do(tickStep(to, swept, results[k])); err != nil {
				return err
			}
			if !t.dirty {
				e.timers.hold(k, t.due())
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []Elapsed
	for _, k := range keys {
		switch {
		case errors.Is(failed[k], ErrNewerState): // a node of that release acts on it
		case failed[k] != nil:
			e.timers.hold(k, to.Add(time.Second))
			e.log.Error("timers of a person could not be written", "brand", k.BrandID, "person", k.PersonID, "error", failed[k])
		case results[k] != nil:
			all = append(all, *results[k]...)
		}
	}
	return all, nil
}

func tickStep(to time.Time, swept bool, out *[]Elapsed) step {
	return func(t *turn) error {
		*out = (*out)[:0]
		if t.p.status != PersonActive {
			return nil
		}
		t.dirty = t.dirty || swept
		for _, d := range t.p.hot.devices {
			var answer Answer
			t.tick(d, to.UnixMilli(), &answer)
			if err := t.decideTimed(to, &answer); err != nil {
				return err
			}
			if len(answer.Transitions) > 0 {
				*out = append(*out, Elapsed{t.p.key.BrandID, d.id, answer})
			}
		}
		return t.tickLater(to, out)
	}
}

// sweep acts on people that no living node seems to hold: overdue by over ten seconds, or, at start, due at all.
func (e *Engine) sweep(ctx context.Context, overdue time.Duration) error {
	if !e.clock.Sane() {
		return nil
	}
	now := e.clock.Now()
	keys, err := e.people.Due(ctx, now.Add(-overdue), sweepLimit)
	if err != nil {
		return err
	}
	for len(keys) > 0 {
		n := min(len(keys), pageOfPeople)
		if _, err := e.elapse(ctx, keys[:n], now, true); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}
