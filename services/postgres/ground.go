package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// Now is the database's clock.
func (s *Store) Now(ctx context.Context) (t time.Time, err error) {
	return t, s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&t)
}

// Epoch names the database's history: the system's identifier and its timeline, which a failover or a restore changes,
// and the mark that [Store.Resume] leaves.
// It is read from the log's position, because the control file tells of a new timeline only after a checkpoint.
func (s *Store) Epoch(ctx context.Context) (string, error) { return s.readEpoch(ctx, s.pool) }

type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func readEpoch(ctx context.Context, q rowQuerier) (epoch string, err error) {
	if err = q.QueryRow(ctx, epochSQL).Scan(&epoch); err != nil {
		return "", fmt.Errorf("epoch: %w", err)
	}
	return epoch, nil
}

const epochSQL = `SELECT (SELECT system_identifier FROM pg_control_system())::text || '-' || CASE WHEN pg_is_in_recovery()
		THEN (SELECT upper(lpad(to_hex(timeline_id), 8, '0')) FROM pg_control_checkpoint())
		ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END || coalesce('-' || nullif(current_setting('` + restoredSetting + `', true), ''), '')`

// Revocations returns what was appended at or after since, by the database's clock. Tombstones count as revocations
// with the reason "erased". A row becomes visible when its transaction commits, up to a statement's longest time
// after its time stamp: the caller asks again with that overlap.
func (s *Store) Revocations(ctx context.Context, since time.Time) ([]engine.Revocation, error) {
	rows, err := s.pool.Query(ctx, `SELECT brand_id, person_id, reason, appended_at FROM revocation WHERE appended_at >= $1
		UNION ALL SELECT brand_id, person_id, 'erased', erased_at FROM tombstone WHERE erased_at >= $1 ORDER BY 4`, since)
	if err != nil {
		return nil, fmt.Errorf("revocations: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r engine.Revocation, err error) {
		return r, row.Scan(&r.Key.BrandID, &r.Key.PersonID, &r.Reason, &r.At)
	})
}
