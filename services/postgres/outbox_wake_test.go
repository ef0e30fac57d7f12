package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// What waits for another attempt is woken; what is leased, ended, over, planned for later or another brand's is not.
func TestWake(t *testing.T) {
	s := postgrestest.New(t)
	node, keys, _ := waiting(t, s, 6, time.Hour)
	later := time.Now().Add(time.Hour)
	exec := func(sql string, args ...any) {
		_, err := postgres.Pool(s).Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	exec(`UPDATE delivery SET deadline = $1`, later)
	var waits []pusher.Wait
	for _, k := range keys[:5] { // the sixth stays leased
		waits = append(waits, pusher.Wait{Key: k, NotBefore: later, Code: "CREDENTIAL_MISSING"})
	}
	require.NoError(t, s.Postpone(t.Context(), node, waits))
	exec(`UPDATE delivery SET deadline = now() WHERE id = $1`, keys[2].ID)
	exec(`UPDATE delivery SET attempt = 0 WHERE id = $1`, keys[3].ID)
	exec(`UPDATE delivery SET provider = 'apns' WHERE id = $1`, keys[4].ID)
	for brandID, want := range map[uuid.UUID]int{uuid.New(): 0, keys[0].BrandID: 2} {
		woken, err := s.Wake(t.Context(), brandID, pusher.FCM)
		require.NoError(t, err)
		require.Equal(t, want, woken)
	}
	for i, k := range keys {
		soon := delivery(t, s, k).NotBefore.Before(later.Add(-time.Minute))
		require.Equal(t, i < 2 || i == 5, soon, "delivery %d", i)
	}
}
