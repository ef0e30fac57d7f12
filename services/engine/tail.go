package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
)

// ErrTailsFull is answered where a brand watches as many people on this node as it may.
var ErrTailsFull = errors.New("too many tails are open")

const (
	// MaxTails is how many people a brand may watch at once on one node.
	MaxTails = 16
	// tailRoom is how many things wait for a slow reader before some are lost.
	tailRoom = 256
	// tailLooksBack is by how much a fact may become visible later than its own time says.
	tailLooksBack = 20 * time.Second
	// tailDecisions is how many decisions one look finds at most.
	tailDecisions = 200
	// tailFollows is for how long, and of how many, what becomes of notifications is followed.
	tailFollows     = 2 * time.Hour
	tailFollowed    = 64
	tailTransitions = 128 // told ones that are remembered
)

// HeardPing is a ping that came to this node, without its place.
type HeardPing struct {
	DeviceID   uuid.UUID
	Verdict    Verdict
	Accuracy   float64 // metres; not above 0: unknown
	Age        time.Duration
	Late       bool
	Foreground bool
}

// TailEvent is one thing that happened: whichever of the fields is set.
type TailEvent struct {
	At         time.Time
	Ping       *HeardPing
	Transition *TransitionAnswer
	Decision   *TraceRow
	Deliveries []pusher.Delivery // of a decision, as they stand
	Delivery   *pusher.Delivery  // its state changed
	Receipt    *Receipt
	Elsewhere  bool  // another node wrote the person's row
	Lost       int64 // so many things found no room
}

// Tail is a watch of one person. Pings and transitions are those of this node, as they come; decisions, deliveries and
// receipts are read from the database, whichever node they are of. What nobody reads in time is lost, and counted. It is
// for one goroutine, and must be closed.
type Tail struct {
	e      *Engine
	key    PersonKey
	device uuid.UUID // pings and transitions of this one alone; zero: of all
	events chan TailEvent
	lost   atomic.Int64

	mu   sync.Mutex
	told []uuid.UUID // transitions, the oldest first

	begun    time.Time
	version  int64
	seen     map[uuid.UUID]time.Time // decisions
	followed []followed
}

// followed is a notification with what was told of it.
type followed struct {
	id       uuid.UUID
	since    time.Time
	states   map[uuid.UUID]pusher.State // by delivery
	receipts map[string]bool            // by kind
}

// tails are the watches of a node. Where there are none, a ping costs one look at open.
type tails struct {
	open atomic.Int32
	mu   sync.RWMutex
	of   map[PersonKey][]*Tail
}

// Tail begins to watch a person; a device that is not the zero id narrows what is told of pings. ErrTailsFull: the brand
// watches enough. ErrNotFound: there is no such person.
func (e *Engine) Tail(ctx context.Context, brandID, personID, deviceID uuid.UUID) (*Tail, error) {
	t := &Tail{
		e: e, key: PersonKey{brandID, personID}, device: deviceID, events: make(chan TailEvent, tailRoom), begun: e.clock.Now(),
		seen: map[uuid.UUID]time.Time{},
	}
	if err := e.tails.add(t); err != nil {
		return nil, err
	}
	if err := t.remember(ctx); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (w *tails) add(t *Tail) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	mine := 0
	for key, list := range w.of {
		if key.BrandID == t.key.BrandID {
			mine += len(list)
		}
	}
	if mine >= MaxTails {
		return ErrTailsFull
	}
	if w.of == nil {
		w.of = map[PersonKey][]*Tail{}
	}
	w.of[t.key] = append(w.of[t.key], t)
	w.open.Add(1)
	return nil
}

// Close ends the watch.
func (t *Tail) Close() {
	w := &t.e.tails
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.of[t.key]
	i := slices.Index(list, t)
	if i < 0 {
		return
	}
	w.open.Add(-1)
	if list = slices.Delete(list, i, i+1); len(list) == 0 {
		delete(w.of, t.key)
	} else {
		w.of[t.key] = list
	}
}

