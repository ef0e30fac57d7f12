// Package cell is the only importer of H3 (github.com/uber/h3-go): cells of points, their family and neighbours, and
// coverings of shapes.
//
// H3 is a filter here and never the answer: a cell says which shapes may hold a point, geometry says which do.
//
// # Why coverings are sound
//
// H3's children are not inside their parent: a point's cell, cut short to a coarser resolution, need not be the cell
// that the point has at that resolution. So a cell stands here for its ball: every point within Radius(res) metres of
// its centre. With C = 1,490 km and Radius(r) = C / 7^(r/2), two measured facts carry the proof: a cell of resolution
// r lies within 1,410 km / 7^(r/2) of its centre, and a child's centre within 919.8 km / 7^(r/2) of its parent's. As
// 919.8 <= C (1 - 1/sqrt 7), a child's ball lies inside its parent's, and so does every descendant. A point therefore
// lies in the ball of its own cell and of each ancestor of it, at every resolution, and a shape that does not touch a
// ball holds no point whose cell or cut-short cell is that one. Tests measure both facts over the whole globe,
// pentagons included.
//
// Every call into C is made with validated input, inside a recover that counts (Panics).
package cell
