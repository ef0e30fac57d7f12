package pusher

import (
	"context"
	"fmt"
	"time"
)

// recheckTimeout keeps the asking well inside the lease margin.
const recheckTimeout = 3 * time.Second

// work attempts one delivery after the other until the queue is closed.
func (d *Dispatcher) work() {
	for t := d.queue.pop(); t != nil; t = d.queue.pop() {
		d.handle(t)
		d.queue.landed(t)
	}
}

// handle brings t to a written end or wait; it never returns with t forgotten.
func (d *Dispatcher) handle(t *task) {
	if !t.valid && !d.begin(t) {
		return
	}
	if d.expired(t) {
		d.expire(t)
		return
	}
	p := d.gate.admit(t.project(), t.device(), d.cfg.Monotonic(), d.cfg.SendTimeout)
	if p.wait > 0 {
		d.putOff(t, d.cfg.Now().Add(d.spread(p.wait)), "")
		d.cfg.Observer.Deferred(p.reason)
		return
	}
	to, ready := d.prepare(t)
	if !ready {
		if p.probe {
			d.gate.settle(t.project(), false)
		}
		return
	}
	d.conclude(t, d.attempt(t, to), p.probe)
}

func (d *Dispatcher) expired(t *task) bool { return !d.cfg.Now().Before(t.d.Deadline) }

// covered tells whether the lease outlasts an attempt that starts now.
func (d *Dispatcher) covered(t *task) bool {
	return t.valid && d.lease-(d.cfg.Monotonic()-t.leased) > d.cfg.SendTimeout
}

// prepare asks again what may have changed and sees to it that the lease covers the attempt. ready is false when t
// was ended, given back or lost instead.
func (d *Dispatcher) prepare(t *task) (to Address, ready bool) {
	for {
		switch {
		case d.isStopping():
			d.giveBack(t, DeferredStopping)
			return to, false
		case d.expired(t):
			d.expire(t)
			return to, false
		case !d.covered(t):
			if !d.begin(t) {
				return to, false
			}
			continue
		}
		var ok bool
		if to, ok = d.recheck(t); !ok {
			return to, false
		}
		if !d.expired(t) && d.covered(t) {
			return to, true
		}
	}
}

func (d *Dispatcher) recheck(t *task) (Address, bool) {
	ctx, cancel := context.WithTimeout(d.hard, recheckTimeout)
	defer cancel()
	to, ok, state, reason := d.cfg.Recheck.Recheck(ctx, &t.d, d.cfg.Now())
	switch {
	case ok:
		return to, true
	case state == Pending || state == "":
		d.putOff(t, d.cfg.Now().Add(d.spread(d.cfg.Retry.Unanswered)), reason)
		d.cfg.Observer.Deferred(DeferredUnknown)
	default:
		d.end(t, End{State: state, Code: reason, SurelyNotReceived: !t.d.Unsure}, Result{})
	}
	return to, false
}

// attempt makes one attempt, which ends before the lease and the deadline do.
func (d *Dispatcher) attempt(t *task, to Address) (r Result) {
	ctx, cancel := context.WithTimeout(d.hard, min(d.cfg.SendTimeout, t.d.Deadline.Sub(d.cfg.Now())))
	defer cancel()
	started := d.cfg.Monotonic()
	defer func() {
		if fault := recover(); fault != nil {
			// Its value may hold an address: only the type is told.
			d.cfg.Log.Error("a sender panicked", "provider", to.Provider, "type", fmt.Sprintf("%T", fault))
			r = Result{Outcome: OutcomeRetry, Code: "SENDER_PANIC", MaybeReceived: true}
		}
		r.Code, r.ProviderID = clean(r.Code), clean(r.ProviderID)
		d.cfg.Observer.Attempt(t.d.Provider, r.Outcome, r.Code, d.cfg.Monotonic()-started)
	}()
	t.d.To = to
	sender := d.cfg.Senders.For(t.d.BrandID, to.Provider)
	if sender == nil {
		return Result{Outcome: OutcomeMisconfigured, Scope: ScopeProject, Code: "NO_SENDER"}
	}
	return sender.Send(ctx, to, &t.d)
}

// conclude turns an attempt's result into an end or a wait.
func (d *Dispatcher) conclude(t *task, r Result, probe bool) {
	if r.MaybeReceived && r.Outcome != OutcomeAccepted {
		t.d.Unsure = true
	}
	wait := d.backOff(t, r, probe)
	switch r.Outcome {
	case OutcomeAccepted:
		d.end(t, End{State: Accepted, Code: r.Code, ProviderID: r.ProviderID}, r)
	case OutcomeAddressGone, OutcomeRejected:
		d.end(t, End{State: Failed, Code: r.Code, SurelyNotReceived: !t.d.Unsure}, r)
	default:
		if d.expired(t) {
			d.expire(t)
			return
		}
		d.postpone(t, d.cfg.Now().Add(wait), r.Code)
	}
}

// backOff slows the device or pauses the project as the result says, and returns how long this delivery waits.
func (d *Dispatcher) backOff(t *task, r Result, probe bool) time.Duration {
	now, again := d.cfg.Monotonic(), r.Outcome == OutcomeRetry || r.Outcome == OutcomeMisconfigured
	if again && r.Scope == ScopeProject {
		until := d.gate.hold(t.project(), now, probe, func(round int) time.Duration {
			if r.Outcome == OutcomeMisconfigured {
				return max(d.cfg.Retry.Breaker, r.RetryAfter)
			}
			return d.cfg.Retry.wait(round, r, d.cfg.Random())
		})
		if r.Outcome == OutcomeMisconfigured && d.gate.refuse(t.project(), r.Code) {
			d.breaker(t.project(), r.Code, true)
		}
		return d.spread(until - now)
	}
	if probe {
		if refused := d.gate.settle(t.project(), !again || r.Scope == ScopeDevice); refused != "" {
			d.breaker(t.project(), refused, false)
		}
	}
	if !again {
		return 0
	}
	wait := d.cfg.Retry.wait(t.d.Attempt, r, d.cfg.Random())
	if r.Scope == ScopeDevice {
		d.gate.slow(t.device(), now+wait)
		return wait
	}
	if r.RetryAfter == 0 {
		wait = d.cfg.Retry.beforeEnd(wait, t.d.Deadline.Sub(d.cfg.Now()), d.cfg.Random())
	}
	return wait
}

// spread adds up to a tenth, at least up to a second, so that what waited together does not come back together.
func (d *Dispatcher) spread(wait time.Duration) time.Duration {
	return wait + time.Duration(d.cfg.Random()*float64(max(wait/10, time.Second)))
}
