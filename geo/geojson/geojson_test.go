package geojson_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/geojson"
)

const squareRing = `[[0,0],[10,0],[10,10],[0,10],[0,0]]`

func polygon(extra, rings string) string {
	return fmt.Sprintf(`{"type":"Feature",%s"geometry":{"type":"Polygon","coordinates":[%s]}}`, extra, rings)
}

func collection(features ...string) string {
	return `{"type":"FeatureCollection","features":[` + strings.Join(features, ",\n") + `]}`
}

func read(t *testing.T, input string) geojson.Result {
	t.Helper()
	r, err := geojson.Read(strings.NewReader(input), false)
	require.NoError(t, err)
	return r
}

func TestKindsOfInput(t *testing.T) {
	for name, input := range map[string]string{
		"collection":       collection(polygon("", squareRing)),
		"features first":   `{"features":[` + polygon("", squareRing) + `],"bbox":[0,0,1,1],"type":"FeatureCollection"}`,
		"feature":          polygon("", squareRing),
		"geometry":         `{"type":"Polygon","coordinates":[` + squareRing + `]}`,
		"multi":            `{"coordinates":[[` + squareRing + `]],"type":"MultiPolygon"}`,
		"byte order mark":  "\xef\xbb\xbf " + collection(polygon("", squareRing)),
		"altitude, spaces": "{ \"type\" : \"Polygon\" ,\n \"coordinates\" : [ [ [0,0,5], [10,0,5],\r\n[10,10,5],[0,10,5],[0,0,5] ] ] }\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := read(t, input)
			require.Empty(t, r.Refused)
			require.Len(t, r.Features, 1)
			require.Equal(t, "0", r.Features[0].ID)
			require.True(t, r.Features[0].Shape.Contains(geo.Point{Lat: 5, Lng: 5}))
		})
	}
}

func TestNotGeoJSON(t *testing.T) {
	for _, input := range []string{
		"", " ", "[]", "null", "{", `{"type"`, `{"type":"FeatureCollection"}`, `{"type":"FeatureCollection","features":7}`, `{"a":1}`, `{"type":7}`,
		`{"type":"Topology","features":[]}`, `{"type":"FeatureCollection","features":[}`, `{"type":"FeatureCollection","features":[:]}`, `{"type":"FeatureCollection","features":[]} x`, `{"type":"FeatureCollection","features":[]`, `{]`, `{"a":]`,
	} {
		_, err := geojson.Read(strings.NewReader(input), false)
		require.ErrorIs(t, err, geojson.ErrFormat, "%q", input)
	}
	broken := errors.New("the disk is gone")
	_, err := geojson.Read(io.MultiReader(strings.NewReader(collection(polygon("", squareRing))[:80]), iotest.ErrReader(broken)), false)
	require.ErrorIs(t, err, broken)
}

func TestIDs(t *testing.T) {
	r := read(t, collection(
		polygon(`"id":"a","properties":{"id":"b","name":"c"},`, squareRing),
		polygon(`"properties":{"id":"b","name":"c"},`, squareRing),
		polygon(`"properties":{"name":"강남"},`, squareRing),
		polygon(``, squareRing),
		polygon(`"id":1168051000000000001,`, squareRing),
		polygon(`"id":"a",`, squareRing),
		polygon(`"id":"a",`, `[[0,0],[1,1]]`),
		polygon(`"properties":{"id":"a"},`, squareRing),
		polygon(`"id":"a#3",`, squareRing),
		polygon(`"id":null,"properties":{"id":true,"name":""},`, squareRing),
		polygon(`"properties":{"id":7.50},`, squareRing),
	))
	var ids []string
	for _, f := range r.Features {
		ids = append(ids, f.ID)
	}
	require.Equal(t, []string{"a", "b", "강남", "3", "1168051000000000001", "a#2", "a#4", "a#3#2", "9", "7.50"}, ids)
	require.Equal(t, "a#3", r.Refused[0].ID)
	require.Equal(t, "강남", r.Features[2].Name)
	require.Equal(t, map[string]any{"id": "b", "name": "c"}, r.Features[0].Properties)
}

