package geojson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pieces are what random JSON, and what is nearly JSON, is put together from.
var pieces = []string{
	`{`, `}`, `[`, `]`, `,`, `:`, ` `, "\n", `"`, `\`, `null`, `true`, `false`, `NaN`, `-`, `0`, `01`, `1.`, `.5`, `1e5`, `1E+2`, `1e999`, `-0`, `127.0270001`, `37.5`,
	`"type"`, `"Type"`, `"coordinates"`, `"id"`, `"properties"`, `"geometry"`, `"Feature"`, `"Point"`, `"Polygon"`, `"MultiPolygon"`, `"강남"`, `"\u0041"`, "\"\xff\"", "\"\x01\"", "\x00",
	`"a":1`, `"type":"Point"`, `"type":"Polygon"`, `"coordinates":[127,37.5]`, `"coordinates":[127,37.5,9]`, `"coordinates":[[[0,0],[1,0],[1,1],[0,0]]]`, `"coordinates":[[[[0,0],[1,0],[1,1],[0,0]]]]`,
	`"radius_meters":100`, `"tags":["a","b"]`, `"tags":[]`, `"x":{"y":1}`, `"id":7.50`, `"open":true`,
}

// sound is the first of the pieces that are sound members.
var sound = slices.Index(pieces, `"a":1`)

func nearlyJSON(random *rand.Rand) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	from := random.Intn(2) * sound
	for i := range 1 + random.Intn(4) {
		if i > 0 && random.Intn(20) > 0 {
			b.WriteByte(',')
		}
		for range 1 + random.Intn(3)*random.Intn(2) {
			b.WriteString(pieces[from+random.Intn(len(pieces)-from)])
		}
	}
	b.WriteByte('}')
	raw := b.Bytes()
	if random.Intn(4) == 0 {
		raw[random.Intn(len(raw))] = pieces[random.Intn(len(pieces))][0]
	}
	return raw
}

// splitByScanner is split by way of a stream.
func splitByScanner(raw []byte) (m members, err error) {
	s := newScanner(bytes.NewReader(raw))
	if c, err := s.skip(); err != nil || c != '{' {
		return m, fmt.Errorf("%w: it is not an object", errFault)
	}
	_, _ = s.r.ReadByte()
	for {
		key, err := s.key()
		if err == io.EOF {
			return m, nil
		}
		if err != nil {
			return m, fmt.Errorf("%w: it is not sound JSON", errFault)
		}
		value, err := s.value()
		if err != nil {
			return m, err
		}
		m.put(key, append([]byte{}, value...))
	}
}

// TestPlainIsWhatTheDecodersRead holds what is read by hand against the decoders.
func TestPlainIsWhatTheDecodersRead(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewSource(seed))
	read := map[string]int{}
	for range 60_000 {
		raw := nearlyJSON(random)
		got, fault := split(raw)
		want, expected := splitByScanner(raw)
		require.Equal(t, fmt.Sprint(expected), fmt.Sprint(fault), "%q", raw)
		require.Equal(t, want, got, "%q", raw)

		if properties, ok := plainProperties(raw, new(names)); ok {
			read["properties"]++
			var want map[string]any
			require.NoError(t, json.Unmarshal(raw, &want), "%q", raw)
			require.Equal(t, want, properties, "%q", raw)
		}
		if g, ok := plainGeometry(raw); ok {
			read["geometry"]++
			var by, hand Feature
			wrong := by.place(raw, false)
			require.Equal(t, fmt.Sprint(wrong), fmt.Sprint(hand.take(g, false)), "%q", raw)
			if wrong == nil {
				require.Equal(t, by, hand, "%q", raw)
			}
		}
		piece := []byte(pieces[random.Intn(len(pieces))])
		if text, ok := plainText(piece); ok {
			read["text"]++
			var s string
			var n json.Number
			if json.Unmarshal(piece, &s) != nil {
				require.NoError(t, json.Unmarshal(piece, &n), "%q", piece)
				s = n.String()
			}
			require.Equal(t, s, text)
		}
	}
	t.Log(read)
	for _, what := range []string{"properties", "geometry", "text"} {
		require.NotZero(t, read[what], what)
	}
}

// BenchmarkRead reads circles as fence files have them. An operation is a feature.
func BenchmarkRead(b *testing.B) {
	const features = 20_000
	random := rand.New(rand.NewSource(1))
	var parts []string
	for i := range features {
		parts = append(parts, fmt.Sprintf(`{"type":"Feature","id":"f%d","properties":{"radius_meters":100},"geometry":{"type":"Point","coordinates":[%.7f,%.7f]}}`,
			i, 126.5+random.Float64(), 34.5+random.Float64()))
	}
	file := `{"type":"FeatureCollection","features":[` + strings.Join(parts, ",") + `]}`
	b.SetBytes(int64(len(file) / features))
	b.ReportAllocs()
	for n := 0; n < b.N; n += features {
		r, err := Read(strings.NewReader(file), false)
		if err != nil || len(r.Features) != features {
			b.Fatal(err, len(r.Features))
		}
	}
}
