package cap

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// MinGap tells whether at keeps at least gap from every other notification of the history, before and after;
// exactly gap is enough. self is the candidate's own notification (uuid.Nil: none yet). freeAt is the first
// moment from at on that does.
func MinGap(h History, gap time.Duration, at time.Time, self uuid.UUID) (ok bool, freeAt time.Time) {
	if gap <= 0 {
		return true, at
	}
	taken := make([]Fold, 0, len(h.Entries)+len(h.Folds))
	for _, e := range h.Entries {
		if !e.Released && (e.NotificationID != self || self == uuid.Nil) {
			taken = append(taken, Fold{From: e.At, Until: e.At})
		}
	}
	for _, f := range h.Folds {
		if f.Scope == Brand && f.Count > 0 {
			taken = append(taken, Fold{From: f.From, Until: f.Until})
		}
	}
	slices.SortFunc(taken, func(a, b Fold) int { return a.Until.Compare(b.Until) })
	freeAt = at
	for moved := true; moved; {
		moved = false
		for _, span := range taken {
			if span.From.Add(-gap).Before(freeAt) && freeAt.Before(span.Until.Add(gap)) {
				freeAt, moved = span.Until.Add(gap), true
			}
		}
	}
	return freeAt.Equal(at), freeAt
}
