package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// keepHouseRouted is what [Store.KeepHouse] does to rows on a distributed database, where rows have no place (ctid) that
// means anything and a statement cannot move rows between tables of different shards: sums are read and written by one
// statement, rows are removed by another, and the transaction counts that nothing came in between.
func (s *Store) keepHouseRouted(ctx context.Context, now time.Time, report *engine.HouseReport) error {
	if err := s.foldPlacesRouted(ctx, now, report); err != nil {
		return fmt.Errorf("keep house: %w", err)
	}
	if err := s.removeOldRouted(ctx, now, report); err != nil {
		return fmt.Errorf("keep house: %w", err)
	}
	return nil
}

func (s *Store) foldPlacesRouted(ctx context.Context, now time.Time, report *engine.HouseReport) error {
	keep, err := s.retentions(ctx)
	if err != nil {
		return err
	}
	hours, err := s.partitions(ctx)
	if err != nil {
		return err
	}
	for _, hour := range hours {
		end := hour.Add(time.Hour)
		brands, all := keep.expired(end, now)
		switch name := partitionName(hour); {
		case all && !end.Add(leastRetention).After(now):
			err = s.foldRouted(ctx, routedFold{table: name, drop: true}, report)
		case all || len(brands) == 0 || s.house.isFolded(name, len(brands), now):
		default:
			if err = s.foldRouted(ctx, routedFold{table: name, brands: brands, until: firstID(end)}, report); err == nil {
				s.house.setFolded(name, len(brands), now)
			}
		}
		if err != nil {
			return err
		}
	}
	for i, id := range keep.brands {
		f := routedFold{table: "place_default", brands: []uuid.UUID{id}, until: firstID(now.Add(-keep.kept[i]))}
		if err := s.foldRouted(ctx, f, report); err != nil {
			return err
		}
	}
	return nil
}

// routedFold is the places of one table: all of them, and the table with them, or some brands' below an id.
type routedFold struct {
	table  string
	drop   bool
	brands []uuid.UUID
	until  uuid.UUID
}

// where is the condition of its rows and its parameters.
func (f routedFold) where() (string, []any) {
	if f.drop {
		return "true", nil
	}
	return "p.brand_id = ANY($1::uuid[]) AND p.id < $2", []any{f.brands, f.until}
}

// errMeanwhile: a row came or went while its table was folded.
var errMeanwhile = errors.New("places were written meanwhile")

// foldRouted adds places to the sums and removes them in one transaction. One that cannot get its lock soon, or in
// which a row came or went meanwhile, is left for the next time.
func (s *Store) foldRouted(ctx context.Context, f routedFold, report *engine.HouseReport) error {
	var folded mark
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
		for _, sql := range []string{
			`SET LOCAL lock_timeout = '2s'`, `SET LOCAL statement_timeout = '15min'`,
			// One connection a worker: the statement that drops a table must go where those before it went.
			`SET LOCAL citus.multi_shard_modify_mode TO 'sequential'`,
			// Two nodes do not fold one table at once. Writers and erasures go on.
			`LOCK TABLE ` + f.table + ` IN SHARE UPDATE EXCLUSIVE MODE`,
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		if folded, err = markOf(ctx, tx, f); err != nil {
			return err
		}
		if folded.rows > 0 {
			if err := sumRouted(ctx, tx, f); err != nil {
				return err
			}
		}
		if f.drop {
			return dropMarked(ctx, tx, f, folded)
		}
		return deleteMarked(ctx, tx, f, folded)
	})
	if errors.Is(err, errMeanwhile) || notNow(err) {
		return nil
	}
	if err != nil {
		return err
	}
	report.PlacesFolded += int(folded.rows)
	if f.drop {
		report.PartitionsDropped++
	}
	return nil
}

// mark tells a set of places from another: their number and the sum of their ids' hashes.
type mark struct {
	rows int64
	sum  string // a number of any length
}

func markOf(ctx context.Context, tx pgx.Tx, f routedFold) (m mark, err error) {
	where, args := f.where()
	err = tx.QueryRow(ctx, `SELECT count(*) AS due, coalesce(sum(hashtextextended(p.id::text, 0)), 0)::text FROM `+f.table+` p WHERE `+where, args...).Scan(&m.rows, &m.sum)
	return m, err
}

