package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wantgo/wantgo/geo/presence"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
)

// BenchmarkImport is ImportPings behind its interceptors, from the request's bytes to the answer's, on a real database:
// batches of 500 pings of 500 walkers among circles of 100 m in Seoul. An operation is a ping.
func BenchmarkImport(b *testing.B) {
	for _, fences := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("fences=%d", fences), func(b *testing.B) { benchmarkImport(b, fences, 2000, 500) })
	}
}

func benchmarkImport(b *testing.B, fences, devices, batch int) {
	w := newWalkers(b, fences, devices)
	server := &locationService{Server: w.f.server}
	caller := context.WithValue(b.Context(), callerKey{}, &Caller{Brand: w.tenant.id})
	call := func(in []byte) []byte {
		var r v1.ImportPingsRequest
		require.NoError(b, proto.Unmarshal(in, &r))
		answer, err := server.ImportPings(caller, &r)
		require.NoError(b, err)
		out, err := proto.Marshal(answer)
		require.NoError(b, err)
		return out
	}
	for range 2 * devices / batch {
		call(w.request(batch))
	}
	b.ReportAllocs()
	b.ResetTimer()
	answered := 0
	for n := 0; n < b.N; n += batch {
		b.StopTimer()
		in := w.request(batch)
		b.StartTimer()
		answered += len(call(in))
	}
	b.ReportMetric(float64(answered)/float64(max(b.N, batch)), "answer-B/ping")
}

// walkers are devices that move 42 m a ping with a slowly turning heading.
type walkers struct {
	f      *fixture
	tenant *tenant
	random *rand.Rand
	all    []walker
	next   int
	at     time.Time
}

type walker struct {
	device            string
	lat, lng, heading float64
}

func newWalkers(b *testing.B, fences, devices int) *walkers {
	seed := uint64(1)
	w := &walkers{f: newFixture(b), random: rand.New(rand.NewPCG(seed, seed)), at: noon}
	b.Log("seed", seed)
	w.tenant = w.f.tenant(func(s *brand.Settings) { s.Presence.Policy, s.Device.Policy = presence.Exact, presence.Exact })
	w.fences(b, fences)
	w.all = make([]walker, devices)
	var group errgroup.Group
	group.SetLimit(16)
	for i := range w.all {
		w.all[i].lat, w.all[i].lng = w.place()
		w.all[i].heading = w.random.Float64() * 2 * math.Pi
		group.Go(func() error { w.all[i].device = w.tenant.device().GetDevice().GetId(); return nil })
	}
	require.NoError(b, group.Wait())
	return w
}

func (w *walkers) place() (lat, lng float64) {
	return 37.43 + w.random.Float64()*0.27, 126.80 + w.random.Float64()*0.38
}

func (w *walkers) fences(b *testing.B, count int) {
	type object = map[string]any
	for from := 0; from < count; from += 10_000 {
		var features []object
		for i := from; i < min(count, from+10_000); i++ {
			lat, lng := w.place()
			features = append(features, object{"type": "Feature", "id": fmt.Sprint(i), "properties": object{"radius_meters": 100},
				"geometry": object{"type": "Point", "coordinates": []float64{lng, lat}}})
		}
		content, err := json.Marshal(object{"type": "FeatureCollection", "features": features})
		require.NoError(b, err)
		answer, err := v1.NewFenceServiceClient(w.f.conn).ImportFences(w.tenant.server(), &v1.ImportFencesRequest{
			RequestId: uuid.NewString(), Content: content, Purpose: v1.Fence_NEAR,
		})
		require.NoError(b, err)
		require.Zero(b, answer.GetReport().GetRefused())
	}
}

// request is the next batch, each ping of another walker, as it comes over the wire.
func (w *walkers) request(batch int) []byte {
	const step = 42.0
	r := &v1.ImportPingsRequest{RequestId: uuid.NewString()}
	for range batch {
		k := &w.all[w.next]
		if w.next++; w.next == len(w.all) {
			w.next, w.at = 0, w.at.Add(10*time.Millisecond)
			w.f.clock.Set(w.at.UnixMilli())
		}
		k.heading += (w.random.Float64() - 0.5) * 0.4
		k.lat += step * math.Cos(k.heading) / 111_195
		k.lng += step * math.Sin(k.heading) / (111_195 * math.Cos(k.lat*math.Pi/180))
		if k.lat < 37.43 || k.lat > 37.70 || k.lng < 126.80 || k.lng > 127.18 {
			k.heading += math.Pi
			k.lat, k.lng = min(max(k.lat, 37.43), 37.70), min(max(k.lng, 126.80), 127.18)
		}
		r.Pings = append(r.Pings, &v1.ImportedPing{
			Device: &v1.ImportedPing_DeviceId{DeviceId: k.device},
			Ping:   &v1.Ping{Id: uuid.NewString(), Latitude: k.lat, Longitude: k.lng, AccuracyMeters: 10, ObservedTime: timestamppb.New(w.at)},
		})
	}
	b, err := proto.Marshal(r)
	if err != nil {
		panic(err)
	}
	return b
}
