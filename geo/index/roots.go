package index

import (
	"math"
	"slices"
	"sync"

	"github.com/wantgo/wantgo/geo"
)

// nowhere is farther from every point than any ball reaches.
var nowhere = [3]float32{4, 4, 4}

const tile = 10 // degrees of latitude and longitude

// rootTiles tells for each tile of the globe which base cells' balls may hold a point of it.
var rootTiles = sync.OnceValues(func() (*[180 / tile][360 / tile][]uint8, error) {
	empty, err := emptyRoots()
	if err != nil {
		return nil, err
	}
	// No point of a tile is farther from its middle than the path along its meridian and its widest parallel.
	reach := geo.ChordOf(tile*metres) + ballChord[0]
	tiles := new([180 / tile][360 / tile][]uint8)
	for y := range tiles {
		for x := range tiles[y] {
			middle := geo.Point{Lat: float64(y*tile+tile/2) - 90, Lng: float64(x*tile+tile/2) - 180}.Vector()
			for i, n := range empty {
				if n.vector.Chord2(middle) <= reach*reach {
					tiles[y][x] = append(tiles[y][x], uint8(i))
				}
			}
			slices.SortFunc(tiles[y][x], func(a, b uint8) int {
				if empty[a].vector.Chord2(middle) < empty[b].vector.Chord2(middle) {
					return -1
				}
				return 1
			})
		}
	}
	return tiles, nil
})

// leafAt goes down to a leaf whose ball holds p and appends the fences that hold the ball of a node on the way. There is
// always one: the cells that p's own cell descends from all hold p in their balls (package cell). Without H3 there is none.
func (s *Snapshot) leafAt(p geo.Point, dst []*Fence) (*node, []*Fence) {
	v := p.Vector()
	tiles, err := rootTiles()
	if err != nil {
		return nil, dst
	}
	y, x := min(int(p.Lat+90)/tile, len(tiles)-1), min(int(p.Lng+180)/tile, len(tiles[0])-1)
	bases := tiles[y][x]
	nearest, least := -1, ballChord2[0]
	for _, i := range bases {
		if away := v.Chord2(s.roots[i].vector); away <= least {
			nearest, least = int(i), away
		}
	}
	if nearest < 0 {
		return nil, dst
	}
	if leaf, found := s.roots[nearest].seek(&v, dst); leaf != nil {
		return leaf, found
	}
	for _, i := range bases {
		if n := s.roots[i]; int(i) != nearest && v.Chord2(n.vector) <= ballChord2[0] {
			if leaf, found := n.seek(&v, dst); leaf != nil {
				return leaf, found
			}
		}
	}
	return nil, dst
}

func onGlobe(p geo.Point) bool {
	return p.Lat >= -90 && p.Lat <= 90 && p.Lng >= -180 && p.Lng <= 180
}

// farthest returns metres that a and b are at most apart: the length of the path that is straight in longitude and
// latitude, as if all of it were at its widest parallel. cos is the cosine of a's latitude.
func farthest(a geo.Point, cos float64, b geo.Point) float64 {
	y := math.Abs(b.Lat - a.Lat)
	x := (b.Lng - a.Lng) * min(1, cos+y*radians)
	return metres * math.Sqrt(y*y+x*x) * (1 + 1e-9)
}
