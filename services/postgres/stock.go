package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// blockShare is the part of what is left that one block may take: blocks shrink to 1 as the pool ends.
const blockShare = 8

// TakeBlock moves up to want coupons of an offer from its pool into a block leased to node. A total that differs from
// the pool's moves the pool by the difference. Size 0: the pool is empty, and no block was made.
func (s *Store) TakeBlock(ctx context.Context, brandID, offerID uuid.UUID, total int64, node uuid.UUID, lease time.Duration, want int64) (engine.Block, error) {
	block := engine.Block{OfferID: offerID}
	if want < 1 {
		return block, errors.New("take block: want is below 1")
	}
	err := again(ctx, func() error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
			if block.Size, err = draw(ctx, tx, brandID, offerID, total, want); err != nil || block.Size == 0 {
				return err
			}
			block.ID = uuid.New()
			return tx.QueryRow(ctx, `INSERT INTO stock_block (brand_id, id, offer_id, node_id, lease_until, size)
				VALUES ($1, $2, $3, $4, clock_timestamp() + $5::bigint * interval '1 microsecond', $6) RETURNING lease_until`,
				brandID, block.ID, offerID, node, lease.Microseconds(), block.Size).Scan(&block.LeaseUntil)
		})
	})
	if err != nil {
		return engine.Block{}, fmt.Errorf("take block: %w", err)
	}
	return block, nil
}

// draw takes from the pool, whose row it locks until the transaction ends.
func draw(ctx context.Context, tx pgx.Tx, brandID, offerID uuid.UUID, total, want int64) (size int64, err error) {
	if _, err := tx.Exec(ctx, `INSERT INTO stock_pool (brand_id, offer_id, total, remaining) VALUES ($1, $2, $3, $3)
		ON CONFLICT (brand_id, offer_id) DO NOTHING`, brandID, offerID, total); err != nil {
		return 0, err
	}
	var left int64
	if err := tx.QueryRow(ctx, `SELECT remaining + ($3::bigint - total) FROM stock_pool WHERE brand_id = $1 AND offer_id = $2 FOR UPDATE`,
		brandID, offerID, total).Scan(&left); err != nil {
		return 0, err
	}
	if left > 0 {
		size = min(want, max(1, left/blockShare))
	}
	_, err = tx.Exec(ctx, `UPDATE stock_pool SET total = $3, remaining = $4 WHERE brand_id = $1 AND offer_id = $2`, brandID, offerID, total, left-size)
	return size, err
}

// Renew extends node's leases and tells until when. A block that is not in the answer was reclaimed and must not be used
// any more.
func (s *Store) Renew(ctx context.Context, node uuid.UUID, lease time.Duration, blocks []uuid.UUID) (map[uuid.UUID]time.Time, error) {
	if len(blocks) == 0 {
		return nil, nil
	}
	sql := renewSQL
	if s.routed {
		sql = renewRoutedSQL
	}
	rows, err := s.pool.Query(ctx, sql, node, lease.Microseconds(), blocks)
	if err != nil {
		return nil, fmt.Errorf("renew: %w", err)
	}
	renewed := make(map[uuid.UUID]time.Time, len(blocks))
	var id uuid.UUID
	var until time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &until}, func() error {
		renewed[id] = until
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("renew: %w", err)
	}
	return renewed, nil
}

const renewSQL = `WITH f AS MATERIALIZED (SELECT brand_id, id FROM stock_block
		WHERE id = ANY($3) AND node_id = $1 AND reclaimed_at IS NULL ORDER BY brand_id, id FOR UPDATE)
	UPDATE stock_block b SET lease_until = clock_timestamp() + $2::bigint * interval '1 microsecond'
	FROM f WHERE b.brand_id = f.brand_id AND b.id = f.id AND b.reclaimed_at IS NULL RETURNING b.id, b.lease_until`

// reclaimAtOnce bounds one Reclaim.
const reclaimAtOnce = 200

// Reclaim gives the unused part of blocks whose lease ended over grace ago back to their pools, each block in its own
// transaction. A coupon is written only by a statement that began before its block's lease ended (see wonSQL's locked
// rows): with a grace longer than any statement lasts, every coupon there will ever be is there to be counted.
func (s *Store) Reclaim(ctx context.Context, grace time.Duration) (blocks int, err error) {
	if s.routed {
		if blocks, err = s.reclaimRouted(ctx, grace); err != nil {
			return blocks, fmt.Errorf("reclaim: %w", err)
		}
		return blocks, nil
	}
	for blocks < reclaimAtOnce {
		found := false
		err := again(ctx, func() error {
			return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
				found, err = reclaimOne(ctx, tx, grace)
				return err
			})
		})
		if err != nil {
			return blocks, fmt.Errorf("reclaim: %w", err)
		}
		if !found {
			break
		}
		blocks++
	}
	return blocks, nil
}

// reclaimOne counts after the block is locked, in a statement of its own, so that it sees every coupon committed
// before. What was begun before the lease ended and has not ended itself, because the disk keeps it waiting, is waited
// for. A coupon that was copied to another person counts once.
func reclaimOne(ctx context.Context, tx pgx.Tx, grace time.Duration) (bool, error) {
	var brandID, id, offerID uuid.UUID
	var size, erased int64
	err := tx.QueryRow(ctx, `SELECT brand_id, id, offer_id, size, erased FROM stock_block
		WHERE reclaimed_at IS NULL AND lease_until < clock_timestamp() - $1::bigint * interval '1 microsecond'
			AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
				AND a.backend_xid IS NOT NULL AND a.xact_start <= lease_until)
		ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED`, grace.Microseconds()).Scan(&brandID, &id, &offerID, &size, &erased)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, settleBlock(ctx, tx, brandID, id, offerID, size, erased)
}

// settleBlock ends a locked block and gives its unused part back.
func settleBlock(ctx context.Context, tx pgx.Tx, brandID, id, offerID uuid.UUID, size, erased int64) error {
	var used int64
	if err := tx.QueryRow(ctx, `SELECT count(DISTINCT id) FROM coupon WHERE brand_id = $1 AND block_id = $2`, brandID, id).Scan(&used); err != nil {
		return err
	}
	used = min(used+erased, size)
	if _, err := tx.Exec(ctx, `UPDATE stock_block SET reclaimed_at = statement_timestamp(), used = $3 WHERE brand_id = $1 AND id = $2`, brandID, id, used); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE stock_pool SET remaining = remaining + $3 WHERE brand_id = $1 AND offer_id = $2`, brandID, offerID, size-used)
	return err
}
