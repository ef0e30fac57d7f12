package bench

import (
	"bytes"
	"compress/gzip"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/geojson"
)

func TestWalkersStrideWithinTheirBox(t *testing.T) {
	r := seeded(t)
	for name, box := range boxes {
		for n := range uint64(50) {
			w := newWalker(box, r.Uint64(), n)
			turned := 0
			for range 2000 {
				before := w
				w.step(&box)
				at := geo.Point{Lat: w.lat, Lng: w.lng}
				require.True(t, box.Contains(at), "%s: %v", name, at)
				went := geo.Distance(geo.Point{Lat: before.lat, Lng: before.lng}, at)
				if turn := math.Abs(math.Remainder(w.heading-before.heading, 2*math.Pi)); turn > 10.001*math.Pi/180 {
					turned++
					require.LessOrEqual(t, went, stride*1.01, "back from the edge, and no further")
					continue
				}
				require.InDelta(t, stride, went, 2, "almost along the edge it is a little less")
			}
			require.Less(t, turned, 200, "the edge is rare")
		}
	}
}

func TestWalkersDifferAndRepeat(t *testing.T) {
	box := boxes["seoul"]
	require.Equal(t, newWalker(box, 1, 2), newWalker(box, 1, 2))
	require.NotEqual(t, newWalker(box, 1, 2).lat, newWalker(box, 1, 3).lat)
	require.NotEqual(t, newWalker(box, 1, 2).lat, newWalker(box, 2, 2).lat)
}

func TestFencesAreAFile(t *testing.T) {
	box, seen := boxes["korea"], map[string]bool{}
	p := newPlacer(box, 120.5, 7)
	quarters := [4]int{}
	for range 3 {
		packed, err := p.chunk(2000)
		require.NoError(t, err)
		z, err := gzip.NewReader(bytes.NewReader(packed))
		require.NoError(t, err)
		file, err := geojson.Read(z, true)
		require.NoError(t, err)
		require.Empty(t, file.Refused)
		require.Len(t, file.Features, 2000)
		for _, f := range file.Features {
			require.False(t, seen[f.ID], f.ID)
			seen[f.ID] = true
			require.True(t, box.Contains(*f.Point))
			require.EqualValues(t, 120.5, f.Properties["radius_meters"])
			q := 0
			if f.Point.Lat > (box.South+box.North)/2 {
				q++
			}
			if f.Point.Lng > (box.West+box.East)/2 {
				q += 2
			}
			quarters[q]++
		}
	}
	for _, n := range quarters {
		require.InDelta(t, 1500, n, 200, "uniform: %v", quarters)
	}
}

func TestCompare(t *testing.T) {
	a, b, c := record{1, 10, 0, 1}, record{1, 20, 0, 3}, record{2, 10, 1, 1}
	later, other := a, a
	later.at++
	other.kind = 3
	for name, check := range map[string]struct {
		told, stored   []record
		missing, extra int
	}{
		"nothing":        {nil, nil, 0, 0},
		"the same":       {[]record{a, b, c}, []record{c, a, b}, 0, 0},
		"one lost":       {[]record{a, b, c}, []record{a, c}, 1, 0},
		"one not told":   {[]record{a}, []record{b, a}, 0, 1},
		"stored twice":   {[]record{a, b}, []record{a, b, a}, 0, 1},
		"told twice":     {[]record{a, a}, []record{a}, 1, 0},
		"another time":   {[]record{a, b}, []record{later, b}, 1, 1},
		"another kind":   {[]record{a}, []record{other}, 1, 1},
		"everything":     {[]record{a, b, c}, nil, 3, 0},
		"out of nowhere": {nil, []record{a, b, c}, 0, 3},
	} {
		v := compare(check.told, check.stored)
		require.Equal(t, []int{check.missing, check.extra}, []int{v.Missing, v.Extra}, name)
		require.Equal(t, check.missing+check.extra == 0, v.OK, name)
		require.Len(t, v.Some, check.missing+check.extra, name)
	}
}

func TestQuantile(t *testing.T) {
	require.Zero(t, quantile(nil, 0.5))
	require.Equal(t, 3.0, quantile([]uint32{5, 1, 3, 2, 4}, 0.5))
	require.Equal(t, 5.0, quantile([]uint32{5, 1, 3, 2, 4}, 0.99))
	require.Equal(t, 5.0, quantile([]uint32{5, 1, 3, 2, 4}, 1))
}

