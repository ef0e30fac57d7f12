package index_test

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"io"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/geojson"
	"github.com/wantgo/wantgo/geo/index"
)

// open opens real data, unpacked, or skips the test visibly.
func open(t testing.TB, name string) io.Reader {
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
		return bufio.NewReader(file)
	}
	unpacked, err := gzip.NewReader(bufio.NewReader(file))
	require.NoError(t, err)
	return unpacked
}

type track struct {
	device string
	points []geo.Point
}

// tracks reads a track file by device; rows off the globe are left out.
func tracks(t testing.TB, name string) []track {
	r := csv.NewReader(open(t, name))
	r.ReuseRecord = true
	_, err := r.Read()
	require.NoError(t, err)
	var out []track
	for {
		row, err := r.Read()
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
		if len(out) == 0 || out[len(out)-1].device != row[0] {
			out = append(out, track{device: strings.Clone(row[0])})
		}
		lat, err := strconv.ParseFloat(row[2], 64)
		require.NoError(t, err)
		lng, err := strconv.ParseFloat(row[3], 64)
		require.NoError(t, err)
		if p := (geo.Point{Lat: lat, Lng: lng}); p.Validate() == nil {
			last := &out[len(out)-1]
			last.points = append(last.points, p)
		}
	}
}

func polygons(t testing.TB, name string) ([]*index.Fence, []string) {
	r, err := geojson.Read(open(t, name), false)
	require.NoError(t, err)
	fences, names := make([]*index.Fence, len(r.Features)), make([]string, len(r.Features))
	for i, f := range r.Features {
		fences[i], names[i] = &index.Fence{ID: id(i), Shape: f.Shape}, f.Name
	}
	return fences, names
}

func stores(t testing.TB, name string, radius float64) []*index.Fence {
	rows, err := csv.NewReader(open(t, name)).ReadAll()
	require.NoError(t, err)
	var fences []*index.Fence
	for _, row := range rows[1:] {
		lat, errLat := strconv.ParseFloat(row[3], 64)
		lng, errLng := strconv.ParseFloat(row[4], 64)
		if errLat != nil || errLng != nil {
			continue
		}
		c, err := geo.NewCircle(geo.Point{Lat: lat, Lng: lng}, radius)
		require.NoError(t, err)
		fences = append(fences, &index.Fence{ID: id(len(fences)), Shape: c})
	}
	return fences
}

// meridian is even-odd with a ray along p's meridian to the north pole, edges taken the short way round: another ray
// than the product's.
func meridian(a *geo.Area, p geo.Point) bool {
	inside := false
	for _, rings := range a.Polygons() {
		for _, ring := range rings {
			for i := 0; i+1 < len(ring); i++ {
				x1 := ring[i].Lng - p.Lng
				x2 := x1 + math.Remainder(ring[i+1].Lng-ring[i].Lng, 360)
				for _, turn := range [3]float64{-360, 0, 360} {
					if from, to := x1+turn, x2+turn; (from > 0) != (to > 0) &&
						ring[i].Lat-from/(to-from)*(ring[i+1].Lat-ring[i].Lat) > p.Lat {
						inside = !inside
					}
				}
			}
		}
	}
	return inside
}

func TestCountriesEqualBruteForce(t *testing.T) {
	fences, names := polygons(t, "polygons_countries_50m.geojson.gz")
	s, err := index.Build(fences)
	require.NoError(t, err)
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewSource(seed))
	points := []geo.Point{{Lat: 90}, {Lat: -89.9995, Lng: 5}, {Lat: -89.99, Lng: 179.999}, {Lat: -85, Lng: -179.999}, {Lat: -85, Lng: 179.99}, {Lat: 68, Lng: 179.9}, {Lat: 68, Lng: -179.9}, {Lat: -16.8, Lng: 179.95}, {Lat: -16.8, Lng: -179.95}}
	for range 1000 {
		points = append(points, geo.Point{Lat: math.Asin(2*rng.Float64()-1) * 180 / math.Pi, Lng: 360*rng.Float64() - 180},
			geo.Point{Lat: 180*rng.Float64() - 90, Lng: 180 - rng.Float64()*0.5}, geo.Point{Lat: -60 - 30*rng.Float64(), Lng: 360*rng.Float64() - 180})
	}
	inside := 0
	for _, p := range points {
		var want []*index.Fence
		for _, f := range fences {
			if meridian(f.Shape.(*geo.Area), p) {
				want = append(want, f)
			}
		}
		inside += len(want)
		got := byID(s.Match(p, nil))
		require.Equal(t, len(want), len(got), "%v", p)
		for i := range want {
			require.Same(t, want[i], got[i], "%v", p)
		}
	}
	require.Greater(t, inside, 500)
	for _, lng := range []float64{0, 90, 180, -180} {
		require.Empty(t, s.Match(geo.Point{Lat: -90, Lng: lng}, nil), "the pole itself is outside by even-odd")
		there := s.Match(geo.Point{Lat: -85, Lng: lng}, nil)
		require.Len(t, there, 1)
		require.Equal(t, "Antarctica", names[there[0].ID[15]-1])
	}
}

