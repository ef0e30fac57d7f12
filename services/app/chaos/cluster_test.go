package chaos

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres"
)

// cluster is a PostgreSQL server whose process the test holds by the neck. Its configuration file is the one that the
// program writes for its own server.
type cluster struct {
	t        *testing.T
	data     string // its data directory
	bin      string
	user     *syscall.Credential
	password string
	port     int
	env      []string
	flags    []string
	log      *logFile
	cmd      *exec.Cmd
	exited   chan struct{}
}

// newCluster starts a server on a copy of the template's directory, placed below dir.
func newCluster(t *testing.T, dir string, env ...string) *cluster {
	t.Helper()
	from := furnished(t)
	c := &cluster{t: t, data: filepath.Join(dir, "postgres"), bin: from.bin, user: from.user, password: from.password,
		port: freePort(t), env: env, log: &logFile{}}
	out, err := exec.Command("cp", "-a", filepath.Join(from.dir, "data", "postgres"), c.data).CombinedOutput()
	require.NoError(t, err, "%s", out)
	c.begin()
	return c
}

// begin starts the server and ends it with the test.
func (c *cluster) begin() {
	c.t.Helper()
	c.t.Cleanup(c.crash)
	c.t.Cleanup(func() {
		if c.t.Failed() {
			c.t.Logf("log of the database:\n%s", lastLines(c.log.String(), 40))
		}
	})
	c.start()
}

func (c *cluster) url() string {
	return databaseURL(c.password, c.port)
}

func databaseURL(password string, port int) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("wantgo", password), Host: "127.0.0.1:" + strconv.Itoa(port),
		Path: "/wantgo", RawQuery: "sslmode=disable"}
	return u.String()
}

// start runs the server and returns when it answers. What a killed one has left in shared memory may stand in the way
// for a moment.
func (c *cluster) start() {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		c.launch()
		for {
			select {
			case <-c.exited:
				c.cmd = nil
			default:
			}
			if c.cmd == nil || c.answers() {
				break
			}
			require.True(c.t, time.Now().Before(deadline), "the database does not answer: %s", c.log)
			time.Sleep(20 * time.Millisecond)
		}
		if c.cmd != nil {
			return
		}
		require.True(c.t, time.Now().Before(deadline), "the database does not start: %s", c.log)
		time.Sleep(100 * time.Millisecond)
	}
}

// launch starts the process. It ends with this one: the kernel ties it to the thread that made it.
func (c *cluster) launch() {
	c.cmd = exec.Command(filepath.Join(c.bin, "postgres"), append([]string{"-D", c.data, "-p", strconv.Itoa(c.port)}, c.flags...)...)
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = c.data, c.log, c.log
	c.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=/"}, c.env...)
	c.cmd.SysProcAttr = tied(c.user)
	cmd, exited, started := c.cmd, make(chan struct{}), make(chan error, 1)
	c.exited = exited
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(exited)
	}()
	require.NoError(c.t, <-started)
}

func (c *cluster) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.url())
	if err != nil {
		return false
	}
	_ = conn.Close(ctx)
	return true
}

// stop ends the server as an administrator would: open transactions are rolled back.
func (c *cluster) stop() {
	c.t.Helper()
	_ = c.cmd.Process.Signal(syscall.SIGINT)
	<-c.exited
	c.cmd = nil
}

// crash kills the server and every process of it, those too that it is about to make.
func (c *cluster) crash() {
	if c.cmd == nil {
		return
	}
	_ = c.cmd.Process.Kill()
	for all := c.processes(); len(all) > 0; all = c.processes() {
		for _, pid := range all {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(time.Millisecond)
	}
	<-c.exited
	c.cmd = nil
}

// freeze stops every process of the server in its tracks until the returned function is called.
func (c *cluster) freeze() (thaw func()) {
	_ = c.cmd.Process.Signal(syscall.SIGSTOP) // it makes no more
	all := c.processes()
	for _, pid := range all {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	return func() {
		_ = c.cmd.Process.Signal(syscall.SIGCONT)
		for _, pid := range all {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	}
}

// processes lists the server's processes: all that live in its directory, which is this test's own. Whose child they are
// does not tell: one that was made at the last moment outlives its parent.
func (c *cluster) processes() (all []int) {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if dir, err := os.Readlink(link); err == nil && dir == c.data {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			all = append(all, pid)
		}
	}
	return all
}

// query asks the database, past the proxy. Each row is read by scan.
func (c *cluster) query(sql string, args []any, scan func(rows pgx.Rows) error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.url())
	require.NoError(c.t, err)
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, sql, args...)
	require.NoError(c.t, err)
	defer rows.Close()
	for rows.Next() {
		require.NoError(c.t, scan(rows))
	}
	require.NoError(c.t, rows.Err())
}

// number asks for one number.
func (c *cluster) number(sql string, args ...any) (n int) {
	c.t.Helper()
	c.query(sql, args, func(rows pgx.Rows) error { return rows.Scan(&n) })
	return n
}

func (c *cluster) exec(sql string, args ...any) {
	c.t.Helper()
	c.query(sql, args, func(pgx.Rows) error { return nil })
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// owner is who the server that made a directory runs as; nil: this process's user.
func owner(dir string) (*syscall.Credential, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) == os.Geteuid() {
		return nil, nil
	}
	return &syscall.Credential{Uid: st.Uid, Gid: st.Gid}, nil
}

// initialised makes a data directory with the program's own configuration.
func initialised(dir string) (*postgres.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	server, err := postgres.Start(ctx, postgres.ServerConfig{DataDir: dir, Tied: true,
		Settings: map[string]string{"shared_buffers": "64MB", "max_wal_senders": "4", "hot_standby": "on"}})
	if err != nil {
		return nil, fmt.Errorf("database server: %w", err)
	}
	return server, nil
}

// try runs a statement that may fail.
func (c *cluster) try(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.url())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}

// ended tells whether the server has stopped by itself.
func (c *cluster) ended() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}