func TestFaultyFeaturesCostNothingElse(t *testing.T) {
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	faults := []struct{ feature, reason string }{
		{polygon(`"id":"f",`, `[[0,0],[NaN,0],[1,1],[0,0]]`), "not sound JSON"},
		{polygon(`"id":"f",`, `[[0,0],[Infinity,0],[1,1],[0,0]]`), "not sound JSON"},
		{polygon(`"id":"f",`, `[[0,0],[1e999,0],[1,1],[0,0]]`), "float64"},
		{polygon(`"id":"f",`, `[[0,0],[181,0],[1,1],[0,0]]`), "longitude is beyond 180"},
		{polygon(`"id":"f",`, `[[0,0],[1,91],[1,1],[0,0]]`), "latitude is beyond 90"},
		{polygon(`"id":"f",`, `[[0,0],[null,1],[1,1],[0,0]]`), "null"},
		{polygon(`"id":"f",`, `[[0,0],[1],[1,1],[0,0]]`), "under two numbers"},
		{polygon(`"id":"f",`, `[[0,0],["1","2"],[1,1],[0,0]]`), "string"},
		{polygon(`"id":"f",`, `[[0,0],[1,1]]`), "no ring with an area"},
		{polygon(`"id":"f",`, ``), "no ring with an area"},
		{polygon(`"id":"f",`, deep), "nested deeper"},
		{`{"id":"f","type":"Feature","geometry":{"type":"Polygon","coordinates":[]}}`, "no ring with an area"},
		{`{"id":"f","type":"Feature","geometry":{"type":"Polygon"}}`, "no coordinates"},
		{`{"id":"f","type":"Feature","geometry":null}`, "there is none"},
		{`{"id":"f","type":"Feature"}`, "geometry"},
		{`{"id":"f","type":"Feature","geometry":{"type":"LineString","coordinates":[[0,0],[1,1]]}}`, "no inside"},
		{`{"id":"f","type":"Feature","geometry":{"type":"GeometryCollection","geometries":[]}}`, "no inside"},
		{`{"id":"f","type":"Faeture","geometry":{"type":"Point","coordinates":[1,1]}}`, "type is not Feature"},
		{`{"id":"f","type":"Feature","properties":[1],"geometry":{"type":"Point","coordinates":[1,1]}}`, "properties"},
		{`{"id":"f","type":"Feature","geometry":{"type":"Point","coordinates":[200,1]}}`, "longitude"},
		{`{"id":"f","type":"Feature","geometry":{"type":"Point","coordinates":[]}}`, "under two numbers"},
		{polygon(`"id":"f",`, `[[0,0],[],[1,1],[0,0]]`), "under two numbers"},
		{polygon(`"id":"f",`, `[[0,0],[[1,1]],[1,1],[0,0]]`), "array"},
		{`{"id":"f" "type":"Feature"}`, "not sound JSON"},
		{`"f"`, "not an object"},
		{`null`, "not an object"},
		{`7`, "not an object"},
	}
	for _, c := range faults {
		r := read(t, collection(polygon(`"id":"before",`, squareRing), c.feature, polygon(`"id":"after",`, squareRing)))
		require.Len(t, r.Features, 2, c.feature)
		require.Equal(t, "after", r.Features[1].ID)
		require.Len(t, r.Refused, 1, c.feature)
		refused := r.Refused[0]
		require.Equal(t, 1, refused.Position)
		require.Equal(t, 2, refused.Line)
		require.Contains(t, refused.Reason, c.reason)
		if strings.HasPrefix(c.feature, `{`) {
			require.Equal(t, "f", refused.ID, c.feature)
		}
	}
}

func TestManyBrokenRings(t *testing.T) {
	var features []string
	for i := range 133 {
		features = append(features, polygon("", squareRing), polygon("", squareRing+fmt.Sprintf(",[[1,1],[%d,2]]", i%9)))
	}
	r := read(t, collection(features...))
	require.Len(t, r.Features, 266)
	warned := 0
	for _, f := range r.Features {
		warned += len(f.Warnings)
	}
	require.Equal(t, 133, warned)
	strict, err := geojson.Read(strings.NewReader(collection(features...)), true)
	require.NoError(t, err)
	require.Len(t, strict.Features, 133)
	require.Len(t, strict.Refused, 133)
	require.Contains(t, strict.Refused[0].Reason, "ring 1")
}