func nearby(rng *rand.Rand, b geo.Box) []geo.Point {
	width := math.Mod(b.East-b.West+360, 360)
	if b.East-b.West >= 360 {
		width = 360
	}
	points := make([]geo.Point, 800)
	for i := range points {
		points[i] = geo.Point{Lat: b.South + rng.Float64()*(b.North-b.South), Lng: math.Remainder(b.West+rng.Float64()*width, 360)}
	}
	return points
}

// follow compares a follower and a cold match with brute force on every ping and returns how many times a device entered.
func follow(t *testing.T, tracks []track, fences []*index.Fence, plain func(*index.Fence, geo.Point) bool) int {
	s, err := index.Build(fences)
	require.NoError(t, err)
	entered := 0
	for _, track := range tracks {
		var f index.Follower
		inside := map[*index.Fence]bool{}
		for _, p := range track.points {
			var want []*index.Fence
			for _, f := range fences {
				if plain(f, p) {
					want = append(want, f)
				}
			}
			got := byID(f.Match(s, p, nil))
			if len(want) != len(got) {
				t.Fatalf("%s: %d fences instead of %d", track.device, len(got), len(want))
			}
			now := map[*index.Fence]bool{}
			for i := range want {
				require.Same(t, want[i], got[i])
				if !inside[want[i]] {
					entered++
				}
				now[want[i]] = true
			}
			inside = now
			if cold := byID(s.Match(p, nil)); len(cold) != len(want) {
				t.Fatalf("%s: cold, %d fences instead of %d", track.device, len(cold), len(want))
			}
		}
	}
	return entered
}

func TestCabsInSanFrancisco(t *testing.T) {
	if testing.Short() {
		t.Skip("the brute force takes seconds")
	}
	fences, _ := polygons(t, "polygons_san_francisco.geojson")
	plain := func(f *index.Fence, p geo.Point) bool {
		if b := f.Shape.Bounds(); p.Lat < b.South || p.Lat > b.North {
			return false
		}
		inside := false
		for _, rings := range f.Shape.(*geo.Area).Polygons() {
			for _, ring := range rings {
				for i := 0; i+1 < len(ring); i++ {
					a, b := ring[i], ring[i+1]
					if (a.Lat > p.Lat) != (b.Lat > p.Lat) && p.Lng < (b.Lng-a.Lng)*(p.Lat-a.Lat)/(b.Lat-a.Lat)+a.Lng {
						inside = !inside
					}
				}
			}
		}
		return inside
	}
	t.Logf("entered %d times", follow(t, tracks(t, "tracks_sf_cabs.csv.gz"), fences, plain))
}

func haversine(f *index.Fence, p geo.Point) bool {
	const rad = math.Pi / 180
	c := f.Shape.(geo.Circle)
	a := c.Center_
	if math.Abs(p.Lat-a.Lat) > 0.01 {
		return false
	}
	s1, s2 := math.Sin((p.Lat-a.Lat)*rad/2), math.Sin((p.Lng-a.Lng)*rad/2)
	return 2*6371008.8*math.Asin(math.Sqrt(s1*s1+math.Cos(a.Lat*rad)*math.Cos(p.Lat*rad)*s2*s2)) <= c.Radius
}

func TestSeoulAndStores(t *testing.T) {
	for _, radius := range []float64{100, 200} {
		entered := follow(t, tracks(t, "tracks_geolife_seoul.csv.gz"), stores(t, "stores_kr_chains.csv", radius), haversine)
		t.Logf("%.0f m: entered %d times", radius, entered)
		require.NotZero(t, entered)
	}
}

func TestBeijingAndStores(t *testing.T) {
	if testing.Short() {
		t.Skip("1.83 million pings by brute force take seconds")
	}
	all, fences := tracks(t, "tracks_geolife_beijing.csv.gz"), stores(t, "stores_mcdonalds_beijing.csv", 100)
	t.Logf("entered %d times", follow(t, all, fences, haversine))
	s, err := index.Build(fences)
	require.NoError(t, err)
	start, pings, matches := time.Now(), 0, 0
	var dst []*index.Fence
	for _, track := range all {
		var f index.Follower
		for _, p := range track.points {
			dst = f.Match(s, p, dst[:0])
			matches += len(dst)
			pings++
		}
	}
	t.Logf("%d pings, %d matches, following: %v", pings, matches, time.Since(start))
}
