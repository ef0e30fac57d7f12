package cell

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/uber/h3-go/v4"

	"github.com/wantgo/wantgo/geo"
)

// Cell is an H3 index of a hexagon (or of one of twelve pentagons a resolution).
type Cell uint64

const (
	// MaxRes is H3's finest resolution.
	MaxRes = 15
	// BaseCount is the number of cells of resolution 0.
	BaseCount = 122
	// CoarseRes is the resolution of Coarse: about 5 square kilometres.
	CoarseRes = 7

	ballAtRes0 = 1_490_000.0 // metres; C of the package comment
)

// ErrCell is the reason of every refusal other than a position that is not on the globe.
var ErrCell = errors.New("not an H3 cell")

var panics atomic.Uint64

// Panics returns how often the H3 binding panicked and was caught; anything above 0 is a bug worth reporting.
func Panics() uint64 { return panics.Load() }

// guard turns a panic of the binding into an error.
func guard(err *error) {
	if r := recover(); r != nil {
		panics.Add(1)
		*err = fmt.Errorf("%w: the binding panicked: %v", ErrCell, r)
	}
}

// Of returns the cell of p at a resolution from 0 to MaxRes.
func Of(p geo.Point, res int) (c Cell, err error) {
	defer guard(&err)
	if err := p.Validate(); err != nil {
		return 0, err
	}
	if res < 0 || res > MaxRes {
		return 0, fmt.Errorf("%w: resolution %d", ErrCell, res)
	}
	got, err := h3.LatLngToCell(h3.LatLng{Lat: p.Lat, Lng: p.Lng}, res)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrCell, err)
	}
	return Cell(got), nil
}

// Radius returns the metres from a cell's centre within which all its points and all its descendants' points lie.
func Radius(res int) float64 { return ballRadius[res] }

var ballRadius = func() (radius [MaxRes + 1]float64) {
	for r := range radius {
		radius[r] = ballAtRes0 / math.Pow(7, float64(r)/2)
	}
	return radius
}()

// Valid tells whether c is a cell at all. Other methods than Valid, Centre and Neighbours expect that it is.
func (c Cell) Valid() bool { return h3.Cell(c).IsValid() }

// Centre returns the cell's centre.
func (c Cell) Centre() (p geo.Point, err error) {
	defer guard(&err)
	if !c.Valid() {
		return geo.Point{}, ErrCell
	}
	at, err := h3.Cell(c).LatLng()
	if err != nil {
		return geo.Point{}, fmt.Errorf("%w: %w", ErrCell, err)
	}
	p = geo.Point{Lat: math.Max(-90, math.Min(90, at.Lat)), Lng: math.Max(-180, math.Min(180, at.Lng))}
	return p, p.Validate()
}

// Neighbours returns the cell and the cells that touch it, at most seven.
func (c Cell) Neighbours() (cells []Cell, err error) {
	defer guard(&err)
	if !c.Valid() {
		return nil, ErrCell
	}
	disk, err := h3.Cell(c).GridDisk(1)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCell, err)
	}
	for _, d := range disk {
		if d != 0 {
			cells = append(cells, Cell(d))
		}
	}
	return cells, nil
}

// String returns H3's hexadecimal spelling.
func (c Cell) String() string { return fmt.Sprintf("%x", uint64(c)) }