// fate is what becomes of a broken ring.
type fate int

const (
	dropped fate = iota
	mended
	refusing // its whole feature is refused
)

func brokenRing(rng *rand.Rand) (string, fate) {
	x, y := 1+7*rng.Float64(), 1+7*rng.Float64()
	switch rng.Intn(9) {
	case 0:
		return fmt.Sprintf(`[[%f,%f]]`, x, y), dropped
	case 1:
		return fmt.Sprintf(`[[%f,%f],[%f,%f],[%f,%f],[%f,%f]]`, x, y, x+1, y+1, x+1, y+1, x, y), dropped
	case 2:
		return fmt.Sprintf(`[[%f,%f],[%f,%f],[%f,%f]]`, x, y, x+1, y, x, y+1), dropped
	case 3:
		return `[]`, dropped
	case 4:
		return fmt.Sprintf(`[[%f,%f],[%f,%f],[%f,%f],[%f,%f]]`, x, y, x+.5, y, x+.5, y, x, y+.5), mended
	case 5:
		return fmt.Sprintf(`[[%f,%f],[NaN,%f],[%f,%f],[%f,%f]]`, x, y, y, x, y+1, x, y), refusing
	case 6:
		return fmt.Sprintf(`[[%f,%f],[%f,%f],[%f,%f],[%f,%f]]`, x, y, x+400*(1+rng.Float64()), y, x, y+1, x, y), refusing
	case 7:
		return fmt.Sprintf(`[[%f,%f],[%f],[%f,%f],[%f,%f]]`, x, y, x, x, y+1, x, y), refusing
	default:
		return fmt.Sprintf(`[[%f,%f],[null,%f],[%f,%f],[%f,%f]]`, x, y, y, x, y+1, x, y), refusing
	}
}

// TestBrokenRingsBySeed breaks 133 rings among good features, as holes of good ones and by themselves, and wants every
// good feature to be there, to be the same as in a file without the others, and the count to come out.
func TestBrokenRingsBySeed(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewSource(seed))
	var good, mixed []string
	refused, warned := 0, 0
	for i := range 133 {
		for k := range rng.Intn(3) {
			f := polygon(fmt.Sprintf(`"id":"good %d.%d",`, i, k), squareRing)
			good, mixed = append(good, f), append(mixed, f)
		}
		ring, fate := brokenRing(rng)
		alone := rng.Intn(2) == 0
		if !alone {
			ring = squareRing + "," + ring
		}
		mixed = append(mixed, polygon(fmt.Sprintf(`"id":"broken %d",`, i), ring))
		if fate == refusing || alone && fate == dropped {
			refused++
		} else {
			warned++
		}
	}
	want, got := read(t, collection(good...)), read(t, collection(mixed...))
	shapes := map[string]geo.Shape{}
	for _, f := range got.Features {
		shapes[f.ID] = f.Shape
		if strings.HasPrefix(f.ID, "broken") {
			require.NotEmpty(t, f.Warnings, f.ID)
		}
	}
	for _, f := range want.Features {
		require.Equal(t, f.Shape, shapes[f.ID], f.ID)
	}
	require.Len(t, got.Refused, refused)
	require.Len(t, got.Features, len(want.Features)+warned)
	for _, r := range got.Refused {
		require.True(t, strings.HasPrefix(r.ID, "broken"), r.ID)
		require.NotEmpty(t, r.Reason)
	}
}

func TestPoints(t *testing.T) {
	r := read(t, collection(`{"type":"Feature","properties":{"name":"점"},"geometry":{"type":"Point","coordinates":[126.978,37.5665]}}`))
	require.Nil(t, r.Features[0].Shape)
	require.Equal(t, &geo.Point{Lat: 37.5665, Lng: 126.978}, r.Features[0].Point)
}

func TestATruncatedFileKeepsWhatItHeld(t *testing.T) {
	whole := collection(polygon(`"id":"a",`, squareRing), polygon(`"id":"b",`, squareRing))
	r, err := geojson.Read(strings.NewReader(whole[:len(whole)-20]), false)
	require.ErrorIs(t, err, geojson.ErrFormat)
	require.Len(t, r.Features, 1)
	require.Len(t, r.Refused, 1)
	require.Equal(t, "b", r.Refused[0].ID)
}

