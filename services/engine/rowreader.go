package engine

import (
	"context"
	"sync"
	"time"
)

// rowReader reads rows of single people for many callers at once: who comes while a statement is under way goes into the
// next one. A caller's statement begins after its call, so that it sees what was committed before. The zero value is
// ready.
type rowReader struct {
	mu      sync.Mutex
	waiting []rowCall
	busy    int // statements under way
}

type rowCall struct {
	key   PersonKey
	reply chan rowReply // buffered: its caller may have gone
}

type rowReply struct {
	row *PersonRow // nil: there is none
	err error
}

const (
	readersAtOnce = 2   // statements
	rowsTogether  = 500 // people in one
	readTime      = 3 * time.Second
)

// read returns one person's row; nil where there is none. Nobody may change it: others may have it, too.
func (r *rowReader) read(ctx context.Context, people People, key PersonKey) (*PersonRow, error) {
	c := rowCall{key, make(chan rowReply, 1)}
	r.mu.Lock()
	r.waiting = append(r.waiting, c)
	start := r.busy < readersAtOnce
	if start {
		r.busy++
	}
	r.mu.Unlock()
	if start {
		go r.work(people)
	}
	select {
	case answer := <-c.reply:
		return answer.row, answer.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// work reads until nobody waits.
func (r *rowReader) work(people People) {
	for calls := r.next(); len(calls) > 0; calls = r.next() {
		answer(people, calls)
	}
}

func (r *rowReader) next() []rowCall {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.waiting), rowsTogether)
	calls := r.waiting[:n:n]
	if r.waiting = r.waiting[n:]; n == 0 {
		r.waiting = nil
		r.busy--
	}
	return calls
}

func answer(people People, calls []rowCall) {
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	keys := make([]PersonKey, len(calls))
	for i := range calls {
		keys[i] = calls[i].key
	}
	rows, err := people.Load(ctx, keys)
	found := make(map[PersonKey]*PersonRow, len(rows))
	for i := range rows {
		found[rows[i].Key] = &rows[i]
	}
	for _, c := range calls {
		if err != nil {
			c.reply <- rowReply{err: err}
			continue
		}
		c.reply <- rowReply{row: found[c.key]}
	}
}
