package bench_test

import (
	"context"
	"encoding/json"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/app"
	"github.com/wantgo/wantgo/services/postgres"
)

// asProgram makes the test binary be the program, for the processes that a measurement starts.
const asProgram = "WANTGO_BENCH_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop)
		os.Exit(app.Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// result is what the tests look at.
type result struct {
	Pings        int
	Taken        int
	RefusedPings int `json:"refused_pings"`
	Transitions  int
	Refusals     map[string]int
	Verified     struct{ Told, Stored, Missing, Extra int }
	Notified     struct {
		Deliveries int
		States     map[string]int
		P50        float64 `json:"p50_ms"`
	}
	NoopPingsPerS    float64 `json:"noop_pings_per_s"`
	BytesPerFence    float64 `json:"bytes_per_fence"`
	OfferedPerSecond float64 `json:"offered_pings_per_s"`
}

func measure(t *testing.T, args ...string) (r result) {
	t.Helper()
	if _, err := postgres.FetchBinaries(t.Context()); err != nil {
		t.Skipf("needs PostgreSQL: %v", err)
	}
	t.Setenv(asProgram, "1")
	var out, errs strings.Builder
	args = append([]string{"bench", "ingest", "--verify", "--campaigns", "5"}, args...)
	require.Equal(t, app.ExitOK, app.Main(t.Context(), args, &out, &errs), "%s", errs.String())
	require.NoError(t, json.Unmarshal([]byte(out.String()), &r), out.String())
	require.Equal(t, r.Pings, r.Taken, "%v", r.Refusals)
	require.NotZero(t, r.Transitions)
	require.Equal(t, r.Verified.Told, r.Verified.Stored)
	require.GreaterOrEqual(t, r.Verified.Told, r.Transitions)
	return r
}

// dataDir is a directory that the database server's own user can reach.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wantgo-bench-test-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

func TestImportsTwiceOnOneDirectory(t *testing.T) {
	dir := dataDir(t)
	args := []string{"--fences", "3000", "--devices", "200", "--population", "300", "--people-in-memory", "150", "--batch", "50", "--pings", "3000",
		"--policy", "standard", "--data-dir", dir}
	r := measure(t, append(args, "--no-noop")...)
	require.Equal(t, 3000, r.Pings)
	require.NotZero(t, r.BytesPerFence)
	require.Zero(t, r.NoopPingsPerS)
	again := measure(t, append(args, "--restart")...)
	require.Equal(t, 3000, again.Pings)
	require.Zero(t, again.BytesPerFence, "the fences were there")
	require.NotZero(t, again.NoopPingsPerS)

	var out, errs strings.Builder
	require.Equal(t, app.ExitFault, app.Main(t.Context(), []string{"bench", "ingest", "--fences", "1", "--data-dir", dir}, &out, &errs))
	require.Contains(t, errs.String(), "made with other flags")
}

func TestReportsAtARate(t *testing.T) {
	r := measure(t, "--fences", "3000", "--devices", "100", "--mode", "report", "--in-flight", "8", "--pings", "1000", "--rate", "400", "--push", "--no-noop")
	require.Equal(t, 1000, r.Pings+r.RefusedPings, "what is refused at a rate is not offered again")
	require.Less(t, r.OfferedPerSecond, 600.0, "no more than was asked for")
	require.NotZero(t, r.Notified.Deliveries)
	require.Equal(t, map[string]int{"accepted": r.Notified.Deliveries}, r.Notified.States)
	require.NotZero(t, r.Notified.P50)
}

func TestBadFlags(t *testing.T) {
	var out, errs strings.Builder
	require.NotEqual(t, app.ExitOK, app.Main(t.Context(), []string{"bench", "ingest", "--batch", "0", "--devices", "0"}, &out, &errs))
	require.Contains(t, errs.String(), "--batch")
	require.Contains(t, errs.String(), "--devices")
	require.Empty(t, out.String())
}
