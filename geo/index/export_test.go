package index

// Footprint counts what a snapshot keeps beyond the base cells that every snapshot has: nodes and places of fences.
func Footprint(s *Snapshot) int {
	total := s.ids.count()
	if s.ids != nil {
		total++
	}
	for _, n := range s.roots {
		total += n.footprint() - 1
	}
	return total
}

func (n *node) footprint() int {
	if n == nil {
		return 0
	}
	total := 1 + len(n.inner) + len(n.edge)
	if n.kids != nil {
		for _, k := range n.kids {
			total += k.footprint()
		}
	}
	return total
}
