package pusher

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Dispatcher attempts the deliveries leased to one node. Make it with New, let Run work, end it with Stop.
type Dispatcher struct {
	cfg   Config
	lease time.Duration
	queue *queue
	pacer *pacer
	gate  *gate
	// appetite is how much one claim may ask for: less while what was claimed found no place. The sweep's own.
	appetite int

	begins    *gatherer[beginning]
	postpones *gatherer[waiting]
	ends      *gatherer[ending]
	told      chan ending

	mu   sync.Mutex
	held map[uuid.UUID]*task // everything this process has not yet ended, given back or lost

	kick     chan struct{}
	started  atomic.Bool
	stopOnce sync.Once
	stopping chan struct{}
	done     chan struct{}
	hard     context.Context // ends when a stop is cut short
	cut      context.CancelFunc
}

// task is a delivery this process holds.
type task struct {
	d Delivery
	// leased is the monotonic time at which the statement that wrote the lease was started.
	leased time.Duration
	// valid is false when nothing is known about the lease: the attempt must be begun again.
	valid bool
	// again is the same delivery, claimed while this process still held it: see hold.
	again *task
}

func (t *task) key() Key         { return Key{t.d.BrandID, t.d.PersonID, t.d.ID} }
func (t *task) project() project { return project{t.d.BrandID, t.d.Provider} }
func (t *task) device() device   { return device{t.d.BrandID, t.d.DeviceID} }

// ErrRunning is returned by a second Run.
var ErrRunning = errors.New("pusher: the dispatcher was already run")

// endWorkers is how many goroutines tell Ended of ends.
const endWorkers = 16

// New checks cfg. Nothing happens before Run.
func New(cfg Config) (*Dispatcher, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	d := &Dispatcher{
		cfg: cfg, lease: cfg.SendTimeout + LeaseMargin,
		pacer: newPacer(cfg.Pace, cfg.Now), gate: newGate(), appetite: cfg.BatchSize,
		told: make(chan ending, cfg.BatchSize), held: make(map[uuid.UUID]*task),
		kick: make(chan struct{}, 1), stopping: make(chan struct{}), done: make(chan struct{}),
	}
	d.queue = newQueue(cfg.InFlight, cfg.Queue, cfg.PerProject, d.pacer, cfg.Monotonic)
	d.begins = newGatherer(cfg.BatchSize, cfg.Linger, d.writeBegins, d.outboxFailed("begin"))
	d.postpones = newGatherer(cfg.BatchSize, cfg.Linger, d.writePostpones, d.outboxFailed("postpone"))
	d.ends = newGatherer(cfg.BatchSize, cfg.Linger, d.writeEnds, d.outboxFailed("finish"))
	d.hard, d.cut = context.WithCancel(context.Background())
	return d, nil
}

// Node is the id under which this dispatcher leases.
func (d *Dispatcher) Node() uuid.UUID { return d.cfg.Node }

// Lease is how long a delivery must be leased to this node when it is inserted.
func (d *Dispatcher) Lease() time.Duration { return d.lease }

// Monotonic reads the dispatcher's monotonic clock, for OfferSince.
func (d *Dispatcher) Monotonic() time.Duration { return d.cfg.Monotonic() }

// Run works until ctx ends or Stop is called, then stops gracefully and returns. When ctx ends, the stop is cut
// short after a send timeout and the lease margin. A dispatcher runs once.
func (d *Dispatcher) Run(ctx context.Context) error {
	if !d.started.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer close(d.done)
	defer d.cut()
	var writers, workers, enders sync.WaitGroup
	writing, cutWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer cutWriting()
	writers.Go(func() { d.left("begin", d.begins.run(writing)) })
	writers.Go(func() { d.left("postpone", d.postpones.run(writing)) })
	writers.Go(func() { d.left("finish", d.ends.run(writing)) })
	for range endWorkers {
		enders.Go(d.tell)
	}
	for range d.cfg.InFlight {
		workers.Go(d.work)
	}
	workers.Go(d.sweep)
	select {
	case <-ctx.Done():
		d.beginStop()
		defer time.AfterFunc(d.lease, d.cut).Stop()
	case <-d.stopping:
	}
	for _, t := range d.queue.close() {
		d.giveBack(t, DeferredStopping)
	}
	workers.Wait()
	// Only now has everything been handed to the writers: a stop cut short may give them their last try.
	context.AfterFunc(d.hard, cutWriting)
	d.begins.close()
	d.postpones.close()
	d.ends.close()
	writers.Wait()
	close(d.told)
	enders.Wait()
	return nil
}

