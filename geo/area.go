package geo

import (
	"fmt"
	"math"
	"sort"
)

// Area is a polygon or multipolygon, prepared for fast tests. It is immutable.
type Area struct {
	polygons [][][]Point
	index    borderIndex
	center   Point
	bounds   Box
	reach    float64
}

// NewArea prepares polygons; each is a list of rings (the outer one first), each ring a list of points of which the
// first is repeated at the end.
//
// Mended, each with a Warning: a ring of under four points or without area is dropped (with an outer ring its holes),
// an unclosed ring is closed, a repeated vertex is dropped. Self-crossing rings are kept: even-odd says what they
// mean. With strict these refuse the area instead. Refused always: a position that is not on the globe (ErrPosition)
// and an area left without a ring (ErrShape).
func NewArea(polygons [][][]Point, strict bool) (*Area, []Warning, error) {
	m := mender{strict: strict}
	kept, err := m.polygons(polygons)
	if err != nil {
		return nil, m.warnings, err
	}
	if len(kept) == 0 {
		return nil, m.warnings, fmt.Errorf("%w: no ring with an area is left", ErrShape)
	}
	a := &Area{polygons: kept}
	a.prepare()
	return a, m.warnings, nil
}

func (a *Area) prepare() {
	var paths []path
	for _, rings := range a.polygons {
		paths = append(paths, planePaths(rings)...)
	}
	a.index = newBorderIndex(paths)
	a.center = centerOf(paths)
	a.bounds = boundsOf(paths)
	a.reach = a.index.reach(a.center)
	if a.reach >= math.Pi/2*EarthRadius || a.Contains(antipode(a.center)) {
		a.reach = math.Pi * EarthRadius
	}
}

func antipode(p Point) Point { return Point{Lat: -p.Lat, Lng: normalLng(p.Lng + 180)} }

// Contains tells whether p is inside by the even-odd rule.
func (a *Area) Contains(p Point) bool { return a.index.contains(p) }

// Gap returns the distance to the nearest edge, negative inside, within 0.1 %.
func (a *Area) Gap(p Point) float64 {
	d := a.index.distance(p)
	if a.index.contains(p) {
		return -d
	}
	return d
}

// Bounds returns a box that holds the area.
func (a *Area) Bounds() Box { return a.bounds }

// Center returns the centroid of the largest ring, or the pole that it goes round.
func (a *Area) Center() Point { return a.center }

// Reach returns the radius in metres of a ball round Center that holds the area.
func (a *Area) Reach() float64 { return a.reach }

// Polygons returns the mended rings, closed, as they were given. The caller must not change them.
func (a *Area) Polygons() [][][]Point { return a.polygons }

// Vertices returns the number of edges over all rings.
func (a *Area) Vertices() int {
	n := 0
	for _, rings := range a.polygons {
		for _, ring := range rings {
			n += len(ring) - 1
		}
	}
	return n
}

// path is a closed ring in the plane: longitudes unwrapped from the first vertex on, so that they may leave
// [-180, 180]. The edges from seam on are no border: they close a ring that goes round a pole.
type path struct {
	points []Point
	seam   int
	pole   float64 // 0, or the latitude's sign of the pole that the ring goes round
}

// beyondPole lies outside the latitudes so that the pole itself falls inside a ring that goes round it.
const beyondPole = 91

func planePaths(rings [][]Point) []path {
	paths := make([]path, 0, len(rings))
	lean := 0.0
	for _, ring := range rings {
		p := unwrap(ring)
		if p.turns() != 0 {
			lean += meanSinLat(p)
		}
		paths = append(paths, p)
	}
	pole := 1.0
	if lean < 0 {
		pole = -1
	}
	for i := range paths {
		if paths[i].turns() != 0 {
			paths[i].closeOverPole(pole)
		}
	}
	return paths
}

// unwrap takes each edge the short way round. A ring without a step over 180 degrees keeps its own points.
func unwrap(ring []Point) path {
	jumps := false
	for i := 1; i < len(ring); i++ {
		jumps = jumps || math.Abs(ring[i].Lng-ring[i-1].Lng) > 180
	}
	if !jumps {
		return path{points: ring, seam: len(ring) - 1}
	}
	points := make([]Point, len(ring), len(ring)+3)
	points[0] = ring[0]
	shift := 0.0
	for i := 1; i < len(ring); i++ {
		switch step := ring[i].Lng - ring[i-1].Lng; {
		case step > 180:
			shift -= 360
		case step < -180:
			shift += 360
		}
		points[i] = Point{Lat: ring[i].Lat, Lng: ring[i].Lng + shift}
	}
	return path{points: points, seam: len(ring) - 1}
}

