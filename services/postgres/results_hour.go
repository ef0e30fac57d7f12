package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// sliceCount counts slices of an hour in one transaction.
type sliceCount struct {
	tx      pgx.Tx
	h       resultHour
	st      hourState
	kept    time.Duration // how long the brand keeps places
	closing bool          // all is read, whatever is known
	written []bool        // of slices that are known to have new decisions; nil: none
}

func (c *sliceCount) begin(i int) time.Time { return c.h.hour.Add(time.Duration(i) * c.st.span) }

// index is the slice of a time.
func (c *sliceCount) index(at time.Time) int { return int(at.Sub(c.h.hour) / c.st.span) }

// recount replaces what the slices that are due brought by what they bring now.
func (c *sliceCount) recount(ctx context.Context, now time.Time) error {
	due, _ := c.st.due(c.h.hour, now)
	if len(due) == 0 {
		return nil // another node was quicker
	}
	live, err := c.readLive(ctx, due)
	if err != nil {
		return err
	}
	found, err := c.read(ctx, due, live)
	if err != nil {
		return err
	}
	for _, i := range due {
		c.st.slices[i].counted = now
		if err := c.replace(ctx, i, live[i], found[i]); err != nil {
			return err
		}
	}
	for i := range c.st.slices {
		if c.st.slices[i].traces > 0 || c.st.slices[i].counted.IsZero() && !c.begin(i).After(now) {
			return c.put(ctx, now)
		}
	}
	return c.drop(ctx) // an hour in which nothing was decided is not kept in mind
}

// close adds what all slices brought to the sums.
func (c *sliceCount) close(ctx context.Context, now time.Time) error {
	c.closing = true
	all := make([]int, len(c.st.slices))
	for i := range all {
		all[i] = i
	}
	found, err := c.read(ctx, all, nil)
	if err != nil {
		return err
	}
	sums := map[resultKey]float64{}
	for _, slice := range found {
		for k, n := range slice {
			sums[k] += n
		}
	}
	if err := removeSlices(ctx, c.tx, c.h); err != nil {
		return err
	}
	if len(sums) == 0 {
		return c.drop(ctx)
	}
	if err := addResults(ctx, c.tx, c.h.brand, sums); err != nil {
		return err
	}
	_, err = c.tx.Exec(ctx, `UPDATE result_hour SET counted_at = $3, sliced_at = $3, closed = true, slice_counted = NULL, slice_traces = NULL, slice_marks = NULL
		WHERE brand_id = $1 AND hour = $2`, c.h.brand, c.h.hour, now)
	return err
}

// put writes down what is known of the slices now.
func (c *sliceCount) put(ctx context.Context, now time.Time) error {
	var row hourRow
	for _, s := range c.st.slices {
		row.at, row.traces, row.marks = append(row.at, s.counted), append(row.traces, s.traces), append(row.marks, s.mark)
	}
	_, err := c.tx.Exec(ctx, `UPDATE result_hour SET counted_at = $3, sliced_at = $3, slice_counted = $4, slice_traces = $5, slice_marks = $6
		WHERE brand_id = $1 AND hour = $2`, c.h.brand, c.h.hour, now, row.at, row.traces, row.marks)
	return err
}

func (c *sliceCount) drop(ctx context.Context) error {
	_, err := c.tx.Exec(ctx, `DELETE FROM result_hour WHERE brand_id = $1 AND hour = $2`, c.h.brand, c.h.hour)
	return err
}

// removeSlices removes what an hour's slices brought.
func removeSlices(ctx context.Context, tx pgx.Tx, h resultHour) error {
	_, err := tx.Exec(ctx, `DELETE FROM result_live WHERE brand_id = $1 AND hour >= $2 AND hour < $3`, h.brand, h.hour, h.hour.Add(time.Hour))
	return err
}

