package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// erasures remove a person ($1 person, $2 brand). Coupons of stock blocks are counted there first: what was issued
// stays issued (a distributed database has [countErasedRouted] for that). The person's row goes last.
var erasures = []string{
	`UPDATE stock_block b SET erased = b.erased + f.n FROM (
		SELECT block_id, count(*) AS n FROM coupon WHERE person_id = $1 AND brand_id = $2 AND block_id IS NOT NULL GROUP BY block_id) f
		WHERE b.brand_id = $2 AND b.id = f.block_id AND b.reclaimed_at IS NULL`,
	`SELECT id FROM device WHERE person_id = $1 AND brand_id = $2 FOR UPDATE`, // no address can come from here on
	`DELETE FROM push_address_event e USING device d WHERE d.brand_id = $2 AND d.person_id = $1 AND e.brand_id = d.brand_id AND e.device_id = d.id`,
	`DELETE FROM push_address a USING device d WHERE d.brand_id = $2 AND d.person_id = $1 AND a.brand_id = d.brand_id AND a.device_id = d.id`,
	`DELETE FROM device WHERE person_id = $1 AND brand_id = $2`,
	`DELETE FROM person_external WHERE person_id = $1 AND brand_id = $2`,
	`DELETE FROM revocation WHERE person_id = $1 AND brand_id = $2`,
	`DELETE FROM open_visit WHERE person_id = $1 AND brand_id = $2`,
	`DELETE FROM place WHERE person_id = $1 AND brand_id = $2`,
	`DELETE FROM trace WHERE person_id = $1 AND brand_id = $2`,
	`DELETE FROM coupon WHERE person_id = $1 AND brand_id = $2`,
	`DELETE FROM delivery WHERE person_id = $1 AND brand_id = $2`,
	`DELETE FROM purchase WHERE person_id = $1 AND brand_id = $2`,
	`DELETE FROM receipt WHERE person_id = $1 AND brand_id = $2`,
	`DELETE FROM webhook_letter WHERE person_id = $1 AND brand_id = $2 AND event <> 'person.erased'`, // that one is told what was erased
	`DELETE FROM location_use WHERE person_id = $1 AND brand_id = $2`,
	`DELETE FROM consent_event WHERE person_id = $1 AND brand_id = $2`,
	`DELETE FROM person_profile WHERE person_id = $1 AND brand_id = $2`,
	`DELETE FROM person WHERE person_id = $1 AND brand_id = $2`,
}

// Erase removes every row of a person but a tombstone, in one transaction. The tombstone also stands in for a
// revocation (see [Store.Revocations]). Erasing again changes nothing and keeps the first receipt; ErrStale: the row
// is not in PersonErasing.
func (s *Store) Erase(ctx context.Context, key engine.PersonKey, receipt uuid.UUID, at time.Time) error {
	err := again(ctx, func() error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return erase(ctx, tx, s.routed, key, receipt, at) })
	})
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	return nil
}

func erase(ctx context.Context, tx pgx.Tx, routed bool, key engine.PersonKey, receipt uuid.UUID, at time.Time) error {
	var status engine.PersonStatus
	err := tx.QueryRow(ctx, `SELECT status FROM person WHERE person_id = $1 AND brand_id = $2 FOR UPDATE`, key.PersonID, key.BrandID).Scan(&status)
	if err == pgx.ErrNoRows {
		var gone bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM tombstone WHERE brand_id = $1 AND person_id = $2)`, key.BrandID, key.PersonID).Scan(&gone)
		if err == nil && !gone {
			return engine.ErrNotFound
		}
		return err
	}
	if err != nil {
		return err
	}
	if status != engine.PersonErasing {
		return engine.ErrStale
	}
	if err := rememberErased(ctx, tx, key, at); err != nil {
		return err
	}
	statements := erasures
	if routed {
		if err := countErasedRouted(ctx, tx, key); err != nil {
			return err
		}
		statements = erasures[1:]
	}
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql, key.PersonID, key.BrandID); err != nil {
			return err
		}
	}
	if err := eraseDetached(ctx, tx, key); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO tombstone (brand_id, person_id, receipt, at, erased_at) VALUES ($1, $2, $3, $4, clock_timestamp())
		ON CONFLICT (brand_id, person_id) DO NOTHING`, key.BrandID, key.PersonID, receipt, at)
	return err
}

// MoveCoupons copies the coupons of a giving person to its successor, who must exist and be active: ErrStale
// otherwise. Both rows are held meanwhile, so that neither is erased under the copy. Repeating it changes nothing.
func (s *Store) MoveCoupons(ctx context.Context, from engine.PersonKey, to uuid.UUID) error {
	err := again(ctx, func() error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			if s.routed {
				return moveCouponsRouted(ctx, tx, from, to)
			}
			return moveCoupons(ctx, tx, from, to)
		})
	})
	if err != nil {
		return fmt.Errorf("move coupons: %w", err)
	}
	return nil
}

func moveCoupons(ctx context.Context, tx pgx.Tx, from engine.PersonKey, to uuid.UUID) error {
	var fits int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM (SELECT person_id, status FROM person WHERE brand_id = $1 AND person_id IN ($2, $3)
			ORDER BY person_id FOR SHARE) p
		WHERE (p.person_id = $2 AND p.status IN (1, 2)) OR (p.person_id = $3 AND p.status = 0)`, from.BrandID, from.PersonID, to).Scan(&fits)
	if err != nil {
		return err
	}
	if fits != 2 {
		return engine.ErrStale
	}
	_, err = tx.Exec(ctx, `INSERT INTO coupon (person_id, brand_id, id, offer_id, campaign_id, issued_at, expires_at, code, block_id, stores, title,
			redemption_id, redeemed_at, redeemed_store_id, redeemed_by, counted)
		SELECT $3, brand_id, id, offer_id, campaign_id, issued_at, expires_at, code, block_id, stores, title,
			redemption_id, redeemed_at, redeemed_store_id, redeemed_by, redemption_id IS NOT NULL FROM coupon WHERE person_id = $1 AND brand_id = $2
		ON CONFLICT (person_id, brand_id, id) DO NOTHING`, from.PersonID, from.BrandID, to)
	return err
}
