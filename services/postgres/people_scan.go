package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// Scan returns up to limit active people of a brand after a cursor (zero: from the start), in person order.
func (s *Store) Scan(ctx context.Context, brandID, after uuid.UUID, limit int) ([]engine.PersonKey, error) {
	rows, err := s.pool.Query(ctx, `SELECT brand_id, person_id FROM person WHERE brand_id = $1 AND person_id > $2 AND status = 0
		ORDER BY person_id LIMIT $3`, brandID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	return pgx.CollectRows(rows, scanKey)
}
