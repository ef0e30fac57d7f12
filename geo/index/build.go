package index

import (
	"runtime"
	"sync"

	"github.com/wantgo/wantgo/geo/cell"
)

// builder makes nodes, on as many goroutines as it has room for; its first error is the one that counts.
type builder struct {
	room chan struct{} // nil: on the caller's goroutine alone
	once sync.Once
	err  error
}

const worthSharing = 2000 // fences below a node from which on another goroutine may take it

func newBuilder() *builder { return &builder{room: make(chan struct{}, runtime.GOMAXPROCS(0)-1)} }

func (b *builder) fail(err error) { b.once.Do(func() { b.err = err }) }

// together does the parts, those worth it on other goroutines where there is room, and waits for all.
func (b *builder) together(parts int, size func(int) int, do func(int)) {
	var others sync.WaitGroup
	for i := range parts {
		if size(i) < worthSharing {
			do(i)
			continue
		}
		select {
		case b.room <- struct{}{}:
			others.Go(func() {
				do(i)
				<-b.room
			})
		default:
			do(i)
		}
	}
	others.Wait()
}

// roots makes the base cells' nodes.
func (b *builder) roots(fences []*Fence) (roots [cell.BaseCount]*node) {
	empty, err := emptyRoots()
	if err != nil {
		b.fail(err)
		return roots
	}
	parts := b.byRoot(fences, empty)
	b.together(len(roots), func(i int) int { return len(parts[i]) }, func(i int) {
		roots[i] = empty[i]
		if len(parts[i]) > 0 {
			n := *empty[i]
			b.fill(&n, n.sift(parts[i]))
			roots[i] = &n
		}
	})
	return roots
}

// byRoot prepares the fences and parts them by the base cells that they touch.
func (b *builder) byRoot(fences []*Fence, empty *[cell.BaseCount]*node) (parts [cell.BaseCount][]geometry) {
	chunks := (len(fences) + chunk - 1) / chunk
	found := make([][cell.BaseCount][]geometry, chunks)
	b.together(chunks, func(int) int { return chunk }, func(c int) {
		for _, f := range fences[c*chunk : min((c+1)*chunk, len(fences))] {
			g := newGeometry(f)
			for i, n := range empty {
				if n.side(&g) != cell.Outside {
					found[c][i] = append(found[c][i], g)
				}
			}
		}
	})
	for i := range parts {
		for c := range found {
			parts[i] = append(parts[i], found[c][i]...)
		}
	}
	return parts
}

const chunk = 16 << 10

// emptyRoots are the nodes of base cells without fences, which all snapshots share.
var emptyRoots = sync.OnceValues(func() (*[cell.BaseCount]*node, error) {
	var roots [cell.BaseCount]*node
	for i := range roots {
		centre, err := cell.Base(i).Centre()
		if err != nil {
			return nil, err
		}
		roots[i] = newNode(cell.Base(i), centre)
	}
	return &roots, nil
})

// fill puts fences, all of them at the node's edge, into a node that has none.
func (b *builder) fill(n *node, at []geometry) {
	weight := weigh(at)
	n.passed = 0
	if weight > leafFull && n.cell.Res() < finestLeaf {
		if b.split(n, at, weight) {
			return
		}
		n.passed = int32(weight)
	}
	n.edge = make([]candidate, len(at))
	for i := range at {
		n.edge[i] = newCandidate(at[i].fence)
	}
}

// split gives the node children, unless that would part the fences too little.
func (b *builder) split(n *node, at []geometry, weight int) bool {
	kids, ok := b.newFamily(n.cell)
	if !ok {
		return false
	}
	var parts [7][]geometry
	total := 0
	for d, k := range kids.nodes {
		if k != nil {
			parts[d] = k.sift(at)
			total += weigh(parts[d])
		}
	}
	if float64(total) > splitCost*float64(weight) {
		return false
	}
	n.kids, n.passed = kids, int32(weight)
	b.together(len(kids.nodes), func(d int) int { return len(parts[d]) }, func(d int) {
		if k := kids.nodes[d]; k != nil {
			b.fill(k, parts[d])
		}
	})
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

func (b *builder) newFamily(of cell.Cell) (*family, bool) {
	kids := new(family)
	for d := range kids.nodes {
		c, ok := of.Child(d)
		if !ok {
			kids.rough[d] = nowhere
			continue
		}
		centre, err := c.Centre()
		if err != nil {
			b.fail(err)
			return nil, false
		}
		kids.put(d, newNode(c, centre))
	}
	return kids, true
}
