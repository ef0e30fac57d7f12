package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Results are counted in slices of an hour. A slice of decisions is read again and again while the places of its moments are
// kept, and what was counted before is replaced: repeating it, on any node, changes nothing. Before the places of an hour
// go it is closed: all of it is read once more, and what it brought is added to the sums, once, in the transaction that
// says so.
//
// A slice is counted half a minute after it began, and again when it is a third older than it was, some 25 times a day;
// its decisions themselves only where some came or went (see sliceCount.read). When an hour is over for a while its slices
// are counted together: they have the visits after them in common. Counting takes a twentieth of a node's time (see
// resultBudget): where very much is decided, results are later than that, and decisions are not.
//
// Programs before this one know whole hours only. An hour that such a program began stays one slice for everybody. Of an
// hour in slices it counts the whole into result_live under the hour's beginning, that is into the first slice, and says
// so by counted_at alone: then the first slice is counted anew, which replaces all that stands there, so that nothing
// is counted twice once the old program is gone. That needs it to be gone before the places of such an hour go, which are
// kept for an hour at least; should it close one all the same, a node that wrote in it removes its slices when it finds
// it closed. Programs of both kinds lock the one row of the hour to count it.
const (
	recountLeast  = 25 * time.Second
	recountShare  = 4 // counted again when the time since is this part of the age
	sliceSpan     = 5 * time.Minute
	countTogether = 2 * time.Hour // the age from which on an hour is counted as a whole
)

// resultKey is one sum.
type resultKey struct {
	day             time.Time
	campaign, store uuid.UUID
	arm, measure    string
}

// resultHour is one hour of one brand.
type resultHour struct {
	brand uuid.UUID
	hour  time.Time
}

// CountResults is told of in [engine.Results].
func (s *Store) CountResults(ctx context.Context, now time.Time) error {
	if err := s.countHours(ctx, now); err != nil {
		return fmt.Errorf("count results: %w", err)
	}
	if err := s.countOutcomes(ctx); err != nil {
		return fmt.Errorf("count results: %w", err)
	}
	return nil
}

// countHours counts what is due while there is time for it. What comes first in order and is too much for now is saved
// for, and nothing behind it is counted meanwhile: else it would never be.
func (s *Store) countHours(ctx context.Context, now time.Time) error {
	keep, err := s.retentions(ctx)
	if err == nil {
		err = s.lookBack(ctx, now, 1)
	}
	if err != nil {
		return err
	}
	hours, err := s.openHours(ctx, keep)
	if err != nil {
		return err
	}
	for _, d := range inTurn(hours, now) {
		over := isOver(d.resultHour, keep, now)
		if !s.results.budget.begin(s.results.budget.estimate(d.size)) {
			return nil
		}
		if err := s.countHour(ctx, d, keep.of(d.brand), now, over); err != nil {
			return err
		}
	}
	return s.lookBack(ctx, now, mostUnseen)
}

