package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// resultsSQL sums what was closed and what was not. $2 and $3 are days; $4 and $5 the campaigns and stores, all where
// there are none; $6 to $9 whether to tell apart by day, campaign, store and arm.
const resultsSQL = `SELECT CASE WHEN $6 THEN r.day ELSE '0001-01-01'::date END AS day,
		CASE WHEN $7 THEN r.campaign_id ELSE '00000000-0000-0000-0000-000000000000'::uuid END AS campaign,
		CASE WHEN $8 THEN r.store_id ELSE '00000000-0000-0000-0000-000000000000'::uuid END AS store,
		CASE WHEN $9 THEN r.arm ELSE '' END AS arm, r.measure, sum(r.n)
	FROM (SELECT s.day, s.campaign_id, s.store_id, s.arm, s.measure, s.n FROM result_sum s WHERE s.brand_id = $1 AND s.day >= $2 AND s.day <= $3
			AND (cardinality($4::uuid[]) = 0 OR s.campaign_id = ANY($4)) AND (cardinality($5::uuid[]) = 0 OR s.store_id = ANY($5))
		UNION ALL
		SELECT l.day, l.campaign_id, l.store_id, l.arm, l.measure, l.n FROM result_live l WHERE l.brand_id = $1 AND l.day >= $2 AND l.day <= $3
			AND (cardinality($4::uuid[]) = 0 OR l.campaign_id = ANY($4)) AND (cardinality($5::uuid[]) = 0 OR l.store_id = ANY($5))) r
	GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`

// QueryResults is told of in [engine.Results].
func (s *Store) QueryResults(ctx context.Context, f engine.ResultFilter, limit int) (results []engine.Result, fresh time.Time, err error) {
	rows, err := s.pool.Query(ctx, resultsSQL, f.BrandID, f.From, f.To, emptyNotNil(f.Campaigns), emptyNotNil(f.Stores), f.ByDay, f.ByCampaign, f.ByStore, f.ByArm)
	if err != nil {
		return nil, fresh, fmt.Errorf("results: %w", err)
	}
	var r engine.Result
	var measure string
	var n float64
	_, err = pgx.ForEachRow(rows, []any{&r.Day, &r.CampaignID, &r.StoreID, &r.Arm, &measure, &n}, func() error {
		if !f.ByDay {
			r.Day = time.Time{}
		}
		last := len(results) - 1
		if last < 0 || !sameGroup(&results[last], &r) {
			if last+1 == limit {
				return engine.ErrTooMany
			}
			next := r
			next.Day, next.Measures = r.Day.UTC(), map[string]float64{}
			results, last = append(results, next), last+1
		}
		results[last].Measures[measure] = n
		return nil
	})
	if err != nil {
		return nil, fresh, fmt.Errorf("results: %w", err)
	}
	fresh, err = s.resultsFresh(ctx, f.BrandID)
	return results, fresh, err
}

func sameGroup(a, b *engine.Result) bool {
	return a.Day.Equal(b.Day) && a.CampaignID == b.CampaignID && a.StoreID == b.StoreID && a.Arm == b.Arm
}

// resultsFresh is when the latest open hour was counted.
func (s *Store) resultsFresh(ctx context.Context, brand uuid.UUID) (time.Time, error) {
	var at timeOrZero
	err := s.pool.QueryRow(ctx, `SELECT max(h.counted_at) FROM result_hour h WHERE h.brand_id = $1 AND NOT h.closed`, brand).Scan(&at)
	if err != nil {
		return time.Time{}, fmt.Errorf("results: %w", err)
	}
	return at.Time, nil
}
