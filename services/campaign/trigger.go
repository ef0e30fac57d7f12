package campaign

import (
	"slices"

	"github.com/wantgo/wantgo/services/store"
)

// On tells whether moments of a kind start the campaign.
func (t *Trigger) On(kind Kind) bool { return slices.Contains(t.Kinds, kind) }

// purposes are the purposes of the brand's fences that count. Fences of the campaign's own stand in for its near ones.
func (t *Trigger) purposes() []store.Purpose {
	if t.Radius > 0 {
		return slices.DeleteFunc(slices.Clone(t.Purposes), func(p store.Purpose) bool { return p == store.Near })
	}
	if len(t.Purposes) == 0 {
		return []store.Purpose{store.Visit, store.Near}
	}
	return t.Purposes
}
