package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/wantgo/wantgo/services/postgres"
)

// ErrNoErasures says that a restore was asked for without saying who was erased since.
var ErrNoErasures = errors.New("a restore brings back whoever was erased since the backup: give the list of erasures (--erasures FILE, made by wantgo erasures), or say --without-erasures")

// Past says what a database of the past is to be told before it is used again.
type Past struct {
	Erasures        []string // lists, as WriteErasures made them
	WithoutErasures bool     // nobody was erased, or those who were may come back
	Now             time.Time
	Log             *slog.Logger
}

// Restored is what a restore did.
type Restored struct {
	Backup     *postgres.BackupFacts `json:"backup,omitempty"`
	Resumption postgres.Resumption   `json:"resumption"`
	Epoch      string                `json:"epoch"`
	Secret     bool                  `json:"secret"` // the root secret came with the archive
}

// Restore makes a database of an archive in an empty data directory. What the directory holds already (a root secret)
// stays. On an error it is as empty as before.
func Restore(ctx context.Context, archive string, server postgres.ServerConfig, past Past) (done Restored, err error) {
	if err := postgres.Empty(server.DataDir); err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	lists, err := past.lists()
	if err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	file, err := os.Open(archive)
	if err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	defer file.Close()
	var secret []byte
	var m *Manifest
	files := func(put func(postgres.BackupFile) error) (err error) {
		m, err = read(file, func(f postgres.BackupFile) error {
			if f.Name == secretName {
				var err error
				secret, err = io.ReadAll(io.LimitReader(f.Body, 1<<16))
				return err
			}
			return put(f)
		})
		if err == nil {
			err = lists.fit(&m.Facts, past.WithoutErasures)
		}
		return err
	}
	err = postgres.Restore(ctx, server, files, func(ctx context.Context, url string) error {
		if err := keepSecret(server.DataDir, secret); err != nil {
			return err
		}
		done, err = lists.settle(ctx, url, past)
		return err
	})
	if err == nil {
		done.Backup, done.Secret = &m.Facts, secret != nil
	}
	return done, err
}

// Resume tells a database that was recovered by other means, such as PostgreSQL's own recovery to a point in time,
// what [Restore] tells one of an archive. url reaches it; no node may work on it.
func Resume(ctx context.Context, url string, past Past) (Restored, error) {
	lists, err := past.lists()
	if err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	done, err := lists.settle(ctx, url, past)
	if err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	return done, nil
}

// keepSecret puts the root secret of an archive where a node looks for it, unless one is there.
func keepSecret(dir string, secret []byte) error {
	if secret == nil {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(dir, secretName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		have, err := os.ReadFile(filepath.Join(dir, secretName))
		if err == nil && string(have) != string(secret) {
			err = fmt.Errorf("the archive's root secret is another than that of %s: keep one of them", filepath.Join(dir, secretName))
		}
		return err
	}
	if err != nil {
		return err
	}
	_, err = f.Write(secret)
	return errors.Join(err, f.Sync(), f.Close())
}

// erasureLists are the lists that were given.
type erasureLists []postgres.ErasureList

func (p *Past) lists() (all erasureLists, err error) {
	if len(p.Erasures) == 0 && !p.WithoutErasures {
		return nil, ErrNoErasures
	}
	for _, name := range p.Erasures {
		list, err := ReadErasures(name)
		if err != nil {
			return nil, err
		}
		all = append(all, list)
	}
	return all, nil
}

// fit refuses lists that are another database's, or from before the backup: they tell of nobody who was erased since.
func (l erasureLists) fit(b *postgres.BackupFacts, incomplete bool) error {
	for _, list := range l {
		if list.System != b.System {
			return errors.New("the list of erasures is of another database")
		}
		if list.AsOf.Before(b.EndedAt) && !incomplete {
			return fmt.Errorf("the list of erasures is from %s, older than the backup (%s): it tells of nobody who was erased since; give the newest, or say --without-erasures besides",
				list.AsOf.Format(time.RFC3339), b.EndedAt.Format(time.RFC3339))
		}
	}
	return nil
}

// settle brings the schema up to date, erases, and does what else the past asks for.
func (l erasureLists) settle(ctx context.Context, url string, past Past) (done Restored, err error) {
	if _, err := postgres.Migrate(ctx, url); err != nil {
		return done, err
	}
	store, err := postgres.Open(ctx, url, postgres.Options{MaxConns: 2, StatementTimeout: 10 * time.Minute, Log: past.Log})
	if err != nil {
		return done, err
	}
	defer store.Close()
	if err := store.Alone(ctx); err != nil {
		return done, err
	}
	system, err := store.System(ctx)
	if err != nil {
		return done, err
	}
	var people []postgres.Erasure
	for _, list := range l {
		if list.System != system {
			return done, errors.New("the list of erasures is of another database")
		}
		people = append(people, list.People...)
	}
	if done.Resumption, err = store.Resume(ctx, people); err != nil {
		return done, err
	}
	if _, err = store.KeepHouse(ctx, past.Now); err != nil {
		return done, err
	}
	store.Reset() // a new connection sees the new epoch
	done.Epoch, err = store.Epoch(ctx)
	return done, err
}
