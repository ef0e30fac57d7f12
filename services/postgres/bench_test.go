package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// BenchmarkCommit commits 200 people at a time, each with one transition: the person's row (1 kB of state), a place, a
// trace and an open visit or its end.
func BenchmarkCommit(b *testing.B) {
	s := postgrestest.New(b)
	_, err := s.KeepHouse(b.Context(), time.Now())
	require.NoError(b, err)
	brandID := newBrand(b, s)
	const batch, people = 200, 4000
	keys, devices := newPeople(b, s, brandID, people)
	versions := make([]int64, people)
	fence, campaignID := uuid.New(), uuid.New()
	state := make([]byte, 1000)
	writes := make([]engine.PersonWrite, batch)
	next := 0
	for b.Loop() {
		for j := range writes {
			i := (next + j) % people
			now := time.Now()
			w := &writes[j]
			*w = engine.PersonWrite{Key: keys[i], Version: versions[i] + 1, WriteID: uuid.New(), State: state, DueAt: now.Add(37 * time.Minute), At: now}
			kind := presence.Entered
			if versions[i]%2 == 1 {
				kind = presence.Exited
				w.Closed = []engine.OpenVisit{{DeviceID: devices[i].ID, FenceID: fence}}
			} else {
				w.Opened = []engine.OpenVisit{{DeviceID: devices[i].ID, FenceID: fence, Since: now}}
			}
			place := id7(now)
			w.Places = []engine.Place{{ID: place, DeviceID: devices[i].ID, FenceID: fence, StoreID: fence, Kind: kind, At: now, DecidedAt: now, PingID: place, Cell: 1}}
			w.Traces = []engine.Trace{{ID: id7(now), MomentID: place, DeviceID: devices[i].ID, CampaignID: campaignID, Kind: kind.String(), Reason: string(campaign.OutsideHours),
				Values: map[string]string{"until": "18:00"}, At: now}}
			versions[i]++
		}
		next += batch
		done, err := s.Commit(b.Context(), writes)
		require.NoError(b, err)
		for _, ok := range done {
			if !ok {
				b.Fatal("lost a write")
			}
		}
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "transitions/s")
}
