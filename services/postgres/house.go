package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

const (
	partitionsAhead  = 26 * time.Hour // a housekeeper that is away for a day costs nothing
	leastRetention   = time.Hour
	mostRetention    = 72 * time.Hour
	usualRetention   = 24 * time.Hour
	partitionLayout  = "2006010215"
	partitionsPrefix = "place_h"
)

// KeepHouse makes the partitions of the coming day, closes the results of hours whose places are due to go, adds places older than their brand's retention to the sums and
// removes them (a whole partition by dropping it), both in one transaction, and removes old revocations, requests,
// location-use records and ended deliveries. Tombstones stay: an erased person must not come back. now is engine time;
// revocations and requests go by the database's clock. Several nodes may keep house at once, and any may die in it.
func (s *Store) KeepHouse(ctx context.Context, now time.Time) (report engine.HouseReport, err error) {
	if err := s.makePartitions(ctx, now, &report); err != nil {
		return report, fmt.Errorf("keep house: %w", err)
	}
	if err := s.closeResults(ctx, now); err != nil {
		return report, fmt.Errorf("keep house: %w", err)
	}
	if s.routed {
		return report, s.keepHouseRouted(ctx, now, &report)
	}
	if err := s.foldPlaces(ctx, now, &report); err != nil {
		return report, fmt.Errorf("keep house: %w", err)
	}
	if err := s.removeOld(ctx, now, &report); err != nil {
		return report, fmt.Errorf("keep house: %w", err)
	}
	return report, nil
}

// makePartitions makes the hours from now on that are missing. An hour that already has rows in the default
// partition stays there.
func (s *Store) makePartitions(ctx context.Context, now time.Time, report *engine.HouseReport) error {
	have, err := s.partitions(ctx)
	if err != nil {
		return err
	}
	there := make(map[time.Time]bool, len(have))
	for _, hour := range have {
		there[hour] = true
	}
	for hour := now.UTC().Truncate(time.Hour); hour.Before(now.Add(partitionsAhead)); hour = hour.Add(time.Hour) {
		if there[hour] {
			continue
		}
		err := s.makePartition(ctx, hour)
		switch code(err) {
		case codeCheck, codeDuplicate, codeUnique:
			continue // rows in the default, or another node's work
		case codeLockWait, codeDeadlock:
			return nil // not now: there are hours in hand
		}
		if err != nil {
			return err
		}
		report.PartitionsMade++
	}
	return nil
}

func (s *Store) makePartition(ctx context.Context, hour time.Time) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		// All statements on places wait behind us; we do not wait long for them.
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '2s'`); err != nil {
			return err
		}
		// It is only added to, and then dropped: vacuuming it for its inserts would be for nothing.
		_, err := tx.Exec(ctx, fmt.Sprintf(`CREATE TABLE %s PARTITION OF place FOR VALUES FROM ('%s') TO ('%s')
			WITH (autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 0.5)`,
			partitionName(hour), firstID(hour), firstID(hour.Add(time.Hour))))
		return err
	})
}

func partitionName(hour time.Time) string {
	return partitionsPrefix + hour.UTC().Format(partitionLayout)
}

// firstID is the smallest UUID whose UUIDv7 time is t: 48 bits of milliseconds, the rest zero.
func firstID(t time.Time) uuid.UUID {
	var id uuid.UUID
	ms := max(t.UnixMilli(), 0)
	for i := 5; i >= 0; i-- {
		id[i] = byte(ms)
		ms >>= 8
	}
	return id
}

// partitions lists the hours that have one, oldest first.
func (s *Store) partitions(ctx context.Context) ([]time.Time, error) {
	rows, err := s.pool.Query(ctx, `SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'place'::regclass ORDER BY c.relname`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var hours []time.Time
	for _, name := range names {
		if hour, ok := hourOf(name); ok {
			hours = append(hours, hour)
		}
	}
	return hours, nil
}

// hourOf is the hour of a partition's name.
func hourOf(name string) (hour time.Time, ok bool) {
	if len(name) != len(partitionsPrefix)+len(partitionLayout) {
		return hour, false
	}
	hour, err := time.Parse(partitionLayout, name[len(partitionsPrefix):])
	return hour, err == nil
}
