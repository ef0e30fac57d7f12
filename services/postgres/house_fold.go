package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// retentions is how long each brand keeps places.
type retentions struct {
	brands []uuid.UUID
	kept   []time.Duration
}

func (s *Store) retentions(ctx context.Context) (r retentions, err error) {
	rows, err := s.pool.Query(ctx, `SELECT brand_id, coalesce((settings->>'place_retention')::bigint, 0) FROM brand`)
	if err != nil {
		return r, err
	}
	var id uuid.UUID
	var kept int64
	_, err = pgx.ForEachRow(rows, []any{&id, &kept}, func() error {
		d := usualRetention
		if kept > 0 {
			d = min(max(time.Duration(kept), leastRetention), mostRetention)
		}
		r.brands, r.kept = append(r.brands, id), append(r.kept, d)
		return nil
	})
	return r, err
}

// expired lists the brands whose places from before t are due at now, and whether those are all brands.
func (r retentions) expired(t, now time.Time) (brands []uuid.UUID, all bool) {
	for i, id := range r.brands {
		if !t.Add(r.kept[i]).After(now) {
			brands = append(brands, id)
		}
	}
	return brands, len(brands) == len(r.brands)
}

// foldPlaces folds what is due: whole partitions when they are due for every brand, else one brand's rows.
func (s *Store) foldPlaces(ctx context.Context, now time.Time, report *engine.HouseReport) error {
	keep, err := s.retentions(ctx)
	if err != nil {
		return err
	}
	hours, err := s.partitions(ctx)
	if err != nil {
		return err
	}
	for _, hour := range hours {
		brands, all := keep.expired(hour.Add(time.Hour), now)
		if all && hour.Add(time.Hour+leastRetention).After(now) || len(brands) == 0 && !all {
			continue
		}
		f := fold{table: partitionName(hour), drop: all, brands: brands, until: firstID(hour.Add(time.Hour))}
		if err := s.fold(ctx, f, report); err != nil {
			return err
		}
	}
	for i, id := range keep.brands {
		f := fold{table: "place_default", brands: []uuid.UUID{id}, until: firstID(now.Add(-keep.kept[i]))}
		if err := s.fold(ctx, f, report); err != nil {
			return err
		}
	}
	return nil
}

// fold is the places of one table, of some brands and below an id.
type fold struct {
	table  string
	drop   bool // the table goes as a whole, rows of all brands with it
	brands []uuid.UUID
	until  uuid.UUID
}

// fold adds places to the sums and removes them in one transaction. One that cannot get its lock soon, or that
// another node does at the same time, is left for the next time.
func (s *Store) fold(ctx context.Context, f fold, report *engine.HouseReport) error {
	var folded int
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '2s'`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = '10min'`); err != nil {
			return err
		}
		if f.drop {
			folded, err = foldTable(ctx, tx, f.table)
		} else {
			folded, err = foldRows(ctx, tx, f)
		}
		return err
	})
	switch code(err) {
	case codeLockWait, codeDeadlock, codeNoTable:
		return nil
	}
	if err != nil {
		return err
	}
	report.PlacesFolded += folded
	if f.drop {
		report.PartitionsDropped++
	}
	return nil
}

// foldTable reads the partition while nobody can write it, then drops it: the heavy lock on all places is held only
// from the drop to the commit.
func foldTable(ctx context.Context, tx pgx.Tx, name string) (folded int, err error) {
	if _, err := tx.Exec(ctx, `LOCK TABLE `+name+` IN EXCLUSIVE MODE`); err != nil {
		return 0, err
	}
	if err := tx.QueryRow(ctx, `WITH gone AS (SELECT * FROM `+name+`), `+sumSQL).Scan(&folded); err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `DROP TABLE `+name)
	return folded, err
}

func foldRows(ctx context.Context, tx pgx.Tx, f fold) (folded int, err error) {
	err = tx.QueryRow(ctx, `WITH gone AS (DELETE FROM `+f.table+` WHERE brand_id = ANY($1) AND id < $2 RETURNING *), `+sumSQL, f.brands, f.until).Scan(&folded)
	return folded, err
}

// sumSQL adds "gone" to place_sum: each place once under its own kind and reason, and each decision about it under its
// campaign. Day and hour are UTC.
const sumSQL = `counted AS (
		SELECT brand_id, store_id, at, '00000000-0000-0000-0000-000000000000'::uuid AS campaign_id, kind, reason FROM gone
		UNION ALL
		SELECT g.brand_id, g.store_id, g.at, t.campaign_id, t.kind, t.reason FROM gone g
			JOIN trace t ON t.person_id = g.person_id AND t.brand_id = g.brand_id AND t.moment_id = g.id WHERE t.campaign_id IS NOT NULL),
	summed AS (
		INSERT INTO place_sum AS s (brand_id, day, hour, store_id, campaign_id, kind, reason, count)
		SELECT brand_id, (at AT TIME ZONE 'UTC')::date, extract(hour FROM at AT TIME ZONE 'UTC')::smallint,
			coalesce(store_id, '00000000-0000-0000-0000-000000000000'::uuid), campaign_id, kind, reason, count(*)
		FROM counted GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
		ON CONFLICT (brand_id, day, hour, store_id, campaign_id, kind, reason) DO UPDATE SET count = s.count + excluded.count)
	SELECT count(*) FROM gone`
