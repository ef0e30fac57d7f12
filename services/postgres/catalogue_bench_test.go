package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
	"github.com/wantgo/wantgo/services/store"
)

// BenchmarkFences writes circles 50,000 at a time, and reads them as a node does that starts. An operation is a fence.
func BenchmarkFences(b *testing.B) {
	const atOnce = 50_000
	s := postgrestest.New(b)
	brandID := newBrand(b, s)
	random := rand.New(rand.NewPCG(1, 1))
	written := 0
	b.Run("write", func(b *testing.B) {
		before := serverCPU(b)
		for n := 0; n < b.N; n += atOnce {
			b.StopTimer()
			fences := make([]store.Fence, atOnce)
			for i := range fences {
				circle, err := geo.NewCircle(geo.Point{Lat: 34 + 4*random.Float64(), Lng: 126 + 3*random.Float64()}, 100)
				require.NoError(b, err)
				fences[i] = store.Fence{ID: id7(noon), ExternalID: fmt.Sprintf("f%d", written+i), Purpose: store.Near, Circle: &circle}
			}
			written += atOnce
			b.StartTimer()
			_, err := s.Write(b.Context(), engine.CatalogueWrite{BrandID: brandID, Fences: fences})
			require.NoError(b, err)
		}
		b.ReportMetric(float64((serverCPU(b)-before).Microseconds())/float64(max(b.N, atOnce)), "server-cpu-us/fence")
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; n < b.N; n += written {
			change, err := s.Changes(b.Context(), brandID, -1)
			require.NoError(b, err)
			require.Len(b, change.Fences, written)
			require.NotEqual(b, uuid.Nil, change.Fences[0].ID)
		}
	})
}
