package replay

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// data finds a file of the real data beside the repository, or skips.
func data(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("WANTGO_DATA")
	if dir == "" {
		dir = "../../../../shared/data"
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the real data is not here: set WANTGO_DATA to a folder with %s", name)
	}
	return path
}

// line is one line of the output, as a reader of it would take it.
type line struct {
	Type, Device, Fence, Kind, Reason, State string
	AtMS                                     int64 `json:"at_ms"`
}

// play runs a command on a database of the test's own and returns the lines and the summary.
func play(t *testing.T, url string, c Command) ([]line, summary) {
	t.Helper()
	c.Out, c.JSON, c.DatabaseURL = filepath.Join(t.TempDir(), "out.jsonl"), true, url
	if c.Policy == "" {
		c.Policy = "exact"
	}
	if c.Radius == 0 {
		c.Radius = 100
	}
	var told bytes.Buffer
	require.NoError(t, c.Run(t.Context(), &told, slog.New(slog.DiscardHandler)))
	var s summary
	require.NoError(t, json.Unmarshal(told.Bytes(), &s))
	text, err := os.ReadFile(c.Out)
	require.NoError(t, err)
	var lines []line
	for _, row := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if row == "" {
			continue
		}
		var l line
		require.NoError(t, json.Unmarshal([]byte(row), &l), row)
		lines = append(lines, l)
	}
	return lines, s
}

func TestRealTracksAgainstBruteForce(t *testing.T) {
	for _, pair := range []struct {
		tracks, stores, fences string
		radius                 float64
		entered                int
	}{
		{"tracks_geolife_seoul.csv.gz", "stores_kr_chains.csv", "", 100, 145},
		{"tracks_geolife_seoul.csv.gz", "stores_kr_chains.csv", "", 200, 309},
		{"tracks_sf_cabs.csv.gz", "", "polygons_san_francisco.geojson", 0, 11560},
	} {
		t.Run(fmt.Sprintf("%s%s %.0f", pair.stores, pair.fences, pair.radius), func(t *testing.T) {
			c := Command{Tracks: data(t, pair.tracks), Radius: pair.radius}
			if pair.stores != "" {
				c.Stores = data(t, pair.stores)
			} else {
				c.Fences = data(t, pair.fences)
			}
			got, s := play(t, postgrestest.URL(t), c)
			want := bruteForce(t, c)
			requireSame(t, want, transitions(got))
			require.Equal(t, pair.entered, s.Transitions["entered"])
			require.Zero(t, s.RefusedRows)
		})
	}
}

// requireSame compares without regard to order, in less than quadratic time.
func requireSame(t *testing.T, want, got []line) {
	t.Helper()
	counts := map[line]int{}
	for _, l := range want {
		counts[l]++
	}
	for _, l := range got {
		counts[l]--
	}
	for l, n := range counts {
		require.Zero(t, n, "wanted less got: %d of %+v", n, l)
	}
	require.Len(t, got, len(want))
}

func transitions(lines []line) []line {
	var out []line
	for _, l := range lines {
		if l.Type == "transition" {
			l.Reason = ""
			out = append(out, l)
		}
	}
	return out
}

// world writes invented tracks and stores: walkers that turn slowly among circles, with rows that cannot be used.
func world(t *testing.T) (c Command, seed uint64, bad int) {
	t.Helper()
	seed = rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	var stores, tracks bytes.Buffer
	stores.WriteString("id,name,lat,lng\n")
	for i := range 300 {
		fmt.Fprintf(&stores, "s%03d,Store %d,%.6f,%.6f\n", i, i, 37.50+random.Float64()*0.06, 126.90+random.Float64()*0.08)
	}
	tracks.WriteString("device,unix_ms,lat,lng,accuracy_m,speed_mps,altitude\n")
	for d := range 4 {
		lat, lng, heading, at := 37.53, 126.94, random.Float64()*2*math.Pi, int64(1_700_000_000_000)
		for range 2500 {
			heading += random.NormFloat64() * 0.2
			lat += 42 * math.Cos(heading) / 111_195
			lng += 42 * math.Sin(heading) / 88_000
			if lat < 37.50 || lat > 37.56 || lng < 126.90 || lng > 126.98 {
				lat, lng = 37.53, 126.94
			}
			at += int64(random.IntN(3)) * 10_000 // also several rows of one time
			if random.IntN(500) == 0 {
				bad++
				fmt.Fprintf(&tracks, "d%d,%d,NaN,%.6f,,,\n", d, at, lng)
			}
			fmt.Fprintf(&tracks, "d%d,%d,%.6f,%.6f,%.1f,,\n", d, at, lat, lng, random.Float64()*30)
		}
	}
	dir := t.TempDir()
	c.Stores, c.Tracks = filepath.Join(dir, "stores.csv"), filepath.Join(dir, "tracks.csv.gz")
	require.NoError(t, os.WriteFile(c.Stores, stores.Bytes(), 0o600))
	f, err := os.Create(c.Tracks)
	require.NoError(t, err)
	z := gzip.NewWriter(f)
	_, err = io.Copy(z, &tracks)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
	return c, seed, bad
}

