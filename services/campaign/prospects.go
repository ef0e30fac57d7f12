package campaign

import (
	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/store"
)

// The gates of an offer that nobody hands out yet: those of a decision about whether there is anything to win, by the
// person, at the store. What is about the moment of a notification is not asked: how fresh it is, whether it is night,
// whether a phone can be reached, how the text turns out.
var (
	somewhere = prospect((*judged).live)
	atStore   = prospect((*judged).live, (*judged).timely)
)

func prospect(first ...gate) []gate {
	return append(first, (*judged).spared, (*judged).chosen, (*judged).addressed, (*judged).assigned, (*judged).rested,
		(*judged).underCaps, (*judged).spaced, (*judged).wanted, (*judged).available, (*judged).consented)
}

// Prospects tell which offers a person could still win with the app open. They ask the gates that Decide asks, and
// decide, reserve and record nothing. They are for one goroutine.
type Prospects struct {
	view  View
	round round
	known map[*Campaign]Reason // by what no store changes
}

// NewProspects are those of a view, which must not change while they are asked. Devices and the functions that make ids
// and codes are not needed. Of a stock, only what is known to be gone refuses.
func NewProspects(v *View) *Prospects {
	p := &Prospects{view: *v, known: map[*Campaign]Reason{}}
	p.view.Stock = hopeful{v.Stock}
	p.round.view = &p.view
	return p
}

// Refusal is why a campaign's offer cannot be won at a store, "" if it can. Without a store it is why it cannot be won
// anywhere: the gates that a store can change the answer of let pass.
func (p *Prospects) Refusal(c *Campaign, s *store.Store) Reason {
	if s != nil {
		return p.ask(c, s, atStore)
	}
	reason, known := p.known[c]
	if !known {
		reason = p.ask(c, nil, somewhere)
		p.known[c] = reason
	}
	return reason
}

func (p *Prospects) ask(c *Campaign, s *store.Store, gates []gate) Reason {
	var j judged
	p.round.judge(&j, c, &Moment{Store: s, Foreground: true, Received: p.view.Now})
	j.refusedBy(gates)
	return j.decision.Reason
}

// hopeful takes what is not known of a stock for something left.
type hopeful struct{ stock Stock }

func (h hopeful) Peek(offer uuid.UUID) (ok, known bool) {
	if h.stock == nil {
		return true, true
	}
	ok, known = h.stock.Peek(offer)
	return ok || !known, true
}

// Take is not asked.
func (h hopeful) Take(uuid.UUID) (block uuid.UUID, ok, known bool) { return uuid.Nil, false, true }
