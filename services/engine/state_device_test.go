package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/wantgo/wantgo/geo/presence"
	statev1 "github.com/wantgo/wantgo/proto/wantgo/state/v1"
)

func TestDevicesAsTheLibraryWritesThem(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 500 {
		devices := make([]*deviceState, r.IntN(4))
		twin := &statev1.PersonState{}
		for i := range devices {
			devices[i] = randomDevice(r)
			twin.Devices = append(twin.Devices, devices[i].message())
		}
		var read statev1.PersonState
		require.NoError(t, proto.Unmarshal(appendDevices(nil, devices), &read))
		require.True(t, proto.Equal(twin, &read), "%v\n%v", twin, &read)
		require.Equal(t, proto.Size(twin), len(appendDevices(nil, devices)))
	}
}

// randomDevice has zeros, small and large numbers in every field.
func randomDevice(r *rand.Rand) *deviceState {
	d := &deviceState{id: anyID(r)}
	d.presence.Written = presence.Written{
		LastHeard: anyNumber(r), LastPing: presence.ID(anyID(r)), PromisedBy: anyNumber(r), ClosedAt: anyNumber(r), Revision: r.Uint32() >> r.IntN(33),
	}
	for range r.IntN(6) {
		d.presence.Stays = append(d.presence.Stays, presence.Stay{
			Fence: presence.ID(anyID(r)), Since: anyNumber(r), By: presence.ID(anyID(r)), Confirmed: anyNumber(r), DwellAt: anyNumber(r),
			Dwelled: r.IntN(2) == 0, Quiet: r.IntN(2) == 0,
		})
	}
	for range r.IntN(4) {
		d.presence.Approaches = append(d.presence.Approaches, presence.Approach{Fence: presence.ID(anyID(r)), At: anyNumber(r), Told: r.IntN(2) == 0})
	}
	for range r.IntN(2 * maxRecent) {
		d.recent.add(newRandomID())
	}
	return d
}

func anyID(r *rand.Rand) uuid.UUID {
	if r.IntN(4) == 0 {
		return uuid.Nil
	}
	return newRandomID()
}

func anyNumber(r *rand.Rand) int64 { return r.Int64() >> r.IntN(65) * int64(1-2*r.IntN(2)) }

// message is the twin: a device through the library.
func (d *deviceState) message() *statev1.DeviceState {
	w := &d.presence.Written
	m := &statev1.DeviceState{
		DeviceId: bytesOf(d.id), LastHeardMs: w.LastHeard, LastPingId: bytesOf(uuid.UUID(w.LastPing)),
		PromisedByMs: w.PromisedBy, ClosedAtMs: w.ClosedAt, Revision: w.Revision,
	}
	for i := range w.Stays {
		s := &w.Stays[i]
		m.Stays = append(m.Stays, &statev1.Stay{
			FenceId: bytesOf(uuid.UUID(s.Fence)), SinceMs: s.Since, ByPingId: bytesOf(uuid.UUID(s.By)),
			ConfirmedMs: s.Confirmed, DwellAtMs: s.DwellAt, Dwelled: s.Dwelled, Quiet: s.Quiet,
		})
	}
	for _, a := range w.Approaches {
		m.Approaches = append(m.Approaches, &statev1.Approach{FenceId: bytesOf(uuid.UUID(a.Fence)), AtMs: a.At, Told: a.Told})
	}
	for _, id := range d.recent.ids {
		m.RecentPingIds = append(m.RecentPingIds, id[:]...)
	}
	return m
}
