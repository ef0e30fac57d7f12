package cell

import (
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
	enough    = 40  // cells from which on a covering is not refined further
	finest    = 11  // resolution beyond which refinement says nothing that geometry does not say faster
	small     = 500 // metres of reach up to which a covering is not refined at all
	gapSlack  = 0.002
	gapMetres = 0.01
)

// Cover returns a covering of about 2 to 100 cells, whatever the shape's size. It starts with the few cells that are as
// large as the shape and refines the cells at the edge while the whole stays small. A circle of 100 m takes one
// conversion and at most seven centres.
func Cover(shape geo.Shape) (Covering, error) {
	edge, err := seeds(shape)
	if err != nil {
		return Covering{}, err
	}
	var c Covering
	for len(edge) > 0 {
		in, at, err := sift(shape, edge)
		if err != nil {
			return Covering{}, err
		}
		c.Inner = append(c.Inner, in...)
		edge = nil
		if len(at) == 0 {
			break
		}
		if at[0].Res() >= finest || isSmall(shape) || len(c.Inner)+len(at) > enough/3 {
			c.Edge = at
			break
		}
		edge = children(at)
	}
	return c, nil
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

// sift parts cells by what the shape's gap at their centre says of their ball.
func sift(shape geo.Shape, cells []Cell) (in, at []Cell, err error) {
	for _, c := range cells {
		centre, err := middle(c)
		if err != nil {
			return nil, nil, err
		}
		switch Classify(shape.Gap(centre), Radius(c.Res())) {
		case Within:
			in = append(in, c)
		case AtEdge:
			at = append(at, c)
		}
	}
	return in, at, nil
}

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
