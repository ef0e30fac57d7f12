package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

const sendingColumns = `brand_id, id, campaign_id, at, deadline, state, next_at, ended_at, version, body`

func scanSending(row pgx.CollectableRow) (s engine.Sending, err error) {
	var body []byte
	var ended timeOrZero
	err = row.Scan(&s.BrandID, &s.ID, &s.CampaignID, &s.At, &s.Deadline, &s.State, &s.NextAt, &ended, &s.Version, &body)
	if err == nil {
		err = json.Unmarshal(body, &s.SendingBody)
	}
	s.At, s.Deadline, s.NextAt, s.EndedAt = s.At.UTC(), s.Deadline.UTC(), s.NextAt.UTC(), ended.Time
	return s, err
}

// PlanSending makes a sending; made=false: its occurrence has one.
func (s *Store) PlanSending(ctx context.Context, v engine.Sending) (made bool, err error) {
	body, err := json.Marshal(v.SendingBody)
	if err != nil {
		return false, fmt.Errorf("plan sending: %w", err)
	}
	tag, err := s.pool.Exec(ctx, `INSERT INTO sending (brand_id, id, campaign_id, at, deadline, state, next_at, version, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8) ON CONFLICT DO NOTHING`,
		v.BrandID, v.ID, v.CampaignID, v.At, v.Deadline, string(v.State), v.NextAt, body)
	if err != nil {
		return false, fmt.Errorf("plan sending: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// TakeSendings leases due sendings to a node. They are found without locks, and each is taken by a compare-and-set.
func (s *Store) TakeSendings(ctx context.Context, node uuid.UUID, lease time.Duration, now time.Time, limit int) (taken []engine.Sending, err error) {
	rows, err := s.pool.Query(ctx, `SELECT brand_id, id, version FROM sending WHERE ended_at IS NULL AND next_at <= $1
		AND (lease_until IS NULL OR lease_until < now()) ORDER BY next_at LIMIT $2`, now, limit)
	if err != nil {
		return nil, fmt.Errorf("take sendings: %w", err)
	}
	type due struct {
		BrandID, ID uuid.UUID
		Version     int64
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[due])
	if err != nil {
		return nil, fmt.Errorf("take sendings: %w", err)
	}
	for _, d := range found {
		rows, err := s.pool.Query(ctx, `UPDATE sending SET version = version + 1, lease_node = $4, lease_until = now() + $5::bigint * interval '1 microsecond'
			WHERE brand_id = $1 AND id = $2 AND version = $3 AND ended_at IS NULL AND (lease_until IS NULL OR lease_until < now())
			RETURNING `+sendingColumns, d.BrandID, d.ID, d.Version, node, lease.Microseconds())
		if err != nil {
			return taken, fmt.Errorf("take sendings: %w", err)
		}
		one, err := pgx.CollectRows(rows, scanSending)
		if err != nil {
			return taken, fmt.Errorf("take sendings: %w", err)
		}
		taken = append(taken, one...)
	}
	return taken, nil
}

// PutSending writes a sending that the node holds. The lease may have ended, if nobody took it since.
func (s *Store) PutSending(ctx context.Context, v engine.Sending, node uuid.UUID, lease time.Duration) (version int64, err error) {
	body, err := json.Marshal(v.SendingBody)
	if err != nil {
		return 0, fmt.Errorf("put sending: %w", err)
	}
	var holder *uuid.UUID
	if lease > 0 {
		holder = &node
	}
	err = s.pool.QueryRow(ctx, `UPDATE sending SET version = version + 1, state = $5, next_at = $6, ended_at = $7, body = $8, lease_node = $9,
		lease_until = CASE WHEN $10::bigint > 0 THEN now() + $10::bigint * interval '1 microsecond' END
		WHERE brand_id = $1 AND id = $2 AND version = $3 AND lease_node = $4 AND ended_at IS NULL RETURNING version`,
		v.BrandID, v.ID, v.Version, node, string(v.State), v.NextAt, timeOrNull(v.EndedAt), body, holder, lease.Microseconds()).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("put sending: %w", engine.ErrStale)
	}
	if err != nil {
		return 0, fmt.Errorf("put sending: %w", err)
	}
	return version, nil
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// CancelSending ends a sending that has not ended, whoever holds it.
func (s *Store) CancelSending(ctx context.Context, brandID, id uuid.UUID, code string, at time.Time) (engine.Sending, error) {
	_, err := s.pool.Exec(ctx, `UPDATE sending SET version = version + 1, state = 'cancelled', ended_at = $3, lease_node = NULL, lease_until = NULL,
		body = jsonb_set(body - 'cursor', '{code}', to_jsonb($4::text)) WHERE brand_id = $1 AND id = $2 AND ended_at IS NULL`, brandID, id, at, code)
	if err != nil {
		return engine.Sending{}, fmt.Errorf("cancel sending: %w", err)
	}
	return s.Sending(ctx, brandID, id)
}

// Sending reads one.
func (s *Store) Sending(ctx context.Context, brandID, id uuid.UUID) (engine.Sending, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+sendingColumns+` FROM sending WHERE brand_id = $1 AND id = $2`, brandID, id)
	if err != nil {
		return engine.Sending{}, fmt.Errorf("sending: %w", err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, scanSending)
	if errors.Is(err, pgx.ErrNoRows) {
		return v, fmt.Errorf("sending: %w", engine.ErrNotFound)
	}
	return v, err
}

// Sendings lists a brand's, or a campaign's, the latest occurrence first.
func (s *Store) Sendings(ctx context.Context, brandID, campaignID uuid.UUID, before engine.Sending, limit int) ([]engine.Sending, error) {
	at := before.At
	if at.IsZero() {
		at = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	where, args := `brand_id = $1 AND (at, id) < ($2, $3)`, []any{brandID, at, before.ID, limit}
	if campaignID != uuid.Nil {
		where, args = where+` AND campaign_id = $5`, append(args, campaignID)
	}
	rows, err := s.pool.Query(ctx, `SELECT `+sendingColumns+` FROM sending WHERE `+where+` ORDER BY at DESC, id DESC LIMIT $4`, args...)
	if err != nil {
		return nil, fmt.Errorf("sendings: %w", err)
	}
	return pgx.CollectRows(rows, scanSending)
}

// CancelledSendings lists those cancelled at or after since, id to brand.
func (s *Store) CancelledSendings(ctx context.Context, since time.Time) (map[uuid.UUID]uuid.UUID, error) {
	rows, err := s.pool.Query(ctx, `SELECT id, brand_id FROM sending WHERE state = 'cancelled' AND ended_at >= $1`, since)
	if err != nil {
		return nil, fmt.Errorf("cancelled sendings: %w", err)
	}
	cancelled := map[uuid.UUID]uuid.UUID{}
	var id, brand uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&id, &brand}, func() error {
		cancelled[id] = brand
		return nil
	})
	return cancelled, err
}
