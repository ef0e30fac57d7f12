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
// A point is converted once, at the trie's depth, and its digits lead to its leaf. Putting fences in calls H3 only for
// the centres of new nodes, so that loading costs a fraction of the binding's coverings.
//
// # Change
//
// A change copies the nodes that the fence touches and the path to them; everything else is shared with the snapshot
// before. A node whose fences have become few takes its children back, so that removal leaves nothing behind.
//
// # Following a device
//
// A leaf's fences are right for its whole ball, not only for its cell. A Follower therefore stays with a leaf while the
// device is in the ball, one distance instead of a conversion, and keeps its last answer while the device is within the
// quiet radius: no candidate's edge is nearer than that, and by the triangle inequality none is crossed. Distances are
// bounded from above by the path straight in longitude and latitude at the widest parallel between, which errs to the
// safe side.
//
// The package knows nothing of what a fence is for: Value is its caller's.
package index
