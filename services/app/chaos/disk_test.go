package chaos

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDiskFull fills the disk under the database while phones walk, and makes room again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	f := furnished(t)
	dir, err := os.MkdirTemp(f.dir, "disk-")
	require.NoError(t, err)
	mountSmallDisk(t, dir)
	w := &world{furniture: f, t: t, dir: dir, random: seeded(t)}
	w.database = newCluster(t, dir)
	w.proxy = newProxy(t, w.database.port)
	w.url = databaseURL(f.password, w.proxy.port())
	w.node()
	w.node()
	c := w.tried(t, "the disk is full", pick(12, 100), func(w *world) int {
		for range pick(1, 4) {
			room := fill(t, filepath.Join(dir, "filler"))
			w.writeUntilFull(t)
			time.Sleep(pick(2*time.Second, 10*time.Second))
			room()
			if w.database.ended() { // its log of writes had no room: it stops, and an administrator starts it again
				w.database.start()
			}
			time.Sleep(pick(time.Second, 5*time.Second))
		}
		return pick(1, 4)
	})
	require.NotZero(t, c.retries, "the disk was full")
}

// fill takes all the room there is in a disk until the returned function is called.
func fill(t *testing.T, path string) (room func()) {
	t.Helper()
	filler, err := os.Create(path)
	require.NoError(t, err)
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := filler.Write(block); err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			block = block[:len(block)/2]
		}
	}
	return func() {
		_ = filler.Close()
		require.NoError(t, os.Remove(path))
	}
}

// writeUntilFull writes to a table of nobody until the database says that it has no room.
func (w *world) writeUntilFull(t *testing.T) {
	t.Helper()
	w.eventually(func() bool {
		err := w.database.try(`CREATE TABLE IF NOT EXISTS ballast (b text);
			INSERT INTO ballast SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 50) a, generate_series(1, 200) b GROUP BY b`)
		var state interface{ SQLState() string }
		// XX000: not even what a new connection begins with can be written.
		return err != nil && (!errors.As(err, &state) || slices.Contains([]string{"53100", "XX000"}, state.SQLState()) || w.database.ended())
	}, "the disk is full")
}
