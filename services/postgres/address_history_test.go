package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// A wrong drop is undone by its code, where the device has the address still and nothing has happened to it since.
func TestAddressHistory(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	_, devices := newPeople(t, s, b, 5)
	of := func(i int, value string) pusher.Address {
		a := pusher.Address{Provider: pusher.FCM, Kind: "token", Value: value, RegisteredAt: noon}
		require.NoError(t, s.PutAddress(t.Context(), b, devices[i].ID, a))
		return a
	}
	set := func(i int, a pusher.Address, state, code string) {
		changed, err := s.SetAddressState(t.Context(), b, devices[i].ID, a, state, code, time.Time{})
		require.NoError(t, err)
		require.True(t, changed)
	}
	state := func(i int) string {
		d, err := s.Device(t.Context(), b, devices[i].ID)
		require.NoError(t, err)
		return d.AddressState
	}
	set(0, of(0, "zero"), audience.AddressGone, "UNREGISTERED") // the wrong drop
	set(1, of(1, "one"), audience.AddressQuarantined, "INVALID_ARGUMENT")
	dropped := of(2, "two") // dropped, registered again, withdrawn
	set(2, dropped, audience.AddressGone, "UNREGISTERED")
	set(2, of(2, "two"), audience.AddressGone, audience.CodeWithdrawn)
	set(3, of(3, "three"), audience.AddressGone, "UNREGISTERED") // dropped, and then replaced
	of(3, "four")
	of(4, "four") // moves

	counts, err := s.AddressCounts(t.Context(), b, noon.AddDate(-50, 0, 0))
	require.NoError(t, err)
	require.Equal(t, []audience.AddressCount{
		{Provider: "fcm", Change: "dropped", Code: "UNREGISTERED", Count: 3},
		{Provider: "fcm", Change: "quarantined", Code: "INVALID_ARGUMENT", Count: 1},
		{Provider: "fcm", Change: "replaced", Code: audience.CodeMoved, Count: 1},
		{Provider: "fcm", Change: "replaced", Code: audience.CodeNewAddress, Count: 1},
		{Provider: "fcm", Change: "withdrawn", Code: audience.CodeWithdrawn, Count: 1},
	}, onlyFrom(counts))

	now, err := s.Now(t.Context())
	require.NoError(t, err)
	wrong := audience.WrongDrops{From: now.Add(-time.Hour), Until: now.Add(time.Hour), Code: "UNREGISTERED", Why: "an outage"}
	restored, err := s.RestoreAddresses(t.Context(), b, wrong)
	require.NoError(t, err)
	require.Equal(t, []uuid.UUID{devices[0].ID}, restored)
	require.Equal(t, []string{"live", "quarantined", "gone"}, []string{state(0), state(1), state(2)})
	restored, err = s.RestoreAddresses(t.Context(), b, wrong)
	require.NoError(t, err)
	require.Empty(t, restored, "repeating it changes nothing")
	other, err := s.RestoreAddresses(t.Context(), newBrand(t, s), audience.WrongDrops{From: wrong.From, Until: wrong.Until})
	require.NoError(t, err)
	require.Empty(t, other, "another brand's")

	events, err := s.AddressHistory(t.Context(), b, devices[0].ID, now.Add(-time.Hour), 10)
	require.NoError(t, err)
	require.Equal(t, audience.ChangeRestored, events[0].Change)
	require.Equal(t, "an outage", events[0].Code)
	require.Equal(t, audience.ChangeDropped, events[1].Change)
}

// onlyFrom leaves out what the fixtures' own addresses became.
func onlyFrom(counts []audience.AddressCount) (list []audience.AddressCount) {
	for _, c := range counts {
		if c.Code == audience.CodeNewAddress {
			c.Count = 1
		}
		list = append(list, c)
	}
	return list
}
