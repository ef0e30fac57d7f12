package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ProviderToken returns what is kept for a signing key, sealed, and when it was signed; nothing kept: nil and zero.
func (s *Store) ProviderToken(ctx context.Context, key []byte) (sealed []byte, signedAt time.Time, err error) {
	err = s.pool.QueryRow(ctx, `SELECT sealed, signed_at FROM provider_token WHERE brand_id = $1 AND key = $2`, uuid.Nil, key).Scan(&sealed, &signedAt)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, time.Time{}, fmt.Errorf("provider token: %w", err)
	}
	return sealed, signedAt.UTC(), nil
}

// ReplaceProviderToken keeps a token in place of the one signed at previous (zero: of none), unless another one is kept
// meanwhile, and returns what is kept then.
func (s *Store) ReplaceProviderToken(ctx context.Context, key []byte, previous time.Time, sealed []byte, signedAt time.Time) ([]byte, time.Time, error) {
	_, err := s.pool.Exec(ctx, `INSERT INTO provider_token AS t (brand_id, key, signed_at, sealed) VALUES ($1, $2, $3, $4)
		ON CONFLICT (brand_id, key) DO UPDATE SET signed_at = excluded.signed_at, sealed = excluded.sealed
			WHERE t.signed_at = $5`, uuid.Nil, key, signedAt, sealed, zeroTime(previous))
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("replace provider token: %w", err)
	}
	return s.ProviderToken(ctx, key)
}
