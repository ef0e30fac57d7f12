package index

import (
	"math"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/cell"
)

const (
	leafFull   = 48  // candidates of a leaf from which on a split is tried
	leafFew    = 16  // candidates below which a node takes its children back
	splitCost  = 3.5 // a split may multiply the candidates by this much, or it does not part the fences
	finestLeaf = 11  // resolution, about 30 m: beyond it the exact test is cheaper than the conversion
)

// node is a cell of the trie. Nodes are never changed once a snapshot holds them.
type node struct {
	cell   cell.Cell
	centre geo.Point
	vector geo.Vector
	cos    float64 // of the centre's latitude
	kids   *[7]*node
	inner  []*Fence    // hold the whole ball
	edge   []candidate // of a leaf: their edge touches the ball
	passed int32       // of a node with children: how many fences were passed on to them
}

func newNode(c cell.Cell, centre geo.Point) *node {
	return &node{cell: c, centre: centre, vector: centre.Vector(), cos: math.Cos(centre.Lat * radians)}
}

func (n *node) radius() float64 { return cell.Radius(n.cell.Res()) }

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

var ballChord = func() (chords [cell.MaxRes + 1]float64) {
	for res := range chords {
		chords[res] = geo.ChordOf(cell.Radius(res))
	}
	return chords
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

// builder makes nodes; its first error is the one that counts.
type builder struct {
	depth int
	err   error
}

// root makes the node of a base cell.
func (b *builder) root(i int, fences []geometry) *node {
	centre, err := cell.Base(i).Centre()
	if err != nil {
		b.err = err
		return nil
	}
	n := newNode(cell.Base(i), centre)
	b.fill(n, n.sift(fences))
	return n
}

// fill puts fences, all of them at the node's edge, into a node that has none.
func (b *builder) fill(n *node, at []geometry) {
	if len(at) > leafFull && n.cell.Res() < finestLeaf && b.split(n, at) {
		return
	}
	n.edge = make([]candidate, len(at))
	for i := range at {
		n.edge[i] = newCandidate(at[i].fence)
	}
}

// split gives the node children, unless that would part the fences too little.
func (b *builder) split(n *node, at []geometry) bool {
	kids, ok := b.newKids(n.cell)
	if !ok {
		return false
	}
	var parts [7][]geometry
	total := 0
	for d, k := range kids {
		if k == nil {
			continue
		}
		parts[d] = k.sift(at)
		total += len(parts[d])
	}
	if float64(total) > splitCost*float64(len(at)) {
		return false
	}
	n.kids, n.passed = kids, int32(len(at))
	b.depth = max(b.depth, n.cell.Res()+1)
	for d, k := range kids {
		if k != nil {
			b.fill(k, parts[d])
		}
	}
	return true
}

// sift keeps the fences that hold the node's ball and returns those whose edge touches it.
func (n *node) sift(fences []geometry) []geometry {
	here := make([]geometry, 0, min(len(fences)/4, 1024))
	for i := range fences {
		switch n.side(&fences[i]) {
		case cell.Within:
			n.inner = append(n.inner, fences[i].fence)
		case cell.AtEdge:
			here = append(here, fences[i])
		}
	}
	return here
}

func (b *builder) newKids(of cell.Cell) (*[7]*node, bool) {
	kids := new([7]*node)
	for d := range kids {
		c, ok := of.Child(d)
		if !ok {
			continue
		}
		centre, err := c.Centre()
		if err != nil {
			b.err = err
			return nil, false
		}
		kids[d] = newNode(c, centre)
	}
	return kids, true
}
