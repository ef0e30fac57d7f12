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

// Requests remembers answers of writes by request id. It is a view of its own because a Store's Claim is the outbox's.
type Requests struct{ *Store }

var _ engine.Requests = Requests{}

// Requests is the store as [engine.Requests].
func (s *Store) Requests() Requests { return Requests{s} }

// Claim returns the remembered answer of a request, or a claim for the first caller. A claim that was not renewed in
// [engine.ClaimLease] is taken over, and so is one that is dated that far in the future: the clock was set back since.
func (s Requests) Claim(ctx context.Context, brandID uuid.UUID, scope, requestID string) (answer []byte, claim time.Time, err error) {
	err = s.pool.QueryRow(ctx, `INSERT INTO request AS r (brand_id, scope, request_id, claimed_at) VALUES ($1, $2, $3, clock_timestamp())
		ON CONFLICT (brand_id, scope, request_id) DO UPDATE SET claimed_at = excluded.claimed_at
			WHERE r.answer IS NULL AND r.claimed_at NOT BETWEEN excluded.claimed_at - $4::bigint * interval '1 microsecond'
				AND excluded.claimed_at + $4::bigint * interval '1 microsecond'
		RETURNING claimed_at`, brandID, scope, requestID, engine.ClaimLease.Microseconds()).Scan(&claim)
	if err == nil {
		return nil, claim, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return nil, time.Time{}, fmt.Errorf("claim request: %w", err)
	}
	err = s.pool.QueryRow(ctx, `SELECT answer FROM request WHERE brand_id = $1 AND scope = $2 AND request_id = $3`, brandID, scope, requestID).Scan(&answer)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, time.Time{}, fmt.Errorf("claim request: %w", err)
	}
	return answer, time.Time{}, nil
}

// Renew dates a claim anew; zero: it is another's, or answered.
func (s Requests) Renew(ctx context.Context, brandID uuid.UUID, scope, requestID string, claim time.Time) (renewed time.Time, err error) {
	err = s.pool.QueryRow(ctx, `UPDATE request SET claimed_at = now() WHERE brand_id = $1 AND scope = $2 AND request_id = $3
		AND answer IS NULL AND claimed_at = $4 RETURNING claimed_at`, brandID, scope, requestID, claim).Scan(&renewed)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, fmt.Errorf("renew request: %w", err)
	}
	return renewed, nil
}

// Remember stores the answer of a request that was done, unless it has one.
func (s Requests) Remember(ctx context.Context, brandID uuid.UUID, scope, requestID string, answer []byte) error {
	if answer == nil {
		answer = []byte{}
	}
	_, err := s.pool.Exec(ctx, `UPDATE request SET answer = $4 WHERE brand_id = $1 AND scope = $2 AND request_id = $3 AND answer IS NULL`,
		brandID, scope, requestID, answer)
	if err != nil {
		return fmt.Errorf("remember request: %w", err)
	}
	return nil
}

// Forget gives a claim up, so that the request can be made again.
func (s Requests) Forget(ctx context.Context, brandID uuid.UUID, scope, requestID string, claim time.Time) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM request WHERE brand_id = $1 AND scope = $2 AND request_id = $3 AND answer IS NULL AND claimed_at = $4`,
		brandID, scope, requestID, claim)
	if err != nil {
		return fmt.Errorf("forget request: %w", err)
	}
	return nil
}
