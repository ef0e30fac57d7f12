package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// withdrawSQL takes a waiting delivery out, unless a node has it: that node asks again itself before it hands it over.
const withdrawSQL = `UPDATE delivery SET state = 'cancelled', code = $4, ended_at = now(), lease_node = NULL, lease_until = NULL,
	surely_not = NOT (unsure OR lease_node IS NOT NULL)
	WHERE person_id = $1 AND brand_id = $2 AND id = $3 AND state = 'pending' AND (lease_until IS NULL OR lease_until < now())
	RETURNING brand_id, person_id, notification_id, surely_not`

// WithdrawBatch cancels waiting deliveries of a batch. They are found without locks and changed one by one.
func (s *Store) WithdrawBatch(ctx context.Context, brandID, batch uuid.UUID, code string, limit int) (gone []engine.Withdrawn, err error) {
	rows, err := s.pool.Query(ctx, `SELECT brand_id, person_id, id FROM delivery WHERE state = 'pending' AND brand_id = $1
		AND notification ->> 'batch' = $2::text AND (lease_until IS NULL OR lease_until < now()) LIMIT $3`, brandID, batch.String(), limit)
	if err != nil {
		return nil, fmt.Errorf("withdraw: %w", err)
	}
	waiting, err := pgx.CollectRows(rows, scanDeliveryKey)
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	var b pgx.Batch
	for _, k := range waiting {
		b.Queue(withdrawSQL, k.PersonID, k.BrandID, k.ID, code).Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w engine.Withdrawn, err error) {
				return w, row.Scan(&w.Key.BrandID, &w.Key.PersonID, &w.Notification, &w.SurelyNot)
			})
			gone = append(gone, list...)
			return err
		})
	}
	if err := s.pool.SendBatch(ctx, &b).Close(); err != nil {
		return gone, fmt.Errorf("withdraw: %w", err)
	}
	return gone, nil
}

// CouponEnds lists coupons that are not redeemed and end in a stretch of time, in the order of end and person.
func (s *Store) CouponEnds(ctx context.Context, brandID uuid.UUID, from, until time.Time, after engine.CouponEnd, limit int) ([]engine.CouponEnd, error) {
	if after.EndsAt.Before(from) {
		after = engine.CouponEnd{EndsAt: from}
	}
	rows, err := s.pool.Query(ctx, `SELECT brand_id, person_id, expires_at FROM coupon c WHERE brand_id = $1 AND redemption_id IS NULL
		AND (expires_at, person_id) > ($2, $3) AND expires_at < $4 ORDER BY expires_at, person_id LIMIT $5`,
		brandID, after.EndsAt, after.Key.PersonID, until, limit)
	if err != nil {
		return nil, fmt.Errorf("ends of coupons: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c engine.CouponEnd, err error) {
		return c, row.Scan(&c.Key.BrandID, &c.Key.PersonID, &c.EndsAt)
	})
}
