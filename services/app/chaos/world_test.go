package chaos

import (
	"bufio"
	"context"
	"crypto/ed25519"
	cryptorand "crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/wantgo/wantgo/pusher/emulator"
)

// patience is how long something may take that has to happen; nothing is concluded from it being quicker.
const patience = 180 * time.Second

// full is the large run.
var full = os.Getenv("WANTGO_CHAOS") == "full"

// pick is a size: the small one, or that of the large run.
func pick[T any](small, large T) T {
	if full {
		return large
	}
	return small
}

// worlds is how many tests run at once where -parallel says nothing else: they mostly wait, for leases, clocks and
// providers.
var worlds = pick(8, 3)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = flag.Set("test.parallel", strconv.Itoa(worlds))
	}
	code := m.Run()
	table.print(os.Stdout)
	if shared.made != nil {
		shared.made.close()
	}
	os.Exit(code)
}

// furniture is what all worlds begin with: the program, a database directory with a furnished brand, and the emulators.
type furniture struct {
	dir       string
	program   string
	bin       string
	user      *syscall.Credential
	password  string
	emulators *emulator.Emulators
	signer    ed25519.PrivateKey
	brand     struct {
		BrandID  string `json:"brand_id"`
		OwnerKey string `json:"owner_key"`
		AppKey   string `json:"app_key"`
	}
}

var shared struct {
	once sync.Once
	made *furniture
	err  error
}

// furnished makes the furniture once, on first use.
func furnished(t *testing.T) *furniture {
	t.Helper()
	if testing.Short() {
		t.Skip("faults are done to the real program and a database server: not with -short")
	}
	if runtime.GOOS == "windows" {
		t.Skip("faults are done to processes by signals")
	}
	shared.once.Do(func() { shared.err = furnish(t) })
	require.NoError(t, shared.err)
	return shared.made
}

func furnish(t *testing.T) (err error) {
	f := &furniture{}
	shared.made = f
	// Not t.TempDir: as root the database server runs as another user, who must be able to pass through.
	if f.dir, err = os.MkdirTemp("", "wantgo-chaos-"); err != nil {
		return err
	}
	if err := os.Chmod(f.dir, 0o711); err != nil {
		return err
	}
	if f.program, err = build(f.dir, "../../.."); err != nil {
		return err
	}
	if f.emulators, err = emulator.Start(emulator.Config{Dir: filepath.Join(f.dir, "emulator")}); err != nil {
		return err
	}
	if _, f.signer, err = ed25519.GenerateKey(nil); err != nil {
		return err
	}
	server, err := initialised(filepath.Join(f.dir, "data"))
	if err != nil {
		return err
	}
	f.bin = server.Binaries().Dir
	text, err := os.ReadFile(filepath.Join(f.dir, "data", "postgres.password"))
	if err != nil {
		return err
	}
	f.password = strings.TrimSpace(string(text))
	if f.user, err = owner(filepath.Join(f.dir, "data", "postgres")); err != nil {
		return err
	}
	if err := os.WriteFile(f.secret(), []byte(rand32()), 0o600); err != nil {
		return err
	}
	if err := f.init(server.URL()); err != nil {
		return err
	}
	w := &world{t: t, furniture: f, url: server.URL()}
	n := w.node()
	n.furnish()
	n.stop()
	return server.Stop(context.Background())
}

// init makes the brand.
func (f *furniture) init(url string) error {
	out, err := exec.Command(f.program, "init", "--json", "--database-url", url, "--secret-file", f.secret(), "--name", "Chaos",
		"--filing", "registered", "--filing-number", "1", "--filing-date", "2024-01-01", "--sender-name", "Chaos",
		"--sender-contact", "02-000-0000").Output()
	if err != nil {
		return fmt.Errorf("init: %w: %s", err, exitText(err))
	}
	return json.Unmarshal(out, &f.brand)
}

// rand32 is a root secret.
func rand32() string {
	b := make([]byte, 32)
	_, _ = cryptorand.Read(b)
	return hex.EncodeToString(b) + "\n"
}

func exitText(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(exit.Stderr)
	}
	return ""
}

// build builds the program from a source tree.
func build(dir, source string) (string, error) {
	path := filepath.Join(dir, "wantgo")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = source
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
}

func (f *furniture) secret() string { return filepath.Join(f.dir, "secret.key") }

func (f *furniture) close() {
	if f.emulators != nil {
		_ = f.emulators.Close()
	}
	_ = os.RemoveAll(f.dir)
}

// world is a database of a test's own, behind a proxy, with the nodes that serve on it.
type world struct {
	*furniture
	t        *testing.T
	dir      string
	database *cluster
	proxy    *proxy
	url      string
	nodes    []*node
	random   *rand.Rand
}

