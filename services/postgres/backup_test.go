package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
)

// A copy that is made while people are written holds every commit that was answered before it ended, whole: a
// person's version is one more than their facts. What happens to the copy, happens before anybody can open it.
func TestBackupWhileOthersWrite(t *testing.T) {
	live := startServer(t, postgres.ServerConfig{DataDir: serverDir(t), Tied: true})
	_, err := postgres.Migrate(t.Context(), live.URL())
	require.NoError(t, err)
	s, err := postgres.Open(t.Context(), live.URL(), postgres.Options{})
	require.NoError(t, err)
	defer s.Close()
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 30)

	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	answered := map[uuid.UUID]int64{}
	for part := range 3 {
		wg.Go(func() {
			for version := int64(1); ctx.Err() == nil; version++ {
				var writes []engine.PersonWrite
				for i := part * 10; i < part*10+10; i++ {
					writes = append(writes, fullWrite(keys[i], version, devices[i].ID, time.Now()))
				}
				done, err := s.Commit(t.Context(), writes)
				if err != nil || !done[0] {
					t.Error("a write was lost: ", err)
					return
				}
				mu.Lock()
				for i := part * 10; i < part*10+10; i++ {
					answered[keys[i].PersonID] = version + 1
				}
				mu.Unlock()
			}
		})
	}
	type file struct {
		postgres.BackupFile
		body []byte
	}
	var files []file
	before := map[uuid.UUID]int64{}
	facts, err := live.Backup(t.Context(), func(f postgres.BackupFile) error {
		copied := file{BackupFile: f}
		if !f.Dir {
			var err error
			if copied.body, err = io.ReadAll(f.Body); err != nil || int64(len(copied.body)) != f.Size {
				return errors.Join(err, errors.New("not its size"))
			}
		}
		if f.Name == "postgres/global/pg_control" { // the last before the end
			mu.Lock()
			for id, v := range answered {
				before[id] = v
			}
			mu.Unlock()
		}
		files = append(files, copied)
		return nil
	})
	require.NoError(t, err)
	stop()
	wg.Wait()
	require.NotEmpty(t, before)
	require.True(t, facts.EndedAt.After(facts.StartedAt))

	again := func(put func(postgres.BackupFile) error) error {
		for _, f := range files {
			f.Body = bytes.NewReader(f.body)
			if err := put(f.BackupFile); err != nil {
				return err
			}
		}
		return nil
	}
	dir := serverDir(t)
	config := postgres.ServerConfig{DataDir: dir, Tied: true}
	broken := errors.New("the archive ends here")
	err = postgres.Restore(t.Context(), config, func(put func(postgres.BackupFile) error) error { return errors.Join(again(put), broken) }, nil)
	require.ErrorIs(t, err, broken)
	require.NoError(t, postgres.Empty(dir), "nothing is left")
	err = postgres.Restore(t.Context(), config, func(put func(postgres.BackupFile) error) error {
		return put(postgres.BackupFile{Name: "postgres/../../x", Body: bytes.NewReader(nil)})
	}, nil)
	require.ErrorContains(t, err, "no file of a database")

	require.NoError(t, postgres.Restore(t.Context(), config, again, func(ctx context.Context, url string) error {
		_, err := os.Stat(filepath.Join(dir, "postgres"))
		require.ErrorIs(t, err, fs.ErrNotExist, "nobody finds it yet")
		require.Equal(t, "f", query(t, url, "SELECT pg_is_in_recovery()::text::char"))
		return nil
	}))
	require.ErrorIs(t, postgres.Restore(t.Context(), config, again, nil), postgres.ErrNotEmpty)
	copied := startServer(t, config)
	restored, err := postgres.Open(t.Context(), copied.URL(), postgres.Options{})
	require.NoError(t, err)
	defer restored.Close()
	for _, key := range keys {
		version := load(t, restored, key).Version
		require.GreaterOrEqual(t, version, before[key.PersonID], "what was answered is there")
		for _, table := range []string{"place", "trace", "coupon", "delivery", "location_use", "consent_event"} {
			var n int64
			require.NoError(t, postgres.Pool(restored).QueryRow(t.Context(), `SELECT count(*) FROM `+table+` WHERE person_id = $1`, key.PersonID).Scan(&n))
			require.Equal(t, version-1, n, table)
		}
	}
	epoch, err := restored.Epoch(t.Context())
	require.NoError(t, err)
	require.Equal(t, facts.System+"-00000002", epoch)
	first, err := restored.Resume(t.Context(), []postgres.Erasure{{BrandID: b, PersonID: keys[0].PersonID, Receipt: uuid.New(), At: noon},
		{BrandID: b, PersonID: uuid.New(), Receipt: uuid.New(), At: noon}})
	require.NoError(t, err)
	require.Equal(t, 1, first.Erased)
	require.Equal(t, 2, first.Tombstones)
	require.Positive(t, first.Deliveries)
	second, err := restored.Resume(t.Context(), []postgres.Erasure{{BrandID: b, PersonID: keys[0].PersonID, Receipt: uuid.New(), At: noon}})
	require.NoError(t, err)
	require.Equal(t, postgres.Resumption{}, second)
	require.Empty(t, tablesNamingBut(t, restored, "tombstone", keys[0].PersonID.String()))
	restored.Reset()
	marked, err := restored.Epoch(t.Context())
	require.NoError(t, err)
	require.Regexp(t, "^"+epoch+"-[0-9a-f]{32}$", marked)
}

func tablesNamingBut(t *testing.T, s *postgres.Store, but string, words ...string) (found []string) {
	t.Helper()
	for _, table := range tablesNaming(t, s, words...) {
		if table != but {
			found = append(found, table)
		}
	}
	return found
}
