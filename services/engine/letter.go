package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/store"
)

// Letter is one fact that one webhook is to be told. It is written with the fact, in the same compare-and-set, and names
// it without repeating it: what is told is read from the fact when it is told, so nothing outlives the fact, a place
// that was dropped is told to nobody, and an erasure takes the letter along.
//
// Letters stand beside the facts, and no follower reads these afterwards instead: ids and times of facts are given
// before their commit, so that whoever follows them either waits for the slowest writer or skips what commits late,
// and a delivery's end or a redemption changes a row that is already behind the follower.
type Letter struct {
	ID        uuid.UUID // random: it is told to whoever may not know the time
	WebhookID uuid.UUID
	FactID    uuid.UUID // the Place, Trace, Delivery, or Coupon; of an erasure the person
	Event     brand.WebhookEvent
	At        time.Time // engine time of the fact
	// Ordinal is the place among the letters of one write; writes of a person are ordered by the row's version.
	Ordinal int32
	// NotBefore holds a letter back for an endpoint that is not told the time of day. Zero: it goes at once.
	NotBefore time.Time
	// Awaits: the fact is not complete yet. The letter stands in nobody's way until it is.
	Awaits bool
	// ExternalID is, of an erasure, the brand's own id of whoever was erased: nothing else will know it.
	ExternalID string
}

// dayEndSpread is how far apart what was held back until the end of a day is told.
const dayEndSpread = time.Hour

// seen is what a letter is about, before it is known who is told.
type seen struct {
	event  brand.WebhookEvent
	fact   uuid.UUID
	awaits bool
}

// letters are what a write tells the brand's webhooks. Without any there is nothing to do.
func (t *turn) letters(now time.Time) []Letter {
	if len(t.v.webhooks) == 0 {
		return nil
	}
	facts := t.factsSeen()
	var letters []Letter
	var dayEnd time.Time
	for i := range t.v.webhooks {
		hook := &t.v.webhooks[i]
		placed := t.mayBeTold(hook, now)
		for _, f := range facts {
			if !hook.Wants(f.event) || f.event.Locates() && hook.Recipient == brand.ThirdParty && !placed {
				continue
			}
			l := Letter{ID: newRandomID(), WebhookID: hook.ID, FactID: f.fact, Event: f.event, At: now, Ordinal: int32(len(letters)), Awaits: f.awaits}
			switch {
			case f.event == brand.PersonErased:
				if hook.Recipient != brand.ThirdParty {
					l.ExternalID = t.p.profile.ExternalID
				}
			case !placed:
				if dayEnd.IsZero() {
					dayEnd = EndOfDay(now, t.v.brand.Settings.Zone()).Add(rand.N(dayEndSpread))
				}
				l.NotBefore = dayEnd
			}
			letters = append(letters, l)
		}
	}
	return letters
}

// mayBeTold tells whether a webhook may be told the store and the time of day of what this write brings about: a third
// party by the consents that stand with the write. Whether it still may is asked again when it is told.
func (t *turn) mayBeTold(hook *brand.Webhook, now time.Time) bool {
	if hook.Recipient != brand.ThirdParty || !hook.Place {
		return hook.Place
	}
	_, ok := audience.MayProvide(t.standing(), t.v.brand, hook.RecipientName, hook.RecipientPurpose, now)
	return ok
}

// factsSeen are the facts of a write that webhooks may be told of, in the order in which they are told.
func (t *turn) factsSeen() (facts []seen) {
	w := &t.write
	for i := range w.Places {
		if event, ok := t.visitEvent(&w.Places[i]); ok {
			facts = append(facts, seen{event: event, fact: w.Places[i].ID})
		}
	}
	for i := range w.Traces {
		facts = append(facts, seen{event: brand.DecisionMade, fact: w.Traces[i].ID})
	}
	for i := range w.Deliveries {
		facts = append(facts, seen{event: brand.DeliveryEnded, fact: w.Deliveries[i].ID, awaits: true})
	}
	for i := range w.Coupons {
		if w.Coupons[i].Redeem {
			facts = append(facts, seen{event: brand.CouponRedeemed, fact: w.Coupons[i].ID})
		}
	}
	if w.Status == PersonErasing {
		facts = append(facts, seen{event: brand.PersonErased, fact: w.Key.PersonID, awaits: true})
	}
	return facts
}

// visitEvent is a transition as webhooks are told of it. Of a fence that is gone it is not known any more what it was
// for: the end of a stay in it is told.
func (t *turn) visitEvent(p *Place) (brand.WebhookEvent, bool) {
	f, known := t.v.fences.Fence(presence.ID(p.FenceID))
	if known && f.Value.(*fenceView).fence.Purpose != store.Visit {
		return "", false
	}
	switch {
	case p.Kind == presence.Exited:
		return brand.VisitExited, true
	case !known:
		return "", false
	case p.Kind == presence.Entered:
		return brand.VisitEntered, true
	case p.Kind == presence.Dwelled:
		return brand.VisitDwelled, true
	}
	return "", false
}

// DisableWebhook notes that an endpoint wants no more. One that was written since w was read stays as it is.
func (e *Engine) DisableWebhook(ctx context.Context, w *brand.Webhook) error {
	gone := *w
	gone.DisabledAt = e.clock.Now()
	_, err := e.Write(ctx, CatalogueWrite{BrandID: w.BrandID, Actor: "webhook endpoint", Expect: map[uuid.UUID]int64{w.ID: w.Version}, Webhooks: []brand.Webhook{gone}})
	if errors.Is(err, ErrStale) {
		return nil
	}
	return err
}

// EndOfDay is the first instant of the day after t's.
func EndOfDay(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, zone)
}
