package push

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/services/app"
	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/app/pushload"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// asProgram makes the test binary be the program, for the nodes.
const asProgram = "WANTGO_CHAOS_PUSH_AS_PROGRAM"

// full is the large run.
var full = os.Getenv("WANTGO_CHAOS") == "full"

// pick is a size: the small one, or that of the large run.
func pick[T any](small, large T) T {
	if full {
		return large
	}
	return small
}

func deliveries() int {
	if n, err := strconv.Atoi(os.Getenv("WANTGO_PUSH_DELIVERIES")); err == nil && n >= 20 {
		return n
	}
	return pick(200, 20_000)
}

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop)
		os.Exit(app.Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
	}
	postgrestest.Main(m)
}

// world is one fault's own: a database, providers, a wire to the database that can be cut, people whose deliveries wait, and a node.
type world struct {
	n         int
	dir       string
	emulators *emulator.Emulators
	database  *wire
	url       string // of the database, past the wire
	crowd     *pushload.Crowd
	serving   *exec.Cmd
	ended     chan error
	log       *os.File
}

// newWorld makes everything but the node.
func newWorld(ctx context.Context, dir, databaseURL string, n int, providers ...pusher.Provider) (*world, error) {
	w := &world{n: n, dir: dir, url: databaseURL}
	var err error
	if w.emulators, err = emulator.Start(emulator.Config{Dir: filepath.Join(dir, "emulator")}); err != nil {
		return w, err
	}
	at, err := url.Parse(databaseURL)
	if err != nil {
		return w, err
	}
	if w.database, err = newWire(at.Host); err != nil {
		return w, err
	}
	if w.log, err = os.Create(filepath.Join(dir, "serve.log")); err != nil {
		return w, err
	}
	return w, w.fill(ctx, providers)
}

// fill lets the crowd come in on a node that hands nothing over.
func (w *world) fill(ctx context.Context, providers []pusher.Provider) error {
	return w.quiet(ctx, func(n *node.Node) error {
		_, credentials, err := pushload.Emulated(filepath.Join(w.dir, "emulator"))
		if err != nil {
			return err
		}
		store, err := postgres.Open(ctx, w.url, postgres.Options{MaxConns: 2})
		if err != nil {
			return err
		}
		defer store.Close()
		w.crowd, err = pushload.Gather(ctx, n.Engine(), store, pushload.Order{People: w.n, Providers: providers, Credentials: credentials, Seed: 1})
		if err != nil {
			return err
		}
		return w.crowd.EnterAll(ctx, n.Engine(), 0, w.n)
	})
}

// quiet lets f use a node that neither listens nor hands over.
func (w *world) quiet(ctx context.Context, f func(*node.Node) error) error {
	n, err := node.Open(ctx, node.Config{DataDir: w.dir, DatabaseURL: w.url, Connections: 4})
	if err != nil {
		return err
	}
	return errors.Join(f(n), n.Close(context.WithoutCancel(ctx)))
}

// serve starts a node and returns when it is ready.
func (w *world) serve(ctx context.Context) error {
	at, _ := url.Parse(w.url)
	at.Host = w.database.address()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	w.serving = exec.Command(program, "serve", "--data-dir", w.dir, "--database-url", at.String(), "--database-connections", "6", "--no-migrate",
		"--listen", "127.0.0.1:0", "--internal-listen", "127.0.0.1:0", "--log-format", "json",
		"--fcm-endpoint", w.emulators.Addresses.FCMEndpoint, "--apns-endpoint", w.emulators.Addresses.APNsEndpoint,
		"--apns-ca", w.emulators.Addresses.CA)
	w.serving.Env = append(plainEnv(), asProgram+"=1")
	w.serving.Stderr = w.log
	w.serving.SysProcAttr = tied()
	out, err := w.serving.StdoutPipe()
	if err != nil {
		return err
	}
	if err := w.serving.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(line, "ready") {
		return fmt.Errorf("the node did not start: %q %w", line, err)
	}
	w.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { _, _ = io.Copy(io.Discard, out); ended <- cmd.Wait() }(w.serving, w.ended)
	return ctx.Err()
}

func plainEnv() (env []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "WANTGO_") {
			env = append(env, v)
		}
	}
	return env
}

// kill ends the node as a power cut would.
func (w *world) kill() {
	_ = w.serving.Process.Kill()
	<-w.ended
	w.serving = nil
}

func (w *world) close() {
	if w.serving != nil {
		_ = w.serving.Process.Signal(syscall.SIGTERM)
		select {
		case <-w.ended:
		case <-time.After(30 * time.Second):
			w.kill()
		}
	}
	if w.database != nil {
		w.database.close()
	}
	if w.emulators != nil {
		_ = w.emulators.Close()
	}
	if w.log != nil {
		_ = w.log.Close()
	}
}

// accepted is how many requests both providers took.
func (w *world) accepted() int {
	return w.emulators.FCM.Counts().Accepted + w.emulators.APNs.Counts().Accepted
}

// wire carries connections to one place, or cuts and refuses them.
type wire struct {
	to       string
	listener net.Listener
	mu       sync.Mutex
	down     bool
	open     map[net.Conn]struct{}
}

func newWire(to string) (*wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{to: to, listener: l, open: map[net.Conn]struct{}{}}
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			go w.carry(conn)
		}
	}()
	return w, nil
}

func (w *wire) address() string { return w.listener.Addr().String() }

func (w *wire) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer server.Close()
	w.mu.Lock()
	w.open[client], w.open[server] = struct{}{}, struct{}{}
	down := w.down
	w.mu.Unlock()
	if !down {
		go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
		_, _ = io.Copy(client, server)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, client)
	delete(w.open, server)
}

// gone cuts everything and takes nothing for a while.
func (w *wire) gone(d time.Duration) {
	w.mu.Lock()
	w.down = true
	for c := range w.open {
		_ = c.Close()
	}
	w.mu.Unlock()
	time.Sleep(d)
	w.mu.Lock()
	w.down = false
	w.mu.Unlock()
}

func (w *wire) close() {
	_ = w.listener.Close()
	w.gone(0)
}
