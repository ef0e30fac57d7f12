package geo

import "math"

// between returns the middle of an edge, which is straight in longitude and latitude.
func between(a, b Point) Point { return Point{Lat: (a.Lat + b.Lat) / 2, Lng: (a.Lng + b.Lng) / 2} }

// edgeLength returns metres that the edge is at most long: the path over it at the widest parallel.
func edgeLength(a, b Point) float64 {
	widest := 1.0
	if a.Lat > 0 == (b.Lat > 0) {
		widest = math.Cos(math.Min(math.Abs(a.Lat), math.Abs(b.Lat)) * radians)
	}
	return EarthRadius * radians * math.Hypot(b.Lat-a.Lat, (b.Lng-a.Lng)*widest)
}

// distance returns the metres from p to the nearest border, at most 0.1 % too much.
func (x *borderIndex) distance(p Point) float64 {
	s := borderSearch{index: x, p: p, v: p.Vector(), best: math.Inf(1), bestChord: 3}
	s.node(x.root)
	return s.best
}

// borderSearch is branch and bound: balls are visited nearest first and left out when they cannot hold anything
// nearer than the best so far.
type borderSearch struct {
	index     *borderIndex
	p         Point
	v         Vector
	best      float64
	bestChord float64
}

func (s *borderSearch) node(i int32) {
	n := &s.index.nodes[i]
	if n.path >= 0 {
		s.leaf(n)
		return
	}
	var bound [fan]float64
	count := int(n.to - n.from)
	for k := range count {
		b := &s.index.nodes[int(n.from)+k].ball
		bound[k] = math.Inf(1)
		if b.radius >= 0 {
			bound[k] = s.v.chord(b.center) - b.radius
		}
	}
	for range count {
		nearest := 0
		for k := 1; k < count; k++ {
			if bound[k] < bound[nearest] {
				nearest = k
			}
		}
		if bound[nearest] >= s.bestChord {
			return
		}
		bound[nearest] = math.Inf(1)
		s.node(n.from + int32(nearest))
	}
}

func (s *borderSearch) leaf(n *borderNode) {
	if n.ball.radius < 0 {
		return
	}
	points := s.index.paths[n.path].points[n.from : n.to+1]
	before := s.best
	for k := 0; k+1 < len(points); k++ {
		a, b := points[k], points[k+1]
		turn := 360 * math.Round(((a.Lng+b.Lng)/2-s.p.Lng)/360)
		a.Lng, b.Lng = a.Lng-turn, b.Lng-turn
		s.edge(a, b)
	}
	if s.best < before {
		s.bestChord = ChordOf(s.best)
	}
}

// edge takes the edge as flat where that is good to a small part of 0.1 %. Otherwise it takes it as the straight line in
// space between its ends, if it bends little against its distance, and else halves it.
func (s *borderSearch) edge(a, b Point) {
	if s.flat(a, b) {
		return
	}
	middle, length := between(a, b), edgeLength(a, b)
	d := Distance(s.p, middle)
	least := d - length/2
	switch {
	case least >= s.best:
	case length < 1e-4:
		s.best = math.Min(s.best, d)
	case bend(a, b) <= 0.0004*least:
		s.best = math.Min(s.best, ArcOf(s.v.toSegment(a.Vector(), b.Vector())))
	case Distance(s.p, a) <= Distance(s.p, b):
		s.edge(a, middle)
		s.edge(middle, b)
	default:
		s.edge(middle, b)
		s.edge(a, middle)
	}
}

// bend returns metres that the edge leaves the straight line between its ends by at most: an eighth of the greatest
// second derivative of its way through space, dφ² + dλ² cos φ + 2 dφ dλ sin φ.
func bend(a, b Point) float64 {
	dLat, dLng := math.Abs(b.Lat-a.Lat)*radians, math.Abs(b.Lng-a.Lng)*radians
	widest := 1.0
	if a.Lat > 0 == (b.Lat > 0) {
		widest = math.Cos(math.Min(math.Abs(a.Lat), math.Abs(b.Lat)) * radians)
	}
	return EarthRadius / 8 * (dLat*dLat + widest*dLng*dLng + 2*dLat*dLng)
}

// toSegment returns the distance in space to the straight line between two vectors.
func (v Vector) toSegment(a, b Vector) float64 {
	ab := Vector{b[0] - a[0], b[1] - a[1], b[2] - a[2]}
	t := 0.0
	if length := ab[0]*ab[0] + ab[1]*ab[1] + ab[2]*ab[2]; length > 0 {
		t = ((v[0]-a[0])*ab[0] + (v[1]-a[1])*ab[1] + (v[2]-a[2])*ab[2]) / length
		t = math.Max(0, math.Min(1, t))
	}
	return v.chord(Vector{a[0] + t*ab[0], a[1] + t*ab[1], a[2] + t*ab[2]})
}

// flat projects the edge onto a plane at p's latitude, finds the nearest place there and measures it on the sphere.
// It refuses edges for which the width of a degree of longitude differs by over 2 % between p and the edge.
func (s *borderSearch) flat(a, b Point) bool {
	lat := math.Abs(s.p.Lat)
	spread := math.Max(math.Abs(a.Lat-s.p.Lat), math.Abs(b.Lat-s.p.Lat))
	if spread > 1 || lat > 88 || math.Abs(a.Lng-s.p.Lng) > 5 || math.Abs(b.Lng-s.p.Lng) > 5 {
		return false
	}
	sin, cos := math.Abs(s.v[2]), math.Sqrt(s.v[0]*s.v[0]+s.v[1]*s.v[1])
	if spread*radians*sin > 0.02*cos {
		return false
	}
	wide := math.Max(math.Abs(a.Lng-s.p.Lng), math.Abs(b.Lng-s.p.Lng)) * radians
	if wide*sin > 0.02 || wide > 0.02 {
		return false
	}
	ay, ax := a.Lat-s.p.Lat, (a.Lng-s.p.Lng)*cos
	by, bx := b.Lat-s.p.Lat, (b.Lng-s.p.Lng)*cos
	t := 0.0
	if length := (bx-ax)*(bx-ax) + (by-ay)*(by-ay); length > 0 {
		t = math.Max(0, math.Min(1, -(ax*(bx-ax)+ay*(by-ay))/length))
	}
	y, x := ay+t*(by-ay), ax+t*(bx-ax)
	if EarthRadius*radians*math.Hypot(x, y)*0.96 >= s.best {
		return true
	}
	s.best = math.Min(s.best, Distance(s.p, Point{Lat: a.Lat + t*(b.Lat-a.Lat), Lng: a.Lng + t*(b.Lng-a.Lng)}))
	return true
}