// turns returns how often the ring goes round the poles, eastwards positive.
func (p path) turns() int {
	return int(math.Round((p.points[p.seam].Lng - p.points[0].Lng) / 360))
}

func meanSinLat(p path) float64 {
	sum, length := 0.0, 0.0
	for i := 0; i < p.seam; i++ {
		a, b := p.points[i], p.points[i+1]
		step := b.Lng - a.Lng
		sum += step * math.Sin((a.Lat+b.Lat)/2*radians)
		length += step
	}
	return sum / length
}

func (p *path) closeOverPole(pole float64) {
	first, last := p.points[0], p.points[p.seam]
	p.pole = pole
	p.points = append(p.points, Point{Lat: pole * beyondPole, Lng: last.Lng}, Point{Lat: pole * beyondPole, Lng: first.Lng}, first)
}

func centerOf(paths []path) Point {
	best, center := -1.0, Point{}
	for _, p := range paths {
		size, c := centroid(p)
		if size > best {
			best, center = size, c
		}
	}
	return center
}

// centroid returns the ring's plane size and centre; a ring whose signed parts cancel gets the middle of its box.
func centroid(p path) (float64, Point) {
	if p.pole != 0 {
		return math.Inf(1), Point{Lat: 90 * p.pole}
	}
	o, sum, lat, lng := p.points[0], 0.0, 0.0, 0.0
	for i := 0; i < p.seam; i++ {
		ay, ax := p.points[i].Lat-o.Lat, p.points[i].Lng-o.Lng
		by, bx := p.points[i+1].Lat-o.Lat, p.points[i+1].Lng-o.Lng
		cross := ax*by - bx*ay
		sum += cross
		lat += cross * (ay + by)
		lng += cross * (ax + bx)
	}
	box := planeBox(p.points)
	c := Point{Lat: o.Lat + lat/(3*sum), Lng: o.Lng + lng/(3*sum)}
	if !(c.Lat >= box.South && c.Lat <= box.North && c.Lng >= box.West && c.Lng <= box.East) {
		c = Point{Lat: (box.South + box.North) / 2, Lng: (box.West + box.East) / 2}
	}
	return math.Abs(sum), Point{Lat: c.Lat, Lng: normalLng(c.Lng)}
}

func planeBox(points []Point) Box {
	b := Box{South: math.Inf(1), West: math.Inf(1), North: math.Inf(-1), East: math.Inf(-1)}
	for _, p := range points {
		b.South, b.North = math.Min(b.South, p.Lat), math.Max(b.North, p.Lat)
		b.West, b.East = math.Min(b.West, p.Lng), math.Max(b.East, p.Lng)
	}
	return b
}

// boundsOf joins the rings' ranges; in longitude it leaves out the widest range that no ring touches.
func boundsOf(paths []path) Box {
	type span struct{ west, east float64 }
	all := Box{South: 90, North: -90, West: -180, East: 180}
	var spans []span
	for _, p := range paths {
		b := planeBox(p.points)
		all.South, all.North = math.Min(all.South, math.Max(b.South, -90)), math.Max(all.North, math.Min(b.North, 90))
		if b.East-b.West >= 360 {
			spans = append(spans, span{-180, 180})
			continue
		}
		turn := 360 * math.Floor((b.West+180)/360)
		west, east := b.West-turn, b.East-turn
		spans = append(spans, span{west, math.Min(east, 180)})
		if east > 180 {
			spans = append(spans, span{-180, east - 360})
		}
	}
	sort.Slice(spans, func(i, j int) bool { return spans[i].west < spans[j].west })
	widest, east := 0.0, spans[0].east
	for _, s := range spans[1:] {
		if s.west-east > widest {
			widest, all.West, all.East = s.west-east, s.west, east
		}
		east = math.Max(east, s.east)
	}
	if round := spans[0].west + 360 - east; round >= widest {
		all.West, all.East = spans[0].west, east
	}
	return all
}