// readLive reads what slices, and those between them, brought when they were counted last.
func (c *sliceCount) readLive(ctx context.Context, due []int) (map[int]map[resultKey]float64, error) {
	rows, err := c.tx.Query(ctx, `SELECT l.hour, l.day, l.campaign_id, l.store_id, l.arm, l.measure, l.n FROM result_live l
		WHERE l.brand_id = $1 AND l.hour >= $2 AND l.hour < $3`, c.h.brand, c.begin(due[0]), c.begin(due[len(due)-1]+1))
	if err != nil {
		return nil, err
	}
	live := map[int]map[resultKey]float64{}
	var begin time.Time
	var k resultKey
	var n float64
	_, err = pgx.ForEachRow(rows, []any{&begin, &k.day, &k.campaign, &k.store, &k.arm, &k.measure, &n}, func() error {
		k.day = k.day.UTC()
		i := c.index(begin)
		if live[i] == nil {
			live[i] = map[resultKey]float64{}
		}
		live[i][k] = n
		return nil
	})
	return live, err
}

// liveAtOnce is how many results one statement writes where there are many: a row by itself costs three times as much.
const liveAtOnce = 32

var putOneLive, putManyLive = putLive(1), putLive(liveAtOnce)

// putLive is the statement that writes n results of a slice: $1 brand, $2 its beginning, and six values each.
func putLive(n int) string {
	var rows strings.Builder
	for i := range n {
		if i > 0 {
			rows.WriteString(", ")
		}
		fmt.Fprintf(&rows, "($1, $2, $%d, $%d, $%d, $%d, $%d, $%d)", 6*i+3, 6*i+4, 6*i+5, 6*i+6, 6*i+7, 6*i+8)
	}
	return `INSERT INTO result_live (brand_id, hour, day, campaign_id, store_id, arm, measure, n) VALUES ` + rows.String() +
		` ON CONFLICT (brand_id, hour, day, campaign_id, store_id, arm, measure) DO UPDATE SET n = excluded.n`
}

// replace makes result_live what was found in a slice, and touches no row that is so already.
func (c *sliceCount) replace(ctx context.Context, i int, live, found map[resultKey]float64) error {
	var batch pgx.Batch
	for k := range live {
		if _, still := found[k]; !still {
			batch.Queue(`DELETE FROM result_live WHERE brand_id = $1 AND hour = $2 AND day = $3 AND campaign_id = $4 AND store_id = $5 AND arm = $6 AND measure = $7`,
				c.h.brand, c.begin(i), k.day, k.campaign, k.store, k.arm, k.measure)
		}
	}
	args := []any{c.h.brand, c.begin(i)}
	for k, n := range found {
		if was, there := live[k]; there && was == n {
			continue
		}
		if args = append(args, k.day, k.campaign, k.store, k.arm, k.measure, n); len(args) == 2+6*liveAtOnce {
			batch.Queue(putManyLive, args...)
			args = slices.Clone(args[:2])
		}
	}
	for ; len(args) > 2; args = args[:len(args)-6] {
		batch.Queue(putOneLive, append(args[:2:2], args[len(args)-6:]...)...)
	}
	if batch.Len() == 0 {
		return nil
	}
	return c.tx.SendBatch(ctx, &batch).Close()
}

// zones are the time zones of a brand and of some of its stores.
type zones struct {
	brand  *time.Location
	stores map[uuid.UUID]*time.Location
}

func zonesOf(ctx context.Context, tx pgx.Tx, brand uuid.UUID, stores []uuid.UUID) (z zones, err error) {
	var name string
	z = zones{stores: map[uuid.UUID]*time.Location{}}
	if err = tx.QueryRow(ctx, `SELECT coalesce(b.settings ->> 'time_zone', '') FROM brand b WHERE b.brand_id = $1`, brand).Scan(&name); err != nil {
		return z, err
	}
	z.brand = zoneNamed(name, time.UTC)
	rows, err := tx.Query(ctx, `SELECT s.id, coalesce(s.body ->> 'time_zone', '') FROM store s WHERE s.brand_id = $1 AND s.id = ANY($2::uuid[])`, brand, emptyNotNil(stores))
	if err != nil {
		return z, err
	}
	var id uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		z.stores[id] = zoneNamed(name, z.brand)
		return nil
	})
	return z, err
}

func zoneNamed(name string, otherwise *time.Location) *time.Location {
	if zone, err := time.LoadLocation(name); err == nil && name != "" {
		return zone
	}
	return otherwise
}

// day is the day of an instant at a store, as a midnight in UTC.
func (z zones) day(store uuid.UUID, at time.Time) time.Time {
	zone := z.stores[store]
	if zone == nil {
		zone = z.brand
	}
	y, m, d := at.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
