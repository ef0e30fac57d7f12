package postgres_test

import (
	"fmt"
	"slices"
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

// BenchmarkCommit commits 200 people at a time, each with one transition: the person's row, a place, an open visit or its
// end and, where a campaign is concerned, a trace; from one stream of commits or several at once.
func BenchmarkCommit(b *testing.B) {
	for _, c := range []workload{
		{streams: 1, batch: 200, state: 300}, {streams: 3, batch: 200, state: 300}, {streams: 3, batch: 20, state: 300},
		{streams: 3, batch: 200, state: 1000}, {streams: 3, batch: 200, state: 300, traces: 1},
		{streams: 3, batch: 200, state: 300, traces: 3}, {streams: 3, batch: 200, state: 300, traces: 9}, {streams: 3, batch: 200, state: 300, timers: true},
	} {
		b.Run(fmt.Sprintf("streams=%d/people=%d/state=%d/traces=%d/timers=%t", c.streams, c.batch, c.state, c.traces, c.timers),
			func(b *testing.B) { benchmarkCommit(b, c) })
	}
}

// workload is what each write holds beside its transition.
type workload struct {
	streams, batch, state, traces int
	timers                        bool
}

func benchmarkCommit(b *testing.B, c workload) {
	s := postgrestest.New(b)
	_, err := s.KeepHouse(b.Context(), time.Now())
	require.NoError(b, err)
	brandID := newBrand(b, s)
	var left atomic.Int64
	left.Store(int64(b.N))
	var all []*stream
	for range c.streams {
		keys, devices := newPeople(b, s, brandID, 4000)
		all = append(all, &stream{workload: c, store: s, keys: keys, devices: devices, versions: make([]int64, len(keys)), fence: uuid.New(), bytes: make([]byte, c.state)})
	}
	before := serverCPU(b)
	b.ResetTimer()
	var wg sync.WaitGroup
	for _, st := range all {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				st.commit(b)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N*c.batch)/b.Elapsed().Seconds(), "transitions/s")
	b.ReportMetric(float64((serverCPU(b)-before).Microseconds())/float64(b.N*c.batch), "server-cpu-us/transition")
}

// stream goes round its own people.
type stream struct {
	workload
	store    *postgres.Store
	keys     []engine.PersonKey
	devices  []audience.Device
	versions []int64
	next     int
	fence    uuid.UUID
	bytes    []byte
	writes   []engine.PersonWrite
}

func (st *stream) commit(b *testing.B) {
	st.writes = st.writes[:0]
	for range st.batch {
		st.writes = append(st.writes, st.transition(st.next%len(st.keys)))
		st.next++
	}
	done, err := st.store.Commit(b.Context(), st.writes)
	if err != nil || slices.Contains(done, false) {
		b.Error("a write was lost: ", err)
	}
}

func (st *stream) transition(i int) engine.PersonWrite {
	now := time.Now()
	device, place, kind := st.devices[i].ID, id7(now), presence.Entered
	w := engine.PersonWrite{Key: st.keys[i], Version: st.versions[i] + 1, WriteID: uuid.New(), State: st.bytes, At: now}
	visit := []engine.OpenVisit{{DeviceID: device, FenceID: st.fence, Since: now}}
	if st.versions[i]%2 == 1 {
		kind, w.Closed = presence.Exited, visit
	} else {
		w.Opened = visit
	}
	if st.timers {
		w.DueAt = now.Add(37 * time.Minute)
	}
	w.Places = []engine.Place{{ID: place, DeviceID: device, FenceID: st.fence, StoreID: st.fence, Kind: kind, At: now, DecidedAt: now, PingID: place, Cell: 1}}
	first := id7(now)
	for j := range st.traces {
		w.Traces = append(w.Traces, engine.Trace{ID: engine.RoundID(first, j), MomentID: place, DeviceID: device, CampaignID: st.fence, CampaignRev: 1, Kind: kind.String(),
			Reason: string(campaign.OutsideHours), Values: map[string]string{"until": "18:00"}, At: now})
	}
	st.versions[i]++
	return w
}
