package campaign

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher/cap"
)

// round is one call of Decide: what all its candidates share.
type round struct {
	view   *View
	caps   map[capKey]*cap.Refusal
	seen   map[uuid.UUID]time.Time
	spaced *spacing
	needs  uuid.UUID // the offer whose stock is not known
}

type spacing struct {
	ok   bool
	free time.Time
}

// lastSeen is when a campaign was last planned for the person; zero: never. What was given back was not seen.
func (r *round) lastSeen(id uuid.UUID) time.Time {
	if r.seen == nil {
		r.seen = r.everSeen()
	}
	return r.seen[id]
}

func (r *round) everSeen() map[uuid.UUID]time.Time {
	seen := make(map[uuid.UUID]time.Time, len(r.view.History.Entries))
	note := func(id uuid.UUID, at time.Time) {
		if at.After(seen[id]) {
			seen[id] = at
		}
	}
	for _, e := range r.view.History.Entries {
		if !e.Released {
			note(e.Campaign, e.At)
		}
	}
	for _, f := range r.view.History.Folds {
		if f.Scope != cap.Campaign || f.Count <= 0 {
			continue
		}
		if id, err := uuid.Parse(f.Key); err == nil {
			note(id, f.Until)
		}
	}
	return seen
}

// capKey is what the answer of one of the brand's caps depends on within a round.
type capKey struct {
	index int
	store uuid.UUID
}

// brandCap asks one of the brand's caps; nil: it passes. Many candidates get the same answer.
func (r *round) brandCap(i int, candidate cap.Entry) *cap.Refusal {
	one := r.view.Brand.Settings.Caps[i : i+1]
	key := capKey{index: i}
	switch one[0].Scope {
	case cap.Brand:
	case cap.Store:
		key.store = candidate.Store
	default:
		_, refusal := cap.Check(one, r.view.History, candidate, r.view.Now)
		return refusal
	}
	refusal, known := r.caps[key]
	if !known {
		_, refusal = cap.Check(one, r.view.History, candidate, r.view.Now)
		if r.caps == nil {
			r.caps = map[capKey]*cap.Refusal{}
		}
		r.caps[key] = refusal
	}
	return refusal
}

// gap asks the brand's minimum gap, which says the same to every candidate.
func (r *round) gap() (ok bool, free time.Time) {
	if r.spaced == nil {
		ok, free := cap.MinGap(r.view.History, r.view.Brand.Settings.MinGap, r.view.Now, uuid.Nil)
		r.spaced = &spacing{ok, free}
	}
	return r.spaced.ok, r.spaced.free
}
