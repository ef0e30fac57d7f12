package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// tablesNaming lists the tables with a row in whose text any of the words occurs.
func tablesNaming(t testing.TB, s *postgres.Store, words ...string) (found []string) {
	t.Helper()
	rows, err := postgres.Pool(s).Query(t.Context(), `SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace AND NOT relispartition ORDER BY 1`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Greater(t, len(tables), 20)
	for _, table := range tables {
		var there bool
		require.NoError(t, postgres.Pool(s).QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM `+table+` f WHERE f::text ~ $1)`, strings.Join(words, "|")).Scan(&there))
		if there {
			found = append(found, table)
		}
	}
	return found
}

func TestEraseLeavesOnlyTheTombstone(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	_, err := s.KeepHouse(t.Context(), noon)
	require.NoError(t, err)
	keys, devices := newPeople(t, s, b, 2)
	key, device := keys[0], devices[0]
	_, err = s.ClaimExternalID(t.Context(), b, "member-7", key.PersonID)
	require.NoError(t, err)
	require.NoError(t, s.PutAddress(t.Context(), b, device.ID, pusher.Address{Provider: pusher.FCM, Kind: "token", Value: "push-secret", RegisteredAt: noon}))
	old := fullWrite(key, 2, device.ID, noon.Add(-1000*time.Hour)) // a place that no partition covers
	require.Equal(t, []bool{true, true}, commit(t, s, fullWrite(key, 1, device.ID, noon), fullWrite(keys[1], 1, devices[1].ID, noon)))
	require.Equal(t, []bool{true}, commit(t, s, old))
	words := []string{key.PersonID.String(), device.ID.String(), "member-7", "push-secret"}
	require.Equal(t, []string{"consent_event", "coupon", "delivery", "device", "location_use", "open_visit", "person", "person_external", "person_profile", "place", "purchase", "push_address", "receipt", "revocation", "trace", "webhook_letter"},
		tablesNaming(t, s, words...), "the test writes to every table about people")

	receipt := uuid.New()
	require.ErrorIs(t, s.Erase(t.Context(), key, receipt, noon), engine.ErrStale, "not marked yet")
	require.Equal(t, []bool{true}, commit(t, s, engine.PersonWrite{Key: key, Version: 3, WriteID: uuid.New(), State: []byte{}, Status: engine.PersonErasing, Revoke: "erased"}))
	require.NoError(t, s.Erase(t.Context(), key, receipt, noon))
	require.NoError(t, s.Erase(t.Context(), key, uuid.New(), noon), "again")
	require.Equal(t, []string{"tombstone"}, tablesNaming(t, s, words...))
	require.ErrorIs(t, s.Erase(t.Context(), engine.PersonKey{BrandID: b, PersonID: uuid.New()}, receipt, noon), engine.ErrNotFound)

	now, err := s.Now(t.Context())
	require.NoError(t, err)
	revoked, err := s.Revocations(t.Context(), now.Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, "erased", revoked[len(revoked)-1].Reason)
	require.Equal(t, key, revoked[len(revoked)-1].Key)
	require.Equal(t, int64(2), load(t, s, keys[1]).Version, "others stay")
	require.Equal(t, []bool{false}, commit(t, s, fullWrite(key, 4, device.ID, noon)))
	r := registration(b, "")
	r.Device.PersonID = key.PersonID
	_, _, err = s.Register(t.Context(), []engine.Registration{r})
	require.Error(t, err, "an erased person does not come back")
	require.ErrorIs(t, s.NewPerson(t.Context(), key, r.Profile, []byte{1}, 1), engine.ErrAlreadyExists)
}

func TestMoveCoupons(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 2)
	w := fullWrite(keys[0], 1, devices[0].ID, noon)
	commit(t, s, w)
	require.ErrorIs(t, s.MoveCoupons(t.Context(), keys[0], keys[1].PersonID), engine.ErrStale, "not giving")
	commit(t, s, engine.PersonWrite{Key: keys[0], Version: 2, WriteID: uuid.New(), State: []byte{1}, Status: engine.PersonGiving, SuccessorID: keys[1].PersonID})
	for range 2 {
		require.NoError(t, s.MoveCoupons(t.Context(), keys[0], keys[1].PersonID))
	}
	got, err := s.Coupons(t.Context(), keys[1], false, noon, 10)
	require.NoError(t, err)
	require.Len(t, got, 1)
	byCode, err := s.CouponByCode(t.Context(), b, w.Coupons[0].Code)
	require.NoError(t, err)
	require.Equal(t, keys[1].PersonID, byCode.PersonID)
	require.ErrorIs(t, s.MoveCoupons(t.Context(), keys[0], uuid.New()), engine.ErrStale, "to nobody")
}
