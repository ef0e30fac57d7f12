package presence

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
)

// realFile opens a file of the real data, or skips the test.
func realFile(t *testing.T, name string) *os.File {
	dir := os.Getenv("WANTGO_DATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("no real data: set WANTGO_DATA to the folder that holds %s", name)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// storesNear reads circles into cells of a hundredth of a degree.
func storesNear(t *testing.T, name string, radius float64, rules *Rules) map[[2]int][]circle {
	rows, err := csv.NewReader(realFile(t, name)).ReadAll()
	require.NoError(t, err)
	grid := map[[2]int][]circle{}
	for i, row := range rows[1:] {
		lat, e1 := strconv.ParseFloat(row[3], 64)
		lng, e2 := strconv.ParseFloat(row[4], 64)
		if e1 != nil || e2 != nil {
			continue
		}
		c := circle{id: testID(i + 1), at: geo.Point{Lat: lat, Lng: lng}, radius: radius, rules: rules}
		y, x := int(math.Floor(lat*100)), int(math.Floor(lng*100))
		for dy := -1; dy <= 1; dy++ {
			for dx := -1; dx <= 1; dx++ {
				k := [2]int{y + dy, x + dx}
				grid[k] = append(grid[k], c)
			}
		}
	}
	return grid
}

// widestSilence bounds the silences within the visits that must be found.
var widestSilence Millis = 30_000

type trackPing struct {
	device string
	ping   Ping
}

func realTrack(t *testing.T, name string) []trackPing {
	z, err := gzip.NewReader(realFile(t, name))
	require.NoError(t, err)
	r := csv.NewReader(z)
	r.ReuseRecord = true
	var out []trackPing
	for n := 0; ; n++ {
		row, err := r.Read()
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
		at, e1 := strconv.ParseInt(row[1], 10, 64)
		lat, e2 := strconv.ParseFloat(row[2], 64)
		lng, e3 := strconv.ParseFloat(row[3], 64)
		if e1 != nil || e2 != nil || e3 != nil || math.Abs(lat) > 90 || math.Abs(lng) > 180 {
			continue
		}
		acc, _ := strconv.ParseFloat(row[4], 64)
		out = append(out, trackPing{row[0], Ping{ID: testID(n + 1), At: at, Place: geo.Point{Lat: lat, Lng: lng}, Accuracy: acc, Speed: -1}})
	}
}

type span struct {
	fence    ID
	from, to Millis
	pings    int
	inside   Millis // the last ping inside
	deepest  float64
	// widest is the longest silence between two pings of the span.
	widest Millis
}

// spansOf makes spans from transitions.
func spansOf(ts []Transition) map[ID][]span {
	spans := map[ID][]span{}
	for _, t := range ts {
		ss := spans[t.Fence]
		switch t.Kind {
		case Entered:
			ss = append(ss, span{fence: t.Fence, from: t.At, to: math.MaxInt64})
		case Exited:
			ss[len(ss)-1].to = t.At
		}
		spans[t.Fence] = ss
	}
	return spans
}

// TestRealTracks holds Standard against brute force: no visit is begun where brute
// force has none, and long ones are found.
func TestRealTracks(t *testing.T) {
	for _, c := range []struct {
		tracks, stores string
		radius         float64
	}{
		{"tracks_geolife_seoul.csv.gz", "stores_kr_chains.csv", 100},
		{"tracks_geolife_seoul.csv.gz", "stores_kr_chains.csv", 200},
		{"tracks_geolife_us.csv.gz", "stores_starbucks_us.csv", 100},
		{"tracks_geolife_us.csv.gz", "stores_starbucks_us.csv", 200},
		{"tracks_geolife_beijing.csv.gz", "stores_mcdonalds_beijing.csv", 100},
		{"tracks_geolife_beijing.csv.gz", "stores_mcdonalds_beijing.csv", 200},
	} {
		t.Run(c.tracks+" "+c.stores+" "+strconv.Itoa(int(c.radius)), func(t *testing.T) {
			if strings.Contains(c.tracks, "beijing") && os.Getenv("WANTGO_SIM") != "full" {
				t.Skip("1.8 million pings: set WANTGO_SIM=full")
			}
			rules := Defaults(Standard)
			grid := storesNear(t, c.stores, c.radius, &rules)
			byDevice := map[string][]Ping{}
			for _, p := range realTrack(t, c.tracks) {
				byDevice[p.device] = append(byDevice[p.device], p.ping)
			}
			long, missed, begun, baseless := 0, 0, 0, 0
			for device, pings := range byDevice {
				found, brute := runTrack(pings, grid)
				for fence, ss := range found {
					for _, f := range ss {
						begun++
						if !overlaps(f, brute[fence]) {
							baseless++
						}
					}
				}
				for fence, ss := range brute {
					for _, b := range ss {
						if b.inside-b.from < 60_000 || b.widest > widestSilence {
							continue
						}
						long++
						if !overlaps(b, found[fence]) {
							missed++
							t.Logf("missed: device %s, %d s inside over %d pings, deepest %.1f m, widest gap %d s", device, (b.inside-b.from)/1000, b.pings, b.deepest, b.widest/1000)
						}
					}
				}
			}
			t.Logf("visits begun %d, without brute force %d; of %d visits of a minute missed %d", begun, baseless, long, missed)
			require.NotZero(t, long)
			require.Zero(t, baseless)
			require.Zero(t, missed)
		})
	}
}

func overlaps(a span, bs []span) bool {
	for _, b := range bs {
		if a.from <= b.to && b.from <= a.to {
			return true
		}
	}
	return false
}

func runTrack(pings []Ping, grid map[[2]int][]circle) (found, brute map[ID][]span) {
	var s State
	dev := DeviceDefaults(Standard)
	var told []Transition
	brute = map[ID][]span{}
	open := map[ID]bool{}
	byID := map[ID]circle{}
	var last Millis
	for _, p := range pings {
		var cs []Candidate
		given := map[ID]bool{}
		for _, c := range grid[[2]int{int(math.Floor(p.Place.Lat * 100)), int(math.Floor(p.Place.Lng * 100))}] {
			d := c.seenFrom(p.Place)
			if d.Inside {
				cs = append(cs, d)
				given[c.id], byID[c.id] = true, c
			}
			ss := brute[c.id]
			if d.Inside && !open[c.id] {
				open[c.id] = true
				ss = append(ss, span{fence: c.id, from: p.At, to: math.MaxInt64, inside: p.At})
			}
			if d.Inside {
				b := &ss[len(ss)-1]
				b.pings++
				if b.pings > 1 {
					b.widest = max(b.widest, p.At-last)
				}
				b.inside = p.At
				b.deepest = min(b.deepest, d.Gap)
			}
			brute[c.id] = ss
		}
		for id := range open {
			if !given[id] {
				brute[id][len(brute[id])-1].to = p.At
				delete(open, id)
			}
		}
		for _, id := range s.Fences(nil) {
			if !given[id] {
				c := byID[id]
				cs = append(cs, c.seenFrom(p.Place))
			}
		}
		told, _ = s.Apply(p, p.At, cs, &dev, told)
		last = p.At
	}
	return spansOf(told), brute
}
