package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/wantgo/wantgo/services/postgres"
)

// marker is the file by which a directory is known for a demo's. Its lock is held while a demo uses the directory.
const marker = "wantgo-demo"

// ground is the directory of one demo, held against others.
type ground struct {
	dir  string
	lock *os.File
}

// takeGround makes or takes over a demo's directory, and empties it unless it is to be kept. It never empties one that
// holds anything but a demo.
func takeGround(ctx context.Context, dir string, keep bool, log *slog.Logger) (_ *ground, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := checkGround(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o711); err != nil { // the database server's own user may have to pass through
		return nil, err
	}
	g := &ground{dir: dir}
	if g.lock, err = os.OpenFile(g.path(marker), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(g.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		g.leave()
		return nil, fmt.Errorf("another demo runs in %s: stop it, or name another directory by --data-dir", dir)
	}
	if !keep {
		if err := g.empty(ctx, log); err != nil {
			g.leave()
			return nil, fmt.Errorf("empty %s: %w", dir, err)
		}
	}
	return g, nil
}

// checkGround refuses a directory that something else lives in.
func checkGround(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, marker)); err != nil {
		return fmt.Errorf("%s holds something that no demo made (there is no file %s in it): name another directory by --data-dir", dir, marker)
	}
	return nil
}

// empty removes what an earlier demo left. A database server that outlived its demo is stopped first.
func (g *ground) empty(ctx context.Context, log *slog.Logger) error {
	if _, err := os.Stat(g.path("postgres", "postmaster.pid")); err == nil {
		if server, err := postgres.Start(ctx, postgres.ServerConfig{DataDir: g.dir, Log: log}); err == nil {
			bounded, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			if err := server.Stop(bounded); err != nil {
				return err
			}
		}
	}
	entries, err := os.ReadDir(g.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != marker {
			if err := os.RemoveAll(g.path(e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *ground) path(names ...string) string {
	return filepath.Join(append([]string{g.dir}, names...)...)
}

// leave lets others have the directory.
func (g *ground) leave() { _ = g.lock.Close() }
