package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// heldPeople answers nothing until it is let go.
type heldPeople struct {
	People
	letGo  chan struct{}
	calls  atomic.Int64
	fault  error
	absent PersonKey
}

func (p *heldPeople) Load(_ context.Context, keys []PersonKey) (rows []PersonRow, err error) {
	p.calls.Add(1)
	<-p.letGo
	for i, k := range keys {
		if k != p.absent {
			rows = append(rows, PersonRow{Key: k, Version: int64(i)})
		}
	}
	return rows, p.fault
}

// Many callers at once share few statements, and each gets its own person's row, or hears that there is none.
func TestRowsAreReadTogether(t *testing.T) {
	const callers = 300
	p := &heldPeople{letGo: make(chan struct{}), absent: PersonKey{PersonID: uuid.New()}}
	var r rowReader
	var all, asked sync.WaitGroup
	asked.Add(callers)
	for i := range callers {
		key := PersonKey{PersonID: uuid.New()}
		if i%100 == 0 {
			key = p.absent
		}
		all.Go(func() {
			asked.Done()
			row, err := r.read(t.Context(), p, key)
			if err != nil || (row != nil) != (key != p.absent) || row != nil && row.Key != key {
				t.Errorf("%v, %v for %v", row, err, key)
			}
		})
	}
	asked.Wait()
	close(p.letGo)
	all.Wait()
	require.Less(t, p.calls.Load(), int64(callers))
	require.Zero(t, r.busy)
	require.Empty(t, r.waiting)
}

func TestRowsOfAFaultyStatement(t *testing.T) {
	p := &heldPeople{letGo: make(chan struct{}), fault: errors.New("no")}
	close(p.letGo)
	var r rowReader
	_, err := r.read(t.Context(), p, PersonKey{PersonID: uuid.New()})
	require.ErrorIs(t, err, p.fault)
	p.letGo = make(chan struct{})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.read(gone, p, PersonKey{PersonID: uuid.New()})
	require.ErrorIs(t, err, context.Canceled)
	close(p.letGo)
}
