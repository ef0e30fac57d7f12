package track_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/track"
)

// realFile is a file of recorded data outside the repository.
func realFile(t testing.TB, name string) string {
	t.Helper()
	folder := os.Getenv("WANTGO_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no real data: %v (set WANTGO_DATA to its folder)", err)
	}
	return path
}

func BenchmarkBeijing(b *testing.B) {
	zipped, err := os.ReadFile(realFile(b, "tracks_geolife_beijing.csv.gz"))
	require.NoError(b, err)
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			r, err := track.NewReader(bytes.NewReader(zipped), "x")
			require.NoError(b, err)
			for err == nil || err != io.EOF {
				_, err = r.Next()
			}
		}
	})
	b.Run("load and merge", func(b *testing.B) {
		for b.Loop() {
			r, err := track.NewReader(bytes.NewReader(zipped), "x")
			require.NoError(b, err)
			rec, err := track.Load(r, nil)
			require.NoError(b, err)
			n := 0
			for range rec.Merge() {
				n++
			}
			require.Equal(b, rec.Len(), n)
		}
	})
}