// Heard are pings and transitions as they come.
func (t *Tail) Heard() <-chan TailEvent { return t.events }

// Lost is how many of them found no room since it was last asked.
func (t *Tail) Lost() int64 { return t.lost.Swap(0) }

// tell gives an event to the watches of a person.
func (w *tails) tell(key PersonKey, device uuid.UUID, event TailEvent) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, t := range w.of[key] {
		if t.device == uuid.Nil || t.device == device {
			t.put(event)
		}
	}
}

func (t *Tail) put(event TailEvent) {
	if event.Transition != nil && !t.first(event.Transition.ID) {
		return
	}
	select {
	case t.events <- event:
	default:
		t.lost.Add(1)
	}
}

// first tells whether a transition was not told yet: repeats are answered alike.
func (t *Tail) first(transition uuid.UUID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Contains(t.told, transition) {
		return false
	}
	if len(t.told) >= tailTransitions {
		t.told = slices.Delete(t.told, 0, 1)
	}
	t.told = append(t.told, transition)
	return true
}

// tellReports tells those who watch of reports and what became of them.
func (e *Engine) tellReports(brandID uuid.UUID, reports []Report, answers []Answer) {
	for i := range reports {
		o := e.seats.get(deviceKey{brandID, reports[i].DeviceID})
		if o == nil || answers[i].Err != nil || !e.tails.watches(o.person) {
			continue
		}
		r := &reports[i]
		for k := range answers[i].Pings {
			e.tails.tell(o.person, r.DeviceID, TailEvent{At: r.Received, Ping: heardPing(r, k, &answers[i].Pings[k])})
		}
		for k := range answers[i].Transitions {
			tr := answers[i].Transitions[k]
			e.tails.tell(o.person, r.DeviceID, TailEvent{At: r.Received, Transition: &tr})
		}
	}
}

func (w *tails) watches(key PersonKey) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return len(w.of[key]) > 0
}

func heardPing(r *Report, i int, a *PingAnswer) *HeardPing {
	p := &HeardPing{DeviceID: r.DeviceID, Verdict: a.Verdict, Late: a.Late, Foreground: r.Foreground}
	if i >= len(r.Pings) {
		return p
	}
	by := r.SentAt
	if by.IsZero() {
		by = r.Received
	}
	p.Accuracy, p.Age = r.Pings[i].Accuracy, max(0, by.Sub(time.UnixMilli(r.Pings[i].At)))
	return p
}

// tellTransitions tells those who watch of what a turn has committed. A report's are told with its pings, after them.
func (t *turn) tellTransitions() {
	if !t.e.tails.watches(t.p.key) || slices.ContainsFunc(t.steps, func(s taken) bool { return s.share != nil }) {
		return
	}
	now := t.e.clock.Now()
	for i := range t.write.Places {
		p := &t.write.Places[i]
		var fv *fenceView
		if f := t.v.fence(presence.ID(p.FenceID)); f != nil {
			fv = f.Value.(*fenceView)
		}
		tr := told(p, fv)
		t.e.tails.tell(t.p.key, p.DeviceID, TailEvent{At: now, Transition: &tr})
	}
}

// remember notes what is there when the watch begins.
func (t *Tail) remember(ctx context.Context) error {
	if _, _, err := t.row(ctx); err != nil {
		return err
	}
	rows, _, err := t.e.Explain(ctx, t.key.BrandID, t.key.PersonID, TraceFilter{From: t.begun.Add(-tailLooksBack), Limit: tailDecisions})
	for i := range rows {
		t.seen[rows[i].ID] = t.begun
	}
	return err
}

// row reads the person's version, and what this node has of it.
func (t *Tail) row(ctx context.Context) (moved, ours bool, err error) {
	rows, err := t.e.people.Load(ctx, []PersonKey{t.key})
	if err != nil {
		return false, false, fmt.Errorf("tail: %w", err)
	}
	if len(rows) == 0 {
		return false, false, notFound("person")
	}
	if s := rows[0].Status; s == PersonSignpost || s == PersonErasing {
		return false, false, ErrGone
	}
	moved = t.version != 0 && rows[0].Version > t.version
	t.version = rows[0].Version
	if p, ok := t.e.copies.people.Peek(t.key); ok {
		p.mu.Lock() // whoever has committed what was just read has taken it in by then
		ours = p.version >= rows[0].Version
		p.mu.Unlock()
	}
	return moved, ours, nil
}

