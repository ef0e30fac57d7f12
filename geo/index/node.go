package index

import (
	"math"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/cell"
)

const (
	leafFull   = 64  // weight of a leaf's candidates from which on a split is tried
	leafFew    = 16  // weight below which a node takes its children back
	splitCost  = 3.5 // a split may multiply the weight by this much, or it does not part the fences
	finestLeaf = 11  // resolution, about 30 m: beyond it the exact test is cheaper than one more step down
	areaWeight = 16  // of a shape other than a circle: what its exact test costs against a circle's
)

// node is a cell of the trie. Nodes are never changed once a snapshot holds them.
type node struct {
	vector geo.Vector // of the centre
	kids   *family
	edge   []candidate // of a leaf: their edge touches the ball
	inner  []*Fence    // hold the whole ball
	centre geo.Point
	cell   cell.Cell
	passed int32 // weight: with children, of what was passed on to them; of a leaf, of what a split did not part
}

// family is a node's children. Their centres lie side by side, so that a step down reads one place in memory; they are
// rounded, and only put the children in order.
type family struct {
	rough [7][3]float32
	nodes [7]*node // nil for the child that a pentagon lacks
}

func (f *family) put(d int, n *node) {
	f.nodes[d] = n
	f.rough[d] = [3]float32{float32(n.vector[0]), float32(n.vector[1]), float32(n.vector[2])}
}

// away2 is the square of the chord to a child's rough centre.
func (f *family) away2(d int, v *geo.Vector) float64 {
	r := &f.rough[d]
	x, y, z := v[0]-float64(r[0]), v[1]-float64(r[1]), v[2]-float64(r[2])
	return x*x + y*y + z*z
}

// roughSlack is about 2.5 m as a chord, above what the rounding of the centres does.
const roughSlack = 4e-7

func newNode(c cell.Cell, centre geo.Point) *node {
	return &node{cell: c, centre: centre, vector: centre.Vector()}
}

func (n *node) radius() float64 { return cell.Radius(n.cell.Res()) }

// seek goes down to a leaf whose ball, as those of all nodes on the way, holds the point of that vector, and appends the
// fences that hold the ball of a node on the way. Of the children whose ball holds the point the nearest is tried first.
// Where the point is outside the node's own cell there may be no such leaf; then dst is as it was.
func (n *node) seek(v *geo.Vector, dst []*Fence) (*node, []*Fence) {
	res := n.cell.Res()
	if n.vector.Chord2(*v) > ballChord2[res] {
		return nil, dst
	}
	before := len(dst)
	if len(n.inner) > 0 {
		dst = append(dst, n.inner...)
	}
	if n.kids == nil {
		return n, dst
	}
	ball := (ballChord[res+1] + roughSlack) * (ballChord[res+1] + roughSlack)
	var away [7]float64
	for d := range away {
		away[d] = n.kids.away2(d, v)
	}
	for {
		nearest, least := -1, ball
		for d := range away {
			if away[d] <= least {
				nearest, least = d, away[d]
			}
		}
		if nearest < 0 {
			return nil, dst[:before]
		}
		if k := n.kids.nodes[nearest]; k != nil {
			if leaf, found := k.seek(v, dst); leaf != nil {
				return leaf, found
			}
		}
		away[nearest] = math.Inf(1)
	}
}

// side tells where the node's ball lies with respect to the fence. Chords decide where they can: an arc of a + b spans
// at most the chords of a and b together, and an arc of a - b at least their difference.
func (n *node) side(g *geometry) cell.Side {
	ball := ballChord[n.cell.Res()]
	c2 := n.vector.Chord2(g.vector)
	if far := g.chord + ball; c2 > far*far {
		return cell.Outside
	}
	if !g.circle {
		return cell.Classify(g.fence.Shape.Gap(n.centre), n.radius())
	}
	if near := g.chord - ball - 2*chordSlack; near > 0 && c2 < near*near {
		return cell.Within
	}
	return cell.AtEdge
}

// chordSlack is about a centimetre, far above what rounding does to a chord.
const chordSlack = 0.01 / geo.EarthRadius

var ballChord, ballChord2 = func() (chords, squares [cell.MaxRes + 1]float64) {
	for res := range chords {
		chords[res] = geo.ChordOf(cell.Radius(res))
		squares[res] = chords[res] * chords[res]
	}
	return chords, squares
}()

// geometry is a fence prepared for many side tests: its centre, and the chord of a ball round it that holds it.
type geometry struct {
	fence  *Fence
	vector geo.Vector
	chord  float64
	circle bool
}

func newGeometry(f *Fence) geometry {
	g := geometry{fence: f, vector: f.Shape.Center().Vector(), chord: 2}
	if s, ok := f.Shape.(interface{ Reach() float64 }); ok {
		g.chord = geo.ChordOf(s.Reach()) + chordSlack
	}
	_, g.circle = f.Shape.(geo.Circle)
	return g
}

func (g *geometry) weight() int {
	if g.circle {
		return 1
	}
	return areaWeight
}

func weigh(fences []geometry) (total int) {
	for i := range fences {
		total += fences[i].weight()
	}
	return total
}
