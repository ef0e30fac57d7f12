package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// Examination is what a database shows to somebody who looks for faults. It changes nothing and judges nothing.
type Examination struct {
	Version        int           // 150018 is 15.18
	Offset         time.Duration // how far the database's clock is ahead of ours
	Doubt          time.Duration // half the time that asking took
	Schema, Known  int64         // the newest migration there and in this program; 0: no schema
	Settings       map[string]string
	Connections    int
	Pooler         bool // a connection pooler stands between
	Indexes        []string
	MissingIndexes []string
	InvalidIndexes []string
	Overdue        []string      // partitions of places that should have been summed and dropped
	Ahead          time.Duration // for how long partitions are made already; negative: places go into the default
	Waiting        int           // deliveries that nobody has taken five minutes after they were due
	LongestOpen    time.Duration // age of the oldest open transaction
	FrozenAge      int64         // transactions since the oldest row was frozen
	IdleSlots      []string      // replication slots that hold the log for nobody
	Tables         []TableUse
	Bytes          int64
	Zones          []string // time zones that brands and stores name
}

// Settings that matter for what is promised.
var examinedSettings = []string{"fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names", "autovacuum", "track_counts",
	"max_connections", "statement_timeout", "TimeZone", "wal_level", "data_checksums", "shared_buffers", "log_parameter_max_length_on_error"}

// Examine looks at a database. Without a schema, what is about tables is left out.
func Examine(ctx context.Context, url string) (*Examination, error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("examine: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	x := &Examination{Settings: map[string]string{}}
	if x.Known, err = knownVersion(); err != nil {
		return nil, err
	}
	for _, look := range []func(context.Context, *pgx.Conn) error{x.server, x.clock, x.schema, x.indexes, x.partitions, x.work, x.zones} {
		if err := look(ctx, conn); err != nil {
			return nil, fmt.Errorf("examine: %w", hideURL(err))
		}
	}
	return x, nil
}

func (x *Examination) server(ctx context.Context, conn *pgx.Conn) error {
	var pid uint32
	var open float64
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, pg_backend_pid(), pg_database_size(current_database()),
		(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database())::bigint,
		coalesce((SELECT extract(epoch FROM max(clock_timestamp() - xact_start)) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'), 0)::float8`).
		Scan(&x.Version, &pid, &x.Bytes, &x.Connections, &x.FrozenAge, &open)
	if err != nil {
		return err
	}
	x.LongestOpen = time.Duration(open * float64(time.Second))
	x.Pooler = pid != conn.PgConn().PID() // a pooler tells a key of its own
	rows, err := conn.Query(ctx, `SELECT s, coalesce(current_setting(s, true), '') FROM unnest($1::text[]) s`, examinedSettings)
	if err != nil {
		return err
	}
	var name, value string
	if _, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error { x.Settings[name] = value; return nil }); err != nil {
		return err
	}
	x.IdleSlots, err = column1(ctx, conn, `SELECT slot_name::text FROM pg_replication_slots WHERE NOT active AND restart_lsn IS NOT NULL ORDER BY 1`)
	return err
}

// clock asks several times and believes the quickest answer.
func (x *Examination) clock(ctx context.Context, conn *pgx.Conn) error {
	for i := range 5 {
		var there time.Time
		before := time.Now()
		if err := conn.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&there); err != nil {
			return err
		}
		took := time.Since(before)
		if i == 0 || took/2 < x.Doubt {
			x.Offset, x.Doubt = there.Sub(before.Add(took/2)), took/2
		}
	}
	return nil
}

func (x *Examination) schema(ctx context.Context, conn *pgx.Conn) error {
	err := conn.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&x.Schema)
	if code(err) == codeNoTable {
		return nil
	}
	return err
}

