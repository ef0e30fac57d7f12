package chaos

import (
	"context"
	"encoding/binary"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher/emulator"
)

// steppedClock is C for a library that goes before the system's: it adds to the clock what a file says. PostgreSQL asks
// for the time through it; a program in Go asks the kernel directly, and is not reached.
const steppedClock = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *seconds;

__attribute__((constructor)) static void begin(void) {
	int f = open(getenv("CHAOS_CLOCK"), O_RDONLY);
	if (f < 0) return;
	seconds = mmap(0, 8, PROT_READ, MAP_SHARED, f, 0);
	if (seconds == MAP_FAILED) seconds = 0;
	close(f);
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz) {
	static int (*real)(struct timeval *, void *);
	if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
	int r = real(tv, tz);
	if (r == 0 && seconds) tv->tv_sec += *seconds;
	return r;
}

int clock_gettime(clockid_t id, struct timespec *ts) {
	static int (*real)(clockid_t, struct timespec *);
	if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
	int r = real(id, ts);
	if (r == 0 && seconds && id == CLOCK_REALTIME) ts->tv_sec += *seconds;
	return r;
}
`

// movableClock makes the environment of a server whose clock the returned function steps.
func movableClock(t *testing.T) (env []string, step func(time.Duration)) {
	t.Helper()
	if _, err := os.Stat("/proc/self/maps"); err != nil {
		t.Skip("the database's clock is stepped by a preloaded library: Linux only")
	}
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler for the library that steps the database's clock")
	}
	dir, err := os.MkdirTemp(furnished(t).dir, "clock-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	source, library, file := filepath.Join(dir, "clock.c"), filepath.Join(dir, "clock.so"), filepath.Join(dir, "seconds")
	require.NoError(t, os.WriteFile(source, []byte(steppedClock), 0o644))
	out, err := exec.Command(compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl").CombinedOutput()
	if err != nil {
		t.Skipf("the library that steps the database's clock does not build: %s", out)
	}
	require.NoError(t, os.WriteFile(file, make([]byte, 8), 0o644))
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return []string{"LD_PRELOAD=" + library, "CHAOS_CLOCK=" + file}, func(d time.Duration) {
		b := make([]byte, 8)
		binary.NativeEndian.PutUint64(b, uint64(d/time.Second))
		_, err := f.WriteAt(b, 0)
		require.NoError(t, err)
	}
}

// TestClockStepped steps the clock under open visits, waiting deliveries and blocks of stock: the machine of a database
// and its node goes an hour wrong and comes back. Nothing ends and nothing expires; the nodes say that they are not
// ready, and go on answering phones.
func TestClockStepped(t *testing.T) {
	t.Parallel()
	env, step := movableClock(t)
	w := newWorld(t, 2, env...)
	w.nodes[0].settings(func(s *v1.BrandSettings) { s.Presence = &v1.PresenceRules{Policy: v1.PresenceRules_STANDARD} })
	w.settled()
	f := w.fleet(pick(20, 10_000), false)
	f.timeout = time.Minute      // that so many are slow to settle is nobody's fault here
	for i, h := range f.phones { // some deliveries wait all the while
		if i%4 == 0 {
			require.NoError(t, w.emulators.FCM.On(h.address, emulator.Outcome{Status: http.StatusServiceUnavailable, Code: "UNAVAILABLE", Times: -1}))
		}
	}
	w.settled() // consents, too
	f.each(func(h *phone) error { return h.settle() })
	require.Empty(t, f.fatal.list())
	open := w.database.number(`SELECT count(*) FROM open_visit`)
	require.Equal(t, len(f.phones), open, "everybody is in a store")
	waiting := w.database.number(`SELECT count(*) FROM delivery WHERE state = 'pending'`)
	require.NotZero(t, waiting)

	steps := pick([]time.Duration{time.Hour}, []time.Duration{time.Hour, -time.Hour, 25 * time.Hour, 10 * time.Second})
	for _, d := range steps {
		step(d)
		w.eventually(func() bool { status, _ := w.nodes[0].page("/readyz"); return status == http.StatusServiceUnavailable }, "the node does not trust the clock")
		time.Sleep(pick(3*time.Second, min(20*time.Second, d.Abs()/2))) // timers, sweeps and the reclaiming of stock come round
		require.NoError(t, f.phones[0].settle(), "a phone is answered")
		step(0)
		for _, n := range w.nodes {
			n.ready()
		}
		time.Sleep(pick(time.Second, 5*time.Second))
	}
	ended := w.database.number(`SELECT count(*) FROM place WHERE kind = 'exited'`)
	expired := w.database.number(`SELECT count(*) FROM delivery WHERE state = 'expired'`)
	require.Zero(t, ended, "visits ended")
	require.Zero(t, expired, "deliveries expired")
	require.Equal(t, open, w.database.number(`SELECT count(*) FROM open_visit`))
	for _, h := range f.phones {
		require.NoError(t, w.emulators.FCM.On(h.address))
	}
	w.dispatched(t)
	require.Zero(t, w.database.number(`SELECT count(*) FROM delivery WHERE state <> 'accepted'`))
	c := counts{fault: "the clock is stepped by an hour", times: len(steps), calls: int(f.calls.Load()), retries: int(f.retries.Load()),
		transitions: open, acknowledged: len(f.phones), lost: ended, late: expired, errors: len(f.fatal.list())}
	t.Logf("repeated after %s", &f.why)
	f.notifications(t, &c)
	f.couponsOf(&c)
	require.Zero(t, c.overCap)
	require.Zero(t, c.twice)
	require.Zero(t, c.oversold)
	require.Zero(t, c.late)
	table.add(c)
}

// settled waits until every node has taken in the catalogue, and the consents, as they are now.
func (w *world) settled() {
	w.t.Helper()
	time.Sleep(1500 * time.Millisecond)
}

// settle tells pings of a phone that stays in a store.
func (h *phone) settle() error {
	r := &v1.ReportPingsRequest{AppState: v1.Ping_BACKGROUND, PresenceToken: h.presence}
	now := time.Now()
	for i := range 6 {
		r.Pings = append(r.Pings, pingAt(h.name%stores, now.Add(time.Duration(i-5)*15*time.Second)))
	}
	return h.insist(func(ctx context.Context, n *node) error {
		r.SentTime = timestamppb.Now()
		answer, err := v1.NewLocationServiceClient(n.conn).ReportPings(h.context(ctx), r)
		if err == nil {
			h.presence = answer.GetPresenceToken()
		}
		return err
	})
}