// Look reads what the database has that was not told yet, the oldest first. ErrGone, ErrNotFound: the person is no more.
// ErrClosed: the node is about to end.
func (t *Tail) Look(ctx context.Context) (events []TailEvent, err error) {
	if t.e.draining.Load() {
		return nil, ErrClosed
	}
	moved, ours, err := t.row(ctx)
	if err != nil {
		return nil, err
	}
	now := t.e.clock.Now()
	if events, err = t.decisions(ctx, now); err != nil {
		return nil, err
	}
	more, err := t.outcomes(ctx, now)
	if err != nil {
		return nil, err
	}
	if events = append(events, more...); moved && !ours {
		events = append(events, TailEvent{At: now, Elsewhere: true})
	}
	if n := t.Lost(); n > 0 {
		events = append(events, TailEvent{At: now, Lost: n})
	}
	return events, nil
}

func (t *Tail) decisions(ctx context.Context, now time.Time) (events []TailEvent, err error) {
	from := now.Add(-tailLooksBack)
	rows, by, err := t.e.Explain(ctx, t.key.BrandID, t.key.PersonID, TraceFilter{From: from, Limit: tailDecisions})
	if err != nil {
		return nil, err
	}
	for i := len(rows) - 1; i >= 0; i-- {
		row := &rows[i]
		if _, told := t.seen[row.ID]; told {
			continue
		}
		t.seen[row.ID] = now
		events = append(events, TailEvent{At: row.At, Decision: row, Deliveries: by[row.NotificationID]})
		if row.NotificationID != uuid.Nil {
			t.follow(row.NotificationID, now, by[row.NotificationID])
		}
	}
	for id, at := range t.seen {
		if now.Sub(at) > 2*tailLooksBack {
			delete(t.seen, id)
		}
	}
	return events, nil
}

func (t *Tail) follow(id uuid.UUID, now time.Time, deliveries []pusher.Delivery) {
	f := followed{id: id, since: now, states: map[uuid.UUID]pusher.State{}, receipts: map[string]bool{}}
	for i := range deliveries {
		f.states[deliveries[i].ID] = deliveries[i].State
	}
	if len(t.followed) >= tailFollowed {
		t.followed = slices.Delete(t.followed, 0, 1)
	}
	t.followed = append(t.followed, f)
}

// outcomes are what became of the notifications that were told.
func (t *Tail) outcomes(ctx context.Context, now time.Time) (events []TailEvent, err error) {
	t.followed = slices.DeleteFunc(t.followed, func(f followed) bool { return now.Sub(f.since) > tailFollows })
	if len(t.followed) == 0 {
		return nil, nil
	}
	ids := make([]uuid.UUID, len(t.followed))
	for i := range t.followed {
		ids[i] = t.followed[i].id
	}
	deliveries, err := t.e.people.Deliveries(ctx, t.key, ids)
	if err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	for i := range deliveries {
		d := &deliveries[i]
		f := t.following(d.Notification.ID)
		if f == nil || f.states[d.ID] == d.State {
			continue
		}
		f.states[d.ID] = d.State
		events = append(events, TailEvent{At: now, Delivery: d})
	}
	receipts, err := t.e.people.Receipts(ctx, t.key, ids)
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	for i := range receipts {
		r := &receipts[i]
		if f := t.following(r.NotificationID); f != nil && !f.receipts[r.Kind] {
			f.receipts[r.Kind] = true
			events = append(events, TailEvent{At: r.At, Receipt: r})
		}
	}
	return events, nil
}

func (t *Tail) following(id uuid.UUID) *followed {
	for i := range t.followed {
		if t.followed[i].id == id {
			return &t.followed[i]
		}
	}
	return nil
}
