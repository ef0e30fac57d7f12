package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/index"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/campaign"
)

// turn is one run of decisions about one person, on the node's copy, under the person's lock. What it wants to
// write becomes true, or is undone, as a whole.
type turn struct {
	e     *Engine
	ctx   context.Context
	p     *person
	v     *view
	steps []taken
	write PersonWrite
	dirty bool
	// adopted: the write is the row. Nobody holds it any more.
	adopted bool
	begun   time.Duration // the dispatcher's monotonic clock when the write was handed over
	undo    undo
	stock   []stockTake
	timed   []campaign.Moment // moments of timers, not yet decided
	// counted are the verdicts of the turn's pings.
	counted []pingCount
	// scratch of one report and one ping
	r           reporting
	fences      []*index.Fence
	found       []*index.Fence
	ids         []presence.ID
	candidates  []presence.Candidate
	transitions []presence.Transition
	matched     []campaign.Candidate
}

// step is one input of a turn, kept so that a turn that lost its race can be taken again on the new row.
type step func(t *turn) error

// taken is a step of a turn and whom its failing concerns.
type taken struct {
	ctx    context.Context
	step   step
	failed func(error) // nil, without a share: a step that fails ends the whole turn
	share  *share      // instead of step and failed
}

// undo is the person's copy as it was before the turn.
type undo struct {
	hot    hot
	states []savedState
}

type savedState struct {
	device   *deviceState
	presence presence.State
	recent   recentPings
}

type stockTake struct {
	offer, block uuid.UUID
}

// turns are used again, but for those of which it is not known what became of their write: most of what a ping would
// allocate is here.
var turns = sync.Pool{New: func() any { return new(turn) }}

func newTurn(ctx context.Context, e *Engine, p *person, v *view) *turn {
	t := turns.Get().(*turn)
	t.e, t.ctx, t.p, t.v = e, ctx, p, v
	t.begin()
	return t
}

// release gives the turn back. Nobody may hold it any more. What begin and report set anew is left as it is.
func (t *turn) release() {
	t.keepPings()
	clear(t.steps)
	clear(t.fences)
	clear(t.found)
	clear(t.candidates)
	t.steps, t.fences, t.found, t.candidates = t.steps[:0], t.fences[:0], t.found[:0], t.candidates[:0]
	t.ctx, t.p, t.v, t.adopted = nil, nil, nil, false
	t.r.report, t.r.answer, t.r.token, t.r.device = nil, nil, nil, nil
	turns.Put(t)
}

func (t *turn) begin() {
	t.undo.hot, t.undo.states = t.p.hot, t.undo.states[:0]
	if !t.write.blank() {
		t.write.clear()
	}
	t.write.Key, t.write.Version, t.write.Status, t.write.SuccessorID = t.p.key, t.p.version, t.p.status, t.p.successor
	t.dirty = false
	t.stock, t.timed = nil, nil
	t.counted = t.counted[:0]
}

// blank tells whether a write is as begin leaves it: most pings write nothing.
func (w *PersonWrite) blank() bool {
	return w.MinWriter == 0 && len(w.State) == 0 && w.LeasedUntil.IsZero() && w.Profile == nil && w.Revoke == "" && len(w.Consents) == 0 &&
		len(w.Uses) == 0 && len(w.Places) == 0 && len(w.Traces) == 0 && len(w.Opened) == 0 && len(w.Closed) == 0 && len(w.Coupons) == 0 &&
		len(w.Deliveries) == 0 && w.CancelDeliveries == "" && len(w.Letters) == 0 && len(w.Receipts) == 0 && len(w.Purchases) == 0 &&
		len(w.CancelNotifications) == 0
}

// clear empties a write. It keeps the arrays of what nearly every write has.
func (w *PersonWrite) clear() {
	clear(w.Places)
	clear(w.Traces)
	*w = PersonWrite{State: w.State[:0], Places: w.Places[:0], Traces: w.Traces[:0], Opened: w.Opened[:0], Closed: w.Closed[:0]}
}

// do takes a step and keeps it for another try. Its error ends the turn.
func (t *turn) do(s step) error {
	t.steps = append(t.steps, taken{ctx: t.ctx, step: s})
	return s(t)
}

// attempt takes a step of a caller of its own: should it fail, now or at another try, failed is told, and the turn is
// as if the step had never been in it.
func (t *turn) attempt(ctx context.Context, s step, failed func(error)) {
	t.add(taken{ctx: ctx, step: s, failed: failed})
}

// attemptShare is attempt for a share, which keeps its own error.
func (t *turn) attemptShare(s *share) { t.add(taken{ctx: t.ctx, share: s}) }

func (t *turn) add(one taken) {
	t.steps = append(t.steps, one)
	if err := t.run(&one); err != nil {
		t.without(len(t.steps)-1, err)
	}
}

// run takes a step under its caller's context.
func (t *turn) run(s *taken) error {
	shared := t.ctx
	defer func() { t.ctx = shared }()
	t.ctx = s.ctx
	if s.share != nil {
		return s.share.step(t)
	}
	return s.step(t)
}

// fail tells whom it concerns that a step failed; false: the whole turn.
func (s *taken) fail(err error) bool {
	switch {
	case s.share != nil:
		s.share.err = err
	case s.failed != nil:
		s.failed(err)
	default:
		return false
	}
	return true
}

