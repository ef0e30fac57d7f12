// Package index finds the fences that contain a point, in immutable snapshots that readers never lock.
//
// # Structure
//
// A snapshot is a trie over H3's own digits. The root has a node for each base cell; a node with many fences has seven
// children, one for each child cell. A node stands for its cell's ball (package cell proves that the ball holds every
// point whose cell descends from it) and keeps fences of two kinds: those that wholly hold the ball need no exact test
// for any point below it and are kept there, not further down; those whose edge touches the ball are passed on to the
// children, and at a leaf get the exact test. H3 is a candidate filter, never the answer.
//
// The trie is thus the fences' coverings laid over each other, inner and edge cells of mixed resolutions, with cells made
// only where many fences meet. It does not refine until most points are in inner cells, as cell.Cover does: a circle's
// test by bounds costs 3 ns and an area's of thousands of vertices about 150 ns, a step down the trie 20 ns and a miss of
// the processor's cache more. Measured on countries and districts, finer cells cost memory and win no time.
//
// # Looking a point up
//
// A leaf's fences are right for every point in the balls of the leaf and of all nodes above it. A point is therefore
// never converted: at each node it goes to the child whose centre is nearest, back again if no child's ball holds it, and
// a leaf is always found because the point's own cell has one. Putting fences in calls H3 only for the centres of new
// nodes, so that loading costs a fraction of the binding's coverings.
//
// # Change
//
// A change copies the nodes that the fence touches and the path to them; everything else is shared with the snapshot
// before. A node whose fences have become few takes its children back, so that removal leaves nothing behind.
//
// # Following a device
//
// A Follower stays with a leaf while the device is in its ball, and keeps its last answer while the device is within the
// quiet radius: no candidate's edge is nearer than that, and by the triangle inequality none is crossed. Distances are
// bounded from above by the path straight in longitude and latitude at the widest parallel between, which errs to the
// safe side.
//
// The package knows nothing of what a fence is for: Value is its caller's.
package index
