package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// Decisions about the borders of slices and hours, written in any order and so mostly late, each count once, whatever was
// counted before they came.
func TestResultsOfSlices(t *testing.T) {
	w := newTrade(t, 25*time.Hour)
	_, err := w.s.KeepHouse(t.Context(), noon)
	require.NoError(t, err)
	var times []time.Time
	for five := range 3 * 12 {
		border := noon.Add(time.Duration(five) * 5 * time.Minute)
		times = append(times, border, border.Add(time.Millisecond), border.Add(5*time.Minute-time.Millisecond), border.Add(time.Duration(w.rng.IntN(300))*time.Second))
	}
	for range 40 { // many results of one slice
		times = append(times, noon.Add(7*time.Minute+time.Duration(w.rng.IntN(100))*time.Second))
	}
	w.rng.Shuffle(len(times), func(i, j int) { times[i], times[j] = times[j], times[i] })
	counted := noon.Add(time.Minute)
	for _, at := range times {
		w.now = at
		if w.rng.IntN(4) > 0 {
			w.decide()
		} else {
			w.visit()
		}
		if w.rng.IntN(20) == 0 {
			w.hear()
		}
		if w.rng.IntN(20) == 0 {
			counted = counted.Add(time.Duration(w.rng.IntN(20)) * time.Minute)
			require.NoError(t, w.s.CountResults(t.Context(), counted))
		}
	}
	w.now = later(counted, noon.Add(3*time.Hour)).Add(10 * time.Hour)
	require.NoError(t, w.s.CountResults(t.Context(), w.now))
	require.Equal(t, w.expected(), w.found())
	require.Equal(t, w.unfolded(), w.byReason(), "one slow statement")
	require.Greater(t, w.liveHours(), 3)

	w.now = noon.Add(29 * time.Hour)
	_, err = w.s.KeepHouse(t.Context(), w.now)
	require.NoError(t, err)
	require.Equal(t, w.expected(), w.found())
	require.Zero(t, w.liveHours())
}

// unfolded is the number of decisions by reason, from the rows themselves.
func (w *trade) unfolded() map[string]float64 {
	rows, err := postgres.Pool(w.s).Query(w.t.Context(), `SELECT coalesce(o.v ->> 'r', t.reason), count(*)::float8 FROM trace t
		CROSS JOIN jsonb_array_elements('[null]'::jsonb || coalesce(t.others, '[]')::jsonb) AS o(v) WHERE NOT t.test GROUP BY 1`)
	return w.byName(rows, err)
}

func (w *trade) byReason() map[string]float64 {
	rows, err := postgres.Pool(w.s).Query(w.t.Context(), `SELECT measure, sum(n)::float8 FROM result_live WHERE measure = upper(measure) GROUP BY 1`)
	return w.byName(rows, err)
}

func (w *trade) byName(rows pgx.Rows, err error) map[string]float64 {
	require.NoError(w.t, err)
	all := map[string]float64{}
	var name string
	var n float64
	_, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error { all[name] = n; return nil })
	require.NoError(w.t, err)
	return all
}

// liveHours is under how many beginnings results that are not closed stand.
func (w *trade) liveHours() (n int) {
	require.NoError(w.t, postgres.Pool(w.s).QueryRow(w.t.Context(), `SELECT count(DISTINCT hour) FROM result_live`).Scan(&n))
	return n
}

// countWhole does what a program does that knows whole hours only: it replaces what stands under the hour's beginning by
// what the whole hour brought, or adds it to the sums and closes the hour.
func (w *trade) countWhole(hour, now time.Time, closes bool) {
	into := `INSERT INTO result_live (brand_id, hour, day, campaign_id, store_id, arm, measure, n) SELECT $1, $2::timestamptz, `
	if closes {
		into = `INSERT INTO result_sum (brand_id, day, campaign_id, store_id, arm, measure, n) SELECT $1, `
	}
	err := pgx.BeginFunc(w.t.Context(), postgres.Pool(w.s), func(tx pgx.Tx) error {
		if _, err := tx.Exec(w.t.Context(), `CREATE TEMP TABLE whole ON COMMIT DROP AS SELECT day, campaign_id, store_id, arm, measure, sum(n) AS n FROM result_live
			WHERE hour >= '`+hour.Format(time.RFC3339)+`' AND hour < '`+hour.Add(time.Hour).Format(time.RFC3339)+`' GROUP BY 1, 2, 3, 4, 5`); err != nil {
			return err
		}
		if _, err := tx.Exec(w.t.Context(), `DELETE FROM result_live WHERE brand_id = $1 AND hour = $2`, w.brand, hour); err != nil {
			return err
		}
		args := []any{w.brand, hour}
		if closes {
			args = args[:1]
		}
		if _, err := tx.Exec(w.t.Context(), into+`day, campaign_id, store_id, arm, measure, n FROM whole`, args...); err != nil {
			return err
		}
		_, err := tx.Exec(w.t.Context(), `INSERT INTO result_hour AS h (brand_id, hour, counted_at, closed) VALUES ($1, $2, $3, $4)
			ON CONFLICT (brand_id, hour) DO UPDATE SET counted_at = excluded.counted_at, closed = excluded.closed WHERE NOT h.closed`, w.brand, hour, now, closes)
		return err
	})
	require.NoError(w.t, err)
}

