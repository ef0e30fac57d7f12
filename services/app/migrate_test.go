package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/app"
	"github.com/wantgo/wantgo/services/postgres"
)

// A database without Citus is migrated all the same, stays whole, and is told what it lacks.
func TestMigrateWithoutCitus(t *testing.T) {
	if _, err := postgres.FindBinaries(t.Context()); err != nil {
		t.Skipf("needs PostgreSQL: %v", err)
	}
	dir, err := os.MkdirTemp("", "wantgo-migrate-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o711)) // the server may run as another user
	code, out, errs := typed(t, "migrate", "--citus", "--json", "--data-dir", filepath.Join(dir, "data"))
	require.Equal(t, app.ExitFault, code, errs)
	require.Contains(t, errs, "CREATE EXTENSION citus")
	require.Contains(t, out, `"applied_time"`, "the schema is up to date")
	require.NotContains(t, out, `"tables"`)
}
