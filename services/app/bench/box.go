package bench

import (
	"bytes"
	"compress/gzip"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/wantgo/wantgo/geo"
)

// boxes are where fences and walkers are, by name.
var boxes = map[string]geo.Box{
	"seoul": {South: 37.43, North: 37.70, West: 126.80, East: 127.18},
	"korea": {South: 34.50, North: 38.30, West: 126.50, East: 129.30},
}

// placer says where the fences are: uniform in a box, the same for a seed.
type placer struct {
	box    geo.Box
	radius float64
	random *rand.Rand
	next   int
}

func newPlacer(box geo.Box, radius float64, seed uint64) *placer {
	return &placer{box: box, radius: radius, random: rand.New(rand.NewPCG(seed, 1))}
}

// chunk is a gzipped GeoJSON file of the next n fences, circles called f0, f1, and so on.
func (p *placer) chunk(n int) ([]byte, error) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	b := []byte(`{"type":"FeatureCollection","features":[`)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = p.feature(b)
		if len(b) > 1<<16 {
			if _, err := z.Write(b); err != nil {
				return nil, err
			}
			b = b[:0]
		}
	}
	if _, err := z.Write(append(b, `]}`...)); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

func (p *placer) feature(b []byte) []byte {
	lat := p.box.South + p.random.Float64()*(p.box.North-p.box.South)
	lng := p.box.West + p.random.Float64()*(p.box.East-p.box.West)
	b = append(b, `{"type":"Feature","id":"f`...)
	b = strconv.AppendInt(b, int64(p.next), 10)
	p.next++
	b = append(b, `","properties":{"radius_meters":`...)
	b = strconv.AppendFloat(b, p.radius, 'g', -1, 64)
	b = append(b, `},"geometry":{"type":"Point","coordinates":[`...)
	b = strconv.AppendFloat(b, lng, 'f', 7, 64)
	b = append(b, ',')
	b = strconv.AppendFloat(b, lat, 'f', 7, 64)
	return append(b, `]}}`...)
}

// stride is how far a walker goes between two pings, metres.
const stride = 42

// degree is the length of a degree of latitude, metres, on the sphere that package geo measures on.
const degree = 6_371_008.8 * math.Pi / 180

// walker goes its way within a box: a stride a ping, the heading turning by at most 10 degrees either way, turned back
// at the box's edge.
type walker struct {
	lat, lng, heading float64
	random            uint64
}

func newWalker(box geo.Box, seed, n uint64) walker {
	w := walker{random: seed*0x9e3779b97f4a7c15 + n}
	w.lat = box.South + w.uniform()*(box.North-box.South)
	w.lng = box.West + w.uniform()*(box.East-box.West)
	w.heading = w.uniform() * 2 * math.Pi
	return w
}

// uniform is the next number in [0, 1), by splitmix64 (Steele, Lea, Flood 2014).
func (w *walker) uniform() float64 {
	w.random += 0x9e3779b97f4a7c15
	x := w.random
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}

func (w *walker) step(box *geo.Box) {
	w.heading += (w.uniform() - 0.5) * 20 * math.Pi / 180
	north, east := math.Cos(w.heading), math.Sin(w.heading)
	lat, lng := w.lat+stride*north/degree, w.lng+stride*east/(degree*math.Cos(w.lat*math.Pi/180))
	if lat < box.South || lat > box.North {
		w.heading, lat = math.Pi-w.heading, w.lat
	}
	if lng < box.West || lng > box.East {
		w.heading, lng = -w.heading, w.lng
	}
	w.lat, w.lng = lat, lng
}
