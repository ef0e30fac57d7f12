package postgres_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// Two backends import the same devices at the same time: each device exists once and both are told the same person.
func TestRegisterRace(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	answers := make([][]audience.Device, 6)
	created := make([]int, len(answers))
	errs := make([]error, len(answers))
	var wg sync.WaitGroup
	for g := range answers {
		wg.Go(func() {
			var regs []engine.Registration
			for i := range 50 {
				regs = append(regs, registration(b, fmt.Sprintf("car-%d", (i*7+g)%50)))
			}
			regs = append(regs, registration(b, "car-1")) // twice in one call
			devices, existing, err := s.Register(t.Context(), regs)
			answers[g], errs[g] = devices, err
			for _, e := range existing {
				if !e {
					created[g]++
				}
			}
		})
	}
	wg.Wait()
	total := 0
	person := map[string]uuid.UUID{}
	for g := range answers {
		require.NoError(t, errs[g])
		total += created[g]
		for _, d := range answers[g] {
			if was, ok := person[d.ExternalID]; ok {
				require.Equal(t, was, d.PersonID)
			}
			person[d.ExternalID] = d.PersonID
		}
	}
	require.Equal(t, 50, total)
	require.Len(t, person, 50)
	people := countRows(t, s, "person")
	require.Equal(t, 50, people, "nobody is made for nothing")
	require.Equal(t, 50, countRows(t, s, "person_profile"))
}

func TestRegisterAgain(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	r := registration(b, "")
	r.Consents = []audience.ConsentEvent{{ID: uuid.New(), Purpose: audience.AdPush, Granted: true, OccurredAt: noon}}
	first, existing, err := s.Register(t.Context(), []engine.Registration{r})
	require.NoError(t, err)
	require.Equal(t, []bool{false}, existing)
	second, existing, err := s.Register(t.Context(), []engine.Registration{r})
	require.NoError(t, err)
	require.Equal(t, []bool{true}, existing)
	require.Equal(t, first, second)
	consents, err := s.Consents(t.Context(), engine.PersonKey{BrandID: b, PersonID: r.Device.PersonID})
	require.NoError(t, err)
	require.Equal(t, r.Consents, consents)
	_, err = s.Device(t.Context(), uuid.New(), r.Device.ID)
	require.ErrorIs(t, err, engine.ErrNotFound, "another brand's device")
}

func TestPutDeviceComparesVersion(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	_, devices := newPeople(t, s, b, 1)
	d := devices[0]
	d.AppBuild, d.TokenSerial = "1.2", 5
	put, err := s.PutDevice(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, d.Version+1, put.Version)
	require.Equal(t, "1.2", put.AppBuild)
	_, err = s.PutDevice(t.Context(), d)
	require.ErrorIs(t, err, engine.ErrStale)
	require.NoError(t, s.Seen(t.Context(), b, []uuid.UUID{d.ID}, noon))
	require.NoError(t, s.Seen(t.Context(), b, []uuid.UUID{d.ID}, noon.Add(-time.Hour)))
	got, err := s.Device(t.Context(), b, d.ID)
	require.NoError(t, err)
	require.Equal(t, noon, got.LastSeenAt)
}

func TestAddressTakeover(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	_, devices := newPeople(t, s, b, 2)
	a := pusher.Address{Provider: pusher.FCM, Kind: "token", Value: "secret-1", RegisteredAt: noon}
	get := func(i int) audience.Device {
		d, err := s.Device(t.Context(), b, devices[i].ID)
		require.NoError(t, err)
		return d
	}
	require.NoError(t, s.PutAddress(t.Context(), b, devices[0].ID, a))
	require.Equal(t, &a, get(0).Address)
	require.Equal(t, "live", get(0).AddressState)
	require.NoError(t, s.PutAddress(t.Context(), b, devices[1].ID, a))
	require.Nil(t, get(0).Address)
	require.Equal(t, &a, get(1).Address)

	changed, err := s.SetAddressState(t.Context(), b, devices[0].ID, a, "gone", "UNREGISTERED", time.Time{})
	require.NoError(t, err)
	require.False(t, changed, "no longer this device's")
	changed, err = s.SetAddressState(t.Context(), b, devices[1].ID, a, "gone", "UNREGISTERED", noon)
	require.NoError(t, err)
	require.False(t, changed, "registered again since")
	changed, err = s.SetAddressState(t.Context(), b, devices[1].ID, a, "gone", "UNREGISTERED", noon.Add(time.Second))
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, "gone", get(1).AddressState)
	require.NoError(t, s.PutAddress(t.Context(), b, devices[1].ID, a))
	require.Equal(t, "live", get(1).AddressState)
	require.ErrorIs(t, s.PutAddress(t.Context(), b, uuid.New(), a), engine.ErrNotFound)
}

// Devices that take each other's addresses at once end with one owner an address and one address a device.
func TestAddressRace(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	_, devices := newPeople(t, s, b, 4)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for g := range errs {
		wg.Go(func() {
			for i := range 20 {
				a := pusher.Address{Provider: pusher.APNs, Kind: "apns", Value: fmt.Sprint((i * (g + 1)) % 4), RegisteredAt: noon}
				if err := s.PutAddress(t.Context(), b, devices[(i+g)%4].ID, a); err != nil {
					errs[g] = err
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	owners := map[string]uuid.UUID{}
	for _, d := range devices {
		got, err := s.Device(t.Context(), b, d.ID)
		require.NoError(t, err)
		if got.Address != nil {
			require.NotContains(t, owners, got.Address.Value)
			owners[got.Address.Value] = d.ID
		}
	}
}

func TestExternalIDs(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, _ := newPeople(t, s, b, 3)
	holder, err := s.ClaimExternalID(t.Context(), b, "m-1", keys[0].PersonID)
	require.NoError(t, err)
	require.Equal(t, keys[0].PersonID, holder)
	_, err = s.ClaimExternalID(t.Context(), b, "m-1", keys[0].PersonID)
	require.NoError(t, err)
	holder, err = s.ClaimExternalID(t.Context(), b, "m-1", keys[1].PersonID)
	require.ErrorIs(t, err, engine.ErrAlreadyExists)
	require.Equal(t, keys[0].PersonID, holder)
	for range 2 {
		require.NoError(t, s.MoveExternalID(t.Context(), b, "m-1", keys[0].PersonID, keys[1].PersonID))
	}
	require.ErrorIs(t, s.MoveExternalID(t.Context(), b, "m-1", keys[0].PersonID, keys[2].PersonID), engine.ErrStale)
	_, err = s.PersonByExternalID(t.Context(), uuid.New(), "m-1")
	require.ErrorIs(t, err, engine.ErrNotFound)
}

func countRows(t testing.TB, s *postgres.Store, table string) (n int) {
	t.Helper()
	require.NoError(t, postgres.Pool(s).QueryRow(t.Context(), "SELECT count(1) FROM "+table).Scan(&n))
	return n
}
