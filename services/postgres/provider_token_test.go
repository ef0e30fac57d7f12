package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// However many nodes replace a token at once, one of them wins and all are told which.
func TestOneProviderTokenWins(t *testing.T) {
	s := postgrestest.New(t)
	key, at := []byte("key"), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sealed, signed, err := s.ProviderToken(t.Context(), key)
	require.NoError(t, err)
	require.Nil(t, sealed)
	require.True(t, signed.IsZero())
	previous := time.Time{}
	for round := range 3 {
		at = at.Add(50 * time.Minute)
		var wait sync.WaitGroup
		kept := make([]string, 8)
		for i := range kept {
			wait.Go(func() {
				got, when, err := s.ReplaceProviderToken(t.Context(), key, previous, []byte{byte(round), byte(i)}, at.Add(time.Duration(i)*time.Second))
				if err != nil || when.Before(at) {
					t.Errorf("%v %v", when, err)
				}
				kept[i] = string(got)
			})
		}
		wait.Wait()
		for _, k := range kept {
			require.Equal(t, kept[0], k)
		}
		_, previous, err = s.ProviderToken(t.Context(), key)
		require.NoError(t, err)
	}
	other, _, err := s.ProviderToken(t.Context(), []byte("another"))
	require.NoError(t, err)
	require.Nil(t, other)
}

func TestCredentialStateKeepsTheLatest(t *testing.T) {
	s := postgrestest.New(t)
	b, id, at := uuid.New(), uuid.New(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, n := range []brand.CredentialState{
		{RefusedAt: at.Add(time.Minute), RefusedCode: "InvalidProviderToken"}, {AcceptedAt: at}, {RefusedAt: at, RefusedCode: "EARLIER"},
		{AcceptedAt: at.Add(-time.Hour)},
	} {
		require.NoError(t, s.NoteCredential(t.Context(), b, id, n))
	}
	states, err := s.CredentialStates(t.Context(), b)
	require.NoError(t, err)
	require.Equal(t, map[uuid.UUID]brand.CredentialState{id: {RefusedAt: at.Add(time.Minute), RefusedCode: "InvalidProviderToken", AcceptedAt: at}}, states)
	require.True(t, states[id].Refused())
	states, err = s.CredentialStates(t.Context(), uuid.New())
	require.NoError(t, err)
	require.Empty(t, states)
}
