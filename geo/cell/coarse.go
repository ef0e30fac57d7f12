package cell

import (
	"math"
	"sync/atomic"

	"github.com/uber/h3-go/v4"

	"github.com/wantgo/wantgo/geo"
)

// Coarse returns the cell of resolution 7 that stands for p where no finer place may be kept; 0 if p is not on the globe.
func Coarse(p geo.Point) Cell { return CoarseFrom(0, p) }

// CoarseFrom is Coarse for a point that may well be in the cell last. Deep inside that, nothing is converted.
func CoarseFrom(last Cell, p geo.Point) Cell {
	if d := discs[slot(last)].Load(); d != nil && d.cell == last && p.Validate() == nil && geo.Distance(d.centre, p) <= d.radius {
		return last
	}
	c, err := Of(p, CoarseRes)
	if err != nil {
		return 0
	}
	if d := discs[slot(c)].Load(); d == nil || d.cell != c {
		discs[slot(c)].Store(inscribed(c))
	}
	return c
}

// disc is a cell with a circle that lies in it.
type disc struct {
	cell   Cell
	centre geo.Point
	radius float64 // metres
}

// slotBits: a country of 100,000 km² has 20,000 cells.
const slotBits = 16

// discs are those of cells that points were in lately: half a megabyte, and as much for a country's.
var discs [1 << slotBits]atomic.Pointer[disc]

func slot(c Cell) uint64 { return uint64(c) * 0x9E3779B97F4A7C15 >> (64 - slotBits) }

// inside keeps rounding on the safe side.
const inside = 0.999

// inscribed is the largest circle round a cell's centre that lies in it. A cell's edges are arcs of great circles between the
// vertices of its boundary. nil: the cell cannot be measured.
func inscribed(c Cell) *disc {
	centre, err := c.Centre()
	if err != nil {
		return nil
	}
	boundary, err := boundaryOf(c)
	if err != nil {
		return nil
	}
	least := math.Inf(1)
	at := unit(centre)
	for i, v := range boundary {
		w := boundary[(i+1)%len(boundary)]
		least = math.Min(least, fromArc(at, unit(geo.Point(v)), unit(geo.Point(w))))
	}
	return &disc{c, centre, inside * least * geo.EarthRadius}
}

func boundaryOf(c Cell) (boundary h3.CellBoundary, err error) {
	defer guard(&err)
	return h3.Cell(c).Boundary()
}

// fromArc is the angle, radians, between a and the great circle through v and w: no more than to the arc between them.
func fromArc(a, v, w [3]float64) float64 {
	n := [3]float64{v[1]*w[2] - v[2]*w[1], v[2]*w[0] - v[0]*w[2], v[0]*w[1] - v[1]*w[0]}
	length := math.Sqrt(n[0]*n[0] + n[1]*n[1] + n[2]*n[2])
	if length == 0 { // one vertex twice
		return math.Inf(1)
	}
	return math.Abs(math.Asin(math.Max(-1, math.Min(1, (a[0]*n[0]+a[1]*n[1]+a[2]*n[2])/length))))
}

func unit(p geo.Point) [3]float64 {
	lat, lng := p.Lat*math.Pi/180, p.Lng*math.Pi/180
	return [3]float64{math.Cos(lat) * math.Cos(lng), math.Cos(lat) * math.Sin(lng), math.Sin(lat)}
}
