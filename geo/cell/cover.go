package cell

import (
	"cmp"
	"slices"
	"sync"

	"github.com/wantgo/wantgo/geo"
)

// Covering stands in for a shape: cells wholly inside it, and cells at its edge that may hold points of it. Resolutions
// are mixed; no cell is the ancestor of another. The cell of a point of the shape, taken at Finest or finer and cut short,
// is one of them. Taken at each cell's own resolution it need not be: see the package comment.
type Covering struct{ Inner, Edge []Cell }

// Len returns the number of cells.
func (c Covering) Len() int { return len(c.Inner) + len(c.Edge) }

// Finest returns the finest resolution of any cell, at which or finer points have to be converted.
func (c Covering) Finest() int {
	res := 0
	for _, cells := range [2][]Cell{c.Inner, c.Edge} {
		for _, k := range cells {
			res = max(res, k.Res())
		}
	}
	return res
}

// Side says what a covering knows of a point.
type Side int

// Outside is sure, Within is sure, AtEdge needs the shape itself.
const (
	Outside Side = iota
	AtEdge
	Within
)

// Side tells what the covering knows of the points of a cell of resolution Finest or finer.
func (c Covering) Side(of Cell) Side {
	for _, in := range c.Inner {
		if in.Res() <= of.Res() && of.Parent(in.Res()) == in {
			return Within
		}
	}
	for _, at := range c.Edge {
		if at.Res() <= of.Res() && of.Parent(at.Res()) == at {
			return AtEdge
		}
	}
	return Outside
}

const (
	enough    = 120 // cells that a covering may have
	atOnce    = 8   // cells from which on those at the edge are not all refined together
	finest    = 11  // resolution beyond which refinement says nothing that geometry does not say faster
	small     = 500 // metres of reach up to which a covering is refined until it has few cells
	few       = 12
	gapSlack  = 0.002
	gapMetres = 0.01
)

// Cover returns a covering of about 2 to 120 cells, whatever the shape's size. It starts with the few cells that are as
// large as the shape and refines cells at the edge, the largest first and of these those that lie deepest inside, while
// the whole stays within bounds: a refined cell becomes inner ones, edge ones and nothing. Seven inner cells of one
// parent become that parent.
func Cover(shape geo.Shape) (Covering, error) {
	start, err := seeds(shape)
	if err != nil {
		return Covering{}, err
	}
	c := coverer{shape: shape, most: enough}
	if isSmall(shape) {
		c.most = few
	}
	if err := c.add(start); err != nil {
		return Covering{}, err
	}
	return c.refine()
}

// coverer is a covering being made. Refinement never leaves a point out: a cell's children are all classified.
type coverer struct {
	shape geo.Shape
	most  int
	inner []Cell
	edge  []edgeCell
}

type edgeCell struct {
	cell Cell
	gap  float64 // of its centre, negative inside
}

// add classifies cells by what the shape's gap at their centre says of their ball.
func (c *coverer) add(cells []Cell) error {
	for _, k := range cells {
		centre, err := middle(k)
		if err != nil {
			return err
		}
		gap := c.shape.Gap(centre)
		switch Classify(gap, Radius(k.Res())) {
		case Within:
			c.inner = append(c.inner, k)
		case AtEdge:
			c.edge = append(c.edge, edgeCell{k, gap})
		}
	}
	return nil
}

func (c *coverer) refine() (Covering, error) {
	for len(c.edge) > 0 {
		slices.SortFunc(c.edge, compareEdge)
		next := c.edge[0].cell.Res()
		if next >= finest || len(c.inner)+len(c.edge) >= c.most {
			break
		}
		n := 1
		for n < min(atOnce, len(c.edge)) && c.edge[n].cell.Res() == next {
			n++
		}
		before := coverer{inner: slices.Clone(c.inner), edge: slices.Clone(c.edge)}
		cells := make([]Cell, n)
		for i := range cells {
			cells[i] = c.edge[i].cell
		}
		c.edge = slices.Delete(c.edge, 0, n)
		if err := c.add(children(cells)); err != nil {
			return Covering{}, err
		}
		c.inner = joined(c.inner)
		if len(c.inner)+len(c.edge) > c.most {
			c.inner, c.edge = before.inner, before.edge
			break
		}
	}
	out := Covering{Inner: c.inner}
	for _, e := range c.edge {
		out.Edge = append(out.Edge, e.cell)
	}
	return out, nil
}

