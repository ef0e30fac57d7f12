package engine_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/engine"
)

// heard empties what came to a watch.
func heard(t *engine.Tail) (events []engine.TailEvent) {
	for {
		select {
		case e := <-t.Heard():
			events = append(events, e)
		default:
			return events
		}
	}
}

// A watch hears the pings and transitions of its node, and what any node decided; of nobody else anything.
func TestTail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(2, 60, nil)
	w.run(latte(true, nil))
	here, there := w.node(), w.node()
	list := w.phones(here, 2)
	p, stranger := list[0], list[1]
	p.tell(here, nowhere)
	tail, err := here.Tail(w.ctx, w.brand.ID, p.who.PersonID, uuid.Nil)
	require.NoError(t, err)
	defer tail.Close()
	events, err := tail.Look(w.ctx)
	require.NoError(t, err)
	require.Empty(t, events)

	w.pass(time.Minute)
	stranger.tell(here, storePlace(0))
	r := p.report(storePlace(0))
	r.SentAt = r.Received
	r.Pings[0].At -= 3000
	p.hand(here, r)
	got := heard(tail)
	require.Len(t, got, 2)
	require.Equal(t, &engine.HeardPing{DeviceID: p.id, Verdict: engine.Taken, Accuracy: 10, Age: 3 * time.Second}, got[0].Ping)
	require.Equal(t, presence.Entered, got[1].Transition.Kind)
	p.hand(here, r) // the answer was lost: the transition is the same one
	got = heard(tail)
	require.Len(t, got, 1)
	require.Equal(t, engine.Repeated, got[0].Ping.Verdict)

	events, err = tail.Look(w.ctx)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, "WON", events[0].Decision.Reason)
	require.Len(t, events[0].Deliveries, 1)
	id := events[0].Decision.NotificationID

	_, err = here.RecordReceipts(w.ctx, w.brand.ID, p.id, []engine.Receipt{{NotificationID: id, Kind: engine.Opened, At: w.clock.Now()}})
	require.NoError(t, err)
	events, err = tail.Look(w.ctx)
	require.NoError(t, err)
	var receipts []string
	for _, e := range events {
		if e.Receipt != nil {
			receipts = append(receipts, e.Receipt.Kind)
		}
		require.False(t, e.Elsewhere)
	}
	require.Contains(t, receipts, engine.Opened)

	w.pass(time.Minute)
	p.tell(there, nowhere)
	w.pass(time.Minute)
	p.tell(there, storePlace(1))
	require.Empty(t, heard(tail))
	events, err = tail.Look(w.ctx)
	require.NoError(t, err)
	require.Len(t, events, 2)
	require.Equal(t, "WON", events[0].Decision.Reason)
	require.True(t, events[1].Elsewhere)
	events, err = tail.Look(w.ctx)
	require.NoError(t, err)
	require.Empty(t, events)
}

// A watch of a device is told of no other phone's pings; a slow reader loses, and is told how much.
func TestTailIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	e := w.node()
	p := w.phone(e)
	second := p.more(1)[0]
	tail, err := e.Tail(w.ctx, w.brand.ID, p.who.PersonID, p.id)
	require.NoError(t, err)
	second.tell(e, nowhere)
	require.Empty(t, heard(tail))
	for range 300 {
		w.pass(time.Second)
		p.tell(e, nowhere)
	}
	events, err := tail.Look(w.ctx)
	require.NoError(t, err)
	require.Len(t, heard(tail), 256)
	require.Equal(t, int64(44), events[len(events)-1].Lost)
	events, err = tail.Look(w.ctx)
	require.NoError(t, err)
	require.Empty(t, events)

	var more []*engine.Tail
	for range engine.MaxTails - 1 {
		another, err := e.Tail(w.ctx, w.brand.ID, p.who.PersonID, uuid.Nil)
		require.NoError(t, err)
		more = append(more, another)
	}
	_, err = e.Tail(w.ctx, w.brand.ID, p.who.PersonID, uuid.Nil)
	require.ErrorIs(t, err, engine.ErrTailsFull)
	more[0].Close()
	more[0].Close() // again changes nothing
	again, err := e.Tail(w.ctx, w.brand.ID, p.who.PersonID, uuid.Nil)
	require.NoError(t, err)
	for _, one := range append(more, again, tail) {
		one.Close()
	}
	p.tell(e, nowhere)
	require.Empty(t, heard(again))
	_, err = e.Tail(w.ctx, w.brand.ID, uuid.New(), uuid.Nil)
	require.ErrorIs(t, err, engine.ErrNotFound)
	e.Drain()
	last, err := e.Tail(w.ctx, w.brand.ID, p.who.PersonID, uuid.Nil)
	require.NoError(t, err)
	defer last.Close()
	_, err = last.Look(w.ctx)
	require.ErrorIs(t, err, engine.ErrClosed)
}