// newWorld starts a database and n nodes. env is the database's.
func newWorld(t *testing.T, n int, env ...string) *world {
	t.Helper()
	f := furnished(t)
	dir, err := os.MkdirTemp(f.dir, "world-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	w := &world{furniture: f, t: t, dir: dir, random: seeded(t)}
	w.database = newCluster(t, dir, env...)
	w.proxy = newProxy(t, w.database.port)
	w.url = databaseURL(f.password, w.proxy.port())
	for range n {
		w.node()
	}
	return w
}

// seeded draws from a seed that the log tells and WANTGO_CHAOS_SEED sets.
func seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	if text := os.Getenv("WANTGO_CHAOS_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("seed %d (WANTGO_CHAOS_SEED)", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// node is a place where `wantgo serve` runs: its addresses stay when its process is replaced.
type node struct {
	w        *world
	name     int
	program  string
	more     []string // flags
	port     int
	internal int
	log      *logFile
	cmd      *exec.Cmd
	ended    chan struct{} // closed when the process is gone; err is how it ended
	err      error
	conn     *grpc.ClientConn
}

// logFile keeps what a process logs, to be looked at while it is written.
type logFile struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logFile) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// node adds a node and waits until it serves.
func (w *world) node(more ...string) *node {
	w.t.Helper()
	n := &node{w: w, name: len(w.nodes), program: w.program, more: more, port: freePort(w.t), internal: freePort(w.t), log: &logFile{}}
	w.nodes = append(w.nodes, n)
	w.t.Cleanup(n.kill)
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("log of node %d:\n%s", n.name, lastLines(n.log.String(), 60))
		}
	})
	var err error
	n.conn, err = grpc.NewClient("127.0.0.1:"+strconv.Itoa(n.port), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2,
			MaxDelay: 500 * time.Millisecond}, MinConnectTimeout: 2 * time.Second}))
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = n.conn.Close() })
	n.start()
	return n
}

func lastLines(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

var readyLine = regexp.MustCompile(`^wantgo is ready: `)

// start runs the node's process and waits until it says that it is ready.
func (n *node) start() {
	n.w.t.Helper()
	n.launch()
	require.NoError(n.w.t, n.err, "node %d: %s", n.name, n.log)
}

// launch is start for a node that need not be able to start. err tells.
func (n *node) launch() {
	a := n.w.emulators.Addresses
	args := append([]string{"serve", "--database-url", n.w.url, "--secret-file", n.w.secret(),
		"--listen", "127.0.0.1:" + strconv.Itoa(n.port), "--internal-listen", "127.0.0.1:" + strconv.Itoa(n.internal),
		"--fcm-endpoint", a.FCMEndpoint, "--apns-endpoint", a.APNsEndpoint, "--apns-ca", a.CA, "--log-format", "json"}, n.more...)
	cmd := exec.Command(n.program, args...)
	cmd.Stderr, cmd.SysProcAttr = n.log, tied(nil)
	n.cmd, n.ended, n.err = cmd, make(chan struct{}), nil
	out, err := cmd.StdoutPipe()
	require.NoError(n.w.t, err)
	ended, first := n.ended, make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the kernel ties the process to the thread that made it
		defer runtime.UnlockOSThread()
		defer close(ended)
		if err := cmd.Start(); err != nil {
			first <- err
			return
		}
		lines := bufio.NewReader(out)
		line, err := lines.ReadString('\n')
		if err == nil && !readyLine.MatchString(line) {
			err = fmt.Errorf("no ready line: %s", line)
		}
		first <- err
		_, _ = io.Copy(io.Discard, lines)
		n.err = cmd.Wait()
	}()
	if err := <-first; err != nil {
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
		<-ended
		n.err = err
	}
}

// kill ends the process as a power cut would.
func (n *node) kill() {
	if n.cmd == nil || n.cmd.Process == nil {
		return
	}
	_ = n.cmd.Process.Kill()
	<-n.ended
}

// stop asks the process to stop and wants it to end without a fault.
func (n *node) stop() {
	n.w.t.Helper()
	require.NoError(n.w.t, n.cmd.Process.Signal(syscall.SIGTERM))
	<-n.ended
	require.NoError(n.w.t, n.err, "%s", n.log)
}

// freeze stops the process in its tracks until the returned function is called.
func (n *node) freeze() (thaw func()) {
	process := n.cmd.Process
	_ = process.Signal(syscall.SIGSTOP)
	return func() { _ = process.Signal(syscall.SIGCONT) }
}

// page reads an internal page; status 0: it does not answer.
func (n *node) page(path string) (status int, body string) {
	client := http.Client{Timeout: 5 * time.Second}
	r, err := client.Get("http://127.0.0.1:" + strconv.Itoa(n.internal) + path)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(text)
}

// ready waits until the node says that it may be given work.
func (n *node) ready() {
	n.w.t.Helper()
	n.w.eventually(func() bool { status, _ := n.page("/readyz"); return status == http.StatusOK }, "node %d is ready", n.name)
}

// eventually waits for something that has to happen.
func (w *world) eventually(happened func() bool, what string, args ...any) {
	w.t.Helper()
	w.within(patience, happened, what, args...)
}

func (w *world) within(patience time.Duration, happened func() bool, what string, args ...any) {
	w.t.Helper()
	for end := time.Now().Add(patience); !happened(); time.Sleep(20 * time.Millisecond) {
		require.True(w.t, time.Now().Before(end), append([]any{what}, args...)...)
	}
}

// owner calls with the owner's key.
func (f *furniture) owner(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+f.brand.OwnerKey)
}

func (f *furniture) app(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "wantgo-app-key", f.brand.AppKey)
}

func newID() string { return uuid.NewString() }
