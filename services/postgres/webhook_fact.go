package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/webhook"
)

// FactOf reads what a letter is about, and the person's profile.
func (s *Letters) FactOf(ctx context.Context, l *webhook.Letter) (webhook.Fact, error) {
	var f webhook.Fact
	read := s.placeOf
	switch l.Event {
	case brand.DecisionMade:
		read = s.traceOf
	case brand.DeliveryEnded:
		read = s.deliveryOf
	case brand.CouponRedeemed:
		read = s.couponOf
	case brand.PersonErased:
		read = s.erasureOf
	}
	err := read(ctx, l, &f)
	if err == nil && l.Event != brand.PersonErased {
		err = s.profileOf(ctx, l, &f)
	}
	if err != nil {
		return f, fmt.Errorf("fact of a letter: %w", err)
	}
	return f, nil
}

// oneOf reads the one row of a query about a person; nil: there is none.
func oneOf[T any](ctx context.Context, s *Letters, l *webhook.Letter, scan pgx.RowToFunc[T], sql string, more ...any) (*T, error) {
	rows, err := s.pool.Query(ctx, sql, append([]any{l.Key.PersonID, l.Key.BrandID}, more...)...)
	if err != nil {
		return nil, err
	}
	v, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &v, err
}

// placeOf: a visit is told without its place once that was dropped.
func (s *Letters) placeOf(ctx context.Context, l *webhook.Letter, f *webhook.Fact) (err error) {
	f.Place, err = oneOf(ctx, s, l, scanPlace, `SELECT `+placeColumns+` FROM place p WHERE p.person_id = $1 AND p.brand_id = $2 AND p.id = $3`, l.FactID)
	return err
}

// traceOf finds the decision among those of its round.
func (s *Letters) traceOf(ctx context.Context, l *webhook.Letter, f *webhook.Fact) error {
	least, greatest := engine.RoundOf(l.FactID)
	rows, err := s.pool.Query(ctx, `SELECT `+traceColumns+`, `+placeColumns+` FROM trace t
		LEFT JOIN place p ON p.person_id = $1 AND p.brand_id = $2 AND p.id = t.moment_id
		WHERE t.person_id = $1 AND t.brand_id = $2 AND t.id >= $3 AND t.id <= $4`, l.Key.PersonID, l.Key.BrandID, least, greatest)
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, scanPackedRow)
	if err != nil {
		return err
	}
	f.Gone = true
	for i := range found {
		traces, err := unfold(found[i].first, found[i].others)
		if err != nil {
			return err
		}
		if at := slices.IndexFunc(traces, func(t engine.Trace) bool { return t.ID == l.FactID }); at >= 0 {
			f.Trace, f.Place, f.Gone = &traces[at], found[i].place, false
		}
	}
	return nil
}

func (s *Letters) deliveryOf(ctx context.Context, l *webhook.Letter, f *webhook.Fact) error {
	d, err := oneOf(ctx, s, l, func(row pgx.CollectableRow) (d pusher.Delivery, err error) {
		var ended timeOrZero
		err = row.Scan(&d.ID, &d.Notification.ID, uuidOrZero{&d.CampaignID}, &d.Provider, &d.State, &d.Code, &ended)
		f.EndedAt = ended.Time
		return d, err
	}, `SELECT d.id, d.notification_id, d.campaign_id, d.provider, d.state, coalesce(d.code, ''), d.ended_at FROM delivery d
		WHERE d.person_id = $1 AND d.brand_id = $2 AND d.id = $3`, l.FactID)
	if f.Gone = d == nil; d != nil {
		f.Delivery, f.Incomplete = d, d.State == pusher.Pending
	}
	return err
}

func (s *Letters) couponOf(ctx context.Context, l *webhook.Letter, f *webhook.Fact) error {
	c, err := s.Coupon(ctx, l.Key, l.FactID)
	if errors.Is(err, engine.ErrNotFound) {
		f.Gone = true
		return nil
	}
	f.Coupon, f.Gone = &c, c.Redemption == nil
	return err
}

func (s *Letters) erasureOf(ctx context.Context, l *webhook.Letter, f *webhook.Fact) (err error) {
	f.Erased, err = oneOf(ctx, s, l, func(row pgx.CollectableRow) (e webhook.Erasure, err error) { return e, row.Scan(&e.Receipt, &e.At) },
		`SELECT t.receipt, t.at FROM tombstone t WHERE t.person_id = $1 AND t.brand_id = $2`)
	f.Incomplete = f.Erased == nil
	return err
}

func (s *Letters) profileOf(ctx context.Context, l *webhook.Letter, f *webhook.Fact) (err error) {
	f.Profile, err = oneOf(ctx, s, l, func(row pgx.CollectableRow) (p audience.Profile, err error) {
		var body []byte
		if err = row.Scan(&body); err == nil {
			err = json.Unmarshal(body, &p)
		}
		return p, err
	}, `SELECT p.body FROM person_profile p WHERE p.person_id = $1 AND p.brand_id = $2`)
	return err
}
