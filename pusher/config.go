package pusher

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/google/uuid"
)

// MinSendTimeout is the shortest time an attempt is given: providers ask for at least this.
const MinSendTimeout = 10 * time.Second

// LeaseMargin is what a lease is longer than the send timeout: the time a delivery may wait in a node
// before its attempt must be begun again.
const LeaseMargin = 5 * time.Second

// Config sets a Dispatcher up. Zero values get the stated defaults.
type Config struct {
	Node        uuid.UUID     // this process: a new id at every start
	SendTimeout time.Duration // of one attempt; default and least 10 s
	InFlight    int           // attempts at once in this process; default 256 for each CPU, at most 1024
	PerProject  int           // of those, for one brand and provider; default three quarters
	Queue       int           // deliveries waiting in this process; default four times InFlight
	SweepEvery  time.Duration // how often due deliveries are looked for; default 1 s
	Linger      time.Duration // how long a write waits for company; default 3 ms
	BatchSize   int           // deliveries in one statement; default 500
	Retry       RetryPolicy
	Pace        Pace
	Now         func() time.Time     // engine time; default time.Now
	Sane        func() bool          // false: storage's clock is not to be trusted, and nothing is claimed; nil: always true
	Monotonic   func() time.Duration // never set back; default the process's own
	Random      func() float64       // in [0, 1), for jitter; safe for many goroutines; default math/rand/v2

	Outbox   Outbox
	Senders  Senders
	Recheck  Recheck
	Ended    Ended    // nil: nobody is told
	Observer Observer // nil: NoObserver
	Log      *slog.Logger
}

// withDefaults fills in and refuses, naming the field.
func (c Config) withDefaults() (Config, error) {
	if c.Node == uuid.Nil {
		return c, fmt.Errorf("node: missing")
	}
	if c.Outbox == nil || c.Senders == nil || c.Recheck == nil {
		return c, fmt.Errorf("outbox, senders, recheck: all three are needed")
	}
	preset(&c.SendTimeout, MinSendTimeout)
	if c.SendTimeout < MinSendTimeout {
		return c, fmt.Errorf("send_timeout: %s is shorter than %s", c.SendTimeout, MinSendTimeout)
	}
	preset(&c.InFlight, min(256*runtime.GOMAXPROCS(0), 1024))
	preset(&c.PerProject, max(c.InFlight*3/4, 1))
	preset(&c.Queue, 4*c.InFlight)
	preset(&c.SweepEvery, time.Second)
	preset(&c.Linger, 3*time.Millisecond)
	preset(&c.BatchSize, 500)
	if min(c.InFlight, c.PerProject, c.Queue, c.BatchSize) < 1 || min(c.SweepEvery, c.Linger) < 0 {
		return c, fmt.Errorf("in_flight, per_project, queue, batch_size, sweep_every, linger: must be positive")
	}
	var err error
	if c.Retry, err = c.Retry.withDefaults(); err != nil {
		return c, err
	}
	if c.Pace, err = c.Pace.withDefaults(); err != nil {
		return c, err
	}
	c.clocks()
	if c.Observer == nil {
		c.Observer = NoObserver{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func (c *Config) clocks() {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sane == nil {
		c.Sane = func() bool { return true }
	}
	if c.Monotonic == nil {
		start := time.Now()
		c.Monotonic = func() time.Duration { return time.Since(start) }
	}
	if c.Random == nil {
		c.Random = rand.Float64
	}
}

func preset[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
