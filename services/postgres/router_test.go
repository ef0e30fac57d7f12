package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
	"github.com/wantgo/wantgo/services/store"
)

// A fault of one write may cost a whole call, but what of it was committed is known afterwards, and the rest can be
// written by itself.
func TestFaultOfOneWrite(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 5)
	var writes []engine.PersonWrite
	for i := range keys {
		writes = append(writes, fullWrite(keys[i], 1, devices[i].ID, noon))
	}
	writes[2].Coupons[0].Title = "zero\x00byte"
	_, err := s.Commit(t.Context(), writes)
	require.Error(t, err)
	known, err := s.Committed(t.Context(), writes)
	require.NoError(t, err)
	require.False(t, known[2])
	for i := range writes {
		if i != 2 && !known[i] {
			require.Equal(t, []bool{true}, commit(t, s, writes[i]))
		}
	}
	for i, key := range keys {
		traces, err := s.Traces(t.Context(), key, engine.TraceFilter{})
		require.NoError(t, err)
		coupons, err := s.Coupons(t.Context(), key, false, noon, 10)
		require.NoError(t, err)
		if i == 2 {
			require.Empty(t, traces)
			require.Empty(t, coupons)
			require.Equal(t, int64(1), load(t, s, key).Version)
			continue
		}
		require.Len(t, traces, 1)
		require.Len(t, coupons, 1)
	}
	// The same writes again: a write that was committed is not lost to itself silently, and nothing of it comes twice.
	for i := range writes {
		if i != 2 {
			done, err := s.Commit(t.Context(), writes[i:i+1])
			require.True(t, err != nil || !done[0])
		}
	}
	known, err = s.Committed(t.Context(), writes)
	require.NoError(t, err)
	require.Equal(t, []bool{true, true, false, true, true}, known)
	require.Equal(t, 4, countRows(t, s, "trace"))
}

// Registering with the id of a person that is there makes nobody, and takes nothing from that person.
func TestUnbornLeaveNothing(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, _ := newPeople(t, s, b, 2)
	again := registration(b, "")
	again.Device.PersonID = keys[0].PersonID
	devices, existing, err := s.Register(t.Context(), []engine.Registration{again, registration(b, "x"), registration(b, "x")})
	require.NoError(t, err)
	require.Equal(t, []bool{false, false, true}, existing, "a second device of the person; one device of one own id")
	require.Equal(t, devices[1], devices[2])
	require.Len(t, load(t, s, keys[0]).Devices, 2)
	require.Equal(t, 3, countRows(t, s, "person"))
	require.NoError(t, s.NewPerson(t.Context(), keys[1], again.Profile, []byte{9}, 1), "there already")
	require.Equal(t, []byte{1}, load(t, s, keys[1]).State)

	strangers := make([]engine.PersonKey, 0, 3)
	for _, k := range keys {
		strangers = append(strangers, engine.PersonKey{BrandID: uuid.New(), PersonID: k.PersonID})
	}
	rows, err := s.Load(t.Context(), append(strangers, keys[1], keys[0], keys[1]))
	require.NoError(t, err)
	require.Len(t, rows, 2, "another brand's people are nobody, and who is asked for twice comes once")
	require.Equal(t, keys[1], rows[0].Key)
}

// What is read of a brand past any person.
func TestReadsOfABrand(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 3)
	shop := aStore("s-1")
	visit := aCircle(t, shop.ID, store.Visit)
	_, err := s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Stores: []store.Store{shop}, Fences: []store.Fence{visit}, Brand: &brand.Brand{ID: b, CreatedAt: noon}})
	require.NoError(t, err)
	var writes []engine.PersonWrite
	for i := range keys {
		w := fullWrite(keys[i], 1, devices[i].ID, noon)
		w.Places[0].FenceID = visit.ID
		writes = append(writes, w)
	}
	writes[1].Traces[0].Reason = "CAP_REACHED"
	commit(t, s, writes...)
	tally, err := s.Tally(t.Context(), b, noon.Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, map[string]int{"entered": 3}, tally.Transitions)
	require.Equal(t, map[string]int{"WON": 2, "CAP_REACHED": 1}, tally.Decisions)
	require.Equal(t, []int{3, 3, 3}, []int{tally.Visits, tally.Coupons, tally.Waiting})
	won, refused, err := s.Examples(t.Context(), b, noon.Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, "WON", won.Reason)
	require.Equal(t, postgres.Example{PersonID: keys[1].PersonID, Reason: "CAP_REACHED"}, refused)
	given := engine.PersonWrite{Key: keys[0], Version: 2, WriteID: uuid.New(), State: []byte{1}, Status: engine.PersonGiving, SuccessorID: keys[1].PersonID}
	require.Equal(t, []bool{true}, commit(t, s, given))
	givers, err := s.GivenTo(t.Context(), keys[1])
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{keys[0].PersonID}, givers)
	named, err := s.DevicesByExternalID(t.Context(), b, []string{"nobody"})
	require.NoError(t, err)
	require.Empty(t, named)
	who, err := s.PersonOfDelivery(t.Context(), b, uuid.Nil, writes[2].Deliveries[0].ID)
	require.NoError(t, err)
	require.Equal(t, keys[2].PersonID, who)
	require.NoError(t, s.Ping(t.Context()))
}

// A database of the past: who was erased since goes again, what waited expires, what was out counts as issued.
func TestResumed(t *testing.T) {
	s := postgrestest.New(t)
	_, keys, people := waiting(t, s, 2, time.Hour)
	offer := uuid.New()
	block, err := s.TakeBlock(t.Context(), people[0].BrandID, offer, 80, uuid.New(), time.Hour, 10)
	require.NoError(t, err)
	before, err := s.Epoch(t.Context())
	require.NoError(t, err)
	receipt := uuid.New()
	gone := engine.PersonKey{BrandID: people[0].BrandID, PersonID: uuid.New()}
	resumed, err := s.Resume(t.Context(), []postgres.Erasure{{BrandID: people[0].BrandID, PersonID: people[0].PersonID, Receipt: receipt, At: noon},
		{BrandID: gone.BrandID, PersonID: gone.PersonID, Receipt: receipt, At: noon}})
	require.NoError(t, err)
	require.Equal(t, postgres.Resumption{Erased: 1, Tombstones: 2, Deliveries: 1, Stock: int(block.Size)}, resumed)
	require.EqualValues(t, "expired", delivery(t, s, keys[1]).State)
	rows, err := s.Load(t.Context(), people)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	postgres.Pool(s).Reset()
	after, err := s.Epoch(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, before, after)
	require.ErrorIs(t, s.NewPerson(t.Context(), gone, registration(gone.BrandID, "").Profile, []byte{1}, 1), engine.ErrAlreadyExists)
}
