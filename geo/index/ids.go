package index

import (
	"encoding/binary"
	"slices"
)

// idNode is a persistent hash trie from id to fence: sixteen children by four bits of the id's hash, or up to idLeaf
// fences.
type idNode struct {
	kids   *[16]*idNode
	fences []*Fence
}

const (
	idLeaf  = 12
	idDepth = 16 // four bits each: after that ids of one hash share a leaf of any size
)

// hashID mixes all bits, as ids of one moment share their first bytes (the finaliser of MurmurHash3, A. Appleby).
func hashID(id ID) uint64 {
	h := binary.LittleEndian.Uint64(id[:8])*0x9e3779b97f4a7c15 ^ binary.LittleEndian.Uint64(id[8:])
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

func buildIDs(fences []*Fence, level int) *idNode {
	if len(fences) == 0 {
		return nil
	}
	if len(fences) <= idLeaf || level >= idDepth {
		return &idNode{fences: uniqueIDs(fences)}
	}
	n := &idNode{kids: new([16]*idNode)}
	for d, part := range partIDs(fences, level) {
		n.kids[d] = buildIDs(part, level+1)
	}
	return n
}

func partIDs(fences []*Fence, level int) (parts [16][]*Fence) {
	for _, f := range fences {
		d := hashID(f.ID) >> (4 * level) & 15
		parts[d] = append(parts[d], f)
	}
	return parts
}

// uniqueIDs returns the fences in a slice of their own, the first of each id.
func uniqueIDs(fences []*Fence) []*Fence {
	out := make([]*Fence, 0, len(fences))
	for _, f := range fences {
		if !slices.ContainsFunc(out, func(o *Fence) bool { return o.ID == f.ID }) {
			out = append(out, f)
		}
	}
	return out
}

func (n *idNode) find(id ID) *Fence {
	for h := hashID(id); n != nil; h >>= 4 {
		if n.kids == nil {
			for _, f := range n.fences {
				if f.ID == id {
					return f
				}
			}
			return nil
		}
		n = n.kids[h&15]
	}
	return nil
}

// with returns a trie that also holds f, whose id must not be there yet.
func (n *idNode) with(f *Fence, level int) *idNode {
	if n == nil {
		return &idNode{fences: []*Fence{f}}
	}
	if n.kids == nil {
		all := append(slices.Clip(slices.Clone(n.fences)), f)
		return buildIDs(all, level)
	}
	kids := *n.kids
	d := hashID(f.ID) >> (4 * level) & 15
	kids[d] = kids[d].with(f, level+1)
	return &idNode{kids: &kids}
}

// without returns a trie without the id; children left with few fences are taken back.
func (n *idNode) without(id ID, level int) *idNode {
	if n.kids == nil {
		rest := slices.DeleteFunc(slices.Clone(n.fences), func(f *Fence) bool { return f.ID == id })
		if len(rest) == 0 {
			return nil
		}
		return &idNode{fences: rest}
	}
	kids := *n.kids
	d := hashID(id) >> (4 * level) & 15
	kids[d] = kids[d].without(id, level+1)
	return takeBack(&idNode{kids: &kids})
}

func takeBack(n *idNode) *idNode {
	var all []*Fence
	for _, k := range n.kids {
		if k == nil {
			continue
		}
		if k.kids != nil || len(all)+len(k.fences) > idLeaf/2 {
			return n
		}
		all = append(all, k.fences...)
	}
	if len(all) == 0 {
		return nil
	}
	return &idNode{fences: all}
}

func (n *idNode) count() int {
	total := 0
	n.all(func(*Fence) bool { total++; return true })
	return total
}

func (n *idNode) all(yield func(*Fence) bool) bool {
	if n == nil {
		return true
	}
	for _, f := range n.fences {
		if !yield(f) {
			return false
		}
	}
	if n.kids == nil {
		return true
	}
	for _, k := range n.kids {
		if !k.all(yield) {
			return false
		}
	}
	return true
}