func TestProcessTimesAreRead(t *testing.T) {
	stat := func(name, parent, own, ended string) []byte {
		return []byte("12 (" + name + ") S " + parent + " 1 1 0 -1 4194560 1 2 3 4 " + own + " " + ended + " 20 0 1 0 5 6 7")
	}
	for _, name := range []string{"postgres", "a b", ") 9 9 (", ""} {
		r, ok := parseStat(stat(name, "7", "100 20", "3000 400"))
		require.True(t, ok, name)
		require.Equal(t, running{7, 1200 * time.Millisecond, 34 * time.Second}, r, name)
	}
	for _, bad := range []string{"", "12 postgres S 1", "12 (postgres) S 1 2"} {
		_, ok := parseStat([]byte(bad))
		require.False(t, ok, bad)
	}
	all := map[int]running{1: {0, 5, 9}, 7: {1, 10, 100}, 8: {7, 1, 0}, 9: {7, 2, 50}, 10: {1, 1000, 0}}
	require.Equal(t, time.Duration(163), timeOfTree(all, 7))
}

func TestFlagsAreChecked(t *testing.T) {
	good := ingestCommand{Fences: 10, Box: "seoul", Radius: 100, Devices: 100, Batch: 500, Conns: 4, Mode: modeImport, Policy: "exact",
		Campaigns: 100, Matching: 3, Every: 30 * time.Second, WarmUp: 2}
	c := good
	require.NoError(t, c.check())
	require.Equal(t, defaultTime, c.For)
	require.Equal(t, 100, c.Population)
	for want, change := range map[string]func(*ingestCommand){
		"--devices":    func(c *ingestCommand) { c.Devices = 0 },
		"--batch":      func(c *ingestCommand) { c.Batch = 1001 },
		"--radius":     func(c *ingestCommand) { c.Radius = math.NaN() },
		"--population": func(c *ingestCommand) { c.Population = 99 },
		"--campaigns":  func(c *ingestCommand) { c.Campaigns = 2 },
		"--rate":       func(c *ingestCommand) { c.Rate = -1 },
		"--every":      func(c *ingestCommand) { c.Every = 0 },
		"to run":       func(c *ingestCommand) { c.Policy, c.Pings = "standard", 2_000_000 },
	} {
		c := good
		change(&c)
		err := c.check()
		require.ErrorContains(t, err, want)
		require.Equal(t, 0, strings.Count(err.Error(), "\n"), "one fault: %v", err)
	}
	c = good
	c.Pings = 1_000_000
	require.NoError(t, c.check())
	require.Less(t, 10_002*c.Every, span, "as many pings as are asked for go into a day")
}

// TestLanesTakeTurns holds what the order of a device's pings rests on: one lane a device, all devices once a pass, each
// a step later in its own time.
func TestLanesTakeTurns(t *testing.T) {
	c := ingestCommand{Mode: modeImport, Batch: 7, Conns: 2, Devices: 23, Box: "seoul", Every: 30 * time.Second}
	tn := &tenant{apiKeys: []string{"k"}}
	r := seeded(t)
	for range c.Devices {
		tn.devices = append(tn.devices, randomID(r))
	}
	l := newLoad(&c, tn, tn.devices, 3, false)
	seen := map[int]int{}
	for _, lane := range l.list {
		p := &phase{pass: 4}
		p.left.Store(math.MaxInt64 / 2)
		for n := p.next(lane); n > 0; n = p.next(lane) {
			lane.write(n)
			require.Len(t, lane.devices, n)
			for _, i := range lane.devices {
				number := lane.first + i*l.lanes
				require.Equal(t, tn.devices[number], lane.ids[i])
				seen[number]++
			}
		}
		require.Equal(t, []int{4, 0}, []int{lane.pass, lane.turn})
	}
	require.Len(t, seen, c.Devices)
	for number, n := range seen {
		require.Equal(t, 4, n, "device %d", number)
	}
	require.Equal(t, 30*time.Second, time.Duration(l.timeOf(5, 3)-l.timeOf(5, 2))*time.Millisecond)
}