// dropMarked drops a table that still has the same rows once nobody can write it. The table is locked only now: a
// distributed database locks all partitions of a table for every row that is written to it.
func dropMarked(ctx context.Context, tx pgx.Tx, f routedFold, want mark) error {
	if _, err := tx.Exec(ctx, `LOCK TABLE `+f.table+` IN ACCESS EXCLUSIVE MODE`); err != nil {
		return err
	}
	still, err := markOf(ctx, tx, f)
	if err != nil {
		return err
	}
	if still != want {
		return errMeanwhile
	}
	_, err = tx.Exec(ctx, `DROP TABLE `+f.table)
	return err
}

// deleteMarked removes the rows if they are still the same.
func deleteMarked(ctx context.Context, tx pgx.Tx, f routedFold, want mark) error {
	where, args := f.where()
	rows, err := tx.Query(ctx, `DELETE FROM `+f.table+` p WHERE `+where+` RETURNING hashtextextended(p.id::text, 0)`, args...)
	if err != nil {
		return err
	}
	sum, hash := new(big.Int), int64(0)
	tag, err := pgx.ForEachRow(rows, []any{&hash}, func() error {
		sum.Add(sum, big.NewInt(hash))
		return nil
	})
	if err == nil && (mark{tag.RowsAffected(), sum.String()}) != want {
		err = errMeanwhile
	}
	return err
}

// sumRouted adds transitions under their own kind and reason, and the decisions about them under their campaigns, to
// place_sum. Day and hour are UTC.
func sumRouted(ctx context.Context, tx pgx.Tx, f routedFold) error {
	where, args := f.where()
	for _, counted := range []string{
		`'00000000-0000-0000-0000-000000000000'::uuid, p.kind, p.reason, count(*) FROM ` + f.table + ` p WHERE ` + where,
		candidateCampaign + `, t.kind, ` + candidateReason + `, count(*) FROM ` + f.table + ` p
			JOIN trace t ON t.person_id = p.person_id AND t.brand_id = p.brand_id AND t.moment_id = p.id` + candidates + ` WHERE t.campaign_id IS NOT NULL AND ` + where,
	} {
		_, err := tx.Exec(ctx, `INSERT INTO place_sum (brand_id, day, hour, store_id, campaign_id, kind, reason, count)
			SELECT p.brand_id, (p.at AT TIME ZONE 'UTC')::date, extract(hour FROM p.at AT TIME ZONE 'UTC')::smallint,
				coalesce(p.store_id, '00000000-0000-0000-0000-000000000000'::uuid), `+counted+` GROUP BY 1, 2, 3, 4, 5, 6, 7
			ON CONFLICT (brand_id, day, hour, store_id, campaign_id, kind, reason) DO UPDATE SET count = place_sum.count + excluded.count`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// removeOldRouted removes old rows on all shards at once; deliveries, whose age has no index, once an hour a node.
func (s *Store) removeOldRouted(ctx context.Context, now time.Time, report *engine.HouseReport) error {
	if _, err := s.pool.Exec(ctx, `DELETE FROM revocation WHERE appended_at < now() - $1::bigint * interval '1 microsecond'`, revocationsKept.Microseconds()); err != nil {
		return err
	}
	if _, err := s.pool.Exec(ctx, `DELETE FROM request WHERE claimed_at < now() - $1::bigint * interval '1 microsecond'`, requestsKept.Microseconds()); err != nil {
		return err
	}
	if _, err := s.pool.Exec(ctx, `DELETE FROM push_address_event WHERE at < now() - $1::bigint * interval '1 microsecond'`, addressEventsKept.Microseconds()); err != nil {
		return err
	}
	tag, err := s.pool.Exec(ctx, `DELETE FROM location_use WHERE used_until < $1`, monthsBefore(now.UTC(), usesKeptMonths))
	report.UsesDropped += int(tag.RowsAffected())
	if err != nil || s.house.isFolded("delivery", 0, now) {
		return err
	}
	if _, err := s.pool.Exec(ctx, `DELETE FROM webhook_letter WHERE state = 'dead' AND next_at < $1`, now.Add(-deadLettersKept)); err != nil {
		return err
	}
	if _, err := s.pool.Exec(ctx, `DELETE FROM webhook_letter WHERE webhook_id IN (SELECT w.id FROM webhook w WHERE w.deleted_at IS NOT NULL)`); err != nil {
		return err
	}
	_, err = s.pool.Exec(ctx, `DELETE FROM delivery WHERE ended_at < $1 AND state <> 'pending'`, now.Add(-deliveriesKept))
	s.house.setFolded("delivery", 0, now)
	return err
}
