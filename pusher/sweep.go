package pusher

import (
	"context"
	"time"
)

// outboxTimeout bounds one call of the outbox.
const outboxTimeout = 5 * time.Second

// sweep claims what is due, dead nodes' deliveries too, as much as there is room for, and never nothing.
func (d *Dispatcher) sweep() {
	for !d.isStopping() {
		waiting, flying := d.queue.counts()
		d.cfg.Observer.Waiting(waiting)
		d.cfg.Observer.InFlight(flying)
		d.gate.prune(d.cfg.Monotonic())
		d.pacer.prune(d.cfg.Monotonic())
		// A full queue claims a little all the same: a moment takes the place of bulk, which is given back. Moments come
		// first in a claim, so that hardly anything else is fetched for nothing.
		room := max(min(d.cfg.Queue-waiting, d.appetite), min(leastAppetite, d.cfg.BatchSize))
		if d.cfg.Sane() && d.claim(room) == room {
			continue
		}
		d.untilNextSweep()
	}
}

func (d *Dispatcher) untilNextSweep() {
	// Nodes must not sweep in step.
	timer := time.NewTimer(time.Duration((0.75 + d.cfg.Random()/2) * float64(d.cfg.SweepEvery)))
	defer timer.Stop()
	select {
	case <-d.stopping:
	case <-d.kick:
	case <-timer.C:
	}
}

func (d *Dispatcher) nudgeSweep() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

// claim leases up to limit deliveries and queues them. It returns how many found their place: what a full lane
// gave back is due again, and must not be claimed again at once.
func (d *Dispatcher) claim(limit int) (queued int) {
	ctx, cancel := context.WithTimeout(d.hard, outboxTimeout)
	defer cancel()
	started := d.cfg.Monotonic()
	got, err := d.cfg.Outbox.Claim(ctx, d.cfg.Node, d.lease, limit)
	if err != nil {
		d.outboxFailed("claim")(err, limit)
		return 0
	}
	for _, delivery := range got {
		t := &task{d: delivery, leased: started, valid: true}
		// Held already: its result is about to be written, which the renewed lease only helps.
		if !d.hold(t) {
			continue
		}
		if d.early(t) {
			d.putOff(t, t.d.NotBefore, t.d.Code)
			d.cfg.Observer.Deferred(DeferredNotDue)
			continue
		}
		if d.line(t) {
			queued++
		}
	}
	d.digest(len(got), queued)
	return queued
}

// mostEarly is by how much storage's clock may be ahead without anything being said.
const mostEarly = time.Second

// early tells whether t is not due for a while by engine time. Storage's clock has been stepped and nobody has noticed
// yet: providers must not be asked again before the time that they were promised.
func (d *Dispatcher) early(t *task) bool { return t.d.NotBefore.After(d.cfg.Now().Add(mostEarly)) }

// leastAppetite is what a claim asks for when nothing finds its place.
const leastAppetite = 16

// digest halves the appetite when less than half of what was claimed found its place, else lets it grow again.
func (d *Dispatcher) digest(claimed, queued int) {
	if 2*queued < claimed {
		d.appetite = max(d.appetite/2, min(leastAppetite, d.cfg.BatchSize))
	} else {
		d.appetite = min(2*d.appetite, d.cfg.BatchSize)
	}
}