// closeResults closes the hours whose places are about to go, whatever that takes.
func (s *Store) closeResults(ctx context.Context, now time.Time) error {
	keep, err := s.retentions(ctx)
	if err != nil {
		return err
	}
	for _, kept := range slices.Compact(slices.Sorted(slices.Values(keep.kept))) {
		last := now.Add(-kept - time.Hour).UTC().Truncate(time.Hour)
		for _, hour := range []time.Time{last, last.Add(-time.Hour)} {
			if err := s.look(ctx, now, hour); err != nil {
				return err
			}
		}
	}
	hours, err := s.openHours(ctx, keep)
	if err != nil {
		return err
	}
	slices.SortFunc(hours, func(a, b *openHour) int { return b.hour.Compare(a.hour) })
	for _, h := range hours {
		if isOver(h.resultHour, keep, now) {
			if err := s.countHour(ctx, h, keep.of(h.brand), now, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// isOver: the places of the hour are about to go.
func isOver(h resultHour, keep retentions, now time.Time) bool {
	return !h.hour.Add(time.Hour + keep.of(h.brand)).After(now)
}

// openHours are the hours that are not closed: those that are known to the database and those that this node noted.
func (s *Store) openHours(ctx context.Context, keep retentions) ([]*openHour, error) {
	open := s.results.noted()
	rows, err := s.pool.Query(ctx, `SELECT h.brand_id, h.hour, `+hourColumns+` FROM result_hour h WHERE h.brand_id = ANY($1::uuid[]) AND NOT h.closed`, emptyNotNil(keep.brands))
	if err != nil {
		return nil, err
	}
	var h resultHour
	var row hourRow
	_, err = pgx.ForEachRow(rows, append([]any{&h.brand, &h.hour}, row.columns()...), func() error {
		h.hour = h.hour.UTC()
		o := open[h]
		if o == nil {
			o = &openHour{resultHour: h}
			open[h] = o
		}
		o.hourState = row.state()
		row = hourRow{}
		return nil
	})
	return slices.Collect(maps.Values(open)), err
}

// countHour counts an hour's slices that are due, and closes the hour if it is over. The row of result_hour is the lock
// between nodes.
func (s *Store) countHour(ctx context.Context, h *openHour, kept time.Duration, now time.Time, over bool) error {
	begun, written := time.Now(), s.results.written(h)
	wait := "200ms" // another node counts it
	if over {
		wait = "10min" // its places go next
	}
	err := s.counting(ctx, wait, func(tx pgx.Tx) error {
		st, err := lockHour(ctx, tx, h.resultHour, now)
		if errors.Is(err, errClosed) {
			return removeSlices(ctx, tx, h.resultHour)
		}
		if err != nil {
			return err
		}
		c := &sliceCount{tx: tx, h: h.resultHour, st: st, kept: kept, closing: over, written: written}
		if over {
			return c.close(ctx, now)
		}
		return c.recount(ctx, now)
	})
	took := time.Since(begun)
	if !over {
		s.results.budget.spent(took, h.size)
		if notNow(err) {
			return nil
		}
		return err
	}
	s.results.budget.forced(took)
	if err == nil {
		s.results.forget(h.resultHour)
	}
	return err
}

// counting runs a transaction that reads much: for as long as it takes, by one process, and never by sorting rows where a
// hash table does, because the texts in them are long.
func (s *Store) counting(ctx context.Context, lockWait string, do func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', '10min', true), set_config('lock_timeout', $1, true),
			set_config('max_parallel_workers_per_gather', '0', true), set_config('work_mem', '64MB', true),
			set_config('enable_sort', 'off', true), set_config('enable_mergejoin', 'off', true),
			set_config('plan_cache_mode', 'force_custom_plan', true)`, lockWait); err != nil {
			return err
		}
		return do(tx)
	})
}

// addResults adds to the sums, in one order everywhere, so that nodes do not wait for each other in a ring.
func addResults(ctx context.Context, tx pgx.Tx, brand uuid.UUID, found map[resultKey]float64) error {
	var batch pgx.Batch
	for _, k := range slices.SortedFunc(maps.Keys(found), compareResults) {
		batch.Queue(`INSERT INTO result_sum AS r (brand_id, day, campaign_id, store_id, arm, measure, n) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (brand_id, day, campaign_id, store_id, arm, measure) DO UPDATE SET n = r.n + excluded.n`,
			brand, k.day, k.campaign, k.store, k.arm, k.measure, found[k])
	}
	return tx.SendBatch(ctx, &batch).Close()
}

// inTurn are the hours of which something is due: what waited for twice its time or longer first, so that nothing waits
// for ever where there is not time for all, then the latest.
func inTurn(hours []*openHour, now time.Time) (due []*openHour) {
	for _, h := range hours {
		if h.plan(now); len(h.due) > 0 {
			due = append(due, h)
		}
	}
	slices.SortFunc(due, func(a, b *openHour) int {
		starved := func(h *openHour) float64 { return max(h.waited, 2) }
		return cmp.Or(cmp.Compare(starved(b), starved(a)), b.hour.Compare(a.hour), cmp.Compare(a.brand.String(), b.brand.String()))
	})
	return due
}