func (x *Examination) indexes(ctx context.Context, conn *pgx.Conn) (err error) {
	if x.Schema == 0 {
		return nil
	}
	if x.Indexes, err = column1(ctx, conn, `SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE c.relnamespace = 'public'::regnamespace AND i.indisvalid AND i.indisready ORDER BY 1`); err != nil {
		return err
	}
	if x.InvalidIndexes, err = column1(ctx, conn, `SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE c.relnamespace = 'public'::regnamespace AND NOT (i.indisvalid AND i.indisready) ORDER BY 1`); err != nil {
		return err
	}
	wanted, err := declaredIndexes(x.Schema)
	for _, name := range wanted {
		if !slices.Contains(x.Indexes, name) && !slices.Contains(x.InvalidIndexes, name) {
			x.MissingIndexes = append(x.MissingIndexes, name)
		}
	}
	return err
}

var (
	indexMade    = regexp.MustCompile(`(?i)CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?(?:IF NOT EXISTS )?(\w+) ON`)
	indexDropped = regexp.MustCompile(`(?i)DROP INDEX (?:CONCURRENTLY )?(?:IF EXISTS )?(\w+)`)
	tableMade    = regexp.MustCompile(`(?i)CREATE TABLE (?:IF NOT EXISTS )?(\w+) \(`)
)

// declaredIndexes lists the indexes that the migrations up to a version make, primary keys among them.
func declaredIndexes(version int64) ([]string, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for _, name := range names { // in the order of their numbers
		text, err := fs.ReadFile(migrationFiles, name)
		if err != nil {
			return nil, err
		}
		if v, err := goose.NumericComponent(name); err != nil || v > version {
			continue
		}
		up, _, _ := strings.Cut(string(text), "-- +goose Down")
		for _, m := range tableMade.FindAllStringSubmatch(up, -1) {
			have[m[1]+"_pkey"] = true
		}
		for _, m := range indexMade.FindAllStringSubmatch(up, -1) {
			have[m[1]] = true
		}
		for _, m := range indexDropped.FindAllStringSubmatch(up, -1) {
			delete(have, m[1])
		}
	}
	return sortedKeys(have), nil
}

func (x *Examination) partitions(ctx context.Context, conn *pgx.Conn) error {
	if x.Schema == 0 {
		return nil
	}
	names, err := column1(ctx, conn, `SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'place'::regclass ORDER BY 1`)
	if err != nil {
		return err
	}
	loose, err := detached(ctx, conn)
	if err != nil {
		return err
	}
	var kept time.Duration
	if err := conn.QueryRow(ctx, `SELECT coalesce(max(coalesce(nullif((settings->>'place_retention')::bigint, 0), $1)), $1) FROM brand`,
		int64(usualRetention)).Scan((*int64)(&kept)); err != nil {
		return err
	}
	due := time.Now().Add(x.Offset - min(max(kept, leastRetention), mostRetention) - 2*time.Hour) // an hour's end, and an hour of grace
	x.Ahead = -time.Hour
	for _, name := range names {
		hour, ok := hourOf(name)
		if !ok {
			continue
		}
		x.Ahead = max(x.Ahead, hour.Add(time.Hour).Sub(time.Now().Add(x.Offset)))
		if hour.Before(due) {
			x.Overdue = append(x.Overdue, name)
		}
	}
	for _, name := range loose {
		if hour, ok := hourOf(name); ok && hour.Before(due) {
			x.Overdue = append(x.Overdue, name)
		}
	}
	return nil
}

func (x *Examination) work(ctx context.Context, conn *pgx.Conn) (err error) {
	if x.Schema == 0 {
		return nil
	}
	if err := conn.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM delivery WHERE state = 'pending'
		AND next_at < statement_timestamp() - interval '5 minutes' LIMIT 100000) d`).Scan(&x.Waiting); err != nil {
		return err
	}
	x.Tables, err = tableUses(ctx, conn)
	return err
}

func (x *Examination) zones(ctx context.Context, conn *pgx.Conn) (err error) {
	if x.Schema == 0 {
		return nil
	}
	x.Zones, err = column1(ctx, conn, `SELECT DISTINCT z FROM (SELECT settings->>'time_zone' AS z FROM brand
		UNION ALL SELECT body->>'time_zone' FROM store WHERE deleted_at IS NULL) f WHERE z <> '' ORDER BY 1`)
	return err
}

func column1(ctx context.Context, conn *pgx.Conn, sql string) ([]string, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