// Stop takes nothing new, lets attempts in flight end, gives the rest back and waits until everything is written. When ctx
// ends first, attempts are cancelled, every write is tried once more, and Stop returns the error of ctx; Run
// returns seconds later. Stopping twice, or before Run, is fine.
func (d *Dispatcher) Stop(ctx context.Context) error {
	d.beginStop()
	if !d.started.Load() {
		return nil
	}
	select {
	case <-d.done:
		return nil
	case <-ctx.Done():
		d.cut()
		return ctx.Err()
	}
}

func (d *Dispatcher) beginStop() { d.stopOnce.Do(func() { close(d.stopping) }) }

func (d *Dispatcher) isStopping() bool {
	select {
	case <-d.stopping:
		return true
	default:
		return false
	}
}

// Offer hands over deliveries that were just committed, leased to this node and with their first attempt counted. It
// never blocks: what does not fit is given back to the outbox. Their lease is dated from LeaseUntil by engine time,
// less two seconds for a wrong clock; without LeaseUntil the attempt is begun again first. OfferSince is exact.
func (d *Dispatcher) Offer(deliveries []Delivery) {
	const wrong = 2 * time.Second
	now, mono := d.cfg.Now(), d.cfg.Monotonic()
	for _, delivery := range deliveries {
		age := d.lease - delivery.LeaseUntil.Sub(now) + wrong
		d.offer(&task{d: delivery, leased: mono - max(age, wrong), valid: !delivery.LeaseUntil.IsZero()}, now)
	}
}

// OfferSince is Offer for deliveries whose inserting statement was started at started, by Monotonic.
func (d *Dispatcher) OfferSince(deliveries []Delivery, started time.Duration) {
	now := d.cfg.Now()
	for _, delivery := range deliveries {
		d.offer(&task{d: delivery, leased: started, valid: true}, now)
	}
}

func (d *Dispatcher) offer(t *task, now time.Time) {
	if t.d.LeaseNode != d.cfg.Node {
		if t.d.LeaseNode == uuid.Nil && !t.d.NotBefore.After(now) {
			d.nudgeSweep()
		}
		return
	}
	switch {
	case !d.hold(t):
	case t.d.NotBefore.After(now):
		d.putOff(t, t.d.NotBefore, "")
		d.cfg.Observer.Deferred(DeferredNotDue)
	case d.isStopping():
		d.giveBack(t, DeferredStopping)
	default:
		d.line(t)
	}
}

// line queues t or, where there is no room, gives it back; what t displaces is given back too.
func (d *Dispatcher) line(t *task) (queued bool) {
	out, ok := d.queue.push(t)
	if !ok {
		out = t
	}
	if out != nil {
		d.giveBackLater(out)
	}
	return ok && out != t
}

// hold notes that this process has t, and refuses what would make it hold too much. What it holds already is looked
// at again when it lets go: a claim and the write that gave the delivery back may have crossed.
func (d *Dispatcher) hold(t *task) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if have := d.held[t.d.ID]; have != nil {
		have.again = t
		return false
	}
	if len(d.held) >= 4*d.cfg.Queue+d.cfg.InFlight {
		d.cfg.Observer.Deferred(DeferredDropped)
		return false
	}
	d.held[t.d.ID] = t
	return true
}

// release lets go of t. If it was claimed meanwhile, only the outbox knows whether before or after the last write:
// beginning it again asks.
func (d *Dispatcher) release(t *task) {
	d.mu.Lock()
	delete(d.held, t.d.ID)
	again := t.again
	if again != nil {
		again.valid = false
		d.held[t.d.ID] = again
	}
	d.mu.Unlock()
	if again != nil {
		d.line(again)
	}
}
