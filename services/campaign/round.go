package campaign

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/expression"
)

// round is one call of Decide: what all its candidates share.
type round struct {
	view   *View
	caps   []capAnswer // of the brand's caps, by their place
	seen   map[uuid.UUID]time.Time
	spaced *spacing
	needs  uuid.UUID // the offer whose stock is not known
	// known is what expressions know, of one moment: candidates come moment by moment.
	known   *expression.Input
	knownOf *Moment
	// scratch of rank
	judged             []judged
	ruledOut, standing []*judged
}

// rounds are used again: under load most of what a decision would allocate is theirs.
var rounds = sync.Pool{New: func() any { return new(round) }}

func newRound(v *View) *round {
	r := rounds.Get().(*round)
	r.view = v
	return r
}

// release gives the round back. Nobody may hold anything that was judged in it any more.
func (r *round) release() {
	clear(r.judged)
	clear(r.ruledOut)
	clear(r.standing)
	*r = round{judged: r.judged[:0], ruledOut: r.ruledOut[:0], standing: r.standing[:0]}
	rounds.Put(r)
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

// capAnswer is what one of the brand's caps said of a candidate, and would say of the next of the same store.
type capAnswer struct {
	asked   bool
	store   uuid.UUID // of a cap by store; else zero
	refusal *cap.Refusal
}

// brandCap asks one of the brand's caps; nil: it passes. Candidates come moment by moment, so many get the same answer.
func (r *round) brandCap(i int, candidate cap.Entry) *cap.Refusal {
	one := r.view.Brand.Settings.Caps[i : i+1]
	key := uuid.Nil
	switch one[0].Scope {
	case cap.Brand:
	case cap.Store:
		key = candidate.Store
	default:
		_, refusal := cap.Check(one, r.view.History, candidate, r.view.Now)
		return refusal
	}
	if r.caps == nil {
		r.caps = make([]capAnswer, len(r.view.Brand.Settings.Caps))
	}
	a := &r.caps[i]
	if !a.asked || a.store != key {
		_, refusal := cap.Check(one, r.view.History, candidate, r.view.Now)
		*a = capAnswer{true, key, refusal}
	}
	return a.refusal
}

// gap asks the brand's minimum gap, which says the same to every candidate.
func (r *round) gap() (ok bool, free time.Time) {
	if r.spaced == nil {
		ok, free := cap.MinGap(r.view.History, r.view.Brand.Settings.MinGap, r.view.Now, uuid.Nil)
		r.spaced = &spacing{ok, free}
	}
	return r.spaced.ok, r.spaced.free
}