// compareEdge puts the cells first of which refinement promises most: the largest, then those deepest inside.
func compareEdge(a, b edgeCell) int {
	if d := a.cell.Res() - b.cell.Res(); d != 0 {
		return d
	}
	return cmp.Compare(a.gap, b.gap)
}

// joined replaces all children of a cell by the cell, as often as it can. Points cut short to the parent are cut short
// to one of the children too, so that nothing is lost or won.
func joined(cells []Cell) []Cell {
	slices.SortFunc(cells, func(a, b Cell) int { return b.Res() - a.Res() })
	of := map[Cell]int{}
	for i := 0; i < len(cells); i++ {
		k := cells[i]
		if k.Res() == 0 {
			continue
		}
		parent := k.Parent(k.Res() - 1)
		if of[parent]++; of[parent] == parent.children() {
			cells = append(cells, parent)
		}
	}
	return slices.DeleteFunc(cells, func(k Cell) bool {
		return k.Res() > 0 && of[k.Parent(k.Res()-1)] == k.Parent(k.Res()-1).children()
	})
}

// isSmall tells whether a conversion costs more than the exact test of the few points that a finer covering would save.
func isSmall(shape geo.Shape) bool {
	s, ok := shape.(interface{ Reach() float64 })
	return ok && s.Reach() <= small
}

// children returns all children of all cells, which are of one resolution.
func children(cells []Cell) []Cell {
	kids := make([]Cell, 0, 7*len(cells))
	for _, c := range cells {
		for d := range 7 {
			if k, ok := c.Child(d); ok {
				kids = append(kids, k)
			}
		}
	}
	return kids
}

// seeds returns cells of one resolution whose balls together hold the shape: the neighbourhood of its centre where the
// shape says how far it reaches, all base cells otherwise.
func seeds(shape geo.Shape) ([]Cell, error) {
	s, ok := shape.(interface{ Reach() float64 })
	if !ok || s.Reach() > inradius(1) {
		all := make([]Cell, BaseCount)
		for i := range all {
			all[i] = Base(i)
		}
		return all, nil
	}
	res := 1
	for res < finest && s.Reach() <= inradius(res+1) {
		res++
	}
	centre, err := Of(shape.Center(), res)
	if err != nil {
		return nil, err
	}
	return centre.Neighbours()
}

// inradius returns metres that lie, from any point of a cell, within the cell and its neighbours. The narrowest cells
// (beside pentagons) have centres 583 km / 7^(r/2) from their child's, sqrt 7 times as far from each other; 400 km is
// well below the ring that their neighbours make round them. A test measures it.
func inradius(res int) float64 { return ballRadius[res] * (400_000 / ballAtRes0) }

// Classify tells, from a shape's gap at a ball's centre, where the ball lies: by the triangle inequality, with room for
// the 0.1 % by which a polygon's gap may be off.
func Classify(gap, radius float64) Side {
	switch {
	case gap*(1-gapSlack) > radius+gapMetres:
		return Outside
	case gap*(1-gapSlack) < -radius-gapMetres:
		return Within
	}
	return AtEdge
}

// middle is Centre, with the base cells' centres kept.
func middle(c Cell) (geo.Point, error) {
	if c.Res() == 0 {
		centres, err := baseCentres()
		return centres[c.BaseNumber()], err
	}
	return c.Centre()
}

var baseCentres = sync.OnceValues(func() (centres [BaseCount]geo.Point, err error) {
	for i := range centres {
		if centres[i], err = Base(i).Centre(); err != nil {
			return centres, err
		}
	}
	return centres, nil
})
