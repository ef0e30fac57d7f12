package geo

import (
	"math"
	"sort"
)

// crossing returns the longitude at which the edge from a to b meets the parallel of lat.
func crossing(a, b Point, lat float64) float64 {
	return (b.Lng-a.Lng)*(lat-a.Lat)/(b.Lat-a.Lat) + a.Lng
}

const (
	fan     = 8    // edges of a leaf, children of a node
	lngSlop = 1e-9 // degrees; far above the rounding of crossing, far below a millimetre
)

// borderIndex is a tree over the edges in ring order. A node that is a stretch of a ring knows its first and last
// latitude: where the whole stretch lies east of a point, these alone say whether the ray crosses it an odd number of
// times, exactly as testing each edge would.
type borderIndex struct {
	paths []path
	nodes []borderNode
	root  int32
	west  float64
	east  float64
}

type borderNode struct {
	south, north, west, east float64
	fromLat, toLat           float64 // of a stretch; equal for whole rings
	ball                     ball
	path                     int32 // of a leaf; -1 for others
	from, to                 int32 // edges of a leaf, children of others
}

// ball holds a stretch of border, in chords; a radius below 0 means that there is no border in it.
type ball struct {
	center Vector
	radius float64
}

func newBorderIndex(paths []path) borderIndex {
	x := borderIndex{paths: paths, west: math.Inf(1), east: math.Inf(-1)}
	roots := make([]borderNode, len(paths))
	for i := range paths {
		roots[i] = x.addPath(int32(i))
	}
	sortTiles(roots)
	x.root = x.stack(roots)
	r := &x.nodes[x.root]
	x.west, x.east = r.west, r.east
	return x
}

// addPath adds the tree of one ring and returns its top, not yet among the nodes.
func (x *borderIndex) addPath(i int32) borderNode {
	p := x.paths[i]
	var level []borderNode
	for from := 0; from < p.seam; from += fan {
		level = append(level, x.leaf(i, from, min(from+fan, p.seam), true))
	}
	if last := len(p.points) - 1; p.seam < last {
		level = append(level, x.leaf(i, p.seam, last, false))
	}
	for len(level) > 1 {
		level = x.group(level)
	}
	top := level[0]
	top.fromLat, top.toLat = 0, 0
	return top
}

// stack adds whole rings as nodes above each other and returns the root.
func (x *borderIndex) stack(level []borderNode) int32 {
	for len(level) > 1 {
		level = x.group(level)
	}
	x.nodes = append(x.nodes, level[0])
	return int32(len(x.nodes) - 1)
}

// group adds a level's nodes and returns their parents.
func (x *borderIndex) group(level []borderNode) []borderNode {
	var parents []borderNode
	for from := 0; from < len(level); from += fan {
		kids := level[from:min(from+fan, len(level))]
		start := int32(len(x.nodes))
		x.nodes = append(x.nodes, kids...)
		n := borderNode{path: -1, from: start, to: start + int32(len(kids)), fromLat: kids[0].fromLat, toLat: kids[len(kids)-1].toLat,
			south: math.Inf(1), west: math.Inf(1), north: math.Inf(-1), east: math.Inf(-1)}
		for _, k := range kids {
			n.south, n.north = math.Min(n.south, k.south), math.Max(n.north, k.north)
			n.west, n.east = math.Min(n.west, k.west), math.Max(n.east, k.east)
		}
		n.ball = ballOfBalls(kids)
		parents = append(parents, n)
	}
	return parents
}

func (x *borderIndex) leaf(i int32, from, to int, border bool) borderNode {
	points := x.paths[i].points[from : to+1]
	b := planeBox(points)
	n := borderNode{south: b.South, north: b.North, west: b.West, east: b.East, fromLat: points[0].Lat, toLat: points[len(points)-1].Lat,
		path: i, from: int32(from), to: int32(to), ball: ball{radius: -1}}
	if border {
		n.ball = ballOfEdges(points)
	}
	return n
}

func ballOfEdges(points []Point) ball {
	var sum Vector
	for _, p := range points {
		v := p.Vector()
		sum = Vector{sum[0] + v[0], sum[1] + v[1], sum[2] + v[2]}
	}
	b := ball{center: sum.unit()}
	for i := 0; i+1 < len(points); i++ {
		middle := between(points[i], points[i+1])
		b.radius = math.Max(b.radius, b.center.chord(middle.Vector())+edgeLength(points[i], points[i+1])/(2*EarthRadius))
	}
	b.radius += 1e-14
	return b
}