func TestInventedTracksAgainstBruteForce(t *testing.T) {
	c, _, bad := world(t)
	got, s := play(t, postgrestest.URL(t), c)
	c.Radius = 100
	requireSame(t, bruteForce(t, c), transitions(got))
	require.NotEmpty(t, got)
	require.Equal(t, bad, s.RefusedRows, "rows without a place are refused, counted, and cost no other")
	require.Len(t, s.Refused, bad)
}

func TestTwiceOnOneDatabaseDoublesNothing(t *testing.T) {
	for _, policy := range []string{"exact", "standard"} {
		t.Run(policy, func(t *testing.T) {
			c, _, _ := world(t)
			c.Policy = policy
			url := postgrestest.URL(t)
			first, s := play(t, url, c)
			require.NotEmpty(t, first)
			require.Zero(t, s.Skipped)
			again, s2 := play(t, url, c)
			require.Empty(t, again)
			require.Equal(t, s.Pings, s2.Skipped+s2.Pings)
			if policy == "exact" {
				require.Zero(t, s2.Pings)
			} // else rows at the very end that standard refused, a jump say, left no mark and are judged again
		})
	}
}

func TestTracksThatGrewGoOnWhereTheyEnded(t *testing.T) {
	c, _, _ := world(t)
	whole, _ := play(t, postgrestest.URL(t), c)
	text := readAll(t, c.Tracks)
	rows := strings.SplitAfter(text, "\n")
	half := c
	half.Tracks = filepath.Join(t.TempDir(), "half.csv")
	var kept strings.Builder
	middle := int64(1_700_000_000_000 + 2500*10_000/2)
	for i, row := range rows {
		if i == 0 || rowTime(row) <= middle {
			kept.WriteString(row)
		}
	}
	require.NoError(t, os.WriteFile(half.Tracks, []byte(kept.String()), 0o600))
	url := postgrestest.URL(t)
	first, _ := play(t, url, half)
	rest, s := play(t, url, c)
	require.NotZero(t, s.Skipped)
	requireSame(t, transitions(whole), append(transitions(first), transitions(rest)...))
}

func rowTime(row string) int64 {
	cells := strings.Split(row, ",")
	if len(cells) < 2 {
		return math.MaxInt64
	}
	var at int64
	_, _ = fmt.Sscan(cells[1], &at)
	return at
}

func readAll(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	plain, err := unzip(f)
	require.NoError(t, err)
	text, err := io.ReadAll(plain)
	require.NoError(t, err)
	return string(text)
}

const campaignsFile = `
campaigns:
  - externalId: near-all
    displayName: Everybody who comes near
    trigger: {kinds: [ENTERED], fencePurposes: [NEAR]}
    texts:
      ko: {title: "{store} 쿠폰", body: "{offer} 코드 {coupon_code}"}
    offer: {titles: {ko: 라떼 1잔}, validFor: 86400s, stock: 3}
`

func TestCampaignsDecideInAReplay(t *testing.T) {
	c, _, _ := world(t)
	c.Campaigns = filepath.Join(t.TempDir(), "campaigns.yaml")
	require.NoError(t, os.WriteFile(c.Campaigns, []byte(campaignsFile), 0o600))
	lines, s := play(t, postgrestest.URL(t), c)
	require.Equal(t, 3, s.Decisions["WON"], "a stock of three is three coupons: %v", s.Decisions)
	require.Equal(t, 3, s.Coupons)
	require.Equal(t, 3, s.Deliveries)
	kinds := map[string]int{}
	for _, l := range lines {
		kinds[l.Type]++
	}
	require.Equal(t, 3, kinds["delivery"])
	entered := s.Transitions["entered"]
	require.Equal(t, entered, kinds["decision"], "every entry is a moment, and every moment is decided")
}

func TestReplayIsTimedFromItsRows(t *testing.T) {
	c, _, _ := world(t)
	lines, _ := play(t, postgrestest.URL(t), c)
	last := int64(0)
	for _, l := range lines {
		require.GreaterOrEqual(t, l.AtMS, last)
		require.Less(t, l.AtMS, time.Now().UnixMilli())
		last = l.AtMS
	}
}
