package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ServerConfig says where and how an embedded server lives.
type ServerConfig struct {
	DataDir string       // the server's files are below it; one server a directory
	Log     *slog.Logger // nil: nothing is said
	Port    int          // on 127.0.0.1; 0: any free one. An adopted server keeps its own
	// Tied makes the kernel stop the server when this process dies, however it dies (Linux). For tests; a server
	// that is not tied survives a crash of ours and is adopted by the next Start.
	Tied bool
	// Settings are added to the server's configuration file.
	Settings map[string]string
	// StartTimeout bounds waiting for a server that recovers from a crash; 0: two minutes.
	StartTimeout time.Duration
}

// Server is a PostgreSQL server of one data directory that this process uses. Several processes may use it at once:
// the last that stops using it, stops it. A process that is killed counts as gone.
type Server struct {
	config   ServerConfig
	account  account
	binaries Binaries
	text     string // the configuration file
	password string
	port     int
	share    *os.File
	adopted  bool
}

const serverRole = "wantgo"

// Start makes the data directory where it is empty, and starts its server, or adopts the one that is running already
// (after a crash of ours, or beside another process). It returns when the server answers.
func Start(ctx context.Context, config ServerConfig) (*Server, error) {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.StartTimeout == 0 {
		config.StartTimeout = 2 * time.Minute
	}
	dir, err := filepath.Abs(config.DataDir)
	if err != nil || config.DataDir == "" {
		return nil, fmt.Errorf("embedded server: no usable data directory %q", config.DataDir)
	}
	config.DataDir = dir
	s := &Server{config: config}
	if err := s.start(ctx); err != nil {
		return nil, fmt.Errorf("embedded server: %w", err)
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) (err error) {
	if s.account, err = serverAccount(); err != nil {
		return err
	}
	if err := s.account.prepare(s.config.DataDir); err != nil {
		return err
	}
	unlock, err := lockFile(ctx, s.path("postgres.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if s.adopted, err = s.adopt(ctx); err != nil {
		return err
	}
	if !s.adopted {
		if err := s.launch(ctx); err != nil {
			return err
		}
	}
	if err := s.makeDatabase(ctx); err != nil {
		return errors.Join(err, s.halt(ctx))
	}
	if s.share, err = shareFile(s.path("postgres.users")); err != nil {
		return err
	}
	s.config.Log.Info("database server", "postgresql", s.binaries.String(), "data", s.pg(), "port", s.port, "adopted", s.adopted)
	return nil
}

// URL is where the server's database is reached. It holds the password.
func (s *Server) URL() string { return s.url("wantgo") }

// Binaries says which PostgreSQL was taken.
func (s *Server) Binaries() Binaries { return s.binaries }

// Configuration is the text of the server's configuration file.
func (s *Server) Configuration() string { return s.text }

// Adopted tells whether the server was running already.
func (s *Server) Adopted() bool { return s.adopted }

// Stop ends this process's use of the server, and, when no other process uses it, the server (fast: open
// transactions are rolled back). A second Stop does nothing.
func (s *Server) Stop(ctx context.Context) error {
	if s.share == nil {
		return nil
	}
	unlock, err := lockFile(ctx, s.path("postgres.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	s.share.Close()
	s.share = nil
	if !unused(s.path("postgres.users")) {
		s.config.Log.Info("database server stays: another process uses it", "port", s.port)
		return nil
	}
	return s.halt(ctx)
}

func (s *Server) halt(ctx context.Context) error {
	post, err := readPostmaster(s.pg())
	if err != nil {
		return nil
	}
	if err := syscall.Kill(post.pid, syscall.SIGINT); err != nil {
		if errors.Is(err, syscall.ESRCH) {
			return nil
		}
		return fmt.Errorf("stop the database server (process %d): %w", post.pid, err)
	}
	return s.awaitEnd(ctx, post.pid)
}

// awaitEnd returns when the process is gone, or when it has said goodbye (its file is removed last) and only nobody
// has taken notice of its end yet.
func (s *Server) awaitEnd(ctx context.Context, pid int) error {
	var farewell time.Time
	for alive(pid) {
		if now, err := readPostmaster(s.pg()); err != nil || now.pid != pid {
			if farewell.IsZero() {
				farewell = time.Now()
			}
			if time.Since(farewell) > 2*time.Second {
				return nil
			}
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the database server (process %d) has not stopped yet: %w", pid, ctx.Err())
		}
	}
	return nil
}

func (s *Server) path(name string) string { return filepath.Join(s.config.DataDir, name) }
func (s *Server) pg() string              { return s.path("postgres") }

func (s *Server) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(serverRole, s.password), Path: "/" + database,
		Host: "127.0.0.1:" + strconv.Itoa(s.port), RawQuery: "sslmode=disable"}
	return u.String()
}

// answers tells whether the server takes connections with our password now.
func (s *Server) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func (s *Server) makeDatabase(ctx context.Context) error {
	conn, err := connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'wantgo')").Scan(&there); err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE wantgo")
	return err
}
