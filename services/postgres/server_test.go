package postgres_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres"
)

// serverDir is a data directory that the server's user can reach, whoever runs the test.
func serverDir(t *testing.T) string {
	t.Helper()
	if _, err := postgres.FindBinaries(t.Context()); err != nil {
		t.Skipf("needs PostgreSQL: %v", err)
	}
	dir, err := os.MkdirTemp(os.TempDir(), "wantgo-server-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

func startServer(t *testing.T, config postgres.ServerConfig) *postgres.Server {
	t.Helper()
	s, err := postgres.Start(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop(context.WithoutCancel(t.Context()))) })
	return s
}

func postmasterPID(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.SplitN(string(b), "\n", 2)[0])
	require.NoError(t, err)
	return pid
}

func runs(pid int) bool {
	if stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil {
		return !bytes.Contains(stat, []byte(") Z "))
	}
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

func query(t *testing.T, url, sql string) (answer string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&answer))
	return answer
}

// A server survives the kill of its program, is adopted with its data, and stops with its adopter.
func TestServerIsAdopted(t *testing.T) {
	dir := serverDir(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	pid := postmasterPID(t, dir)
	t.Cleanup(func() {
		if t.Failed() && runs(pid) {
			_ = syscall.Kill(pid, syscall.SIGQUIT)
		}
	})
	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	require.True(t, runs(pid), "the server outlives the kill")

	var log bytes.Buffer
	s := startServer(t, postgres.ServerConfig{DataDir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.True(t, s.Adopted())
	require.Equal(t, pid, postmasterPID(t, dir))
	require.Contains(t, s.Configuration(), "synchronous_commit = on")
	require.GreaterOrEqual(t, s.Binaries().Major, postgres.OldestMajor)
	require.Equal(t, "on", query(t, s.URL(), "SELECT current_setting('fsync')"))
	require.NoError(t, s.Stop(context.WithoutCancel(t.Context())))
	require.False(t, runs(pid))
	require.NotContains(t, log.String(), strings.SplitN(s.URL(), ":", 4)[2], "the password is not logged")
	_, err = os.Stat(filepath.Join(dir, "postgres", "postmaster.pid"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// Two users of one directory share a server; the last to go stops it, and its data is there the next time.
func TestServerIsShared(t *testing.T) {
	dir := serverDir(t)
	first := startServer(t, postgres.ServerConfig{DataDir: dir, Tied: true})
	require.False(t, first.Adopted())
	second := startServer(t, postgres.ServerConfig{DataDir: dir})
	require.True(t, second.Adopted())
	require.Equal(t, first.URL(), second.URL())
	conn, err := pgx.Connect(t.Context(), first.URL())
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 'yes'::text AS v")
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	pid := postmasterPID(t, dir)
	require.NoError(t, first.Stop(context.WithoutCancel(t.Context())))
	require.True(t, runs(pid))
	require.Equal(t, "yes", query(t, second.URL(), "SELECT v FROM kept"))
	require.NoError(t, second.Stop(context.WithoutCancel(t.Context())))
	require.False(t, runs(pid))

	third := startServer(t, postgres.ServerConfig{DataDir: dir, Tied: true})
	require.False(t, third.Adopted())
	require.Equal(t, "yes", query(t, third.URL(), "SELECT v FROM kept"))
}

// What a crash of the whole machine leaves behind (a process id of nobody) is no hindrance.
func TestServerAfterItsOwnCrash(t *testing.T) {
	dir := serverDir(t)
	s := startServer(t, postgres.ServerConfig{DataDir: dir, Tied: true})
	pid := postmasterPID(t, dir)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	again, err := postgres.Start(t.Context(), postgres.ServerConfig{DataDir: dir, Tied: true})
	require.NoError(t, err)
	require.False(t, again.Adopted())
	require.Equal(t, "1", query(t, again.URL(), "SELECT '1'"))
	require.NoError(t, again.Stop(context.WithoutCancel(t.Context())))
	require.NoError(t, s.Stop(context.WithoutCancel(t.Context())))
	require.NoFileExists(t, filepath.Join(dir, "postgres", "postmaster.pid"))
}

func TestServerSecretsAreClosed(t *testing.T) {
	dir := serverDir(t)
	s := startServer(t, postgres.ServerConfig{DataDir: dir, Tied: true})
	info, err := os.Stat(filepath.Join(dir, "postgres.password"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	require.Equal(t, "127.0.0.1", query(t, s.URL(), "SELECT current_setting('listen_addresses')"))
	wrong := strings.Replace(s.URL(), "wantgo:", "wantgo:x", 1)
	_, err = pgx.Connect(t.Context(), wrong)
	require.Error(t, err)
	require.Error(t, postgres.WaitReady(t.Context(), wrong), "a wrong password is not waited for")
	require.NoError(t, postgres.WaitReady(t.Context(), s.URL()))
}

// As root the server runs as another user, who must be able to reach the directory; a closed parent is named.
func TestClosedParentIsNamed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as another user")
	}
	dir := filepath.Dir(serverDir(t))
	require.NoError(t, os.Chmod(dir, 0o700))
	_, err := postgres.Start(t.Context(), postgres.ServerConfig{DataDir: filepath.Join(dir, "data")})
	require.ErrorContains(t, err, "may not pass through "+dir)
}
