// Package postgrestest gives tests a real PostgreSQL: one server a test process, started on first use with the
// durability settings of production, and for every test a fresh clone of a migrated database, dropped when the test
// ends.
//
// It promises that nothing is left running: [Main] stops the server, and on Linux the kernel does when the test
// process dies in any other way. Where PostgreSQL is neither found nor can be fetched, tests are skipped with that
// reason; with WANTGO_REQUIRE_POSTGRES set they fail instead.
//
// A test runs on plain PostgreSQL unless [Use] says otherwise: the same test can run again with people written one by
// one, and on a Citus cluster whose address WANTGO_CITUS_URL gives.
package postgrestest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wantgo/wantgo/services/postgres"
)

const directoryPrefix = "wantgo-postgrestest-"

// shared is the one server of this process.
var shared struct {
	once   sync.Once
	err    error
	server *postgres.Server
	dir    string
	hold   *os.File // locked while this process lives: the sweeper's sign
	names  atomic.Int64
}

const template = "wantgo_template"

// Main runs a package's tests and stops the server. Use it as:
//
//	func TestMain(m *testing.M) { postgrestest.Main(m) }
func Main(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if err := shared.server.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "postgrestest:", err)
			code = max(code, 1)
		}
		cancel()
	}
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// New is a store on a database of this test's own.
func New(t testing.TB) *postgres.Store {
	t.Helper()
	return Open(t, URL(t), postgres.Options{})
}

// Open is another store on a database made by [URL], closed when the test ends.
func Open(t testing.TB, url string, options postgres.Options) *postgres.Store {
	t.Helper()
	c := choice(t)
	options.Routed = options.Routed || c.shape == Routed
	if options.OnStatement == nil {
		options.OnStatement = c.onStatement
	}
	store, err := postgres.Open(t.Context(), url, options)
	if err != nil {
		t.Fatalf("open the test's database: %v", err)
	}
	t.Cleanup(store.Close)
	return store
}

// URL makes a database for this test, a clone of the migrated template, and drops it when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	if choice(t).shape == Citus {
		return schema(t, true)
	}
	return database(t, template)
}

// EmptyURL makes a database without a schema for this test, and drops it when the test ends.
func EmptyURL(t testing.TB) string {
	t.Helper()
	if choice(t).shape == Citus {
		return schema(t, false)
	}
	return database(t, "template0")
}

func database(t testing.TB, from string) string {
	t.Helper()
	shared.once.Do(func() { shared.err = start(context.Background()) })
	if shared.err != nil {
		if os.Getenv("WANTGO_REQUIRE_POSTGRES") != "" {
			t.Fatalf("needs PostgreSQL: %v", shared.err)
		}
		t.Skipf("needs PostgreSQL: %v", shared.err)
	}
	name := fmt.Sprintf("test_%d", shared.names.Add(1))
	if err := postgres.CloneDatabase(t.Context(), shared.server.URL(), from, name); err != nil {
		t.Fatalf("clone the test's database: %v", err)
	}
	t.Cleanup(func() {
		if err := postgres.DropDatabase(context.Background(), shared.server.URL(), name); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return withDatabase(shared.server.URL(), name)
}

func withDatabase(server, name string) string {
	u, err := url.Parse(server)
	if err != nil {
		panic(err) // our own server's
	}
	u.Path = "/" + name
	return u.String()
}

func start(ctx context.Context) (err error) {
	sweep()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if shared.dir, err = os.MkdirTemp(os.TempDir(), directoryPrefix); err != nil {
		return err
	}
	if shared.hold, err = holdDirectory(shared.dir); err != nil {
		return err
	}
	shared.server, err = postgres.Start(ctx, postgres.ServerConfig{DataDir: filepath.Join(shared.dir, "data"), Tied: true,
		Settings: map[string]string{"shared_buffers": "64MB", "max_connections": "200"}})
	if err != nil {
		os.RemoveAll(shared.dir)
		return err
	}
	if err := postgres.CloneDatabase(ctx, shared.server.URL(), "template0", template); err != nil {
		return err
	}
	_, err = postgres.Migrate(ctx, withDatabase(shared.server.URL(), template))
	return err
}

func holdDirectory(dir string) (*os.File, error) {
	if err := os.Chmod(dir, 0o711); err != nil { // the server may run as another user
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "held"))
	if err != nil {
		return nil, err
	}
	return f, syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// sweep removes what test processes that were killed have left.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), directoryPrefix+"*"))
	for _, dir := range dirs {
		f, err := os.Open(filepath.Join(dir, "held"))
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil && strings.HasPrefix(filepath.Base(dir), directoryPrefix) {
			os.RemoveAll(dir)
		}
		f.Close()
	}
}
