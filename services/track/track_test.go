package track_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/track"
)

func load(t testing.TB, text string) *track.Recording {
	t.Helper()
	r, err := track.NewReader(strings.NewReader(text), "walk.gpx")
	require.NoError(t, err)
	rec, err := track.Load(r, nil)
	require.NoError(t, err)
	return rec
}

const header = "device,unix_ms,lat,lng,accuracy_m,speed_mps,altitude\n"

func TestCSVByName(t *testing.T) {
	rec := load(t, "\xef\xbb\xbfaltitude,LNG,lat , unix_ms,device,accuracy_m\r\n1,126.9,37.5,1000,\"a, \"\"b\"\"\",4.82\r\n\r\n,126.8,-37.25,2000,c,")
	require.Empty(t, rec.Refused)
	points := slices.Collect(rec.Merge())
	require.Len(t, points, 2)
	require.Equal(t, `a, "b"`, points[0].Device)
	require.Equal(t, []any{int64(1000), 37.5, 126.9, 2}, []any{points[0].At, points[0].Lat, points[0].Lng, points[0].Line})
	require.InDelta(t, 4.82, points[0].Accuracy, 1e-6)
	require.True(t, math.IsNaN(points[0].Speed))
	require.Equal(t, 4, points[1].Line, "blank lines count as lines")
	require.True(t, math.IsNaN(points[1].Accuracy))
}

func TestCSVRefusesRowsOneByOne(t *testing.T) {
	for row, want := range map[string][2]string{
		"a,1000,400.166666,127,,,":       {"lat", "out of range"},
		"a,1000,-90.0000001,127,,,":      {"lat", "out of range"},
		"a,1000,NaN,127,,,":              {"lat", "not a number"},
		"a,1000,+Inf,127,,,":             {"lat", "out of range"},
		"a,1000,,127,,,":                 {"lat", "missing"},
		"a,1000,37,180.1,,,":             {"lng", "out of range"},
		"a,1000,37,x,,,":                 {"lng", "not a number"},
		"a,,37,127,,,":                   {"unix_ms", "missing"},
		"a,0,37,127,,,":                  {"unix_ms", "out of range"},
		"a,-5,37,127,,,":                 {"unix_ms", "not a number"},
		"a,1.5,37,127,,,":                {"unix_ms", "not a number"},
		"a,999999999999999999,37,127,,,": {"unix_ms", "out of range"},
		",1000,37,127,,,":                {"device", "missing"},
		"\xff,1000,37,127,,,":            {"device", "not UTF-8"},
		"a,1000,37,127,-1,,":             {"accuracy_m", "negative"},
		"a,1000,37,127,Inf,,":            {"accuracy_m", "out of range"},
		"a,1000,37,127,,fast,":           {"speed_mps", "not a number"},
		"a,1000,37,127":                  {"row", "4 columns, the header has 7"},
		"a,1000,37,127,,,,":              {"row", "8 columns, the header has 7"},
		"\"a,1000,37,127,,,":             {"row", "quotes do not match"},
		strings.Repeat("x", 70_000):      {"row", "line too long"},
	} {
		rec := load(t, header+"g,1,1,1,,,\n"+row+"\ng,2,1,1,,,\n")
		require.Equal(t, 2, rec.Len(), row)
		require.Equal(t, 1, rec.RefusedCount)
		require.Equal(t, []any{3, want[0], want[1]}, []any{rec.Refused[0].Line, rec.Refused[0].Field, rec.Refused[0].Reason}, row)
		points := slices.Collect(rec.Merge())
		require.Equal(t, 4, points[1].Line)
	}
	rec := load(t, header+"g,1,90,-180,0,-1,\n")
	require.Equal(t, 1, rec.Len())
	for p := range rec.Merge() {
		require.True(t, math.IsNaN(p.Speed), "a negative speed is an unknown one")
		require.Zero(t, p.Accuracy)
	}
}

func TestNoTrackAtAll(t *testing.T) {
	for text, reason := range map[string]string{
		"":                             "empty",
		"id,brand,name,lat,lng\n":      "no column device, unix_ms",
		header[:12] + ",lat,lng,lat\n": "lat twice",
		"\xff\xfed\x00":                "UTF-16",
		"\x1f\x8bnot gzip":             "gzip",
	} {
		_, err := track.NewReader(strings.NewReader(text), "x")
		require.ErrorContains(t, err, reason)
	}
}

