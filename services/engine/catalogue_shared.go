package engine

import (
	"slices"
	"strings"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/store"
)

// shared is what very many fences of a brand have alike and hold once: rules, and lists of tags.
type shared struct {
	rules map[presence.Rules]*fenceRules
	tags  map[string][]string
}

// maxShared bounds each of what is remembered. Whoever writes a rule of its own for every fence shares nothing.
const maxShared = 4096

func newShared() shared {
	return shared{map[presence.Rules]*fenceRules{}, map[string][]string{}}
}

func (s *shared) keep(of presence.Rules, rules *fenceRules) {
	if len(s.rules) >= maxShared {
		clear(s.rules)
	}
	s.rules[of] = rules
}

// take lets a fence share its words with others.
func (s *shared) take(f *store.Fence) {
	switch f.Purpose {
	case store.Visit:
		f.Purpose = store.Visit
	case store.Near:
		f.Purpose = store.Near
	case store.Other:
		f.Purpose = store.Other
	}
	if len(f.Tags) == 0 {
		return
	}
	name := strings.Join(f.Tags, "\x00")
	if known, ok := s.tags[name]; ok && slices.Equal(known, f.Tags) {
		f.Tags = known
		return
	}
	if len(s.tags) >= maxShared {
		clear(s.tags)
	}
	s.tags[name] = f.Tags
}
