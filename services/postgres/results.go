package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// Results are counted hour by hour. An hour of decisions is read again and again while the places of its moments are
// kept, and what was counted before is replaced: repeating it, on any node, changes nothing. Before the places go the hour
// is closed: what it brought is added to the sums, once, in the transaction that says so.
//
// An hour is counted again when the time since the last count is a twentieth of the hour's age, and the latest ones
// half a minute after it: so a busy day costs little more than its last hours. Counting takes a twentieth of a node's time at
// most, the latest hours first: where very much is decided, results are later than that, and decisions are not.
const (
	recountLeast = 25 * time.Second
	recountShare = 20
	countShare   = 20
	countAhead   = time.Second // what may be saved up
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

// resultMemory is the hours in which this node wrote decisions. What other nodes wrote, and this one before it was started
// anew, is found in result_hour and, once, by looking at all hours that may be open.
type resultMemory struct {
	mu     sync.Mutex
	looked bool
	hours  map[resultHour]bool
	spare  time.Duration // what counting may take now; below zero: it took more
	as     time.Time     // of when
}

// affordable tells whether there is time left for counting.
func (m *resultMemory) affordable() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.spare += now.Sub(m.as) / countShare; m.as.IsZero() || m.spare > countAhead {
		m.spare = countAhead
	}
	m.as = now
	return m.spare > 0
}

func (m *resultMemory) spent(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spare -= d
}

// note remembers the hours of writes, whether or not they win.
func (m *resultMemory) note(writes []engine.PersonWrite) {
	var last resultHour
	for i := range writes {
		if len(writes[i].Traces) == 0 {
			continue
		}
		h := resultHour{writes[i].Key.BrandID, writes[i].Traces[0].At.UTC().Truncate(time.Hour)}
		if h == last {
			continue
		}
		last = h
		m.mu.Lock()
		if m.hours == nil {
			m.hours = map[resultHour]bool{}
		}
		m.hours[h] = true
		m.mu.Unlock()
	}
}

func (m *resultMemory) forget(h resultHour) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.hours, h)
}

// known are the hours that were noted, and whether it is the first time that this is asked.
func (m *resultMemory) known() (hours map[resultHour]bool, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first, m.looked = !m.looked, true
	if hours = maps.Clone(m.hours); hours == nil {
		hours = map[resultHour]bool{}
	}
	return hours, first
}

// CountResults is told of in [engine.Results].
func (s *Store) CountResults(ctx context.Context, now time.Time) error {
	if err := s.countHours(ctx, now, false); err != nil {
		return fmt.Errorf("count results: %w", err)
	}
	if err := s.countOutcomes(ctx); err != nil {
		return fmt.Errorf("count results: %w", err)
	}
	return nil
}

// closeResults closes the hours whose places are about to go.
func (s *Store) closeResults(ctx context.Context, now time.Time) error {
	return s.countHours(ctx, now, true)
}

func (s *Store) countHours(ctx context.Context, now time.Time, closing bool) error {
	keep, err := s.retentions(ctx)
	if err != nil {
		return err
	}
	hours, err := s.openHours(ctx, keep, now)
	if err != nil {
		return err
	}
	for _, h := range hours {
		kept := keep.of(h.brand)
		over := !h.hour.Add(time.Hour + kept).After(now)
		if closing && !over || !closing && !s.results.affordable() {
			continue
		}
		begun := time.Now()
		err := s.countHour(ctx, h, kept, now, over)
		s.results.spent(time.Since(begun))
		if err != nil {
			return err
		}
	}
	return nil
}

// openHours are the hours that may be counted, the latest first.
func (s *Store) openHours(ctx context.Context, keep retentions, now time.Time) ([]resultHour, error) {
	open, first := s.results.known()
	for i := 0; first && i < len(keep.brands); i++ {
		for hour := now.UTC().Truncate(time.Hour); hour.Add(mostRetention + 2*time.Hour).After(now); hour = hour.Add(-time.Hour) {
			open[resultHour{keep.brands[i], hour}] = true
		}
	}
	rows, err := s.pool.Query(ctx, `SELECT h.brand_id, h.hour FROM result_hour h WHERE h.brand_id = ANY($1::uuid[]) AND NOT h.closed`, emptyNotNil(keep.brands))
	if err != nil {
		return nil, err
	}
	var h resultHour
	_, err = pgx.ForEachRow(rows, []any{&h.brand, &h.hour}, func() error {
		open[resultHour{h.brand, h.hour.UTC()}] = true
		return nil
	})
	hours := slices.SortedFunc(maps.Keys(open), func(a, b resultHour) int { return b.hour.Compare(a.hour) })
	return hours, err
}