func TestRoundTrip(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewSource(seed))
	for range 200 {
		var polygons [][][]geo.Point
		for range 1 + rng.Intn(3) {
			var ring []geo.Point
			for range 3 + rng.Intn(20) {
				ring = append(ring, geo.Point{Lat: 180*rng.Float64() - 90, Lng: 360*rng.Float64() - 180})
			}
			polygons = append(polygons, [][]geo.Point{append(ring, ring[0])})
		}
		a, _, err := geo.NewArea(polygons, true)
		require.NoError(t, err)
		raw, err := geojson.Write(a)
		require.NoError(t, err)
		r, err := geojson.Read(bytes.NewReader(raw), true)
		require.NoError(t, err)
		require.Equal(t, a, r.Features[0].Shape)
	}
}

func TestWriteCircle(t *testing.T) {
	for _, at := range []geo.Point{{Lat: 37.5, Lng: 127}, {Lat: -17, Lng: 179.9999}, {Lat: 89.9, Lng: 3}} {
		c, err := geo.NewCircle(at, 20_000)
		require.NoError(t, err)
		raw, err := geojson.Write(c)
		require.NoError(t, err)
		r, err := geojson.Read(bytes.NewReader(raw), true)
		require.NoError(t, err)
		require.True(t, r.Features[0].Shape.Contains(at))
		require.InDelta(t, -20_000, r.Features[0].Shape.Gap(at), 20_000*0.003)
	}
	_, err := geojson.Write(nil)
	require.ErrorIs(t, err, geo.ErrShape)
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(collection(polygon(`"id":"a",`, squareRing), polygon(`"id":7,`, `[[0,0],[NaN,1]]`))))
	f.Add([]byte(polygon(`"properties":{"name":"x"},`, squareRing)))
	f.Add([]byte(`{"type":"MultiPolygon","coordinates":[[[[179,0],[-179,0],[-179,1],[179,0]]]]}`))
	f.Add([]byte(`{"type":"FeatureCollection","features":[{"a":]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := geojson.Read(bytes.NewReader(raw), false)
		if err != nil && !errors.Is(err, geojson.ErrFormat) {
			t.Fatal(err)
		}
		ids := map[string]bool{}
		for _, f := range r.Features {
			if ids[f.ID] {
				t.Fatalf("id %q twice", f.ID)
			}
			ids[f.ID] = true
			if (f.Shape == nil) == (f.Point == nil) {
				t.Fatal("neither shape nor point, or both")
			}
			if f.Shape != nil && math.IsNaN(f.Shape.Gap(geo.Point{})) {
				t.Fatal("not a number")
			}
		}
	})
}

// open opens real data, unpacked, or skips the test visibly.
func open(t *testing.T, name string) io.Reader {
	t.Helper()
	dir := os.Getenv("WANTGO_DATA")
	if dir == "" {
		_, here, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(here), "..", "..", "..", "shared", "data")
	}
	file, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("no real data: %v", err)
	}
	t.Cleanup(func() { _ = file.Close() })
	if !strings.HasSuffix(name, ".gz") {
		return file
	}
	unpacked, err := gzip.NewReader(file)
	require.NoError(t, err)
	return unpacked
}

func TestRealFilesLoad(t *testing.T) {
	for _, c := range []struct {
		name               string
		features, vertices int
	}{
		{"polygons_countries_50m.geojson.gz", 241, 0}, {"polygons_countries_cut.geojson", 180, 0},
		{"polygons_korea_provinces.geojson.gz", 17, 0}, {"polygons_san_francisco.geojson", 37, 0}, {"polygons_seoul_dong.geojson", 425, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := geojson.Read(open(t, c.name), false)
			require.NoError(t, err)
			require.Empty(t, r.Refused)
			require.Len(t, r.Features, c.features)
			problems := map[geo.Problem]int{}
			for _, f := range r.Features {
				for _, w := range f.Warnings {
					problems[w.Problem] += w.Count
				}
			}
			t.Logf("mended: %v", problems)
		})
	}
}
