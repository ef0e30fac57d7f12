package node

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/app/backup"
)

// A node shows the tables, and keeps the list of who was erased.
func TestShowsTablesAndKeepsErasures(t *testing.T) {
	dir := dataDir(t)
	list := filepath.Join(filepath.Dir(dir), "erasures.jsonl")
	n, err := Open(t.Context(), Config{DataDir: dir, Tied: true, InternalListen: "127.0.0.1:0", ErasuresFile: list})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	require.Eventually(t, func() bool {
		_, text := get(t, http.DefaultClient, "http://"+n.InternalAddress()+"/metrics")
		_, err := os.Stat(list)
		return err == nil && strings.Contains(text, `wantgo_table_bytes{table="person"}`) && strings.Contains(text, `wantgo_table_hot_updates_total{table="place"}`)
	}, time.Minute, 20*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
	got, err := backup.ReadErasures(list)
	require.NoError(t, err)
	require.Empty(t, got.People)
	require.NotEmpty(t, got.System)
}
