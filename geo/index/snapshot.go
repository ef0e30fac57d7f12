package index

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/cell"
)

// ID names a fence; all zero is not allowed.
type ID = [16]byte

// Fence is a shape with a name. It must not be changed once it is in a snapshot.
type Fence struct {
	ID    ID
	Shape geo.Shape
	Value any // the caller's own, never looked at
}

// ErrFence is the reason of every refused fence.
var ErrFence = errors.New("fence cannot be indexed")

// Snapshot is an immutable set of fences. Any number of goroutines may read it.
type Snapshot struct {
	ids     *idNode
	roots   [cell.BaseCount]*node
	count   int
	version uint64
}

// versions numbers snapshots of the process, so that two snapshots never share a number.
var versions atomic.Uint64

// Build makes a snapshot of fences. It refuses a fence without id or shape and an id that occurs twice.
func Build(fences []*Fence) (*Snapshot, error) {
	s := &Snapshot{version: versions.Add(1)}
	for _, f := range fences {
		if err := check(f); err != nil {
			return nil, err
		}
	}
	s.ids = buildIDs(fences, 0)
	if s.count = s.ids.count(); s.count != len(fences) {
		return nil, fmt.Errorf("%w: an id occurs twice", ErrFence)
	}
	b := newBuilder()
	s.roots = b.roots(fences)
	if b.err != nil {
		return nil, b.err
	}
	return s, nil
}

func check(f *Fence) error {
	switch {
	case f == nil || f.Shape == nil:
		return fmt.Errorf("%w: no shape", ErrFence)
	case f.ID == ID{}:
		return fmt.Errorf("%w: no id", ErrFence)
	}
	return nil
}

// With returns a snapshot in which fences are put (one with an id already there is replaced) after others are removed
// (an id that is not there is ignored). s itself stays as it is. The cost is about proportional to what changes.
func (s *Snapshot) With(put []*Fence, remove []ID) (*Snapshot, error) {
	for _, f := range put {
		if err := check(f); err != nil {
			return nil, err
		}
	}
	next := *s
	next.version = versions.Add(1)
	c := change{builder: new(builder), snapshot: &next}
	if len(put)+len(remove) >= worthBulk {
		c.bulk(put, remove)
	} else {
		c.oneByOne(put, remove)
	}
	if c.err != nil {
		return nil, c.err
	}
	return &next, nil
}

func (c *change) oneByOne(put []*Fence, remove []ID) {
	for _, id := range remove {
		c.remove(id)
	}
	for _, f := range put {
		c.remove(f.ID)
		c.put(f)
	}
}

// Fence returns the fence of that id.
func (s *Snapshot) Fence(id ID) (*Fence, bool) {
	f := s.ids.find(id)
	return f, f != nil
}

// Len returns the number of fences.
func (s *Snapshot) Len() int { return s.count }

// Version returns a number that no other snapshot of this process has; it grows with each one made.
func (s *Snapshot) Version() uint64 { return s.version }

// All calls yield for each fence, in an order that depends on the ids alone, until yield returns false.
func (s *Snapshot) All(yield func(*Fence) bool) { s.ids.all(yield) }
