package postgres_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// Whoever gives up waiting for a statement ends the statement, and not the connection.
func TestACallerThatGivesUpCostsNoConnection(t *testing.T) {
	url := postgrestest.URL(t)
	s, watching := postgrestest.Open(t, url, postgres.Options{MaxConns: 1}), postgrestest.Open(t, url, postgres.Options{})
	backend := func() (pid int) {
		require.NoError(t, postgres.Pool(s).QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid))
		return pid
	}
	pid := backend()
	runs := func(what string) (yes bool) {
		require.NoError(t, postgres.Pool(watching).QueryRow(t.Context(),
			`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND query LIKE $2)`, pid, what).Scan(&yes))
		return yes
	}
	for range 3 {
		ctx, giveUp := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := postgres.Pool(s).Exec(ctx, `SELECT pg_sleep(9)`)
			ended <- err
		}()
		for !runs(`SELECT pg_sleep%`) {
		}
		giveUp()
		require.Error(t, <-ended)
		require.False(t, runs(`SELECT pg_sleep%`), "nobody waits for it")
		require.Equal(t, pid, backend())
	}
}
