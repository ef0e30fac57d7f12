package api

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/korean"
	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

const someStores = `id,name,lat,lng,brand,tags,radius_meters
a,시청점,37.5665,126.9780,Wantgo,city;coffee,
b,강남점,37.4979,127.0276,Wantgo,,150
c,없음,91,127,Wantgo,,
a,again,37.5,127,Wantgo,,
`

func TestImportStores(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	stores, fences := v1.NewStoreServiceClient(f.conn), v1.NewFenceServiceClient(f.conn)
	korean949, err := korean.EUCKR.NewEncoder().Bytes([]byte(someStores))
	require.NoError(t, err)
	run := func(content []byte, dry bool) *v1.ImportReport {
		t.Helper()
		r, err := stores.ImportStores(tn.server(), &v1.ImportStoresRequest{
			RequestId: uuid.NewString(), Content: content, Format: v1.ImportStoresRequest_CSV, NearRadiusMeters: 100, VisitRadiusMeters: 20, ValidateOnly: dry,
		})
		require.NoError(t, err)
		return r.GetReport()
	}
	dry := run(korean949, true)
	require.Equal(t, "cp949", dry.GetEncoding())
	require.Equal(t, []int32{2, 0, 0, 2}, []int32{dry.GetCreated(), dry.GetUpdated(), dry.GetUnchanged(), dry.GetRefused()})
	require.Equal(t, int32(4), dry.GetRows()[0].GetLine())
	require.Equal(t, v1.ErrorReason_ROW_REPEATED, dry.GetRows()[1].GetReason())
	list, err := stores.ListStores(tn.server(), &v1.ListStoresRequest{})
	require.NoError(t, err)
	require.Empty(t, list.GetStores())

	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("\ufeff" + someStores))
	require.NoError(t, z.Close())
	require.Equal(t, int32(2), run(packed.Bytes(), false).GetCreated())
	again := run([]byte(someStores), false)
	require.Equal(t, []int32{0, 0, 2}, []int32{again.GetCreated(), again.GetUpdated(), again.GetUnchanged()}, "%v", again)

	got, err := stores.GetStore(tn.server(), &v1.GetStoreRequest{Key: &v1.GetStoreRequest_ExternalId{ExternalId: "a"}})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"ko": "시청점"}, got.GetStore().GetNames())
	require.Equal(t, []string{"city", "coffee"}, got.GetStore().GetTags())
	radius := map[string]float64{}
	all, err := fences.ListFences(tn.server(), &v1.ListFencesRequest{})
	require.NoError(t, err)
	for _, fence := range all.GetFences() {
		require.Nil(t, fence.GetCircle().Latitude, "follows its store")
		radius[fence.GetExternalId()] = fence.GetCircle().GetRadiusMeters()
	}
	require.Equal(t, map[string]float64{"a/near": 100, "a/visit": 20, "b/near": 150, "b/visit": 20}, radius)

	moved := run([]byte("id,lat,lng\na,37.5700,126.9780\n"), false)
	require.Equal(t, int32(1), moved.GetUpdated())
	near, err := fences.GetFence(tn.server(), &v1.GetFenceRequest{Key: &v1.GetFenceRequest_ExternalId{ExternalId: "a/near"}})
	require.NoError(t, err)
	require.Nil(t, near.GetFence().GetCircle().Latitude)

	_, err = stores.ImportStores(tn.server(), &v1.ImportStoresRequest{RequestId: uuid.NewString(), Content: []byte("id,name\n1,x\n"), Format: v1.ImportStoresRequest_CSV})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_FILE_UNREADABLE)
	_, err = stores.ImportStores(tn.server(), &v1.ImportStoresRequest{RequestId: uuid.NewString(), Content: []byte{0x1f, 0x8b, 0}, Format: v1.ImportStoresRequest_CSV})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_FILE_UNREADABLE)
}

func TestImportFences(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.store("s1")
	fences := v1.NewFenceServiceClient(f.conn)
	square := `[[[126.97,37.56],[126.98,37.56],[126.98,37.57],[126.97,37.57],[126.97,37.56]]]`
	file := fmt.Sprintf(`{"type":"FeatureCollection","features":[
		{"type":"Feature","id":"park","properties":{"tags":["green"]},"geometry":{"type":"Polygon","coordinates":%s}},
		{"type":"Feature","id":"round","properties":{"radius_meters":50,"purpose":"visit","store_external_id":"s1"},"geometry":{"type":"Point","coordinates":[127,37.5]}},
		{"type":"Feature","id":"nowhere","properties":{"store_external_id":"x"},"geometry":{"type":"Polygon","coordinates":%s}},
		{"type":"Feature","id":"flat","properties":{},"geometry":{"type":"Polygon","coordinates":[[[1,1],[2,2],[1,1]]]}},
		{"type":"Feature","id":"second","properties":{"radius_meters":50,"purpose":"visit","store_external_id":"s1"},"geometry":{"type":"Point","coordinates":[127,37.5]}}
	]}`, square, square)
	run := func() *v1.ImportReport {
		r, err := fences.ImportFences(tn.server(), &v1.ImportFencesRequest{RequestId: uuid.NewString(), Content: []byte(file), Tags: []string{"all"}})
		require.NoError(t, err)
		return r.GetReport()
	}
	report := run()
	require.Equal(t, []int32{2, 0, 3}, []int32{report.GetCreated(), report.GetUpdated(), report.GetRefused()}, "%v", report)
	require.Equal(t, v1.ErrorReason_STORE_NOT_FOUND, report.GetRows()[0].GetReason())
	require.Equal(t, v1.ErrorReason_SHAPE_INVALID, report.GetRows()[1].GetReason())
	require.Equal(t, v1.ErrorReason_VISIT_FENCE_EXISTS, report.GetRows()[2].GetReason())
	again := run()
	require.Equal(t, []int32{0, 0, 2}, []int32{again.GetCreated(), again.GetUpdated(), again.GetUnchanged()}, "%v", again)
	park, err := fences.GetFence(tn.server(), &v1.GetFenceRequest{Key: &v1.GetFenceRequest_ExternalId{ExternalId: "park"}})
	require.NoError(t, err)
	require.Equal(t, []string{"green", "all"}, park.GetFence().GetTags())
	park.GetFence().Tags = nil
	after, err := fences.UpdateFence(tn.server(), &v1.UpdateFenceRequest{RequestId: uuid.NewString(), Fence: park.GetFence()})
	require.NoError(t, err)
	require.Equal(t, park.GetFence().GetGeojson(), after.GetFence().GetGeojson())
}
