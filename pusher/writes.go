package pusher

import (
	"context"
	"strings"
	"time"
)

// beginning, waiting and ending are what is written about a task; the latter two let go of it.
type (
	beginning struct {
		t     *task
		reply chan begun // buffered: nobody need be listening any more
	}
	begun struct {
		ok      bool
		started time.Duration
	}
	waiting struct {
		t    *task
		wait Wait
	}
	ending struct {
		t *task
		e End
		r Result
	}
)

// begin counts a repeated attempt and renews the lease. It waits until that is written; false means that the
// delivery is another's now, or that this process stops.
func (d *Dispatcher) begin(t *task) bool {
	b := beginning{t, make(chan begun, 1)}
	d.begins.add(b)
	select {
	case answer := <-b.reply:
		if !answer.ok {
			d.cfg.Observer.Lost("begin")
			d.release(t)
			return false
		}
		t.leased, t.valid = answer.started, true
		t.d.Attempt++
		return true
	case <-d.stopping:
		d.giveBack(t, DeferredStopping)
		return false
	}
}

// giveBack leaves t to the next sweep, of any node.
func (d *Dispatcher) giveBack(t *task, reason string) {
	d.putOff(t, d.cfg.Now(), "")
	d.cfg.Observer.Deferred(reason)
}

// longestLater bounds how long reminders and bulk without room wait before they look for some again.
const longestLater = 10 * time.Second

// giveBackLater leaves a task without room to a later sweep. Reminders and bulk come back when their pace can have made
// room for them, and not all at once.
func (d *Dispatcher) giveBackLater(t *task) {
	notBefore := d.cfg.Now()
	if rankOf(t) > RankMoment {
		wait := time.Duration(float64(d.cfg.Queue) / d.pacer.rate(t.project()) * float64(time.Second))
		notBefore = notBefore.Add(time.Duration((0.5 + d.cfg.Random()) * float64(min(max(wait, time.Second), longestLater))))
		// While there is time for more than one attempt the pace must not cost the last one.
		if latest := t.d.Deadline.Add(-3 * d.cfg.SendTimeout); notBefore.After(latest) {
			notBefore = d.cfg.Now()
		}
	}
	d.putOff(t, notBefore, "")
	d.cfg.Observer.Deferred(DeferredFull)
}

// afterDeadline is how long after its deadline a delivery without another attempt is looked at: late enough that
// storage's clock being ahead does not bring it back for a last moment's attempt.
const afterDeadline = 2 * time.Second

// postpone gives t back after an attempt until notBefore, or until just after its deadline, when a sweep ends it.
func (d *Dispatcher) postpone(t *task, notBefore time.Time, code string) {
	d.wait(t, Wait{NotBefore: notBefore, Code: code})
}

// putOff is postpone for what was not attempted.
func (d *Dispatcher) putOff(t *task, notBefore time.Time, code string) {
	d.wait(t, Wait{NotBefore: notBefore, Code: code, Unused: true})
}

func (d *Dispatcher) wait(t *task, w Wait) {
	if !w.NotBefore.Before(t.d.Deadline) {
		w.NotBefore = t.d.Deadline.Add(afterDeadline)
	}
	w.Key, w.Unsure, w.Code = t.key(), t.d.Unsure, clean(w.Code)
	d.postpones.add(waiting{t, w})
}

func (d *Dispatcher) expire(t *task) {
	d.end(t, End{State: Expired, Code: "DEADLINE", SurelyNotReceived: !t.d.Unsure}, Result{})
}

func (d *Dispatcher) end(t *task, e End, r Result) {
	e.Key, e.Code = t.key(), clean(e.Code)
	d.ends.add(ending{t, e, r})
}

func (d *Dispatcher) writeBegins(ctx context.Context, batch []beginning) error {
	ctx, cancel := context.WithTimeout(ctx, outboxTimeout)
	defer cancel()
	keys := make([]Key, len(batch))
	for i, b := range batch {
		keys[i] = b.t.key()
	}
	started := d.cfg.Monotonic()
	got, err := d.cfg.Outbox.Begin(ctx, d.cfg.Node, d.lease, keys)
	if err != nil {
		return err
	}
	ours := setOf(got)
	for _, b := range batch {
		b.reply <- begun{ours[b.t.key()], started}
	}
	return nil
}

func (d *Dispatcher) writePostpones(ctx context.Context, batch []waiting) error {
	ctx, cancel := context.WithTimeout(ctx, outboxTimeout)
	defer cancel()
	waits := make([]Wait, len(batch))
	for i, w := range batch {
		waits[i] = w.wait
	}
	if err := d.cfg.Outbox.Postpone(ctx, d.cfg.Node, waits); err != nil {
		return err
	}
	for _, w := range batch {
		d.release(w.t)
	}
	return nil
}

func (d *Dispatcher) writeEnds(ctx context.Context, batch []ending) error {
	call, cancel := context.WithTimeout(ctx, outboxTimeout)
	defer cancel()
	ends := make([]End, len(batch))
	for i, e := range batch {
		ends[i] = e.e
	}
	got, err := d.cfg.Outbox.Finish(call, d.cfg.Node, ends)
	if err != nil {
		return err
	}
	ended := setOf(got)
	for _, e := range batch {
		d.release(e.t)
		if !ended[e.e.Key] {
			d.cfg.Observer.Lost("finish")
			continue
		}
		d.cfg.Observer.Ended(e.t.d.Provider, e.e.State, e.e.Code, d.cfg.Now().Sub(e.t.d.CreatedAt))
		d.told <- e
	}
	return nil
}

// tellTimeout bounds one call of Ended.
const tellTimeout = 30 * time.Second

// tell tells Ended of written ends, several at once.
func (d *Dispatcher) tell() {
	for e := range d.told {
		if d.cfg.Ended != nil {
			d.tellOne(e)
		}
	}
}

func (d *Dispatcher) tellOne(e ending) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.hard), tellTimeout)
	defer cancel()
	e.t.d.State = e.e.State
	d.cfg.Ended.DeliveryEnded(ctx, &e.t.d, e.e, e.r)
}

func (d *Dispatcher) outboxFailed(op string) func(error, int) {
	return func(err error, items int) {
		d.cfg.Observer.OutboxFailed(op)
		d.cfg.Log.Warn("the outbox failed", "op", op, "deliveries", items, "error", err)
	}
}

// left reports what a stop that was cut short could not write; leases run out and other nodes take it.
func (d *Dispatcher) left(op string, n int) {
	if n > 0 {
		d.cfg.Log.Error("stopped with unwritten deliveries", "op", op, "deliveries", n)
	}
}

func setOf(keys []Key) map[Key]bool {
	set := make(map[Key]bool, len(keys))
	for _, k := range keys {
		set[k] = true
	}
	return set
}

// clean makes a provider's text storable: valid, without control characters, and short.
func clean(text string) string {
	const longest = 200
	if len(text) > longest {
		text = text[:longest]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}
