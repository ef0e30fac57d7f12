package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// largeBlocks is the size (64 MB) from which a partition is taken out of the table before it is summed: summing it
// inside would hold up whoever erases a person for longer than a moment.
const largeBlocks = 8192

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

// of is how long a brand keeps places.
func (r retentions) of(brand uuid.UUID) time.Duration {
	if i := slices.Index(r.brands, brand); i >= 0 {
		return r.kept[i]
	}
	return usualRetention
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

// foldPlaces folds what is due: whole partitions when they are due for every brand, else some brands' rows. A
// partition that a node took out of the table and did not live to sum comes first.
func (s *Store) foldPlaces(ctx context.Context, now time.Time, report *engine.HouseReport) error {
	keep, err := s.retentions(ctx)
	if err != nil {
		return err
	}
	loose, err := detached(ctx, s.pool)
	if err != nil {
		return err
	}
	for _, name := range loose {
		if err := s.foldTable(ctx, name, report); err != nil {
			return err
		}
	}
	hours, err := s.partitions(ctx)
	if err != nil {
		return err
	}
	for _, hour := range hours {
		if err := s.foldHour(ctx, hour, keep, now, report); err != nil {
			return err
		}
	}
	return s.foldDefault(ctx, keep, now, report)
}

// foldDefault folds what no partition covers. While that is much it is looked through once an hour.
func (s *Store) foldDefault(ctx context.Context, keep retentions, now time.Time, report *engine.HouseReport) error {
	blocks, err := blocksOf(ctx, s.pool, "place_default")
	if err != nil || blocks > sliceBlocks && s.house.isFolded("place_default", len(keep.brands), now) {
		return err
	}
	until := make([]uuid.UUID, len(keep.brands))
	for i := range keep.brands {
		until[i] = firstID(now.Add(-keep.kept[i]))
	}
	err = s.foldRows(ctx, fold{"place_default", keep.brands, until, firstID(now.Add(time.Hour))}, report)
	s.house.setFolded("place_default", len(keep.brands), now)
	return err
}

func (s *Store) foldHour(ctx context.Context, hour time.Time, keep retentions, now time.Time, report *engine.HouseReport) error {
	end, name := hour.Add(time.Hour), partitionName(hour)
	brands, all := keep.expired(end, now)
	switch {
	case all && !end.Add(leastRetention).After(now): // with no brand at all, too
		if ready, err := s.takeOutLarge(ctx, name); err != nil || !ready {
			return err
		}
		return s.foldTable(ctx, name, report)
	case all || len(brands) == 0 || s.house.isFolded(name, len(brands), now):
		return nil
	}
	until := make([]uuid.UUID, len(brands))
	for i := range until {
		until[i] = firstID(end)
	}
	if err := s.foldRows(ctx, fold{name, brands, until, firstID(end.Add(time.Hour))}, report); err != nil {
		return err
	}
	s.house.setFolded(name, len(brands), now)
	return nil
}

// takeOutLarge makes a large partition a table of its own, which nothing but house-keeping and erasing knows of. ready
// means that the table may be summed now, whether it was large or not.
func (s *Store) takeOutLarge(ctx context.Context, name string) (ready bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		blocks, err := blocksOf(ctx, tx, name)
		if err != nil || blocks < s.house.large() {
			return err
		}
		// All statements on places wait behind us; we do not wait long for them.
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '500ms'`); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `ALTER TABLE place DETACH PARTITION `+name)
		return err
	})
	if notNow(err) {
		return false, nil
	}
	return err == nil, err
}

// detached lists partitions that were taken out of the table and are still to be summed.
func detached(ctx context.Context, q interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}) ([]string, error) {
	rows, err := q.Query(ctx, `SELECT c.relname::text FROM pg_class p JOIN pg_class c ON c.relnamespace = p.relnamespace
		WHERE p.oid = 'place'::regclass AND c.relkind = 'r' AND NOT c.relispartition AND c.relname ~ '^place_h[0-9]{10}$' ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// foldTable adds a whole table of places to the sums and drops it, in one transaction. It reads while nobody can write
// the table; of a partition, the heavy lock on all places is held only from the drop to the commit. One that cannot
// get its lock soon, or that another node does at the same time, is left for the next time.
func (s *Store) foldTable(ctx context.Context, name string, report *engine.HouseReport) error {
	var folded int
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, sql := range []string{`SET LOCAL lock_timeout = '2s'`, `SET LOCAL statement_timeout = '15min'`, `LOCK TABLE ` + name + ` IN EXCLUSIVE MODE`} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		if err := tx.QueryRow(ctx, `WITH `+sumSQL(name), tracesUntil(name)).Scan(&folded); err != nil {
			return err
		}
		// Whoever waits for us now holds what the drop needs: we give way before that is found to be a deadlock, of which
		// they might be the victim.
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '100ms'`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DROP TABLE `+name)
		return err
	})
	if notNow(err) {
		return nil
	}
	if err != nil {
		return err
	}
	report.PlacesFolded += folded
	report.PartitionsDropped++
	return nil
}

