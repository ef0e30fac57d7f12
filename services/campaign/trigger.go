package campaign

import (
	"slices"

	"github.com/wantgo/wantgo/services/store"
)

// On tells whether moments of a kind start the campaign.
func (t *Trigger) On(kind Kind) bool { return slices.Contains(t.Kinds, kind) }

// purposes are the fence purposes that count, each once.
func (t *Trigger) purposes() []store.Purpose {
	if len(t.Purposes) == 0 {
		return []store.Purpose{store.Visit, store.Near}
	}
	return t.Purposes
}
