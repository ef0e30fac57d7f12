package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/seal"
)

// Storage is everything the engine needs stored. One implementation serves all of it.
type Storage interface {
	People
	Directory
	Catalogue
	Stock
	Sendings
	Results
	Ground
	pusher.Outbox
}

// Config sets an Engine up.
type Config struct {
	Storage  Storage
	Requests Requests
	Keeper   *seal.Keeper
	Clock    Clock
	// Node names this process; the zero id makes a new one.
	Node uuid.UUID
	// Senders reach the providers. nil: nothing is handed out (a replay, an import tool).
	Senders pusher.Senders
	// Observer is told of dispatching beside the metrics; nil: nobody.
	Observer pusher.Observer
	// Pace bounds how fast attempts begin.
	Pace pusher.Pace
	// People bounds the copies of people in memory; default 200,000.
	People int
	// Committers is how many statements may run at once; default 3.
	Committers int
	// AllowUnsignedIdentity takes unsigned JWTs in IdentifyPerson: for the demo only.
	AllowUnsignedIdentity bool
	Registry              prometheus.Registerer
	Log                   *slog.Logger
}

// Engine is one node. Its methods are safe for concurrent use.
type Engine struct {
	people     People
	directory  Directory
	ground     Ground
	requests   Requests
	storage    Storage
	keeper     *seal.Keeper
	clock      Clock
	node       uuid.UUID
	log        *slog.Logger
	metrics    *Metrics
	catalogue  *catalogue
	copies     *copies
	seats      *seats
	named      *lru.Cache[nameKey, audience.Device]
	committer  *committer
	committers int
	timers     timers
	stock      *stockroom
	dispatcher *pusher.Dispatcher
	rows       rowReader
	unsigned   bool
	epoch      atomic.Pointer[string]
	revokedAt  time.Time               // database time up to which revocations were read
	revoked    map[Revocation]struct{} // those of the overlap that were followed
	unended    unended
	counted    counted
	sendings   sendings
	tails      tails
	draining   atomic.Bool
	stopCommit context.CancelFunc
	commits    sync.WaitGroup
	closing    sync.Once
}

// New makes a node and loads what every decision needs: the catalogue, the epoch and, unless the clock is virtual, the
// offset of the clock. Run it to let time pass; Close it to end.
func New(ctx context.Context, c Config) (*Engine, error) {
	if c.Node == uuid.Nil {
		c.Node = newRandomID()
	}
	if c.People == 0 {
		c.People = 200_000
	}
	if c.Committers == 0 {
		c.Committers = 3
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	people, err := newCopies(c.People)
	if err != nil {
		return nil, fmt.Errorf("people in memory: %w", err)
	}
	seats, err := newSeats(2 * c.People)
	if err != nil {
		return nil, fmt.Errorf("devices in memory: %w", err)
	}
	named, err := lru.New[nameKey, audience.Device](c.People)
	if err != nil {
		return nil, fmt.Errorf("devices in memory: %w", err)
	}
	e := &Engine{
		people: c.Storage, directory: c.Storage, ground: c.Storage, requests: c.Requests, storage: c.Storage,
		keeper: c.Keeper, clock: c.Clock, node: c.Node, log: c.Log, unsigned: c.AllowUnsignedIdentity,
		catalogue: &catalogue{storage: c.Storage}, copies: people, seats: seats, named: named, committers: c.Committers,
		stock: newStockroom(c.Storage, c.Node),
	}
	e.metrics = newMetrics(c.Registry, e)
	e.committer = newCommitter(c.Storage, e.metrics)
	if c.Senders != nil {
		if e.dispatcher, err = e.newDispatcher(c); err != nil {
			return nil, err
		}
		e.catalogue.replaced = e.dispatcher.Resume // what waits for a working credential need not wait on
	}
	if err := e.start(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Engine) newDispatcher(c Config) (*pusher.Dispatcher, error) {
	var observer pusher.Observer = e.metrics
	if c.Observer != nil {
		observer = observers{e.metrics, c.Observer}
	}
	return pusher.New(pusher.Config{
		Node: c.Node, Now: e.clock.Now, Sane: e.clock.Sane, Outbox: c.Storage, Senders: c.Senders, Recheck: e, Ended: e,
		Observer: observer, Pace: c.Pace, Log: c.Log,
	})
}

// start reads what must be known before the first decision and starts the committers.
func (e *Engine) start(ctx context.Context) error {
	if nc, ok := e.clock.(*NodeClock); ok {
		if err := nc.Measure(ctx, e.ground); err != nil {
			return fmt.Errorf("measure the clock: %w", err)
		}
	}
	now, err := e.ground.Now(ctx)
	if err != nil {
		return fmt.Errorf("database clock: %w", err)
	}
	e.revokedAt = now
	if err := e.readEpoch(ctx); err != nil {
		return err
	}
	if _, err := e.catalogue.refresh(ctx); err != nil {
		return err
	}
	commitCtx, cancel := context.WithCancel(context.Background())
	e.stopCommit = cancel
	for range e.committers {
		e.commits.Go(func() { e.committer.run(commitCtx) })
	}
	return nil
}

// readEpoch reads the database's history.
func (e *Engine) readEpoch(ctx context.Context) error {
	epoch, err := e.ground.Epoch(ctx)
	if err != nil {
		return fmt.Errorf("epoch: %w", err)
	}
	e.NoteEpoch(epoch)
	return nil
}

// NoteEpoch tells the node the database's history, as a new connection found it. Tokens of another one are refused from
// now on, which makes the row be read; the copies are dropped soon after, because whoever connects may hold some of them.
func (e *Engine) NoteEpoch(epoch string) {
	if before := e.epoch.Swap(&epoch); before == nil || *before == epoch {
		return
	}
	e.log.Warn("the database has another history; all copies are dropped")
	go func() {
		e.copies.clear()
		e.seats.clear()
		e.named.Purge()
		e.stock.clear()
	}()
}

// Epoch names the database's history.
func (e *Engine) Epoch() string { return *e.epoch.Load() }

// Node is this process's id.
func (e *Engine) Node() uuid.UUID { return e.node }

// Now is engine time.
func (e *Engine) Now() time.Time { return e.clock.Now() }

// Requests remembers answers by request id.
func (e *Engine) Requests() Requests { return e.requests }

// Ready tells whether this node may be given work, and if not, why.
func (e *Engine) Ready(ctx context.Context) error {
	switch {
	case e.draining.Load():
		return errors.New("draining")
	case !e.catalogue.loaded.Load():
		return errors.New("catalogue not loaded")
	case !e.clock.Sane():
		return errors.New("clock not trusted")
	}
	if _, err := e.ground.Now(ctx); err != nil {
		return errors.New("database not reachable")
	}
	return nil
}

// Drain makes the node not ready; what it was given is still finished.
func (e *Engine) Drain() { e.draining.Store(true) }

// Close ends dispatching and committing. What was acknowledged is committed already; attempts in flight end within
// ctx, and deliveries not begun are given back.
func (e *Engine) Close(ctx context.Context) error {
	e.Drain()
	var err error
	if e.dispatcher != nil {
		err = e.dispatcher.Stop(ctx)
	}
	e.stopCommit()
	e.commits.Wait()
	e.closing.Do(func() { close(e.committer.closed) })
	return err
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

// NewID makes a UUIDv7 of a time.
func NewID(t time.Time) uuid.UUID { return newID(t) }
