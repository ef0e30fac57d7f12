package replay

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/track"
)

// bruteForce is the slow, obvious twin of a replay under exact: every ping against every fence by its own arithmetic.
func bruteForce(t *testing.T, c Command) []line {
	t.Helper()
	in, err := c.read(func(string, int) {})
	require.NoError(t, err)
	inside := map[string][]bool{}
	for _, device := range in.tracks.Devices {
		inside[device] = make([]bool, len(in.places))
	}
	boxes := make([]box, len(in.places))
	for i := range in.places {
		boxes[i] = boxOf(&in.places[i])
	}
	var out []line
	for p := range in.tracks.Merge() {
		was := inside[p.Device]
		for i := range boxes {
			now := boxes[i].near(&p) && contains(&in.places[i], p)
			if now == was[i] {
				continue
			}
			kind := "exited"
			if now {
				kind = "entered"
			}
			out = append(out, line{Type: "transition", Device: p.Device, AtMS: p.At, Fence: in.places[i].fence.ExternalID, Kind: kind})
			was[i] = now
		}
	}
	return out
}

func contains(pl *place, p track.Point) bool {
	if c := pl.fence.Circle; c != nil {
		return haversine(c.Center_.Lat, c.Center_.Lng, p.Lat, p.Lng) <= c.Radius
	}
	in := false
	for _, polygon := range pl.fence.Area.Polygons() {
		for _, ring := range polygon {
			for i := range ring {
				a, b := ring[i], ring[(i+1)%len(ring)]
				if (a.Lat > p.Lat) != (b.Lat > p.Lat) && p.Lng < (b.Lng-a.Lng)*(p.Lat-a.Lat)/(b.Lat-a.Lat)+a.Lng {
					in = !in
				}
			}
		}
	}
	return in
}

func haversine(lat1, lng1, lat2, lng2 float64) float64 {
	const radius, degree = 6_371_008.8, math.Pi / 180
	s, l := math.Sin((lat2-lat1)*degree/2), math.Sin((lng2-lng1)*degree/2)
	return 2 * radius * math.Asin(math.Sqrt(s*s+math.Cos(lat1*degree)*math.Cos(lat2*degree)*l*l))
}

// box spares the twin the pings that are degrees away.
type box struct{ south, north, west, east float64 }

func boxOf(p *place) box {
	if c := p.fence.Circle; c != nil {
		return box{c.Center_.Lat - 0.01, c.Center_.Lat + 0.01, c.Center_.Lng - 0.02, c.Center_.Lng + 0.02}
	}
	b := box{90, -90, 180, -180}
	for _, polygon := range p.fence.Area.Polygons() {
		for _, ring := range polygon {
			for _, v := range ring {
				b = box{min(b.south, v.Lat), max(b.north, v.Lat), min(b.west, v.Lng), max(b.east, v.Lng)}
			}
		}
	}
	return b
}

func (b *box) near(p *track.Point) bool {
	return p.Lat >= b.south && p.Lat <= b.north && p.Lng >= b.west && p.Lng <= b.east
}