// without leaves a failed step out and takes those before it again, on the row as it was.
func (t *turn) without(i int, err error) {
	t.steps[i].fail(err)
	t.steps = slices.Delete(t.steps, i, i+1)
	t.rollback()
	t.begin()
	_ = t.again(i) // what is before was attempted too
}

// again takes the first n steps once more. The error is of one that ends the turn.
func (t *turn) again(n int) error {
	for i := 0; i < n; i++ {
		err := t.run(&t.steps[i])
		if err == nil {
			continue
		}
		if !t.steps[i].fail(err) {
			return err
		}
		t.steps = slices.Delete(t.steps, i, i+1)
		t.rollback()
		t.begin()
		i, n = -1, n-1
	}
	return nil
}

// touch saves a device's state before the first change of the turn.
func (t *turn) touch(d *deviceState) {
	for i := range t.undo.states {
		if t.undo.states[i].device == d {
			return
		}
	}
	n := len(t.undo.states)
	if n == cap(t.undo.states) {
		t.undo.states = append(t.undo.states, savedState{})
	}
	t.undo.states = t.undo.states[:n+1] // what is there from another turn lends its slices
	s := &t.undo.states[n]
	s.device, s.recent = d, d.recent
	d.presence.CloneInto(&s.presence)
}

// rollback makes the copy what it was, gives stock back, and keeps nothing of the turn.
func (t *turn) rollback() {
	t.p.hot = t.undo.hot
	for i := range t.undo.states {
		s := &t.undo.states[i]
		s.device.presence, s.device.recent = s.presence, s.recent
		s.device.follower = index.Follower{}
		s.presence = presence.State{} // the device's now
	}
	t.e.stock.giveBack(t.stock)
}

// seal finishes the write: state, due time and a write id of its own.
func (t *turn) seal(now time.Time) error {
	t.p.hot.compact(now, t.p.zone(t.v.brand.Settings.TimeZone))
	t.sealPings(now)
	t.ageVisits(now)
	state, err := t.fit(now)
	if err != nil {
		return err
	}
	t.write.State, t.write.MinWriter = state, minWriter(t.standing())
	t.write.Letters = t.letters(now)
	t.write.WriteID = newRandomID()
	t.write.DueAt, t.write.At = t.due(), now
	t.begun = t.e.monotonic()
	return nil
}

// due is when this person's next timer falls; zero: none.
func (t *turn) due() time.Time { return dueOf(t.p, t.fence) }

// dueNow is when a person is due by the state in hand; zero: not at all.
func (e *Engine) dueNow(p *person) time.Time {
	if v := e.catalogue.view(p.key.BrandID); v != nil {
		return dueOf(p, v.fence)
	}
	return time.Time{}
}

func dueOf(p *person, find fences) time.Time {
	first := p.laterDue()
	for _, d := range p.hot.devices {
		if at := d.presence.NextDue(rulesOf(find, d)); at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	if first == 0 {
		return time.Time{}
	}
	return time.UnixMilli(first).UTC()
}

// holdTimer notes when a person just read is due, so that this node acts on time and not only the sweep.
func (e *Engine) holdTimer(p *person) {
	if due := e.dueNow(p); !due.IsZero() && p.status == PersonActive {
		e.timers.hold(p.key, due)
	}
}

// rulesOf finds the rules of a device's fences in the turn's view; nil: the fence is gone.
func (t *turn) rulesOf(d *deviceState) func(presence.ID) *presence.Rules { return rulesOf(t.fence, d) }

// fences finds a fence; nil: it is gone.
type fences func(presence.ID) *index.Fence

func rulesOf(find fences, d *deviceState) func(presence.ID) *presence.Rules {
	return func(id presence.ID) *presence.Rules {
		if f := find(id); f != nil {
			return f.Value.(*fenceView).rulesAt(d.stay(id))
		}
		return nil
	}
}

// fence finds a fence of the turn's view. Those of one device are asked for again and again.
func (t *turn) fence(id presence.ID) *index.Fence {
	for _, f := range t.found {
		if f.ID == id {
			return f
		}
	}
	f := t.v.fence(id)
	if f != nil && len(t.found) < maxFound {
		t.found = append(t.found, f)
	}
	return f
}

// learn makes a fence of the view known to the turn without a look into the view.
func (t *turn) learn(f *index.Fence) {
	if len(t.found) < maxFound && !slices.Contains(t.found, f) {
		t.found = append(t.found, f)
	}
}

// maxFound is from how many on it is quicker to look a fence up than to go through those found before.
const maxFound = 16

// adopt makes the copy the committed row.
func (t *turn) adopt() {
	t.adopted = true
	t.p.version++
	t.p.status, t.p.successor = t.write.Status, t.write.SuccessorID
	if t.write.Profile != nil {
		t.p.profile, t.p.may = *t.write.Profile, locatable{}
	}
	for _, s := range t.undo.states {
		s.device.heardWritten = s.device.presence.LastHeard
	}
	t.p.dueWritten = t.write.DueAt
	if t.e.tails.open.Load() > 0 {
		t.tellTransitions()
	}
	t.p.unwritten, t.counted = t.p.unwritten[:0], t.counted[:0]
	t.e.timers.hold(t.p.key, t.write.DueAt)
}
