package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/postgres"
)

// errDifference ends a run whose database does not hold what was told.
var errDifference = errors.New("what the database holds is not what was told")

// Run measures and prints one JSON object.
func (c *ingestCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	r := &run{ingestCommand: c, log: slog.New(slog.DiscardHandler), progress: newProgress(os.Stderr)}
	if r.program, err = os.Executable(); err != nil {
		return err
	}
	if r.DataDir == "" {
		r.scratch, r.DataDir = true, filepath.Join(os.TempDir(), "wantgo-bench-"+uuid.NewString())
	}
	if r.tenant, err = r.readKept(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.measure(ctx); err != nil {
		return err
	}
	r.progress.done()
	if err := json.NewEncoder(out).Encode(r.report); err != nil {
		return err
	}
	if v := r.report.Verified; v != nil && !v.OK {
		return errDifference
	}
	return nil
}

// run is one measurement.
type run struct {
	*ingestCommand
	log      *slog.Logger
	progress *progress
	program  string // this one
	scratch  bool
	provider *provider // nil: nobody can be reached
	server   *process
	tenant   *tenant
	load     *load
	others   *load     // people who report once; nil: there are none
	measured time.Time // since when
	report   report

	emptyPings int
	emptyTime  time.Duration
}

func (r *run) close() error {
	var faults []error
	for _, l := range []*load{r.load, r.others} {
		if l != nil {
			l.hangUp()
		}
	}
	if r.server != nil {
		faults = append(faults, r.server.stop())
	}
	if r.provider != nil {
		faults = append(faults, r.provider.process.stop())
	}
	if r.scratch {
		faults = append(faults, os.RemoveAll(r.DataDir))
	}
	return errors.Join(faults...)
}

// measure takes the steps one after the other.
func (r *run) measure(ctx context.Context) error {
	for _, step := range []func(context.Context) error{r.startProvider, r.prepare, r.empty, r.serve, r.furnish, r.warmUp, r.restart, r.settle, r.ingest, r.readDatabase, r.stop, r.empty} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) startProvider(ctx context.Context) (err error) {
	if r.Push {
		r.provider, err = startProvider(ctx, r.program, r.DataDir)
	}
	return err
}

func (r *run) prepare(ctx context.Context) (err error) {
	policy, err := presence.ParsePolicy(r.Policy)
	if err != nil {
		return err
	}
	var account []byte
	if r.provider != nil {
		account = r.provider.account
	}
	if r.tenant == nil {
		r.tenant, err = prepare(ctx, r.DataDir, policy, r.Population, r.Devices, account, r.log, r.progress.count)
	} else if account != nil {
		err = r.tenant.reachAnew(ctx, r.DataDir, account, r.log)
	}
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // the machine belongs to the server
	debug.SetGCPercent(generatorGC)
	r.report.FsyncMicros, err = measureSync(r.DataDir)
	return err
}

// generatorGC lets the generator collect its garbage, of some 50 MB, a quarter as often: meanwhile nobody measures anything.
const generatorGC = 400

// serve starts the server, as an operator would.
func (r *run) serve(ctx context.Context) (err error) {
	args := []string{"serve", "--data-dir", r.DataDir, "--listen", "127.0.0.1:0", "--internal-listen", "127.0.0.1:0", "--log-format", "json"}
	if r.PeopleInMemory > 0 {
		args = append(args, "--people-in-memory", fmt.Sprint(r.PeopleInMemory))
	}
	if r.provider != nil {
		args = append(args, "--fcm-endpoint", r.provider.endpoint())
	}
	r.progress.say("starting the server")
	began := time.Now()
	r.server, err = start(ctx, r.program, ready, append(args, r.Serve...)...)
	r.report.StartSeconds = round(time.Since(began).Seconds())
	return err
}

// furnish brings what the directory does not hold yet: fences and campaigns, or people.
func (r *run) furnish(ctx context.Context) error {
	conn, err := dial(r.server.api)
	if err != nil {
		return err
	}
	defer conn.Close()
	if r.tenant.again {
		return r.tenant.enrol(ctx, conn, r.Population, r.Devices, r.Push, r.progress.count)
	}
	if err := r.loadFences(ctx, conn); err != nil {
		return err
	}
	if err := r.tenant.campaigns(ctx, conn, r.Campaigns, r.Matching); err != nil {
		return err
	}
	return r.writeKept(r.tenant)
}

func (r *run) loadFences(ctx context.Context, conn grpc.ClientConnInterface) error {
	empty, err := heapOf(r.server, true)
	if err != nil || r.Fences == 0 {
		return err
	}
	took, err := r.tenant.importFences(ctx, conn, newPlacer(boxes[r.Box], r.Radius, r.Seed), r.Fences, r.progress.count)
	if err != nil {
		return err
	}
	full, err := heapOf(r.server, true)
	r.report.FencesPerSecond = round(float64(r.Fences) / took.Seconds())
	r.report.BytesPerFence = round((full.live - empty.live) / float64(r.Fences))
	return err
}

// warmUp lets everybody who does not walk report once, and everybody who walks a few times.
func (r *run) warmUp(ctx context.Context) error {
	before, err := heapOf(r.server, true)
	if err != nil {
		return err
	}
	if others := r.tenant.devices[r.Devices:]; len(others) > 0 {
		c := *r.ingestCommand
		c.Mode, c.Seed = modeImport, r.Seed+1
		r.others = newLoad(&c, r.tenant, others, min(4, len(others)), r.Verify)
		for _, l := range r.others.list {
			l.first += r.Devices
		}
		if err := r.pass(ctx, r.others, 1, "others"); err != nil {
			return err
		}
	}
	r.load = newLoad(r.ingestCommand, r.tenant, r.tenant.devices[:r.Devices], r.lanes(), r.Verify)
	if err := r.pass(ctx, r.load, r.WarmUp, "warming up"); err != nil {
		return err
	}
	after, err := heapOf(r.server, true)
	if err != nil {
		return err
	}
	kept := r.Population
	if r.PeopleInMemory > 0 {
		kept = min(kept, r.PeopleInMemory)
	}
	r.report.BytesPerPerson = round((after.live - before.live) / float64(kept))
	return nil
}

// pass lets everybody on a load make a number of pings, as fast as it goes.
func (r *run) pass(ctx context.Context, l *load, passes int, what string) error {
	if err := l.dial(r.server.api, r.Conns); err != nil {
		return err
	}
	p := &phase{pass: passes, insist: true}
	p.left.Store(math.MaxInt64 / 2)
	defer r.progress.follow(what, &p.answered)()
	_, _, err := l.play(ctx, p)
	return err
}

func (r *run) restart(ctx context.Context) error {
	if !r.Restart {
		return nil
	}
	r.load.hangUp()
	if r.others != nil {
		r.others.hangUp()
	}
	if err := r.server.stop(); err != nil {
		return err
	}
	if err := r.serve(ctx); err != nil {
		return err
	}
	return r.load.dial(r.server.api, r.Conns)
}

// settle brings to disk what the preparation wrote, and earlier runs removed: their writing back would be measured.
func (r *run) settle(context.Context) error {
	r.progress.say("letting the disk settle")
	syscall.Sync()
	return nil
}

// phase is the measured one; share of the time or of the pings.
func (r *run) phase() *phase {
	p := &phase{pass: r.load.passes(), rate: r.Rate, insist: r.Rate == 0}
	p.left.Store(math.MaxInt64 / 2)
	if r.Pings > 0 {
		p.left.Store(int64(r.Pings))
	}
	if r.For > 0 {
		p.until = time.Now().Add(r.For)
	}
	return p
}

func (r *run) ingest(ctx context.Context) error {
	heapBefore, err := heapOf(r.server, false)
	if err != nil {
		return err
	}
	profiled := r.profile()
	before := usageOf(r.server, r.DataDir)
	p := r.phase()
	unfollow := r.progress.follow("measuring", &p.answered)
	r.measured = time.Now()
	done, took, err := r.load.play(ctx, p)
	unfollow()
	if err != nil {
		return err
	}
	used := usageOf(r.server, r.DataDir).since(before)
	heapAfter, err := heapOf(r.server, false)
	if err != nil {
		return err
	}
	r.report.fill(&done, took, used)
	r.report.AllocBytesPerPing = perPing(heapAfter.allocated-heapBefore.allocated, done.pings)
	r.report.AllocsPerPing = perPing(heapAfter.objects-heapBefore.objects, done.pings)
	r.report.ServerRSS = round(residentMB(r.server.command.Process.Pid, "VmRSS"))
	r.report.ServerPeakRSS = round(residentMB(r.server.command.Process.Pid, "VmHWM"))
	r.report.Settings = r.settings()
	if r.Allocs != "" {
		err = saveProfile(r.server, "/debug/pprof/allocs", r.Allocs)
	}
	return errors.Join(<-profiled, err)
}

// profile takes a CPU profile of the server, if one is wanted, for most of the time that is measured.
func (r *run) profile() <-chan error {
	done := make(chan error, 1)
	if r.CPUProfile == "" {
		done <- nil
		return done
	}
	seconds := 10
	if r.For > 0 {
		seconds = max(1, int(r.For.Seconds())-1)
	}
	go func() {
		done <- saveProfile(r.server, fmt.Sprintf("/debug/pprof/profile?seconds=%d", seconds), r.CPUProfile)
	}()
	return done
}

// readDatabase holds what was told against the database, and finds out what became of notifications.
func (r *run) readDatabase(ctx context.Context) error {
	if !r.Verify && r.provider == nil {
		return nil
	}
	r.progress.say("reading the database")
	database, err := postgres.Start(ctx, postgres.ServerConfig{DataDir: r.DataDir, Log: r.log})
	if err != nil {
		return err
	}
	defer database.Stop(context.WithoutCancel(ctx))
	r.tenant.url = database.URL()
	if r.provider != nil {
		n, err := r.provider.notified(ctx, r.tenant, r.measured)
		if r.report.Notified = &n; err != nil {
			return err
		}
	}
	if !r.Verify {
		return nil
	}
	return r.compare(ctx)
}

func (r *run) compare(ctx context.Context) error {
	told := r.load.told()
	if r.others != nil {
		told = append(told, r.others.told()...)
	}
	v, err := verify(ctx, r.tenant, told)
	r.report.Verified = &v
	return err
}

// stop stops the server.
func (r *run) stop(context.Context) error {
	r.load.hangUp()
	return r.server.stop()
}

// empty measures the empty service with the same requests, while no server runs: once before it starts and once after it
// stopped, as the machine may become slower or faster in between.
func (r *run) empty(ctx context.Context) (err error) {
	if r.NoNoop || len(r.tenant.devices) < r.Devices { // in a directory that is used again the people come later
		return nil
	}
	service, err := start(ctx, r.program, ready, "bench", "noop")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, service.stop()) }()
	load := newLoad(r.ingestCommand, r.tenant, r.tenant.devices[:r.Devices], r.lanes(), false)
	defer load.hangUp()
	if err := load.dial(service.api, r.Conns); err != nil {
		return err
	}
	p := &phase{pass: load.passes(), until: time.Now().Add(emptyTime / 2)}
	p.left.Store(math.MaxInt64 / 2)
	unfollow := r.progress.follow("empty service", &p.answered)
	done, took, err := load.play(ctx, p)
	unfollow()
	r.emptyPings, r.emptyTime = r.emptyPings+done.pings, r.emptyTime+took
	r.report.NoopPingsPerSecond = round(float64(r.emptyPings) / r.emptyTime.Seconds())
	return err
}

// emptyTime is how long the empty service is measured.
const emptyTime = 4 * time.Second
