package engine

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
)

// answerAgain gives pings that were decided before the answer they had: their transitions, those of timers that fell due
// with them, and what they won. Where only timers brought something about, no ping is known again: no fact says which
// report they fell due with.
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
		same := func(o OfferAnswer) bool { return o.NotificationID == traces[i].NotificationID } // a digest is told once
		if traces[i].Reason != string(campaign.Won) || traces[i].Channel != campaign.ChannelInApp || slices.ContainsFunc(r.answer.Offers, same) {
			continue
		}
		offer, err := r.offerAgain(&traces[i], places)
		if err != nil {
			return err
		}
		r.answer.Offers = append(r.answer.Offers, offer)
	}
	return nil
}

// offerAgain is what was won, as it was told.
func (t *turn) offerAgain(won *Trace, places []Place) (offer OfferAnswer, err error) {
	deliveries, err := t.e.people.Deliveries(t.ctx, t.p.key, []uuid.UUID{won.NotificationID})
	if err != nil {
		return offer, fmt.Errorf("deliveries of a repeated report: %w", err)
	}
	offer = OfferAnswer{NotificationID: won.NotificationID, CampaignID: won.CampaignID, CouponID: won.CouponID}
	var coupon *campaign.Coupon
	if won.CouponID != uuid.Nil {
		c, err := t.e.people.Coupon(t.ctx, t.p.key, won.CouponID)
		if err != nil {
			return offer, fmt.Errorf("coupon of a repeated report: %w", err)
		}
		offer.Code, offer.ExpiresAt, coupon = c.Code, c.ExpiresAt, &c
	}
	if len(deliveries) > 0 {
		offer.fill(&deliveries[0].Notification)
	} else {
		t.renderAgain(&offer, won, coupon, places)
	}
	return offer, nil
}

// renderAgain writes an offer's text anew: without a delivery nothing keeps it, because it may name the store, and what
// is kept of a decision says no place. A campaign that was deleted meanwhile leaves the offer without a text.
func (t *turn) renderAgain(offer *OfferAnswer, won *Trace, coupon *campaign.Coupon, places []Place) {
	c, err := t.e.Campaign(t.p.key.BrandID, won.CampaignID)
	if err != nil {
		return
	}
	locale := t.p.profile.Locale
	if i := slices.IndexFunc(t.p.devices, func(d audience.Device) bool { return d.ID == won.DeviceID }); i >= 0 {
		locale = cmp.Or(locale, t.p.devices[i].Locale)
	}
	scene := campaign.Scene{Campaign: c, Brand: t.v.brand, Coupon: coupon, Locale: locale, Now: won.At, Profile: &t.p.profile,
		Test: t.p.profile.Test}
	zone := t.v.brand.Settings.TimeZone
	if i := slices.IndexFunc(places, func(p Place) bool { return p.ID == won.MomentID }); i >= 0 {
		if f, ok := t.v.fences.Fence(places[i].FenceID); ok {
			scene.Store = f.Value.(*fenceView).store
		}
	}
	if scene.Store != nil {
		zone = cmp.Or(scene.Store.TimeZone, zone)
	}
	scene.Zone = t.p.zone(zone)
	if i := slices.IndexFunc(c.Variants, func(v campaign.Variant) bool { return v.Name == won.Arm }); i >= 0 {
		scene.Variant = &c.Variants[i]
	}
	if shown, err := campaign.Render(scene); err == nil {
		offer.Title, offer.Body, offer.DeepLink, offer.ImageURL = shown.Title, shown.Body, shown.DeepLink, shown.ImageURL
	}
}

func (a *OfferAnswer) fill(n *pusher.Notification) {
	a.Title, a.Body, a.DeepLink, a.ImageURL, a.Category = n.Title, n.Body, n.DeepLink, n.ImageURL, n.Category
}
