package pusher

import (
	"context"

	"github.com/google/uuid"
)

// BreakerObserver is an Observer that is also told when a project is held because its credential is refused (open,
// with the provider's code, again when the code changes), and when that is over. It is what to raise an alarm on.
type BreakerObserver interface {
	Breaker(brand uuid.UUID, provider Provider, code string, open bool)
}

// Waker is an Outbox that can make what waits for another attempt due again, before its time. Without it a project's
// deliveries come back when their waits are over.
type Waker interface {
	// Wake makes pending deliveries of a brand and provider due that were begun before, are leased to nobody and whose
	// deadline has not passed. It says how many.
	Wake(ctx context.Context, brand uuid.UUID, provider Provider) (int, error)
}

// Resume ends the pause of a project, because its credential was replaced: what waits is tried again with the new one.
func (d *Dispatcher) Resume(brand uuid.UUID, provider Provider) {
	p := project{brand, provider}
	if refused := d.gate.open(p); refused != "" {
		d.breaker(p, refused, false)
	}
	waker, ok := d.cfg.Outbox.(Waker)
	if !ok || d.isStopping() {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(d.hard, outboxTimeout)
		defer cancel()
		if _, err := waker.Wake(ctx, brand, provider); err != nil {
			d.outboxFailed("wake")(err, 0)
			return
		}
		d.nudgeSweep()
	}()
}

func (d *Dispatcher) breaker(p project, code string, open bool) {
	if o, ok := d.cfg.Observer.(BreakerObserver); ok {
		o.Breaker(p.brand, p.provider, code, open)
	}
}
