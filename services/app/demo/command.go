package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// Command is the command line of the demo.
type Command struct {
	For            time.Duration `name:"for" help:"End by itself after this time of walking, such as 30s. Default: until it is stopped." placeholder:"DURATION"`
	JSON           bool          `name:"json" help:"End with one JSON object on the standard output; everything else goes to the standard error."`
	Stores         string        `help:"CSV or GeoJSON list of stores to walk around, instead of the invented ones." type:"existingfile" placeholder:"FILE"`
	Keep           bool          `help:"Keep what earlier runs left in the data directory. Default: begin empty."`
	Walkers        int           `help:"People in the city at once, 1 to 20000." default:"200" placeholder:"N"`
	Seed           uint64        `help:"Another number: other people and other ways." default:"1" placeholder:"N"`
	Every          time.Duration `help:"How often each phone reports." default:"2s" placeholder:"DURATION"`
	DataDir        string        `help:"The demo's own directory." type:"path" default:"${data_dir}/demo" placeholder:"DIR"`
	Listen         string        `help:"Where the public API answers. Default: 127.0.0.1:8080, or any free port where that is taken." placeholder:"HOST:PORT"`
	InternalListen string        `help:"Where /metrics, /livez and /readyz answer." default:"127.0.0.1:0" placeholder:"HOST:PORT"`

	tied   bool          // the database server ends with this process: for tests
	rhythm func() rhythm // nil: steadily by Every
	aside  io.Writer     // what is not the JSON; nil: the standard error
	after  func(*stage)  // looks at a finished run before its stage is closed: for tests
}

// Run shows the demo until its time is over or ctx ends, and then says what happened.
func (c *Command) Run(ctx context.Context, out io.Writer, log *slog.Logger) error {
	if err := c.check(); err != nil {
		return err
	}
	show := out
	if c.JSON {
		show = c.aside
		if show == nil {
			show = os.Stderr
		}
	}
	summary, err := c.run(ctx, show, calm(log))
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(summary)
	}
	return nil
}

// check names every fault of the flags.
func (c *Command) check() error {
	var faults []error
	if c.Walkers < 1 || c.Walkers > 20_000 {
		faults = append(faults, errors.New("--walkers: must be 1 to 20000"))
	}
	if c.For < 0 {
		faults = append(faults, errors.New("--for: must not be negative"))
	}
	if c.Every < 200*time.Millisecond || c.Every > time.Minute {
		faults = append(faults, errors.New("--every: must be 200ms to 1m"))
	}
	return errors.Join(faults...)
}

// stock is how many coupons the first campaign has: less than people, so that they run out.
func (c *Command) stock() int64 { return max(1, int64(c.Walkers)*2/5) }

func (c *Command) run(ctx context.Context, show io.Writer, log *slog.Logger) (summary Summary, err error) {
	fmt.Fprintln(show, "Preparing the city ...")
	place, err := c.city(show)
	if err != nil {
		return summary, err
	}
	t := newTally()
	s, err := openStage(ctx, c, t, log)
	if err != nil {
		return summary, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.furnish(ctx, place, c.stock()); err != nil {
		return summary, err
	}
	s.run()
	s.introduce(show, c, len(place.stores))
	walked, err := c.watch(ctx, s, t, place, newView(show))
	if err != nil {
		return summary, err
	}
	// What follows must be done even when we were told to stop.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := errors.Join(s.settle(ctx), s.stopNode()); err != nil {
		return summary, err
	}
	if summary, err = s.sum(ctx, t, walked, len(place.stores)); err != nil {
		return summary, err
	}
	summary.print(show)
	if c.after != nil {
		c.after(s)
	}
	return summary, nil
}

// city is the invented one, or one around the stores of a file.
func (c *Command) city(show io.Writer) (city, error) {
	if c.Stores == "" {
		return invented(demoBrand), nil
	}
	place, refused, err := around(demoBrand, c.Stores)
	for i, r := range refused {
		if i == 5 {
			fmt.Fprintf(show, "  and %d more rows\n", len(refused)-i)
			break
		}
		fmt.Fprintf(show, "  not taken: %s\n", r.Error())
	}
	return place, err
}

// watch lets the crowd walk, shows it, and tells how long it walked.
func (c *Command) watch(ctx context.Context, s *stage, t *tally, place city, v *view) (time.Duration, error) {
	conns, hangUp, err := s.dial(4)
	if err != nil {
		return 0, err
	}
	defer hangUp()
	began := time.Now()
	walking, stop := context.WithCancel(ctx)
	if c.For > 0 {
		walking, stop = context.WithTimeout(ctx, c.For)
	}
	defer stop()
	people := &crowd{walkers: c.Walkers, seed: c.Seed, city: place, appKey: s.appKey, conns: conns, rhythm: c.rhythm, tally: t}
	if people.rhythm == nil {
		people.rhythm = func() rhythm { return steadily(c.Every) }
	}
	done := make(chan error, 1)
	go func() { done <- people.walk(walking) }()
	watching, look := context.WithCancel(walking)
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		v.watch(watching, func(ctx context.Context) (glance, error) {
			f, err := s.ledger.read(ctx)
			return glance{elapsed: time.Since(began), count: t.count(), facts: f, accepted: s.accepted()}, err
		})
	}()
	select {
	case err = <-done:
	case err = <-s.ended:
		s.ended <- nil
		err = errors.Join(errors.New("the node stopped"), err)
		stop()
		<-done
	}
	look()
	<-shown
	return time.Since(began), err
}

// introduce says where everything is.
func (s *stage) introduce(w io.Writer, c *Command, stores int) {
	fmt.Fprintf(w, `
%d people with phones (half Android, half iPhone) walk between %d stores.

  database    %s, in %s
  public API  http://%s   (gRPC, Connect and JSON on one port)
  metrics     http://%s/metrics
  emulators   curl %s/accepted
  app key     %s
  API key     %s
  for shells  . %s

`, c.Walkers, stores, s.server.Binaries(), s.ground.dir, s.node.Address(), s.node.InternalAddress(), s.emulators.Addresses.Control,
		s.appKey, s.apiKey, quoted(s.ground.path(keysFile)))
	if c.For == 0 {
		fmt.Fprint(w, "Stop with Ctrl-C.\n\n")
	}
}

// calm keeps a log that speaks at every turn away from the view: unless debugging was asked for, only warnings pass.
func calm(log *slog.Logger) *slog.Logger {
	if log == nil || log.Enabled(context.Background(), slog.LevelDebug) {
		return log
	}
	return slog.New(&warnings{log.Handler()})
}

type warnings struct{ slog.Handler }

func (h *warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h *warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &warnings{h.Handler.WithAttrs(attrs)}
}
func (h *warnings) WithGroup(name string) slog.Handler { return &warnings{h.Handler.WithGroup(name)} }
