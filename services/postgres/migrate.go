package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// What may be wrong with a schema.
var (
	ErrNewerSchema = errors.New("the database's schema is newer than this program: run a newer wantgo")
	ErrOlderSchema = errors.New("the database's schema is older than this program: run wantgo migrate")
)

// Migration is one step of the schema.
type Migration struct {
	Version   int64
	Name      string
	AppliedAt time.Time // zero: not yet
}

// Migrate brings the schema up to this program's version and returns the steps it took. Any number of nodes may call
// it at once: one works, the others wait. It refuses a newer schema with [ErrNewerSchema]. Steps only expand the
// schema while an older version of the program may still be running; contracting waits for the version after.
func Migrate(ctx context.Context, url string) ([]Migration, error) {
	var done []Migration
	err := withMigrations(ctx, url, func(p *goose.Provider) error {
		if err := refuseNewer(ctx, p); err != nil {
			return err
		}
		results, err := p.Up(ctx)
		for _, r := range results {
			done = append(done, Migration{Version: r.Source.Version, Name: r.Source.Path})
		}
		return err
	})
	if err != nil || len(done) == 0 {
		return done, err
	}
	return done, distributeNew(ctx, url)
}

// distributeNew distributes the tables that migrations have added to a distributed database.
func distributeNew(ctx context.Context, url string) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if distributed, err := isDistributed(ctx, conn); err != nil || !distributed {
		return hideURL(err)
	}
	_, err = Distribute(ctx, url)
	return err
}

// MigrationStatus lists every step this program knows. With a newer schema it also returns [ErrNewerSchema].
func MigrationStatus(ctx context.Context, url string) ([]Migration, error) {
	var all []Migration
	err := withMigrations(ctx, url, func(p *goose.Provider) error {
		status, err := p.Status(ctx)
		for _, s := range status {
			all = append(all, Migration{Version: s.Source.Version, Name: s.Source.Path, AppliedAt: s.AppliedAt})
		}
		return errors.Join(err, refuseNewer(ctx, p))
	})
	return all, err
}

func withMigrations(ctx context.Context, url string, do func(*goose.Provider) error) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return hideURL(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // through a pooler nothing can be prepared
	db := stdlib.OpenDB(*config)
	defer db.Close()
	p, err := newProvider(db)
	if err != nil {
		return err
	}
	if err := do(p); err != nil {
		return fmt.Errorf("migrate: %w", hideURL(err))
	}
	return nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
}

func refuseNewer(ctx context.Context, p *goose.Provider) error {
	current, target, err := p.GetVersions(ctx)
	if err == nil && current > target {
		return fmt.Errorf("%w (%d; this program knows %d)", ErrNewerSchema, current, target)
	}
	return err
}

// knownVersion is the newest migration that this program carries.
func knownVersion() (newest int64, err error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	for _, name := range names {
		v, err := goose.NumericComponent(name)
		if err != nil {
			return 0, err
		}
		newest = max(newest, v)
	}
	return newest, err
}

func (s *Store) checkSchema(ctx context.Context) error {
	known, err := knownVersion()
	if err != nil {
		return err
	}
	var current int64
	err = s.pool.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&current)
	switch {
	case code(err) == codeNoTable:
		return ErrOlderSchema
	case err != nil:
		return hideURL(err)
	case current > known:
		return fmt.Errorf("%w (%d; this program knows %d)", ErrNewerSchema, current, known)
	case current < known:
		return fmt.Errorf("%w (%d; this program needs %d)", ErrOlderSchema, current, known)
	}
	return nil
}
