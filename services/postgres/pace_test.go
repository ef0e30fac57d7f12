package postgres_test

import (
	"context"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// At WANTGO_PACE transitions a second (10000), for WANTGO_PACE_FOR (10m), the tables are watched: the person's row is
// updated without touching an index (once every person has had a first update), dead rows are cleared away, and the table stops growing once it has found room
// for the versions that are under way. The clock drives this one, so it runs only on request.
func TestTablesAtPace(t *testing.T) {
	duration, err := time.ParseDuration(os.Getenv("WANTGO_PACE_FOR"))
	if err != nil {
		t.Skip("takes minutes at a given pace: WANTGO_PACE_FOR=10m WANTGO_PACE=10000 go test -timeout 30m -run TestTablesAtPace -v ./services/postgres")
	}
	pace, err := strconv.Atoi(os.Getenv("WANTGO_PACE"))
	if err != nil {
		pace = 10_000
	}
	s := postgrestest.New(t)
	_, err = s.KeepHouse(t.Context(), time.Now())
	require.NoError(t, err)
	b := newBrand(t, s)
	const streams, batch = 3, 200
	var walkers []*walker
	for range streams {
		w := &walker{store: s, fence: uuid.New(), state: make([]byte, 1000)}
		for range 5 { // 20,000 people a stream
			keys, devices := newPeople(t, s, b, 4000)
			w.keys, w.devices = append(w.keys, keys...), append(w.devices, devices...)
		}
		w.versions = make([]int64, len(w.keys))
		walkers = append(walkers, w)
	}

	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var done atomic.Int64
	var wg sync.WaitGroup
	for _, w := range walkers {
		wg.Go(func() {
			for ctx.Err() == nil {
				// What is behind is caught up; what is ahead waits for the next round of the clock.
				if due := int64(time.Since(began).Seconds() * float64(pace)); done.Load() >= due {
					select {
					case <-time.After(5 * time.Millisecond):
					case <-ctx.Done():
					}
					continue
				}
				done.Add(batch)
				if err := w.commit(t, batch); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	look := time.NewTicker(max(duration/20, time.Second))
	defer look.Stop()
	var before, halfway postgres.TableUse
	for ctx.Err() == nil {
		select {
		case <-look.C:
		case <-ctx.Done():
		}
		person := tableUse(t, s, "person")
		if halfway.Bytes == 0 && time.Since(began) > duration/2 {
			halfway = person
		}
		open := tableUse(t, s, "open_visit")
		t.Logf("%4.0f s %9d transitions  person %6.1f MB + %5.1f MB index, hot %5.1f%%, %6d dead, %d vacuums   open_visit %5.1f + %5.1f MB, %6d dead, %d vacuums   place %6.1f + %6.1f MB   trace %6.1f + %6.1f MB",
			time.Since(began).Seconds(), done.Load(), mb(person.Bytes), mb(person.IndexBytes), hotShare(before, person), person.DeadRows, person.Vacuums,
			mb(open.Bytes), mb(open.IndexBytes), open.DeadRows, open.Vacuums, mb(tableUse(t, s, "place").Bytes), mb(tableUse(t, s, "place").IndexBytes),
			mb(tableUse(t, s, "trace").Bytes), mb(tableUse(t, s, "trace").IndexBytes))
		before = person
	}
	wg.Wait()
	person := tableUse(t, s, "person")
	t.Logf("%.0f transitions/s; in the second half %d updates of people, %.1f%% without an index", float64(done.Load())/time.Since(began).Seconds(),
		person.Updates-halfway.Updates, hotShare(halfway, person))
	// A person's first update moves the row: it grows, and its timer is set. From then on it finds room on its page.
	require.Greater(t, hotShare(halfway, person), 80.0, "an index is touched by what should not touch it, or pages have no room")
	require.Less(t, float64(person.Bytes+person.IndexBytes), 1.2*float64(halfway.Bytes+halfway.IndexBytes), "the table goes on growing")
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

// hotShare is the share, in percent, of the updates between two looks that touched no index.
func hotShare(from, to postgres.TableUse) float64 {
	if to.Updates == from.Updates {
		return 100
	}
	return 100 * float64(to.HotUpdates-from.HotUpdates) / float64(to.Updates-from.Updates)
}

func tableUse(t *testing.T, s *postgres.Store, table string) postgres.TableUse {
	t.Helper()
	uses, err := s.TableUses(context.WithoutCancel(t.Context()))
	require.NoError(t, err)
	for _, u := range uses {
		if u.Table == table {
			return u
		}
	}
	t.Fatalf("no table %s", table)
	return postgres.TableUse{}
}

// walker goes round its people, in and out of one fence.
type walker struct {
	store    *postgres.Store
	keys     []engine.PersonKey
	devices  []audience.Device
	versions []int64
	next     int
	fence    uuid.UUID
	state    []byte
}

func (w *walker) commit(t *testing.T, batch int) error {
	writes := make([]engine.PersonWrite, batch)
	for i := range writes {
		writes[i] = w.transition(w.next % len(w.keys))
		w.next++
	}
	committed, err := w.store.Commit(context.WithoutCancel(t.Context()), writes)
	for _, ok := range committed {
		if !ok {
			t.Error("a write was lost")
		}
	}
	return err
}

func (w *walker) transition(i int) engine.PersonWrite {
	now := time.Now()
	device, place, kind := w.devices[i].ID, id7(now), presence.Entered
	write := engine.PersonWrite{Key: w.keys[i], Version: w.versions[i] + 1, WriteID: uuid.New(), State: w.state, DueAt: now.Add(37 * time.Minute), At: now}
	visit := []engine.OpenVisit{{DeviceID: device, FenceID: w.fence, Since: now}}
	if w.versions[i]%2 == 1 {
		kind, write.Closed = presence.Exited, visit
	} else {
		write.Opened = visit
	}
	write.Places = []engine.Place{{ID: place, DeviceID: device, FenceID: w.fence, StoreID: w.fence, Kind: kind, Reason: presence.Moved, At: now, DecidedAt: now, PingID: place, Cell: 1}}
	write.Traces = []engine.Trace{{ID: id7(now), MomentID: place, DeviceID: device, CampaignID: w.fence, CampaignRev: 1, Kind: kind.String(),
		Reason: string(campaign.OutsideHours), Values: map[string]string{"until": "18:00"}, At: now}}
	w.versions[i]++
	return write
}
