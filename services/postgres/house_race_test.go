package postgres_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

func counted(t testing.TB, s *postgres.Store) (transitions, decisions int) {
	t.Helper()
	require.NoError(t, postgres.Pool(s).QueryRow(t.Context(), `SELECT coalesce(sum(count) FILTER (WHERE campaign_id = $1), 0)::bigint,
		coalesce(sum(count) FILTER (WHERE campaign_id <> $1), 0)::bigint FROM place_sum`, uuid.Nil).Scan(&transitions, &decisions))
	return transitions, decisions
}

// While several nodes keep house, some of them cut off in the middle, others go on writing places into the very hours
// that are due, and people are erased: in the end every place was counted once or went with its person, and none is
// left.
func TestFoldWhileOthersWrite(t *testing.T) {
	rng := seeded(t)
	url := postgrestest.URL(t)
	s := postgrestest.Open(t, url, postgres.Options{})
	retentions := []time.Duration{time.Hour, 3 * time.Hour, 72 * time.Hour}
	type writer struct {
		keys    []engine.PersonKey
		devices []uuid.UUID
	}
	var writers []writer
	for _, kept := range retentions {
		b := uuid.New()
		require.NoError(t, s.CreateBrand(t.Context(), brand.Brand{ID: b, CreatedAt: noon, Settings: brand.Settings{PlaceRetention: kept}}))
		keys, devices := newPeople(t, s, b, 20)
		w := writer{keys: keys}
		for _, d := range devices {
			w.devices = append(w.devices, d.ID)
		}
		writers = append(writers, w)
	}
	for h := range 4 {
		_, err := s.KeepHouse(t.Context(), noon.Add(-time.Duration(6*h)*time.Hour))
		require.NoError(t, err)
	}
	seeds := make([]uint64, len(writers))
	for i := range seeds {
		seeds[i] = rng.Uint64()
	}

	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	var wg, writing sync.WaitGroup
	var places atomic.Int64
	for i, w := range writers {
		r := newRand(seeds[i])
		writing.Go(func() {
			for round := range rounds {
				for p := range w.keys[1:] { // the first of each is erased meanwhile
					at := noon.Add(-time.Duration(r.IntN(30*3600)) * time.Second)
					write := fullWrite(w.keys[p+1], int64(round+1), w.devices[p+1], at)
					for {
						done, err := s.Commit(t.Context(), []engine.PersonWrite{write})
						if err == nil && done[0] {
							places.Add(1)
							break
						}
						if err == nil { // it was not ours that went first: a commit whose answer was an error
							t.Error("a write was lost")
							break
						}
					}
				}
			}
		})
	}
	stop := make(chan struct{})
	for n := range 3 {
		node := postgrestest.Open(t, url, postgres.Options{MaxConns: 2})
		if n == 0 {
			postgres.SetLargePartition(node, 1)
		}
		r := newRand(rng.Uint64())
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				ctx, cancel := context.WithCancel(t.Context())
				if n == 1 { // dies in the middle
					time.AfterFunc(time.Duration(r.IntN(30))*time.Millisecond, cancel)
				}
				_, err := node.KeepHouse(ctx, noon.Add(8*time.Hour))
				if n != 1 && err != nil {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	for _, w := range writers {
		at := fullWrite(w.keys[0], 1, w.devices[0], noon.Add(-time.Hour))
		at.Status = engine.PersonErasing
		require.Equal(t, []bool{true}, commit(t, s, at))
		require.NoError(t, s.Erase(t.Context(), w.keys[0], uuid.New(), noon))
	}
	writing.Wait()
	close(stop)
	wg.Wait()

	for range 2 {
		_, err := s.KeepHouse(t.Context(), noon.Add(100*time.Hour))
		require.NoError(t, err)
	}
	require.Zero(t, countRows(t, s, "place"))
	var loose int
	require.NoError(t, postgres.Pool(s).QueryRow(t.Context(), `SELECT count(*) FROM pg_class WHERE relname ~ '^place_h' AND relkind = 'r' AND NOT relispartition`).Scan(&loose))
	require.Zero(t, loose, "what was taken out of the table is summed and dropped")
	transitions, decisions := counted(t, s)
	require.GreaterOrEqual(t, transitions, int(places.Load()))
	require.LessOrEqual(t, transitions, int(places.Load())+len(writers), "of the erased, one place each may have been counted before")
	require.GreaterOrEqual(t, decisions, int(places.Load()))
	require.LessOrEqual(t, decisions, int(places.Load())+len(writers))
}

// A large partition is taken out of the table first. A node that dies then leaves it to the next one; a person who is
// erased meanwhile is erased there, too.
func TestLargePartitionAfterACrash(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	_, err := s.KeepHouse(t.Context(), noon)
	require.NoError(t, err)
	keys, devices := newPeople(t, s, b, 3)
	for i, key := range keys {
		w := fullWrite(key, 1, devices[i].ID, noon.Add(time.Minute))
		if i == 0 {
			w.Status = engine.PersonErasing
		}
		commit(t, s, w)
	}
	_, err = postgres.Pool(s).Exec(t.Context(), `ALTER TABLE place DETACH PARTITION place_h2026050412`)
	require.NoError(t, err)
	require.Zero(t, countRows(t, s, "place"))
	require.NoError(t, s.Erase(t.Context(), keys[0], uuid.New(), noon))
	require.Equal(t, 2, countRows(t, s, "place_h2026050412"))

	report, err := s.KeepHouse(t.Context(), noon.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 2, report.PlacesFolded)
	transitions, decisions := counted(t, s)
	require.Equal(t, []int{2, 2}, []int{transitions, decisions})
	report, err = s.KeepHouse(t.Context(), noon.Add(time.Hour))
	require.NoError(t, err)
	require.Zero(t, report.PlacesFolded)
}

// A fold that cannot have its lock changes nothing and is no fault.
func TestFoldGivesWay(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	_, err := s.KeepHouse(t.Context(), noon)
	require.NoError(t, err)
	keys, devices := newPeople(t, s, b, 1)
	commit(t, s, fullWrite(keys[0], 1, devices[0].ID, noon))
	tx, err := postgres.Pool(s).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE place IN ROW EXCLUSIVE MODE`)
	require.NoError(t, err)
	report, err := s.KeepHouse(t.Context(), noon.Add(25*time.Hour))
	require.NoError(t, err)
	require.Zero(t, report.PlacesFolded)
	transitions, _ := counted(t, s)
	require.Zero(t, transitions)
	require.NoError(t, tx.Rollback(t.Context()))
	report, err = s.KeepHouse(t.Context(), noon.Add(25*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, report.PlacesFolded)
}

// What nobody needs any more goes in batches, and nothing that is needed goes with it.
func TestSweepOfOldRows(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 2)
	w := fullWrite(keys[0], 1, devices[0].ID, noon)
	w.CancelDeliveries = "paused"
	commit(t, s, w, fullWrite(keys[1], 1, devices[1].ID, noon))
	exec := func(sql string) {
		t.Helper()
		_, err := postgres.Pool(s).Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	commit(t, s, engine.PersonWrite{Key: keys[0], Version: 2, WriteID: uuid.New(), State: []byte{1}, CancelDeliveries: "withdrawn"})
	exec(`DELETE FROM revocation`)
	exec(`INSERT INTO revocation SELECT brand_id, gen_random_uuid(), gen_random_uuid(), clock_timestamp() - interval '61 minutes', 'old' FROM brand, generate_series(1, 25000)`)
	exec(`INSERT INTO revocation SELECT brand_id, gen_random_uuid(), gen_random_uuid(), clock_timestamp() - interval '59 minutes', 'new' FROM brand`)
	exec(`INSERT INTO request SELECT brand_id, 's', i::text, clock_timestamp() - interval '25 hours' FROM brand, generate_series(1, 25000) i`)
	exec(`INSERT INTO request SELECT brand_id, 's', 'new', clock_timestamp() - interval '23 hours' FROM brand`)
	_, err := s.KeepHouse(t.Context(), noon)
	require.NoError(t, err)
	require.Equal(t, 1, countRows(t, s, "revocation"))
	require.Equal(t, 1, countRows(t, s, "request"))
	require.Equal(t, 2, countRows(t, s, "location_use"))
	require.Equal(t, 2, countRows(t, s, "delivery"))
	_, err = s.KeepHouse(t.Context(), time.Now().AddDate(6, 0, 0))
	require.NoError(t, err)
	require.Zero(t, countRows(t, s, "location_use"))
	require.Equal(t, 1, countRows(t, s, "delivery"), "one waits still, however old")
}

func TestMonthsBefore(t *testing.T) {
	for at, want := range map[string]string{
		"2026-08-31": "2026-02-28", "2028-08-31": "2028-02-29", "2026-07-04": "2026-01-04", "2026-03-30": "2025-09-30", "2026-12-31": "2026-06-30",
	} {
		day, err := time.Parse(time.DateOnly, at)
		require.NoError(t, err)
		require.Equal(t, want, postgres.MonthsBefore(day, 6).Format(time.DateOnly), at)
	}
}

// A place that is written while its hour is being summed is not lost: either it waits for the next round, or the sum
// does. The sum is held up in the middle by somebody who holds the row that it adds to.
func TestPlaceWrittenUnderTheSum(t *testing.T) {
	url := postgrestest.URL(t)
	s, other := postgrestest.Open(t, url, postgres.Options{}), postgrestest.Open(t, url, postgres.Options{})
	b := newBrand(t, s)
	_, err := s.KeepHouse(t.Context(), noon)
	require.NoError(t, err)
	keys, devices := newPeople(t, s, b, 2)
	first, late := fullWrite(keys[0], 1, devices[0].ID, noon), fullWrite(keys[1], 1, devices[1].ID, noon)
	commit(t, s, first)

	holder, err := postgres.Pool(other).Begin(t.Context())
	require.NoError(t, err)
	p := first.Places[0]
	_, err = holder.Exec(t.Context(), `INSERT INTO place_sum VALUES ($1, '2026-05-04', 12, $2, $3, $4, $5, 0)`, b, p.StoreID, uuid.Nil, p.Kind.String(), p.Reason.String())
	require.NoError(t, err)
	waiting := func() (n int) {
		require.NoError(t, postgres.Pool(other).QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n))
		return n
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.KeepHouse(t.Context(), noon.Add(25*time.Hour)); err != nil {
			t.Error(err)
		}
	})
	require.Eventually(t, func() bool { return waiting() == 1 }, time.Minute, time.Millisecond, "the sum waits")
	var written atomic.Bool
	wg.Go(func() {
		if done, err := other.Commit(t.Context(), []engine.PersonWrite{late}); err != nil || !done[0] {
			t.Error("a write was lost: ", err)
		}
		written.Store(true)
	})
	require.Eventually(t, func() bool { return written.Load() || waiting() == 2 }, time.Minute, time.Millisecond)
	require.NoError(t, holder.Rollback(t.Context()))
	wg.Wait()
	_, err = s.KeepHouse(t.Context(), noon.Add(25*time.Hour))
	require.NoError(t, err)
	transitions, decisions := counted(t, s)
	require.Equal(t, []int{2, 2}, []int{transitions, decisions})
	require.Zero(t, countRows(t, s, "place"))
}
