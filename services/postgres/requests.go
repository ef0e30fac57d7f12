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

// abandonedAfter is when a claim without an answer may be taken over: its claimer cannot be running any more.
const abandonedAfter = 2 * time.Minute

// Requests remembers answers of writes by request id. It is a view of its own because a Store's Claim is the outbox's.
type Requests struct{ *Store }

var _ engine.Requests = Requests{}

// Requests is the store as [engine.Requests].
func (s *Store) Requests() Requests { return Requests{s} }

// Claim returns the remembered answer of a request, or claimed for the first caller. A claim that was never answered
// can be taken over after two minutes.
func (s Requests) Claim(ctx context.Context, brandID uuid.UUID, scope, requestID string) (answer []byte, claimed bool, err error) {
	var none int
	err = s.pool.QueryRow(ctx, `INSERT INTO request AS r (brand_id, scope, request_id, claimed_at) VALUES ($1, $2, $3, clock_timestamp())
		ON CONFLICT (brand_id, scope, request_id) DO UPDATE SET claimed_at = excluded.claimed_at
			WHERE r.answer IS NULL AND excluded.claimed_at - r.claimed_at > $4::bigint * interval '1 microsecond'
		RETURNING 1`, brandID, scope, requestID, abandonedAfter.Microseconds()).Scan(&none)
	if err == nil {
		return nil, true, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return nil, false, fmt.Errorf("claim request: %w", err)
	}
	err = s.pool.QueryRow(ctx, `SELECT answer FROM request WHERE brand_id = $1 AND scope = $2 AND request_id = $3`, brandID, scope, requestID).Scan(&answer)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, false, fmt.Errorf("claim request: %w", err)
	}
	return answer, false, nil
}

// Remember stores the answer of a claimed request.
func (s Requests) Remember(ctx context.Context, brandID uuid.UUID, scope, requestID string, answer []byte) error {
	if answer == nil {
		answer = []byte{}
	}
	_, err := s.pool.Exec(ctx, `UPDATE request SET answer = $4 WHERE brand_id = $1 AND scope = $2 AND request_id = $3`, brandID, scope, requestID, answer)
	if err != nil {
		return fmt.Errorf("remember request: %w", err)
	}
	return nil
}

// Forget gives a claim up, so that the request can be made again.
func (s Requests) Forget(ctx context.Context, brandID uuid.UUID, scope, requestID string) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM request WHERE brand_id = $1 AND scope = $2 AND request_id = $3 AND answer IS NULL`, brandID, scope, requestID)
	if err != nil {
		return fmt.Errorf("forget request: %w", err)
	}
	return nil
}