func TestBrokenOffFileKeepsWhatCameBefore(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	for i := range 50_000 {
		_, _ = fmt.Fprintf(z, "%sd,%d,%d.5,1,,,\n", map[bool]string{true: header}[i == 0], i+1, i%80)
	}
	require.NoError(t, z.Close())
	r, err := track.NewReader(bytes.NewReader(zipped.Bytes()[:zipped.Len()/2]), "x")
	require.NoError(t, err)
	rec, err := track.Load(r, nil)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Greater(t, rec.Len(), 10_000)
	_, again := r.Next()
	require.Equal(t, err, again, "the end is the end")
}

const gpx = `<?xml version="1.0" encoding="ISO-8859-1"?>
<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">
<wpt lat="1" lon="1"><time>2020-01-01T00:00:00Z</time></wpt>
<trk><name>Zo` + "\xeb" + `</name><trkseg>
<trkpt lat="37.5" lon="127.0"><ele>3</ele><time>2020-01-01T09:00:00.5+09:00</time><speed>1.5</speed></trkpt>
<trkpt lat="37.5" lon="127.0"><ele>3</ele></trkpt>
<trkpt lat="400.166666" lon="127.0"><time>2020-01-01T00:00:01Z</time></trkpt>
<trkpt lon="127.0"><time>2020-01-01T00:00:01Z</time></trkpt>
<trkpt lat="x" lon="127.0"><time>2020-01-01T00:00:01Z</time></trkpt>
<trkpt lat="37.5" lon="127.0"><time>yesterday</time></trkpt>
</trkseg><trkseg>
<trkpt lat="37.6" lon="127.0"><time>2020-01-01T00:00:02</time><extensions><a:TrackPointExtension xmlns:a="x"><a:speed>2</a:speed><accuracy>7.25</accuracy></a:TrackPointExtension></extensions></trkpt>
</trkseg></trk>
<trk><trkseg><trkpt lat="1" lon="2"><time>2020-01-01T00:00:00Z</time></trkpt></trkseg></trk>
</gpx>`

func TestGPX(t *testing.T) {
	rec := load(t, gpx)
	require.Equal(t, []string{"Zoë", "walk.gpx#2"}, rec.Devices)
	points := slices.Collect(rec.Merge())
	require.Len(t, points, 3)
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	require.Equal(t, []any{"walk.gpx#2", start}, []any{points[0].Device, points[0].At})
	require.Equal(t, []any{"Zoë", start + 500, 1.5, 5}, []any{points[1].Device, points[1].At, points[1].Speed, points[1].Line})
	require.Equal(t, []any{start + 2000, 2.0, 7.25}, []any{points[2].At, points[2].Speed, points[2].Accuracy})
	var told []string
	for _, r := range rec.Refused {
		told = append(told, fmt.Sprintf("%d %d %s %s", r.Line, r.Point, r.Field, r.Reason))
	}
	require.Equal(t, []string{"6 2 time missing", "7 3 lat out of range", "8 4 lat missing", "9 5 lat not a number", "10 6 time not a time"}, told)
	require.NotContains(t, rec.Refused[1].Error(), "400")
}

func TestGPXFaultsOfTheDocument(t *testing.T) {
	for text, reason := range map[string]string{
		"<html></html>":                                      "not <gpx>",
		strings.Replace(gpx, "</gpx>", "", 1):                "EOF",
		strings.Replace(gpx, "ISO-8859-1", "x-klingon", 1):   "klingon",
		strings.Replace(gpx, "</trkseg><trkseg>", "</b>", 1): "syntax",
		"<gpx>" + strings.Repeat("<a>", 100):                 "deep",
	} {
		r, err := track.NewReader(strings.NewReader(text), "x.gpx")
		require.NoError(t, err)
		_, err = track.Load(r, nil)
		require.ErrorContains(t, err, reason)
	}
}

