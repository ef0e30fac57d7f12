package backup

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres"
)

func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := newWriter(&b)
	require.NoError(t, err)
	require.NoError(t, w.put(postgres.BackupFile{Name: "postgres", Dir: true}))
	for _, name := range []string{"postgres/a", "postgres/b"} {
		require.NoError(t, w.put(postgres.BackupFile{Name: name, Size: int64(len(files[name])), Body: strings.NewReader(files[name])}))
	}
	require.NoError(t, w.finish(Manifest{Facts: postgres.BackupFacts{System: "7"}}))
	return b.Bytes()
}

func unpacked(b []byte) (files map[string]string, m *Manifest, err error) {
	files = map[string]string{}
	m, err = read(bytes.NewReader(b), func(f postgres.BackupFile) error {
		if f.Dir {
			return nil
		}
		body, err := io.ReadAll(f.Body)
		files[f.Name] = string(body)
		return err
	})
	return files, m, err
}

// An archive reads as it was written; cut off or changed in any bit that matters, it is refused.
func TestArchive(t *testing.T) {
	want := map[string]string{"postgres/a": strings.Repeat("page", 5000), "postgres/b": ""}
	whole := archive(t, want)
	got, m, err := unpacked(whole)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, "7", m.Facts.System)
	require.Len(t, m.Files, 2)

	for n := range len(whole) {
		_, _, err := unpacked(whole[:n])
		require.ErrorIs(t, err, ErrDamaged, "cut at %d of %d", n, len(whole))
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for r := rand.New(rand.NewPCG(seed, 1)); r.IntN(1000) > 0; {
		bad := bytes.Clone(whole)
		bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		got, _, err := unpacked(bad)
		if err == nil { // a bit of a time stamp or a name in a header that nobody reads
			require.Equal(t, want, got)
		}
	}
	_, _, err = unpacked([]byte("no archive at all"))
	require.ErrorIs(t, err, ErrDamaged)
}

// What the reader refuses ends the reading.
func TestRefusedFileEndsTheReading(t *testing.T) {
	full := errors.New("disk full")
	_, err := read(bytes.NewReader(archive(t, nil)), func(postgres.BackupFile) error { return full })
	require.ErrorIs(t, err, full)
}

func TestErasuresSurvive(t *testing.T) {
	list := postgres.ErasureList{System: "7", AsOf: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}
	name := filepath.Join(t.TempDir(), "erasures.jsonl")
	for n := range 3 {
		require.NoError(t, ReplaceErasures(name, list))
		got, err := ReadErasures(name)
		require.NoError(t, err)
		require.Equal(t, list, got)
		list.People = append(list.People, postgres.Erasure{BrandID: uuid.New(), PersonID: uuid.New(), Receipt: uuid.New(), At: list.AsOf.Add(time.Duration(n))})
	}
	require.NoError(t, ReplaceErasures(name, list))
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(text), "\n")
	for what, bad := range map[string]string{
		"empty":         "",
		"cut off":       strings.Join(lines[:2], ""),
		"no header":     strings.Join(lines[1:], ""),
		"half a line":   string(text[:len(text)-20]),
		"another thing": `{"brand_id":"x"}`,
		"nobody":        strings.Join(lines[:3], "") + `{"brand":"00000000-0000-0000-0000-000000000000"}` + "\n",
	} {
		require.NoError(t, os.WriteFile(name, []byte(bad), 0o600))
		_, err := ReadErasures(name)
		require.Error(t, err, what)
	}
}

func TestListsFit(t *testing.T) {
	end := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	facts := &postgres.BackupFacts{System: "7", EndedAt: end}
	list := func(system string, at time.Time) erasureLists { return erasureLists{{System: system, AsOf: at}} }
	require.NoError(t, list("7", end).fit(facts, false))
	require.ErrorContains(t, list("8", end).fit(facts, true), "another database")
	require.ErrorContains(t, list("7", end.Add(-1)).fit(facts, false), "older than the backup")
	require.NoError(t, list("7", end.Add(-1)).fit(facts, true))
	_, err := (&Past{}).lists()
	require.ErrorIs(t, err, ErrNoErasures)
}
