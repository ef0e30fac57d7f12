package cell

// The bits of an H3 index (h3geo.org, "H3 Index Bit Layout"): mode at 59, resolution at 52, base cell at 45, and below
// it a digit of three bits a resolution, 7 where unused.
const (
	modeCell  = Cell(1) << 59
	resShift  = 52
	resMask   = Cell(15) << resShift
	baseShift = 45
	allUnused = Cell(1)<<baseShift - 1
	unused    = Cell(7)
)

// pentagonBases holds a bit for each base cell that is a pentagon.
var pentagonBases = func() (bits [2]uint64) {
	for _, b := range []int{4, 14, 24, 38, 49, 58, 63, 72, 83, 97, 107, 117} {
		bits[b/64] |= 1 << (b % 64)
	}
	return bits
}()

func digitShift(res int) int { return 3 * (MaxRes - res) }

// Base returns the cell of resolution 0 with number base, 0 to BaseCount-1.
func Base(base int) Cell { return modeCell | Cell(base)<<baseShift | allUnused }

// Res returns the resolution, 0 (coarsest) to MaxRes.
func (c Cell) Res() int { return int(c & resMask >> resShift) }

// BaseNumber returns the number of the base cell that c descends from.
func (c Cell) BaseNumber() int { return int(c >> baseShift & 127) }

// Digit returns which child c or its ancestor of that resolution is of its parent, 0 (the centre) to 6.
func (c Cell) Digit(res int) int { return int(c >> digitShift(res) & 7) }

// Pentagon tells whether c is one of the twelve pentagons of its resolution.
func (c Cell) Pentagon() bool {
	b := c.BaseNumber()
	if pentagonBases[b/64]>>(b%64)&1 == 0 {
		return false
	}
	used := allUnused &^ (Cell(1)<<digitShift(c.Res()) - 1)
	return c&used == 0
}

// Parent returns the ancestor at a coarser resolution, or c itself where res is not coarser. It is c cut short: see
// the package comment on what it may hold.
func (c Cell) Parent(res int) Cell {
	if res < 0 {
		res = 0
	}
	if res >= c.Res() {
		return c
	}
	return c&^resMask | Cell(res)<<resShift | (Cell(1)<<digitShift(res) - 1)
}

// Child returns the child of that digit; false at the finest resolution and for the one a pentagon lacks.
func (c Cell) Child(digit int) (Cell, bool) {
	res := c.Res() + 1
	if res > MaxRes || digit < 0 || digit > 6 || digit == 1 && c.Pentagon() {
		return 0, false
	}
	return c&^(resMask|unused<<digitShift(res)) | Cell(res)<<resShift | Cell(digit)<<digitShift(res), true
}

// children returns the number of children: seven, or six of a pentagon.
func (c Cell) children() int {
	if c.Pentagon() {
		return 6
	}
	return 7
}
