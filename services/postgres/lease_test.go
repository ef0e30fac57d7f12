package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// A write that relies on a lease loses once the lease has ended by the database's clock, whatever its node believes.
func TestCommitOfAnEndedLeaseLoses(t *testing.T) {
	s := postgrestest.New(t)
	people, _ := newPeople(t, s, newBrand(t, s), 1)
	version := load(t, s, people[0]).Version
	now, err := s.Now(t.Context())
	require.NoError(t, err)
	w := engine.PersonWrite{Key: people[0], Version: version, WriteID: uuid.New(), State: []byte{}, LeasedUntil: now}
	require.Equal(t, []bool{false}, commit(t, s, w))
	w.LeasedUntil = now.Add(time.Hour)
	require.Equal(t, []bool{true}, commit(t, s, w))
}

// A block whose lease has ended is not reclaimed while something that was begun before may still write coupons of it.
func TestReclaimWaitsForWhatWasBegun(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	tx, err := postgres.Pool(s).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `UPDATE brand SET name = 'x'`)
	require.NoError(t, err)
	_, err = s.TakeBlock(t.Context(), b, uuid.New(), 10, uuid.New(), time.Microsecond, 1)
	require.NoError(t, err)
	n, err := s.Reclaim(t.Context(), 0)
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, tx.Rollback(t.Context()))
	n, err = s.Reclaim(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}
