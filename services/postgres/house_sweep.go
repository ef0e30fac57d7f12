package postgres

import (
	"context"
	"time"

	"github.com/wantgo/wantgo/services/engine"
)

const (
	revocationsKept = time.Hour
	requestsKept    = 24 * time.Hour
	usesKeptMonths  = 6                        // what terms of location services in Korea state for the record that LIA 16(2) asks for
	deliveriesKept  = 5 * 366 * 24 * time.Hour // as long as an advertisement may have to be shown to have borne label, sender and way out

	deadLettersKept = 30 * 24 * time.Hour // the time in which somebody mends an endpoint and has them replayed

	addressEventsKept = 90 * 24 * time.Hour // the time in which somebody finds out that drops were wrong

	removedAtOnce = 10_000
	mostBatches   = 100
	// A sweep goes through sweepLeast blocks (16 MB) in a round, or as many as make a whole pass in sweepPass rounds.
	sweepLeast = 2048
	sweepPass  = 720
)

func (s *Store) removeOld(ctx context.Context, now time.Time, report *engine.HouseReport) error {
	for _, old := range []struct {
		sql  string
		kept time.Duration
	}{
		{`DELETE FROM revocation WHERE ctid = ANY(ARRAY(SELECT ctid FROM revocation
			WHERE appended_at < statement_timestamp() - $1::bigint * interval '1 microsecond' LIMIT $2 FOR UPDATE SKIP LOCKED))`, revocationsKept},
		{`DELETE FROM request WHERE ctid = ANY(ARRAY(SELECT ctid FROM request
			WHERE claimed_at < statement_timestamp() - $1::bigint * interval '1 microsecond' LIMIT $2 FOR UPDATE SKIP LOCKED))`, requestsKept},
		{`DELETE FROM push_address_event WHERE ctid = ANY(ARRAY(SELECT ctid FROM push_address_event
			WHERE at < statement_timestamp() - $1::bigint * interval '1 microsecond' LIMIT $2 FOR UPDATE SKIP LOCKED))`, addressEventsKept},
	} {
		if err := s.removeBatches(ctx, old.sql, old.kept); err != nil {
			return err
		}
	}
	uses, err := s.sweep(ctx, "location_use", `used_until < $1`, monthsBefore(now.UTC(), usesKeptMonths))
	report.UsesDropped += int(uses)
	if err != nil {
		return err
	}
	if _, err = s.sweep(ctx, "delivery", `ended_at < $1 AND state <> 'pending'`, now.Add(-deliveriesKept)); err != nil {
		return err
	}
	_, err = s.sweep(ctx, "webhook_letter", `(state = 'dead' AND next_at < $1
		OR webhook_id IN (SELECT w.id FROM webhook w WHERE w.deleted_at IS NOT NULL))`, now.Add(-deadLettersKept))
	return err
}

// removeBatches runs a DELETE of at most removedAtOnce rows until it finds fewer, and no more than mostBatches times:
// the rest is for the next round.
func (s *Store) removeBatches(ctx context.Context, sql string, kept time.Duration) error {
	for range mostBatches {
		tag, err := s.pool.Exec(ctx, sql, kept.Microseconds(), removedAtOnce)
		if err != nil || tag.RowsAffected() < removedAtOnce {
			return err
		}
	}
	return nil
}

// sweep removes old rows in the next part of a table. It goes round the table block by block, a part in every round,
// so that a table of any size costs the same little at a time and needs no index for it. Several nodes sweeping at
// once do each other's work earlier.
func (s *Store) sweep(ctx context.Context, table, old string, before time.Time) (removed int64, err error) {
	blocks, err := blocksOf(ctx, s.pool, table)
	if err != nil || blocks == 0 {
		return 0, err
	}
	steps := max(sweepLeast, blocks/sweepPass)
	from := s.house.cursor(table, steps, blocks)
	for at := from; at < min(from+steps, blocks); at += sliceBlocks {
		tag, err := s.pool.Exec(ctx, `DELETE FROM `+table+` WHERE ctid = ANY(ARRAY(SELECT ctid FROM `+table+`
			WHERE ctid >= $2::text::tid AND ctid < $3::text::tid AND `+old+` FOR UPDATE SKIP LOCKED))`, before, tid(at), tid(at+sliceBlocks))
		if err != nil {
			return removed, err
		}
		removed += tag.RowsAffected()
	}
	return removed, nil
}

// monthsBefore is the same time of the same day so many months earlier, or of the month's last day where it is shorter.
func monthsBefore(t time.Time, months int) time.Time {
	day := t.Day()
	first := t.AddDate(0, -months, 1-day)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(day, last)-1)
}
