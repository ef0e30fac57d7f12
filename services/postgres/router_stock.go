package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// renewRoutedSQL is the statement of [Store.Renew] on a distributed database, where blocks of several brands stand on
// several shards. The clock is that of the statement's start.
const renewRoutedSQL = `UPDATE stock_block SET lease_until = now() + $2::bigint * interval '1 microsecond'
	WHERE id = ANY($3::uuid[]) AND node_id = $1 AND reclaimed_at IS NULL RETURNING id, lease_until`

// reclaimRouted is [Store.Reclaim] on a distributed database: what is due is found on every shard without locks, and
// each block is then locked, and looked at again, by a statement about its brand.
func (s *Store) reclaimRouted(ctx context.Context, grace time.Duration) (blocks int, err error) {
	rows, err := s.pool.Query(ctx, `SELECT brand_id, id, lease_until FROM stock_block
		WHERE reclaimed_at IS NULL AND lease_until < now() - $1::bigint * interval '1 microsecond' ORDER BY lease_until LIMIT $2`, grace.Microseconds(), reclaimAtOnce)
	if err != nil {
		return 0, err
	}
	type block struct {
		brand, id uuid.UUID
		until     time.Time
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (b block, err error) { return b, row.Scan(&b.brand, &b.id, &b.until) })
	if err != nil {
		return 0, err
	}
	for _, b := range due {
		if busy, err := s.writesSince(ctx, b.until); err != nil || busy {
			return blocks, err // those after it ended later still
		}
		found := false
		err := again(ctx, func() error {
			return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
				found, err = reclaimBlockRouted(ctx, tx, b.brand, b.id, grace)
				return err
			})
		})
		if err != nil {
			return blocks, err
		}
		if found {
			blocks++
		}
	}
	return blocks, nil
}

// writesSince tells whether a transaction that began by a time still writes, on any node of the database.
func (s *Store) writesSince(ctx context.Context, t time.Time) (busy bool, err error) {
	activity := "pg_stat_activity"
	if s.distributed {
		activity = "citus_stat_activity"
	}
	err = s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM `+activity+` a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
		AND a.backend_xid IS NOT NULL AND a.xact_start <= $1)`, t).Scan(&busy)
	return busy, err
}

func reclaimBlockRouted(ctx context.Context, tx pgx.Tx, brandID, id uuid.UUID, grace time.Duration) (bool, error) {
	var offerID uuid.UUID
	var size, erased int64
	err := tx.QueryRow(ctx, `SELECT offer_id, size, erased FROM stock_block WHERE brand_id = $1 AND id = $2 AND reclaimed_at IS NULL
		AND lease_until < now() - $3::bigint * interval '1 microsecond' FOR UPDATE`, brandID, id, grace.Microseconds()).Scan(&offerID, &size, &erased)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, settleBlock(ctx, tx, brandID, id, offerID, size, erased)
}
