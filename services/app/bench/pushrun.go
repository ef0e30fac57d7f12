package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/emulator"
	memory "github.com/wantgo/wantgo/services/app/heap"
	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/app/pushload"
	"github.com/wantgo/wantgo/services/postgres"
)

// pushRun is one measurement: a node in this process, its database and the emulators each in processes of their own.
type pushRun struct {
	*pushCommand
	log       *slog.Logger
	progress  *progress
	dir       string
	emulators *process
	addresses emulator.Addresses
	database  *postgres.Server
	order     pushload.Order
	crowd     *pushload.Crowd
	report    pushReport
}

// Run measures and prints one JSON object.
func (c *pushCommand) Run(ctx context.Context, out io.Writer) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	r := &pushRun{pushCommand: c, log: slog.New(slog.DiscardHandler), progress: newProgress(os.Stderr),
		dir: filepath.Join(os.TempDir(), "wantgo-bench-"+uuid.NewString())}
	defer func() { err = errors.Join(err, r.close(context.WithoutCancel(ctx))) }()
	for _, step := range []func(context.Context) error{r.startEmulators, r.startDatabase, r.fill, r.work, r.bare} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	r.progress.done()
	r.report.Settings = c.settings()
	return json.NewEncoder(out).Encode(r.report)
}

func (r *pushRun) close(ctx context.Context) error {
	var faults []error
	if r.database != nil {
		faults = append(faults, r.database.Stop(ctx))
	}
	if r.emulators != nil {
		faults = append(faults, r.emulators.stop())
	}
	return errors.Join(append(faults, os.RemoveAll(r.dir))...)
}

// controlled is the line with which the emulators say where they are controlled.
var controlled = regexp.MustCompile(`"fcm_endpoint":"([^"]+)".*"control":"([^"]+)"`)

func (r *pushRun) startEmulators(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	dir := filepath.Join(r.dir, "emulator")
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	if err := os.Chmod(r.dir, 0o711); err != nil { // the database server's user passes through
		return err
	}
	free := "127.0.0.1:0"
	args := []string{"emulator", "--json", "--dir", dir, "--fcm", free, "--apns", free, "--apns-sandbox", free, "--web-push", free, "--control", free}
	if !r.Plain {
		args = append(args, "--fcm-tls")
	}
	if r.emulators, err = start(ctx, program, controlled, args...); err != nil {
		return err
	}
	r.order = pushload.Order{People: r.Devices, Providers: r.providers(), Seed: r.Seed}
	r.addresses, r.order.Credentials, err = pushload.Emulated(dir)
	return err
}

func (r *pushRun) startDatabase(ctx context.Context) (err error) {
	r.progress.say("starting the database")
	if r.database, err = postgres.Start(ctx, postgres.ServerConfig{DataDir: r.dir, Log: r.log}); err != nil {
		return err
	}
	r.report.FsyncMicros, err = measureSync(r.dir)
	return err
}

// node is one as `serve` makes it, on the measured database; without dispatch it leaves deliveries in the outbox.
func (r *pushRun) node(ctx context.Context, dispatch bool) (*node.Node, error) {
	return node.Open(ctx, node.Config{DataDir: r.dir, DatabaseURL: r.database.URL(), Dispatch: dispatch, Log: r.log,
		Push: node.Providers{FCMEndpoint: r.addresses.FCMEndpoint, APNsEndpoint: r.addresses.APNsEndpoint, APNsCA: r.addresses.CA,
			Pace: pusher.Pace{Project: -1}}})
}