// eraseDetached removes a person's places from partitions that were taken out of the table.
func eraseDetached(ctx context.Context, tx pgx.Tx, key engine.PersonKey) error {
	names, err := detached(ctx, tx)
	for _, name := range names {
		if err == nil {
			_, err = tx.Exec(ctx, `DELETE FROM `+name+` WHERE person_id = $1 AND brand_id = $2`, key.PersonID, key.BrandID)
		}
	}
	return err
}

// tracesUntil is the id from which on no decision is about a partition's places.
func tracesUntil(name string) uuid.UUID {
	hour, _ := hourOf(name)
	return firstID(hour.Add(2 * time.Hour))
}

// notNow tells faults that the next round mends by itself.
func notNow(err error) bool {
	switch code(err) {
	case codeLockWait, codeDeadlock, codeNoTable:
		return true
	}
	return false
}

// fold is the places of one table that are due: of each brand those with ids below until.
type fold struct {
	table  string
	brands []uuid.UUID
	until  []uuid.UUID
	traces uuid.UUID // no decision about these places has this id or a later one
}

// sliceBlocks is what one transaction of a fold looks through: some 20,000 places.
const sliceBlocks = 512

// foldRows adds rows to the sums and removes them, slice by slice, each in one transaction. Rows that somebody else
// holds (a person who is just being erased) are left for the next time.
func (s *Store) foldRows(ctx context.Context, f fold, report *engine.HouseReport) error {
	blocks, err := blocksOf(ctx, s.pool, f.table)
	for from := int64(0); from < blocks && err == nil; from += sliceBlocks {
		var folded int
		err = s.pool.QueryRow(ctx, sliceSQL(f.table), f.traces, f.brands, f.until, tid(from), tid(from+sliceBlocks)).Scan(&folded)
		report.PlacesFolded += folded
	}
	if notNow(err) {
		return nil
	}
	return err
}

func sliceSQL(table string) string {
	return `WITH picked AS MATERIALIZED (
		SELECT p.ctid AS spot FROM ` + table + ` p JOIN unnest($2::uuid[], $3::uuid[]) AS f(brand_id, until) ON p.brand_id = f.brand_id AND p.id < f.until
		WHERE p.ctid >= $4::text::tid AND p.ctid < $5::text::tid FOR UPDATE OF p SKIP LOCKED),
	gone AS (DELETE FROM ` + table + ` p USING picked WHERE p.ctid = picked.spot RETURNING p.*), ` + sumSQL("gone")
}

// tid is the first row of a block.
func tid(block int64) string { return fmt.Sprintf("(%d,0)", block) }

func blocksOf(ctx context.Context, q rowQuerier, table string) (blocks int64, err error) {
	err = q.QueryRow(ctx, `SELECT coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::bigint FROM pg_class c
		WHERE c.oid = to_regclass($1)`, table).Scan(&blocks)
	if err == pgx.ErrNoRows {
		return 0, nil
	}
	return blocks, err
}

// sumSQL adds a table of places to place_sum: each place once under its own kind and reason, and each decision about
// it under its campaign. A decision has an id of the place's time or later (both are the engine's time of one turn),
// below $1; the place's id is cut to its 65 seconds, so that clocks need not agree to the millisecond. Day and hour
// are UTC.
func sumSQL(places string) string {
	return `counted AS (
		SELECT brand_id, store_id, at, '00000000-0000-0000-0000-000000000000'::uuid AS campaign_id, kind, reason FROM ` + places + `
		UNION ALL
		SELECT g.brand_id, g.store_id, g.at, ` + candidateCampaign + `, t.kind, ` + candidateReason + ` FROM ` + places + ` g
			JOIN trace t ON t.person_id = g.person_id AND t.brand_id = g.brand_id AND t.moment_id = g.id
				AND t.id >= (left(g.id::text, 8) || '-0000-0000-0000-000000000000')::uuid AND t.id < $1` + candidates + `
			WHERE t.campaign_id IS NOT NULL),
	grouped AS MATERIALIZED (
		SELECT brand_id, (at AT TIME ZONE 'UTC')::date AS day, extract(hour FROM at AT TIME ZONE 'UTC')::smallint AS hour,
			coalesce(store_id, '00000000-0000-0000-0000-000000000000'::uuid) AS store_id, campaign_id, kind, reason, count(*) AS n
		FROM counted GROUP BY 1, 2, 3, 4, 5, 6, 7),
	summed AS (
		INSERT INTO place_sum AS s (brand_id, day, hour, store_id, campaign_id, kind, reason, count)
		SELECT * FROM grouped ORDER BY 1, 2, 3, 4, 5, 6, 7
		ON CONFLICT (brand_id, day, hour, store_id, campaign_id, kind, reason) DO UPDATE SET count = s.count + excluded.count)
	SELECT coalesce(sum(n) FILTER (WHERE campaign_id = '00000000-0000-0000-0000-000000000000'), 0)::bigint FROM grouped`
}
