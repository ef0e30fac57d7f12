package postgres_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres"
)

// A server that is killed under a program that keeps it comes back on its port; two programs that keep it do not quarrel.
func TestKilledServerIsStartedAgain(t *testing.T) {
	t.Parallel()
	dir := serverDir(t)
	config := postgres.ServerConfig{DataDir: dir, Tied: true, Settings: map[string]string{"shared_buffers": "16MB"}}
	a, b := startServer(t, config), startServer(t, config)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for _, s := range []*postgres.Server{a, b} {
		go func() { ended <- s.Keep(ctx) }()
	}
	for range 2 {
		pid := postmasterPID(t, dir)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		require.Eventually(t, func() bool {
			text, err := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.pid"))
			return err == nil && !strings.HasPrefix(string(text), strconv.Itoa(pid)+"\n")
		}, time.Minute, 20*time.Millisecond)
		patient, cancel := context.WithTimeout(t.Context(), time.Minute)
		require.NoError(t, postgres.WaitReady(patient, a.URL()))
		cancel()
	}
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
}
