package postgres

import (
	"bytes"
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// countErasedRouted counts a person's coupons at their stock blocks, which stand on other shards.
func countErasedRouted(ctx context.Context, tx pgx.Tx, key engine.PersonKey) error {
	rows, err := tx.Query(ctx, `SELECT block_id, count(*) FROM coupon WHERE person_id = $1 AND brand_id = $2 AND block_id IS NOT NULL
		GROUP BY block_id ORDER BY block_id`, key.PersonID, key.BrandID)
	if err != nil {
		return err
	}
	type issued struct {
		block uuid.UUID
		n     int64
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i issued, err error) { return i, row.Scan(&i.block, &i.n) })
	if err != nil {
		return err
	}
	for _, i := range all {
		if _, err := tx.Exec(ctx, `UPDATE stock_block SET erased = erased + $3 WHERE brand_id = $1 AND id = $2 AND reclaimed_at IS NULL`,
			key.BrandID, i.block, i.n); err != nil {
			return err
		}
	}
	return nil
}

// moveCouponsRouted is [Store.MoveCoupons] on a distributed database: the two persons stand on different shards, so
// each is held by a statement of its own, in one order, and the copies travel through the program.
func moveCouponsRouted(ctx context.Context, tx pgx.Tx, from engine.PersonKey, to uuid.UUID) error {
	pair := []uuid.UUID{from.PersonID, to}
	if bytes.Compare(to[:], from.PersonID[:]) < 0 {
		pair = []uuid.UUID{to, from.PersonID}
	}
	for _, id := range pair {
		var status engine.PersonStatus
		err := tx.QueryRow(ctx, `SELECT status FROM person WHERE person_id = $1 AND brand_id = $2 FOR SHARE`, id, from.BrandID).Scan(&status)
		giving := status == engine.PersonGiving || status == engine.PersonSignpost
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return engine.ErrStale
		case err != nil:
			return err
		case id == to && status != engine.PersonActive, id == from.PersonID && !giving:
			return engine.ErrStale
		}
	}
	rows, err := tx.Query(ctx, `SELECT `+couponColumns+` FROM coupon c WHERE c.person_id = $1 AND c.brand_id = $2`, from.PersonID, from.BrandID)
	if err != nil {
		return err
	}
	coupons, err := pgx.CollectRows(rows, scanCoupon)
	for i := range coupons {
		if err == nil {
			c := &coupons[i]
			_, err = tx.Exec(ctx, `INSERT INTO coupon (person_id, brand_id, id, offer_id, campaign_id, issued_at, expires_at, code, block_id, stores, title,
					redemption_id, redeemed_at, redeemed_store_id, redeemed_by, counted)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $12::uuid IS NOT NULL) ON CONFLICT (person_id, brand_id, id) DO NOTHING`,
				append([]any{to, c.BrandID, c.ID, c.OfferID, orNull(c.CampaignID), c.IssuedAt, zeroTime(c.ExpiresAt), c.Code, orNull(c.Block),
					emptyNotNil(c.Stores), c.Title}, redemptionOrNulls(c.Redemption)...)...)
		}
	}
	return err
}

func redemptionOrNulls(r *campaign.Redemption) []any {
	if r == nil {
		return []any{nil, nil, nil, nil}
	}
	return []any{r.ID, r.At, orNull(r.StoreID), r.By}
}
