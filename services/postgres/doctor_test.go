package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// What is wrong with a database is seen.
func TestExamine(t *testing.T) {
	url := postgrestest.URL(t)
	s := postgrestest.Open(t, url, postgres.Options{MaxConns: 2})
	b := newBrand(t, s)
	_, err := s.KeepHouse(t.Context(), time.Now())
	require.NoError(t, err)
	x, err := postgres.Examine(t.Context(), url)
	require.NoError(t, err)
	require.Equal(t, x.Known, x.Schema)
	require.Empty(t, x.MissingIndexes)
	require.Empty(t, x.InvalidIndexes)
	require.Contains(t, x.Indexes, "person_due")
	require.Contains(t, x.Indexes, "delivery_start")
	require.Empty(t, x.Overdue)
	require.Greater(t, x.Ahead, 24*time.Hour)
	require.Less(t, x.Offset.Abs(), time.Minute)
	require.False(t, x.Pooler)
	require.Equal(t, "on", x.Settings["fsync"])
	require.Equal(t, []string{"Asia/Seoul"}, x.Zones)
	require.NotEmpty(t, x.Tables)
	require.Positive(t, x.Bytes)

	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := postgres.Pool(s).Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	exec(`DROP INDEX delivery_start`)
	exec(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'person_due'::regclass`)
	exec(`CREATE TABLE place_h2020010100 PARTITION OF place FOR VALUES FROM ('016f5e66-e800-0000-0000-000000000000') TO ('016f5e9d-d680-0000-0000-000000000000')`)
	exec(`CREATE TABLE place_h2020010101 (LIKE place)`)
	exec(`INSERT INTO delivery (person_id, brand_id, id, created_at, not_before, deadline, next_at, attempt, high_priority, device_id, notification_id, state, provider, notification)
		VALUES (gen_random_uuid(), $1, gen_random_uuid(), now(), now(), now(), now() - interval '6 minutes', 0, false, gen_random_uuid(), gen_random_uuid(), 'pending', 'fcm', '{}')`, b)
	exec(`SELECT pg_create_physical_replication_slot('forgotten', true)`)
	defer exec(`SELECT pg_drop_replication_slot('forgotten')`)
	x, err = postgres.Examine(t.Context(), url)
	require.NoError(t, err)
	require.Equal(t, []string{"delivery_start"}, x.MissingIndexes)
	require.Equal(t, []string{"person_due"}, x.InvalidIndexes)
	require.Equal(t, []string{"place_h2020010100", "place_h2020010101"}, x.Overdue)
	require.Equal(t, 1, x.Waiting)
	require.Equal(t, []string{"forgotten"}, x.IdleSlots)

	x, err = postgres.Examine(t.Context(), postgrestest.EmptyURL(t))
	require.NoError(t, err, "a database without a schema")
	require.Zero(t, x.Schema)
}

// Of several nodes one reads the counters; when it goes, another does.
func TestOneNodeWatchesTables(t *testing.T) {
	url := postgrestest.URL(t)
	a, b := postgrestest.Open(t, url, postgres.Options{}).Watcher(), postgrestest.Open(t, url, postgres.Options{}).Watcher()
	defer b.Close()
	for range 2 {
		uses, err := a.Read(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, uses)
		uses, err = b.Read(t.Context())
		require.NoError(t, err)
		require.Empty(t, uses)
	}
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	require.NoError(t, err)
	_, err = a.Read(t.Context())
	require.Error(t, err, "its connection is gone")
	require.Eventually(t, func() bool {
		uses, err := b.Read(t.Context())
		return err == nil && len(uses) > 0
	}, 30*time.Second, 10*time.Millisecond)
	uses, err := a.Read(t.Context())
	require.NoError(t, err)
	require.Empty(t, uses)
	a.Close()
}