// errNothingDue: the hour is closed, or was counted a moment ago.
var errNothingDue = errors.New("nothing due")

// countHour counts an hour if it is due, and closes it if it is over. The row of result_hour is the lock between nodes.
func (s *Store) countHour(ctx context.Context, h resultHour, kept time.Duration, now time.Time, over bool) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = '10min'`); err != nil {
			return err
		}
		before := now.Add(-max(recountLeast, now.Sub(h.hour)/recountShare))
		if over {
			before = now.Add(time.Hour)
		}
		var counted bool
		err := tx.QueryRow(ctx, `INSERT INTO result_hour AS h (brand_id, hour, counted_at, closed) VALUES ($1, $2, $3, $4)
			ON CONFLICT (brand_id, hour) DO UPDATE SET counted_at = excluded.counted_at, closed = excluded.closed
			WHERE NOT h.closed AND h.counted_at <= $5 RETURNING true`, h.brand, h.hour, now, over, before).Scan(&counted)
		if errors.Is(err, pgx.ErrNoRows) {
			return errNothingDue
		}
		if err != nil {
			return err
		}
		found, err := readHour(ctx, tx, h, kept)
		if err != nil {
			return err
		}
		if over {
			err = closeHour(ctx, tx, h, found)
		} else {
			err = replaceHour(ctx, tx, h, found)
		}
		if err == nil && len(found) == 0 { // an hour in which nothing was decided is not kept in mind
			_, err = tx.Exec(ctx, `DELETE FROM result_hour WHERE brand_id = $1 AND hour = $2`, h.brand, h.hour)
		}
		return err
	})
	if over && err == nil || errors.Is(err, errNothingDue) && over {
		s.results.forget(h)
	}
	if errors.Is(err, errNothingDue) || notNow(err) {
		return nil
	}
	return err
}

// replaceHour makes result_live what was found, and touches no row that is so already.
func replaceHour(ctx context.Context, tx pgx.Tx, h resultHour, found map[resultKey]float64) error {
	rows, err := tx.Query(ctx, `SELECT l.day, l.campaign_id, l.store_id, l.arm, l.measure, l.n FROM result_live l WHERE l.brand_id = $1 AND l.hour = $2`, h.brand, h.hour)
	if err != nil {
		return err
	}
	var k resultKey
	var n float64
	var batch pgx.Batch
	_, err = pgx.ForEachRow(rows, []any{&k.day, &k.campaign, &k.store, &k.arm, &k.measure, &n}, func() error {
		k.day = k.day.UTC()
		if now, still := found[k]; still && now == n {
			delete(found, k)
		} else if !still {
			batch.Queue(`DELETE FROM result_live WHERE brand_id = $1 AND hour = $2 AND day = $3 AND campaign_id = $4 AND store_id = $5 AND arm = $6 AND measure = $7`,
				h.brand, h.hour, k.day, k.campaign, k.store, k.arm, k.measure)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for k, n := range found {
		batch.Queue(`INSERT INTO result_live (brand_id, hour, day, campaign_id, store_id, arm, measure, n) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (brand_id, hour, day, campaign_id, store_id, arm, measure) DO UPDATE SET n = excluded.n`,
			h.brand, h.hour, k.day, k.campaign, k.store, k.arm, k.measure, n)
	}
	return tx.SendBatch(ctx, &batch).Close()
}

func closeHour(ctx context.Context, tx pgx.Tx, h resultHour, found map[resultKey]float64) error {
	if _, err := tx.Exec(ctx, `DELETE FROM result_live WHERE brand_id = $1 AND hour = $2`, h.brand, h.hour); err != nil {
		return err
	}
	return addResults(ctx, tx, h.brand, found)
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
