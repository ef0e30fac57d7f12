package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Tally counts what the database holds of one brand from a time on: what is stored, not what a counter believes. Of
// transitions it sees those whose places are still kept.
type Tally struct {
	Transitions map[string]int // by kind
	Visits      int            // entries of visit fences
	Decisions   map[string]int // by reason
	Deliveries  map[string]int // by state
	Coupons     int
	Waiting     int // deliveries that may be attempted now and have not ended
}

// Tally reads the counts of a brand since a time (engine time).
func (s *Store) Tally(ctx context.Context, brand uuid.UUID, since time.Time) (t Tally, err error) {
	var faults []error
	by := func(query string, from any) map[string]int {
		counts, err := s.counts(ctx, query, brand, from)
		faults = append(faults, err)
		return counts
	}
	floor := leastID(since)
	t.Transitions = by(`SELECT kind, count(*) FROM place WHERE brand_id = $1 AND id >= $2 GROUP BY kind`, floor)
	t.Decisions = by(`SELECT `+candidateReason+`, count(*) FROM trace t`+candidates+` WHERE t.brand_id = $1 AND t.id >= $2 GROUP BY 1`, floor)
	t.Deliveries = by(`SELECT state, count(*) FROM delivery WHERE brand_id = $1 AND created_at >= $2 GROUP BY state`, since)
	t.Visits = by(`SELECT f.purpose, count(*) FROM place p JOIN fence f ON f.brand_id = p.brand_id AND f.id = p.fence_id
		WHERE p.brand_id = $1 AND p.id >= $2 AND p.kind = 'entered' GROUP BY f.purpose`, floor)["visit"]
	t.Coupons = by(`SELECT 'all', count(*) FROM coupon WHERE brand_id = $1 AND issued_at >= $2`, since)["all"]
	t.Waiting = by(`SELECT 'all', count(*) FROM delivery WHERE brand_id = $1 AND created_at >= $2 AND state = 'pending'
		AND not_before <= now()`, since)["all"]
	return t, errors.Join(faults...)
}

func (s *Store) counts(ctx context.Context, query string, args ...any) (map[string]int, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("tally: %w", err)
	}
	counts := map[string]int{}
	var name string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error { counts[name] = n; return nil })
	if err != nil {
		return nil, fmt.Errorf("tally: %w", err)
	}
	return counts, nil
}

// Example is a decision that is worth asking about.
type Example struct {
	PersonID uuid.UUID
	Reason   string
}

// Examples finds a person of whom a decision was won since a time, and one who was refused, a full cap first. The zero
// value stands where there is none.
func (s *Store) Examples(ctx context.Context, brand uuid.UUID, since time.Time) (won, refused Example, err error) {
	won, err = s.example(ctx, brand, since, `SELECT person_id, reason FROM trace WHERE brand_id = $1 AND id >= $2
		AND reason = 'WON' ORDER BY coupon_id IS NULL, id DESC LIMIT 1`)
	if err != nil {
		return won, refused, err
	}
	refused, err = s.example(ctx, brand, since, `SELECT t.person_id, `+candidateReason+` FROM trace t`+candidates+` WHERE t.brand_id = $1 AND t.id >= $2
		AND `+candidateReason+` NOT IN ('WON', 'OUTRANKED') ORDER BY `+candidateReason+` <> 'CAP_REACHED', t.id DESC LIMIT 1`)
	return won, refused, err
}

func (s *Store) example(ctx context.Context, brand uuid.UUID, since time.Time, query string) (e Example, err error) {
	err = s.pool.QueryRow(ctx, query, brand, leastID(since)).Scan(&e.PersonID, &e.Reason)
	if errors.Is(err, pgx.ErrNoRows) {
		return Example{}, nil
	}
	if err != nil {
		return Example{}, fmt.Errorf("find an example: %w", err)
	}
	return e, nil
}

// leastID is the least UUIDv7 of a time: the ids of places and traces are UUIDv7 at engine time.
func leastID(t time.Time) (id uuid.UUID) {
	ms := uint64(t.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id
}
