package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// TableUse is what the database counts of one table, partitions together under their parent's name.
type TableUse struct {
	Table           string
	Bytes           int64 // the rows, with what is stored beside them
	IndexBytes      int64
	LiveRows        int64 // estimates of the database's own
	DeadRows        int64
	Inserts         int64
	Updates         int64
	HotUpdates      int64 // of the updates: those that touched no index and stayed on their page
	Deletes         int64
	SequentialScans int64
	Vacuums         int64 // by autovacuum
	LastVacuum      time.Time
}

// TableUses reads the counters of every table. They are the database's own, some seconds old.
func (s *Store) TableUses(ctx context.Context) ([]TableUse, error) { return tableUses(ctx, s.pool) }

func tableUses(ctx context.Context, q interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}) ([]TableUse, error) {
	rows, err := q.Query(ctx, `SELECT coalesce(p.relname, t.relname)::text, sum(pg_table_size(t.relid))::bigint, sum(pg_indexes_size(t.relid))::bigint,
			sum(t.n_live_tup)::bigint, sum(t.n_dead_tup)::bigint, sum(t.n_tup_ins)::bigint, sum(t.n_tup_upd)::bigint, sum(t.n_tup_hot_upd)::bigint,
			sum(t.n_tup_del)::bigint, sum(t.seq_scan)::bigint, sum(t.autovacuum_count)::bigint, max(t.last_autovacuum)
		FROM pg_stat_user_tables t LEFT JOIN pg_inherits i ON i.inhrelid = t.relid LEFT JOIN pg_class p ON p.oid = i.inhparent
		WHERE t.schemaname = 'public' GROUP BY 1 ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("table uses: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (u TableUse, err error) {
		var last timeOrZero
		err = row.Scan(&u.Table, &u.Bytes, &u.IndexBytes, &u.LiveRows, &u.DeadRows, &u.Inserts, &u.Updates, &u.HotUpdates, &u.Deletes,
			&u.SequentialScans, &u.Vacuums, &last)
		u.LastVacuum = last.Time
		return u, err
	})
}

// Watcher reads the counters of tables on one node at a time: whoever holds the database's lock for it. The lock ends
// with the connection that holds it, however that ends, and another node goes on. Through a pooler, where a
// connection is nobody's own, every node reads.
type Watcher struct {
	store *Store
	mu    sync.Mutex
	own   *pgxpool.Conn
}

// Watcher makes one.
func (s *Store) Watcher() *Watcher { return &Watcher{store: s} }

// watchLock is the key of the lock: any number that nobody else uses.
const watchLock = 0x77616e74676f01

// Read returns the counters, or none when another node reads them.
func (w *Watcher) Read(ctx context.Context) ([]TableUse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.store.options.Pooled {
		return w.store.TableUses(ctx)
	}
	if w.own == nil {
		if err := w.apply(ctx); err != nil || w.own == nil {
			return nil, err
		}
	}
	uses, err := tableUses(ctx, w.own)
	if err != nil {
		w.letGo()
	}
	return uses, err
}

// apply takes the lock, if it is free, on a connection that is kept.
func (w *Watcher) apply(ctx context.Context) error {
	conn, err := w.store.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("table uses: %w", err)
	}
	var got bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, int64(watchLock)).Scan(&got); err != nil || !got {
		conn.Release()
		return err
	}
	w.own = conn
	return nil
}

// letGo closes the connection, and with it the lock.
func (w *Watcher) letGo() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = w.own.Conn().Close(ctx)
	w.own.Release()
	w.own = nil
}

// Close lets another node read.
func (w *Watcher) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.own != nil {
		w.letGo()
	}
}
