package index

import (
	"maps"
	"slices"

	"github.com/wantgo/wantgo/geo"
)

// Groups is a snapshot with a further one for each label, so that the nearest fences with a rare label are found without
// passing all the others: the cost follows the number asked for, not the number that a filter refuses. It is immutable.
//
// A label is whatever the caller filters by and the fence itself decides: a chain, a tag, a district. What changes with
// time or with who asks (open now, an offer for me) is a filter, bounded by NearestWithin's metres.
//
// A fence costs its place in one trie more for each label. A change costs that of each label's snapshot besides a copy of
// the list of labels.
type Groups struct {
	all    *Snapshot
	label  map[string]*Snapshot
	labels func(*Fence) []string
}

// BuildGroups makes Groups of fences; labels tells a fence's labels and must always answer the same of it.
func BuildGroups(fences []*Fence, labels func(*Fence) []string) (*Groups, error) {
	all, err := Build(fences)
	if err != nil {
		return nil, err
	}
	parts := map[string][]*Fence{}
	for _, f := range fences {
		for _, l := range distinct(labels(f)) {
			parts[l] = append(parts[l], f)
		}
	}
	g := &Groups{all: all, label: make(map[string]*Snapshot, len(parts)), labels: labels}
	for l, part := range parts {
		if g.label[l], err = Build(part); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func distinct(labels []string) []string {
	sorted := slices.Sorted(slices.Values(labels))
	return slices.Compact(sorted)
}

// All returns the snapshot of all fences.
func (g *Groups) All() *Snapshot { return g.all }

// With is Snapshot.With. Labels left without a fence are forgotten.
func (g *Groups) With(put []*Fence, remove []ID) (*Groups, error) {
	next := &Groups{label: maps.Clone(g.label), labels: g.labels}
	var err error
	if next.all, err = g.all.With(put, remove); err != nil {
		return nil, err
	}
	for l, c := range g.byLabel(put, remove) {
		s := next.label[l]
		if s == nil {
			if s, err = Build(nil); err != nil {
				return nil, err
			}
		}
		if s, err = s.With(c.put, c.remove); err != nil {
			return nil, err
		}
		if next.label[l] = s; s.Len() == 0 {
			delete(next.label, l)
		}
	}
	return next, nil
}

type labelChange struct {
	put    []*Fence
	remove []ID
}

// byLabel parts a change by the labels that fences have and had.
func (g *Groups) byLabel(put []*Fence, remove []ID) map[string]*labelChange {
	changes := map[string]*labelChange{}
	at := func(l string) *labelChange {
		if changes[l] == nil {
			changes[l] = &labelChange{}
		}
		return changes[l]
	}
	gone := slices.Clone(remove)
	last := make(map[ID]*Fence, len(put))
	for _, f := range put {
		gone = append(gone, f.ID)
		last[f.ID] = f
	}
	for _, id := range gone {
		if f, ok := g.all.Fence(id); ok {
			for _, l := range distinct(g.labels(f)) {
				at(l).remove = append(at(l).remove, id)
			}
		}
	}
	for _, f := range last {
		for _, l := range distinct(g.labels(f)) {
			at(l).put = append(at(l).put, f)
		}
	}
	return changes
}

// NearestWithin is Snapshot.NearestWithin among the fences that have every one of the labels. It searches the rarest
// label's snapshot and leaves out what the others do not hold.
func (g *Groups) NearestWithin(p geo.Point, k int, within float64, labels []string, keep func(*Fence) bool, dst []Near) []Near {
	if len(labels) == 0 {
		return g.all.NearestWithin(p, k, within, keep, dst)
	}
	sets := make([]*Snapshot, len(labels))
	for i, l := range labels {
		if sets[i] = g.label[l]; sets[i] == nil {
			return dst
		}
	}
	slices.SortFunc(sets, func(a, b *Snapshot) int { return a.Len() - b.Len() })
	if len(sets) == 1 {
		return sets[0].NearestWithin(p, k, within, keep, dst)
	}
	return sets[0].NearestWithin(p, k, within, func(f *Fence) bool {
		for _, s := range sets[1:] {
			if _, ok := s.Fence(f.ID); !ok {
				return false
			}
		}
		return keep == nil || keep(f)
	}, dst)
}