// The plain way to the same order: a stable sort by time of the rows in file order.
func TestMergeAgainstStableSort(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	for range 300 {
		var text strings.Builder
		text.WriteString(header)
		span := 1 + rng.IntN(60)
		sorted := rng.IntN(2) == 0
		at := 0
		for range rng.IntN(80) {
			if at += rng.IntN(3); !sorted || rng.IntN(15) == 0 {
				at = rng.IntN(span)
			}
			fmt.Fprintf(&text, "d%d,%d,1,1,,,\n", rng.IntN(4), at+1)
		}
		r, err := track.NewReader(strings.NewReader(text.String()), "x")
		require.NoError(t, err)
		var want []track.Point
		for p, err := r.Next(); err == nil; p, err = r.Next() {
			want = append(want, p)
		}
		slices.SortStableFunc(want, func(a, b track.Point) int { return int(a.At - b.At) })
		got := slices.Collect(load(t, text.String()).Merge())
		require.Len(t, got, len(want))
		for i := range want {
			require.Equal(t, []any{want[i].Line, want[i].Device, want[i].At}, []any{got[i].Line, got[i].Device, got[i].At})
		}
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	rec := load(t, header+strings.Repeat("a,1,91,1,,,\n", track.KeptRefusals+5)+"a,1,1,1,,,\n")
	require.Len(t, rec.Refused, track.KeptRefusals)
	require.Equal(t, track.KeptRefusals+5, rec.RefusedCount)
	require.Equal(t, 1, rec.Len())
}

func TestRealTracks(t *testing.T) {
	for name, want := range map[string]struct{ points, devices int }{
		"tracks_geolife_beijing.csv.gz": {1829057, 11}, "tracks_geolife_seoul.csv.gz": {8720, 2}, "tracks_geolife_us.csv.gz": {161133, 4},
		"tracks_gsdc_mtv.csv.gz": {1740, 1}, "tracks_phone_accuracy.csv.gz": {899, 4}, "tracks_sf_cabs.csv.gz": {63053, 3},
		"tracks_studentlife.csv.gz": {125611, 30},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := track.Open(realFile(t, name))
			require.NoError(t, err)
			defer func() { require.NoError(t, r.Close()) }()
			began := time.Now()
			rec, err := track.Load(r, nil)
			require.NoError(t, err)
			count, last := 0, int64(0)
			for p := range rec.Merge() {
				if p.At < last {
					t.Fatalf("line %d is out of order", p.Line)
				}
				count, last = count+1, p.At
			}
			t.Logf("%d points in %v", count, time.Since(began))
			require.Equal(t, []int{want.points, want.devices}, []int{count, len(rec.Devices)})
			if name == "tracks_geolife_beijing.csv.gz" {
				require.Equal(t, []track.Refusal{{Line: 1199938, Device: "gl-020", Field: "lat", Reason: "out of range"}}, rec.Refused)
				return
			}
			require.Empty(t, rec.Refused)
		})
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(header + "a,1000,37.5,127,4,1,\n\"b,1,2,3,,,\n"))
	f.Add([]byte(gpx))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := track.NewReader(bytes.NewReader(raw), "f")
		if err != nil {
			return
		}
		for range 10_000 {
			p, err := r.Next()
			var refusal *track.Refusal
			switch {
			case errors.As(err, &refusal):
				require.NotEmpty(t, refusal.Reason)
			case err != nil:
				return
			case !(math.Abs(p.Lat) <= 90 && math.Abs(p.Lng) <= 180 && p.At > 0 && p.Device != "" && p.Line > 0) || p.Accuracy < 0 || p.Speed < 0:
				t.Fatalf("no position: %+v", p)
			}
		}
	})
}

// FuzzNumber holds the short way of reading decimals against the standard library's, through the file format.
func FuzzNumber(f *testing.F) {
	for _, text := range []string{"37.5", "-0", ".5", "5.", ".", "-", "", "123456789012345", "1234567890.123456", "0.1", "1e2", "00.000000000000001", "+1", "1_0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, ",\"\r\n") || text == "" {
			return
		}
		want, err := strconv.ParseFloat(text, 64)
		sound := err == nil && math.Abs(want) <= 90
		r, errHeader := track.NewReader(strings.NewReader(header+"a,1,"+text+",0,,,"), "x")
		require.NoError(t, errHeader)
		p, err := r.Next()
		require.Equal(t, sound, err == nil, text)
		if sound {
			require.Equal(t, math.Float64bits(want), math.Float64bits(p.Lat), text)
		}
	})
}
