package postgres_test

import (
	"fmt"
	"os"
	"slices"
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

// BenchmarkCommit commits 200 people at a time, each with one transition: the person's row (1 kB of state), a place, a
// trace and an open visit or its end; from one stream of commits or several at once.
func BenchmarkCommit(b *testing.B) {
	for _, streams := range []int{1, 3} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) { benchmarkCommit(b, streams) })
	}
}

func benchmarkCommit(b *testing.B, streams int) {
	s := postgrestest.New(b)
	_, err := s.KeepHouse(b.Context(), time.Now())
	require.NoError(b, err)
	brandID := newBrand(b, s)
	const batch = 200
	var left atomic.Int64
	left.Store(int64(b.N))
	var all []*stream
	for range streams {
		keys, devices := newPeople(b, s, brandID, 4000)
		all = append(all, &stream{store: s, keys: keys, devices: devices, versions: make([]int64, len(keys)), fence: uuid.New(), state: make([]byte, stateSize())})
	}
	before := serverCPU(b)
	b.ResetTimer()
	var wg sync.WaitGroup
	for _, st := range all {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				st.commit(b, batch)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "transitions/s")
	b.ReportMetric(float64((serverCPU(b)-before).Microseconds())/float64(b.N*batch), "server-cpu-us/transition")
}

// stream goes round its own people.
type stream struct {
	store    *postgres.Store
	keys     []engine.PersonKey
	devices  []audience.Device
	versions []int64
	next     int
	fence    uuid.UUID
	state    []byte
	writes   []engine.PersonWrite
}

func (st *stream) commit(b *testing.B, batch int) {
	st.writes = st.writes[:0]
	for range batch {
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
	w := engine.PersonWrite{Key: st.keys[i], Version: st.versions[i] + 1, WriteID: uuid.New(), State: st.state, DueAt: now.Add(37 * time.Minute), At: now}
	visit := []engine.OpenVisit{{DeviceID: device, FenceID: st.fence, Since: now}}
	st.versions[i]++
	if os.Getenv("B_DUE") == "" {
		w.DueAt = time.Time{}
	}
	if st.versions[i]%2 == 0 {
		kind, w.Closed = presence.Exited, visit
	} else {
		w.Opened = visit
	}
	if os.Getenv("B_VISIT") != "" {
		w.Opened, w.Closed = nil, nil
	}
	if os.Getenv("B_PLACE") != "" {
		return w
	}
	w.Places = []engine.Place{{ID: place, DeviceID: device, FenceID: st.fence, StoreID: st.fence, Kind: kind, At: now, DecidedAt: now, PingID: place, Cell: 1}}
	if os.Getenv("B_TRACE") == "" {
		return w
	}
	w.Traces = []engine.Trace{{ID: id7(now), MomentID: place, DeviceID: device, CampaignID: st.fence, CampaignRev: 1, Kind: kind.String(), Reason: string(campaign.OutsideHours),
		Values: map[string]string{"until": "18:00"}, At: now}}
	return w
}
func stateSize() int {
	if s := os.Getenv("B_STATE"); s != "" {
		n, _ := strconv.Atoi(s)
		return n
	}
	return 300
}
