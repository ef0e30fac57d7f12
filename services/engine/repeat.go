package engine

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/campaign"
)

// answerAgain gives pings that were decided before the answer they had: their transitions, and what they won.
func (r *reporting) answerAgain(upTo int) error {
	var pings []uuid.UUID
	for _, i := range r.order()[:upTo+1] {
		pings = append(pings, r.report.Pings[i].ID)
	}
	places, traces, err := r.e.people.FactsOf(r.ctx, r.p.key, pings)
	if err != nil {
		return fmt.Errorf("facts of repeated pings: %w", err)
	}
	// As they were told: ping by ping, exits before enters before dwells.
	slices.SortStableFunc(places, func(a, b Place) int {
		return cmp.Or(cmp.Compare(slices.Index(pings, a.PingID), slices.Index(pings, b.PingID)),
			cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.FenceID[:], b.FenceID[:]))
	})
	again := make([]TransitionAnswer, 0, len(places))
	for i := range places {
		var fv *fenceView
		if f, ok := r.v.fences.Fence(places[i].FenceID); ok {
			fv = f.Value.(*fenceView)
		}
		again = append(again, told(&places[i], fv))
	}
	r.answer.Transitions = append(again, r.answer.Transitions...)
	for i := range traces {
		if traces[i].Reason != string(campaign.Won) || traces[i].Channel != campaign.ChannelInApp {
			continue
		}
		if err := r.offerAgain(&traces[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r *reporting) offerAgain(won *Trace) error {
	deliveries, err := r.e.people.Deliveries(r.ctx, r.p.key, []uuid.UUID{won.NotificationID})
	if err != nil {
		return fmt.Errorf("deliveries of a repeated ping: %w", err)
	}
	offer := OfferAnswer{NotificationID: won.NotificationID, CampaignID: won.CampaignID, CouponID: won.CouponID}
	if len(deliveries) > 0 {
		offer.fill(&deliveries[0].Notification)
	}
	if won.CouponID != uuid.Nil {
		c, err := r.e.people.Coupon(r.ctx, r.p.key, won.CouponID)
		if err != nil {
			return fmt.Errorf("coupon of a repeated ping: %w", err)
		}
		offer.Code, offer.ExpiresAt = c.Code, c.ExpiresAt
	}
	r.answer.Offers = append(r.answer.Offers, offer)
	return nil
}

func (a *OfferAnswer) fill(n *pusher.Notification) {
	a.Title, a.Body, a.DeepLink, a.ImageURL = n.Title, n.Body, n.DeepLink, n.ImageURL
}