// A program that knows whole hours only counts and closes the same hours for a while: nothing is counted twice once it is
// gone, and an hour that it began stays whole.
func TestResultsBesideWholeHours(t *testing.T) {
	w := newTrade(t, 25*time.Hour)
	_, err := w.s.KeepHouse(t.Context(), noon)
	require.NoError(t, err)
	for _, at := range []int{1, 2, 17, 33, 58, 61, 80, 119} {
		w.now = noon.Add(time.Duration(at) * time.Minute)
		w.decide()
	}
	one, two := noon, noon.Add(time.Hour)
	_, err = postgres.Pool(w.s).Exec(t.Context(), `INSERT INTO result_hour (brand_id, hour, counted_at, closed) VALUES ($1, $2, $3, false)`, w.brand, two, two.Add(30*time.Second))
	require.NoError(t, err)
	count := func(after time.Duration) {
		w.now = noon.Add(after)
		require.NoError(t, w.s.CountResults(t.Context(), w.now))
	}
	count(3 * time.Hour)
	require.Equal(t, w.expected(), w.found())
	require.Equal(t, "60 300", w.spans())

	w.countWhole(one, w.now.Add(time.Second), false)
	w.countWhole(two, w.now.Add(time.Second), false)
	require.NotEqual(t, w.expected(), w.found(), "for as long as it takes to count again")
	count(3*time.Hour + 30*time.Second)
	require.Equal(t, w.expected(), w.found())

	w.countWhole(one, w.now.Add(time.Second), true)
	w.now = noon.Add(40 * time.Hour)
	_, err = w.s.KeepHouse(t.Context(), w.now)
	require.NoError(t, err)
	require.Equal(t, w.expected(), w.found())
	require.Zero(t, w.liveHours())
}

// spans tells how far apart what stands of the second hour is at least, in minutes, and the span of the first.
func (w *trade) spans() string {
	var minutes, span int
	require.NoError(w.t, postgres.Pool(w.s).QueryRow(w.t.Context(), `SELECT coalesce(60 - max(extract(minute FROM hour)), 0)::int FROM result_live WHERE hour >= $1`, noon.Add(time.Hour)).Scan(&minutes))
	require.NoError(w.t, postgres.Pool(w.s).QueryRow(w.t.Context(), `SELECT span FROM result_hour WHERE hour = $1`, noon).Scan(&span))
	return fmt.Sprint(minutes, " ", span)
}

// What comes late is counted late: a receipt and a visit without reading the decisions again, decisions that were written
// by a node that is gone, and erasures, by reading those of their slice.
func TestResultsComeLate(t *testing.T) {
	url := postgrestest.URL(t)
	var decided int
	s := postgrestest.Open(t, url, postgres.Options{OnStatement: func(sql string) {
		if strings.Contains(sql, "t.others AS others, count(*)") {
			decided++
		}
	}})
	postgres.CountFreely(s)
	b := newBrand(t, s)
	_, err := s.KeepHouse(t.Context(), noon)
	require.NoError(t, err)
	keys, devices := newPeople(t, s, b, 3)
	write := func(person int, at time.Time) engine.PersonWrite {
		w := fullWrite(keys[person], 1, devices[person].ID, at)
		w.Coupons, w.Purchases, w.Receipts = nil, nil, nil
		return w
	}
	first := write(0, noon)
	require.Equal(t, []bool{true, true}, commit(t, s, first, write(1, noon.Add(20*time.Minute))))
	results := func(after time.Duration) [3]float64 {
		before := decided
		require.NoError(t, s.CountResults(t.Context(), noon.Add(after)))
		found, _, err := s.QueryResults(t.Context(), engine.ResultFilter{BrandID: b, From: noon.AddDate(0, 0, -1), To: noon.AddDate(0, 0, 1)}, 10)
		require.NoError(t, err)
		require.Len(t, found, 1)
		return [3]float64{found[0].Measures["WON"], found[0].Measures[engine.MeasureShown], float64(decided - before)}
	}
	require.Equal(t, [3]float64{2, 0, 2}, results(3*time.Hour), "won, shown, slices of which decisions were read")

	receipt := engine.PersonWrite{Key: keys[0], Version: 2, WriteID: uuid.New(), State: []byte{1},
		Receipts: []engine.Receipt{{NotificationID: first.Traces[0].NotificationID, Kind: engine.Shown, At: noon}}}
	require.Equal(t, []bool{true}, commit(t, s, receipt))
	require.Equal(t, [3]float64{2, 1, 0}, results(5*time.Hour), "won, shown, slices of which decisions were read")

	other := postgrestest.Open(t, url, postgres.Options{})
	require.Equal(t, []bool{true}, commit(t, other, write(2, noon.Add(21*time.Minute))))
	require.Equal(t, [3]float64{3, 1, 1}, results(8*time.Hour), "won, shown, slices of which decisions were read")

	require.Equal(t, []bool{true}, commit(t, s, engine.PersonWrite{Key: keys[1], Version: 2, WriteID: uuid.New(), State: []byte{}, Status: engine.PersonErasing}))
	require.NoError(t, s.Erase(t.Context(), keys[1], uuid.New(), noon))
	require.Equal(t, [3]float64{2, 1, 1}, results(13*time.Hour), "won, shown, slices of which decisions were read")
}