// fill gathers the people and lets as many come in as there shall be deliveries.
func (r *pushRun) fill(ctx context.Context) (err error) {
	n, err := r.node(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close(context.WithoutCancel(ctx))) }()
	store, err := postgres.Open(ctx, r.database.URL(), postgres.Options{})
	if err != nil {
		return err
	}
	defer store.Close()
	if _, err := store.KeepHouse(ctx, time.Now()); err != nil { // else the measured node makes its partitions first
		return err
	}
	r.progress.say(fmt.Sprintf("gathering %d people", r.Devices))
	if r.crowd, err = pushload.Gather(ctx, n.Engine(), store, r.order); err != nil {
		return err
	}
	r.progress.say(fmt.Sprintf("making %d deliveries", r.Deliveries))
	began := time.Now()
	if err := r.crowd.EnterAll(ctx, n.Engine(), 0, r.Deliveries); err != nil {
		return err
	}
	r.report.FilledPerSecond = round(float64(r.Deliveries) / time.Since(began).Seconds())
	ends, err := postgres.ReadDeliveryEnds(ctx, r.database.URL(), r.crowd.Brand)
	if err == nil && ends.States["pending"] != r.Deliveries {
		err = fmt.Errorf("%v instead of %d pending deliveries were made", ends.States, r.Deliveries)
	}
	return errors.Join(err, postgres.Tidy(ctx, r.database.URL()))
}

// work lets a dispatching node empty the outbox, and then hand over moments at a rate.
func (r *pushRun) work(ctx context.Context) (err error) {
	debug.FreeOSMemory()
	before := r.used()
	profiled, err := r.profile()
	if err != nil {
		return err
	}
	began := time.Now()
	n, err := r.node(ctx, true)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	go memory.Fit(running) // as serve does
	ended := make(chan error, 1)
	go func() { ended <- n.Run(running) }()
	defer func() { stop(); err = errors.Join(err, <-ended) }()
	r.progress.say("emptying the outbox")
	if err := r.until(ctx, began, r.Deliveries, r.longest()); err != nil {
		return err
	}
	profiled()
	used := r.used()
	if err := r.emptied(ctx); err != nil {
		return err
	}
	r.spent(used.since(before))
	if r.Moments == 0 {
		return nil
	}
	r.progress.say(fmt.Sprintf("handing over %d moments, %.0f a second", r.Moments, r.Rate))
	return r.moments(ctx, n)
}

func (r *pushRun) profile() (stop func(), err error) {
	if r.CPUProfile == "" {
		return func() {}, nil
	}
	f, err := os.Create(r.CPUProfile)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, err
}

// eachLook is how often the emulators and the database are asked whether they are done.
const (
	eachLook = 50 * time.Millisecond
	patience = 5 * time.Minute
)

func (r *pushRun) longest() time.Duration {
	if r.For > 0 {
		return r.For
	}
	return patience
}

// until waits until the providers have accepted so many and the database knows it, or the time is over.
func (r *pushRun) until(ctx context.Context, began time.Time, want int, limit time.Duration) error {
	for counts := (providerCounts{}); counts.accepted() < want && time.Since(began) < limit; pause(ctx, eachLook) {
		if err := r.count(ctx, &counts); err != nil {
			return err
		}
		r.progress.count("accepted", counts.accepted())
	}
	for ctx.Err() == nil && time.Since(began) < limit {
		ends, err := postgres.ReadDeliveryEnds(ctx, r.database.URL(), r.crowd.Brand)
		if err != nil || ends.States["pending"] == 0 {
			return err
		}
		pause(ctx, eachLook)
	}
	return ctx.Err()
}

// providerCounts are the emulators' totals.
type providerCounts struct{ FCM, APNs emulator.Counts }

func (c *providerCounts) accepted() int { return c.FCM.Accepted + c.APNs.Accepted }

// count reads the totals of each provider: those of all together are dear, having to tell which notifications are the same.
func (r *pushRun) count(ctx context.Context, counts *providerCounts) error {
	return errors.Join(r.control(ctx, "/fcm/counts", &counts.FCM), r.control(ctx, "/apns/counts", &counts.APNs))
}

// control reads a page of the emulators.
func (r *pushRun) control(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.addresses.Control+path, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return json.NewDecoder(answer.Body).Decode(into)
}

// forget empties the emulators' records.
func (r *pushRun) forget(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.addresses.Control+"/control/forget", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
