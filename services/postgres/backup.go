package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// BackupFile is one entry of a copy of an embedded server's directory.
type BackupFile struct {
	Name string // below the data directory, with slashes: "postgres/base/1/2619"
	Dir  bool
	Size int64
	Body io.Reader // exactly Size bytes; nil for a directory
}

// BackupFacts is what a copy says of itself.
type BackupFacts struct {
	System    string    `json:"system"`     // the identifier that the server was given when it was made
	Epoch     string    `json:"epoch"`      // see Store.Epoch
	Major     int       `json:"postgresql"` // only the same major version can read the files
	Schema    int64     `json:"schema"`     // the newest migration
	StartedAt time.Time `json:"started"`    // the database's clock
	EndedAt   time.Time `json:"ended"`      // what was committed by then is in the copy
	FirstWAL  string    `json:"first_wal"`
	LastWAL   string    `json:"last_wal"`
}

// Backup hands a consistent copy of the running server's directory to put, file by file, while the server goes on
// working: it asks the server to begin a backup, copies the files as they are, torn pages and all, and then the part
// of the log that mends them. A replication slot of this session keeps that part from being recycled. The server's
// password comes with it, the root secret does not.
func (s *Server) Backup(ctx context.Context, put func(BackupFile) error) (facts BackupFacts, err error) {
	conn, err := connect(ctx, s.url("wantgo"))
	if err != nil {
		return facts, fmt.Errorf("backup: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) // ends the slot, and a backup that was not finished
	b := backup{conn: conn, dir: s.pg(), put: put, major: s.binaries.Major}
	for _, step := range []func(context.Context) error{b.begin, b.copyFiles, b.end, b.copyLog} {
		if err := step(ctx); err != nil {
			return facts, fmt.Errorf("backup: %w", err)
		}
	}
	secret, err := os.ReadFile(s.path("postgres.password"))
	if err == nil {
		err = put(text("postgres.password", string(secret)))
	}
	return b.facts, err
}

// backup is one copy in the making.
type backup struct {
	conn  *pgx.Conn
	dir   string
	major int
	put   func(BackupFile) error
	facts BackupFacts
}

func text(name, body string) BackupFile {
	return BackupFile{Name: name, Size: int64(len(body)), Body: strings.NewReader(body)}
}

func (b *backup) begin(ctx context.Context) error {
	if links, err := os.ReadDir(filepath.Join(b.dir, "pg_tblspc")); err != nil || len(links) > 0 {
		return errors.Join(err, errors.New("the server has tablespaces, which a copy of its directory does not hold: see the runbook for a PostgreSQL of one's own"))
	}
	var lsn string
	if err := b.conn.QueryRow(ctx, `SELECT slot_name::text FROM pg_create_physical_replication_slot($1, true, true)`,
		"wantgo_backup_"+strings.ToLower(rand.Text())).Scan(new(string)); err != nil {
		return err
	}
	start := `SELECT pg_backup_start('wantgo backup', true)::text`
	if b.major < 15 {
		start = `SELECT pg_start_backup('wantgo backup', true, false)::text`
	}
	if err := b.conn.QueryRow(ctx, start).Scan(&lsn); err != nil {
		return err
	}
	err := b.conn.QueryRow(ctx, `SELECT clock_timestamp(), pg_walfile_name($1::pg_lsn), (SELECT system_identifier FROM pg_control_system())::text,
		coalesce((SELECT max(version_id) FROM goose_db_version WHERE is_applied), 0), current_setting('server_version_num')::int / 10000`, lsn).
		Scan(&b.facts.StartedAt, &b.facts.FirstWAL, &b.facts.System, &b.facts.Schema, &b.facts.Major)
	if err != nil {
		return err
	}
	b.facts.Epoch, err = readEpoch(ctx, b.conn)
	return err
}

func (b *backup) end(ctx context.Context) error {
	stop := `SELECT lsn::text, labelfile, coalesce(spcmapfile, '') FROM pg_backup_stop(false)`
	if b.major < 15 {
		stop = `SELECT lsn::text, labelfile, coalesce(spcmapfile, '') FROM pg_stop_backup(false, false)`
	}
	var lsn, label, tablespaces string
	if err := b.conn.QueryRow(ctx, stop).Scan(&lsn, &label, &tablespaces); err != nil {
		return err
	}
	if err := b.conn.QueryRow(ctx, `SELECT clock_timestamp(), pg_walfile_name($1::pg_lsn)`, lsn).Scan(&b.facts.EndedAt, &b.facts.LastWAL); err != nil {
		return err
	}
	return b.put(text("postgres/backup_label", label))
}

var (
	// Directories whose contents the server makes anew, or that the copy gets in another way.
	emptied = []string{"pg_wal", "pg_wal/archive_status", "pg_wal/summaries", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans"}
	// Files that belong to the running server alone.
	skipped = regexp.MustCompile(`^(postmaster\.(pid|opts)|backup_label(\.old)?|tablespace_map(\.old)?|backup_manifest|(recovery|standby)\.signal|current_logfiles|.*/?pg_internal\.init.*|.*/?pgsql_tmp.*|postgresql\.auto\.conf\.tmp)$`)
	segment = regexp.MustCompile(`^[0-9A-F]{24}$`)
	history = regexp.MustCompile(`^[0-9A-F]{8}\.history$`)
)

// copyFiles copies everything but the log; the control file, which says where recovery may begin, comes last.
func (b *backup) copyFiles(ctx context.Context) error {
	const control = "global/pg_control"
	err := filepath.WalkDir(b.dir, func(file string, entry fs.DirEntry, err error) error {
		name := filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(file, b.dir), string(filepath.Separator)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // dropped meanwhile
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case name == control || skipped.MatchString(name):
			return nil
		case entry.IsDir():
			if err := b.put(BackupFile{Name: path.Join("postgres", name), Dir: true}); err != nil {
				return err
			}
			if slices.Contains(emptied, name) && name != "pg_wal" {
				return fs.SkipDir
			}
			return nil
		case path.Dir(name) == "pg_wal" || !entry.Type().IsRegular():
			return nil
		}
		return b.copyFile(name)
	})
	if err != nil {
		return err
	}
	return b.copyFile(control)
}

// copyFile copies a file that may be growing, shrinking or gone. What is missing of its first size is zeros: the log
// knows better.
func (b *backup) copyFile(name string) error {
	f, err := os.Open(filepath.Join(b.dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return b.put(BackupFile{Name: path.Join("postgres", name), Size: info.Size(), Body: io.LimitReader(io.MultiReader(f, zeros{}), info.Size())})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// copyLog copies the log from the backup's beginning to its end. The server has begun a new segment since.
func (b *backup) copyLog(context.Context) error {
	entries, err := os.ReadDir(filepath.Join(b.dir, "pg_wal"))
	if err != nil {
		return err
	}
	first, last := false, false
	for _, entry := range entries {
		name := entry.Name()
		within := segment.MatchString(name) && name >= b.facts.FirstWAL && name <= b.facts.LastWAL
		if !within && !history.MatchString(name) {
			continue
		}
		first, last = first || name == b.facts.FirstWAL, last || name == b.facts.LastWAL
		if err := b.copyFile(path.Join("pg_wal", name)); err != nil {
			return err
		}
	}
	if !first || !last {
		return fmt.Errorf("the log from %s to %s is not complete any more", b.facts.FirstWAL, b.facts.LastWAL)
	}
	return nil
}
