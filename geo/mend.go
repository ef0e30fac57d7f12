package geo

import (
	"fmt"
	"math"
	"sort"
)

// Problem names what was mended in a ring.
type Problem string

// The problems that NewArea mends.
const (
	RingTooShort     Problem = "ring of under four points dropped"
	RingWithoutArea  Problem = "ring without area dropped"
	HoleWithoutOuter Problem = "hole dropped with its outer ring"
	RingUnclosed     Problem = "unclosed ring closed"
	VertexRepeated   Problem = "repeated vertex dropped"
	PolygonEmpty     Problem = "polygon without rings dropped"
)

// Warning tells what was mended, where (positions from 0) and how often.
type Warning struct {
	Polygon, Ring int
	Problem       Problem
	Count         int
}

func (w Warning) String() string {
	s := fmt.Sprintf("polygon %d, ring %d: %s", w.Polygon, w.Ring, w.Problem)
	if w.Count > 1 {
		s += fmt.Sprintf(" (%d times)", w.Count)
	}
	return s
}

type mender struct {
	strict   bool
	warnings []Warning
}

func (m *mender) warn(polygon, ring int, problem Problem, count int) error {
	w := Warning{Polygon: polygon, Ring: ring, Problem: problem, Count: count}
	m.warnings = append(m.warnings, w)
	if m.strict {
		return fmt.Errorf("%w: %s (strict)", ErrShape, w)
	}
	return nil
}

func (m *mender) polygons(polygons [][][]Point) ([][][]Point, error) {
	if err := validateAll(polygons); err != nil {
		return nil, err
	}
	var kept [][][]Point
	for i, rings := range polygons {
		good, err := m.polygon(i, rings)
		if err != nil {
			return nil, err
		}
		if len(good) > 0 {
			kept = append(kept, good)
		}
	}
	return kept, nil
}

func validateAll(polygons [][][]Point) error {
	for i, rings := range polygons {
		for j, ring := range rings {
			for k, p := range ring {
				if err := p.Validate(); err != nil {
					return fmt.Errorf("polygon %d, ring %d, vertex %d: %w", i, j, k, err)
				}
			}
		}
	}
	return nil
}

func (m *mender) polygon(i int, rings [][]Point) ([][]Point, error) {
	if len(rings) == 0 {
		return nil, m.warn(i, 0, PolygonEmpty, 1)
	}
	var kept [][]Point
	for j, ring := range rings {
		if j > 0 && len(kept) == 0 {
			if err := m.warn(i, j, HoleWithoutOuter, 1); err != nil {
				return nil, err
			}
			continue
		}
		good, err := m.ring(i, j, ring)
		if err != nil {
			return nil, err
		}
		if good != nil {
			kept = append(kept, good)
		}
	}
	return kept, nil
}

// ring returns the mended ring, closed, or nil if it was dropped.
func (m *mender) ring(i, j int, ring []Point) ([]Point, error) {
	if len(ring) < 4 {
		return nil, m.warn(i, j, RingTooShort, 1)
	}
	kept := make([]Point, 0, len(ring)+1)
	for _, p := range ring {
		if len(kept) == 0 || kept[len(kept)-1] != p {
			kept = append(kept, p)
		}
	}
	if n := len(ring) - len(kept); n > 0 {
		if err := m.warn(i, j, VertexRepeated, n); err != nil {
			return nil, err
		}
	}
	if kept[0] != kept[len(kept)-1] {
		if err := m.warn(i, j, RingUnclosed, 1); err != nil {
			return nil, err
		}
		kept = append(kept, kept[0])
	}
	if len(kept) < 4 || !hasArea(unwrap(kept)) {
		return nil, m.warn(i, j, RingWithoutArea, 1)
	}
	return kept, nil
}

// hasArea tells whether the even-odd inside of the ring is more than lines. A signed area settles it for all but
// rings whose parts cancel, such as a figure of eight; those are cut along parallels.
func hasArea(p path) bool {
	if p.turns() != 0 {
		return true
	}
	box := planeBox(p.points)
	size := (box.North - box.South) * (box.East - box.West)
	if size == 0 {
		return false
	}
	o, sum := p.points[0], 0.0
	for i := 0; i+1 < len(p.points); i++ {
		a, b := p.points[i], p.points[i+1]
		sum += (a.Lng-o.Lng)*(b.Lat-o.Lat) - (b.Lng-o.Lng)*(a.Lat-o.Lat)
	}
	if math.Abs(sum) > 1e-9*size {
		return true
	}
	return hasWidth(p.points, 1e-9*(box.East-box.West))
}

// hasWidth cuts the ring along parallels between its vertices, at most 64 of them and at two uneven fractions so that
// no crossing hides a width, and looks for an inside wider than least degrees.
func hasWidth(points []Point, least float64) bool {
	lats := make([]float64, len(points))
	for i, p := range points {
		lats[i] = p.Lat
	}
	sort.Float64s(lats)
	step := max(1, len(lats)/64)
	for i := 0; i+1 < len(lats); i += step {
		j := min(i+step, len(lats)-1)
		for _, at := range [2]float64{0.3719, 0.7083} {
			if widthAt(points, lats[i]+at*(lats[j]-lats[i])) > least {
				return true
			}
		}
	}
	return false
}

func widthAt(points []Point, lat float64) float64 {
	var cuts []float64
	for i := 0; i+1 < len(points); i++ {
		if a, b := points[i], points[i+1]; (a.Lat > lat) != (b.Lat > lat) {
			cuts = append(cuts, crossing(a, b, lat))
		}
	}
	sort.Float64s(cuts)
	width := 0.0
	for i := 0; i+1 < len(cuts); i += 2 {
		width += cuts[i+1] - cuts[i]
	}
	return width
}