func ballOfBalls(kids []borderNode) ball {
	var sum Vector
	for _, k := range kids {
		if v := k.ball.center; k.ball.radius >= 0 {
			sum = Vector{sum[0] + v[0], sum[1] + v[1], sum[2] + v[2]}
		}
	}
	b := ball{center: sum.unit(), radius: -1}
	for _, k := range kids {
		if k.ball.radius >= 0 {
			b.radius = math.Max(b.radius, b.center.chord(k.ball.center)+k.ball.radius)
		}
	}
	return b
}

func (v Vector) unit() Vector {
	n := math.Sqrt(v[0]*v[0] + v[1]*v[1] + v[2]*v[2])
	if n < 1e-9 {
		return Vector{0, 0, 1}
	}
	return Vector{v[0] / n, v[1] / n, v[2] / n}
}

// sortTiles puts rings that lie near each other next to each other (sort-tile-recursive packing; Leutenegger 1997).
func sortTiles(rings []borderNode) {
	sort.SliceStable(rings, func(i, j int) bool { return rings[i].west+rings[i].east < rings[j].west+rings[j].east })
	slab := fan * int(math.Ceil(math.Sqrt(float64(len(rings))/fan)))
	for from := 0; from < len(rings); from += slab {
		s := rings[from:min(from+slab, len(rings))]
		sort.SliceStable(s, func(i, j int) bool { return s[i].south+s[i].north < s[j].south+s[j].north })
	}
}

// contains counts the ray's crossings over every turn of the globe that the rings' unwrapped longitudes reach.
func (x *borderIndex) contains(p Point) bool {
	if p.Lng == 180 {
		p.Lng = -180
	}
	inside := false
	for turn := math.Ceil((x.west - lngSlop - p.Lng) / 360); p.Lng+360*turn <= x.east+lngSlop; turn++ {
		inside = inside != x.odd(x.root, p.Lat, p.Lng+360*turn)
	}
	return inside
}

// odd tells whether the ray eastwards from lat, lng crosses the node's edges an odd number of times.
func (x *borderIndex) odd(i int32, lat, lng float64) bool {
	n := &x.nodes[i]
	if lat < n.south || lat >= n.north || lng >= n.east+lngSlop {
		return false
	}
	if lng < n.west-lngSlop {
		return (n.fromLat > lat) != (n.toLat > lat)
	}
	odd := false
	if n.path >= 0 {
		points := x.paths[n.path].points[n.from : n.to+1]
		for k := 0; k+1 < len(points); k++ {
			a, b := points[k], points[k+1]
			if (a.Lat > lat) != (b.Lat > lat) && lng < crossing(a, b, lat) {
				odd = !odd
			}
		}
		return odd
	}
	for k := n.from; k < n.to; k++ {
		odd = odd != x.odd(k, lat, lng)
	}
	return odd
}

// reach returns metres from p within which all border lies: at most 0.01 % and a centimetre more than the farthest of it.
func (x *borderIndex) reach(p Point) float64 {
	s := farSearch{index: x, v: p.Vector()}
	s.node(x.root)
	return ArcOf(s.far)*(1+1e-9) + 0.001
}

// farSearch is branch and bound for the farthest border: balls that hold nothing farther than the best so far are left
// out. far is a chord that no border looked at lies beyond.
type farSearch struct {
	index *borderIndex
	v     Vector
	far   float64
}

func (s *farSearch) node(i int32) {
	n := &s.index.nodes[i]
	if n.ball.radius >= 0 && s.v.chord(n.ball.center)+n.ball.radius <= s.far {
		return
	}
	if n.path < 0 {
		for k := n.from; k < n.to; k++ {
			s.node(k)
		}
		return
	}
	if n.ball.radius < 0 {
		return
	}
	points := s.index.paths[n.path].points[n.from : n.to+1]
	for k := 0; k+1 < len(points); k++ {
		s.edge(points[k], points[k+1])
	}
}

// edge bounds the distance to an edge by that to its ends and how far it bends: over the straight line in space between
// them the distance is convex, and so greatest at an end. An edge that bends much is halved.
func (s *farSearch) edge(a, b Point) {
	bent := bend(a, b) / EarthRadius
	most := max(s.v.chord(a.Vector()), s.v.chord(b.Vector()))
	switch {
	case most+bent <= s.far:
	case bent <= 1e-4*most || bent*EarthRadius < 0.01:
		s.far = most + bent
	default:
		middle := between(a, b)
		s.edge(a, middle)
		s.edge(middle, b)
	}
}
