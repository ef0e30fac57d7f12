package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/brand"
)

// NoteCredential keeps what a provider said of a credential: code and refused when it refused it, accepted when it took
// something under it. Earlier news never replaces later.
func (s *Store) NoteCredential(ctx context.Context, brandID, credentialID uuid.UUID, n brand.CredentialState) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO credential_state AS c (brand_id, credential_id, refused_at, refused_code, accepted_at)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (brand_id, credential_id) DO UPDATE SET accepted_at = greatest(c.accepted_at, excluded.accepted_at),
			refused_code = CASE WHEN excluded.refused_at >= coalesce(c.refused_at, '-infinity') THEN excluded.refused_code ELSE c.refused_code END,
			refused_at = greatest(c.refused_at, excluded.refused_at)`,
		brandID, credentialID, zeroTime(n.RefusedAt), n.RefusedCode, zeroTime(n.AcceptedAt))
	if err != nil {
		return fmt.Errorf("note credential: %w", err)
	}
	return nil
}

// CredentialStates returns what was noted of a brand's credentials, by credential.
func (s *Store) CredentialStates(ctx context.Context, brandID uuid.UUID) (map[uuid.UUID]brand.CredentialState, error) {
	rows, err := s.pool.Query(ctx, `SELECT credential_id, refused_at, coalesce(refused_code, ''), accepted_at FROM credential_state WHERE brand_id = $1`, brandID)
	if err != nil {
		return nil, fmt.Errorf("credential states: %w", err)
	}
	states := map[uuid.UUID]brand.CredentialState{}
	var id uuid.UUID
	var refused, accepted timeOrZero
	var code string
	_, err = pgx.ForEachRow(rows, []any{&id, &refused, &code, &accepted}, func() error {
		states[id] = brand.CredentialState{RefusedAt: refused.Time, RefusedCode: code, AcceptedAt: accepted.Time}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("credential states: %w", err)
	}
	return states, nil
}
