package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/wantgo/wantgo/pusher"
)

var _ pusher.Waker = (*Store)(nil)

const (
	// mostWoken bounds one call; what is left comes back when its own wait is over.
	mostWoken = 20_000
	// wakeWithin is how far apart woken deliveries are due: they shall not come all at once.
	wakeWithin = 3 * time.Second
)

// Wake makes pending deliveries of a brand and provider due, within seconds, that were begun before and wait for another
// attempt. It reads without locks and changes them one by one: what was taken or ended meanwhile stays as it is.
func (s *Store) Wake(ctx context.Context, brandID uuid.UUID, provider pusher.Provider) (int, error) {
	rows, err := s.pool.Query(ctx, `SELECT brand_id, person_id, id FROM delivery WHERE state = 'pending' AND brand_id = $1 AND provider = $2
		AND lease_node IS NULL AND attempt > 0 AND not_before > now() AND deadline > now() ORDER BY not_before LIMIT $3`, brandID, string(provider), mostWoken)
	if err != nil {
		return 0, fmt.Errorf("wake: %w", err)
	}
	waiting, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k pusher.Key, err error) {
		return k, row.Scan(&k.BrandID, &k.PersonID, &k.ID)
	})
	if err != nil || len(waiting) == 0 {
		return 0, err
	}
	if s.routed {
		return s.wakeRouted(ctx, waiting)
	}
	woken := 0
	var batch pgx.Batch
	for _, k := range waiting {
		due := time.Duration(rand.Float64() * float64(wakeWithin))
		batch.Queue(`UPDATE delivery SET not_before = now() + $4::bigint * interval '1 microsecond', next_at = now() + $4::bigint * interval '1 microsecond'
			WHERE person_id = $1 AND brand_id = $2 AND id = $3 AND state = 'pending' AND lease_node IS NULL AND next_at > now()`,
			k.PersonID, k.BrandID, k.ID, due.Microseconds()).Exec(func(tag pgconn.CommandTag) error {
			woken += int(tag.RowsAffected())
			return nil
		})
	}
	if err := s.pool.SendBatch(ctx, &batch).Close(); err != nil {
		return woken, fmt.Errorf("wake: %w", err)
	}
	return woken, nil
}
