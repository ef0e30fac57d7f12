package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
)

// maxStockQuestions is how many pools one decision may ask before it is given up as contended.
const maxStockQuestions = 16

// decide lets the moments gathered so far compete: one of them may win. Moments of a report, those of timers that fell due
// before it included, are decided together; of an import, ping by ping, because its rows are each a report of their own.
func (r *reporting) decide() error {
	if len(r.moments) == 0 {
		return nil
	}
	defer func() {
		clear(r.moments)
		r.moments = r.moments[:0]
	}()
	result, err := r.turn.decide(r.moments, time.UnixMilli(r.now).UTC())
	if err != nil || result == nil {
		return err
	}
	r.answer.tell(result)
	if result.Winner != nil && result.Winner.Moment.Foreground {
		r.answer.Offers = append(r.answer.Offers, offerTold(result))
	}
	return nil
}

// decide runs the campaign rules on moments and takes the result into the write. nil: no campaign was concerned.
func (t *turn) decide(moments []campaign.Moment, now time.Time) (*campaign.Result, error) {
	candidates := t.matched[:0]
	visits := t.visitsKnown(now)
	for i := range moments {
		if moments[i].Visits == nil {
			moments[i].Visits = visits
		}
		candidates = t.v.campaigns.Match(&moments[i], candidates)
	}
	result, err := t.decideAmong(candidates, now)
	clear(candidates)
	t.matched = candidates[:0]
	return result, err
}

// decideAmong is decide where it is known which campaigns the moments may start.
func (t *turn) decideAmong(candidates []campaign.Candidate, now time.Time) (*campaign.Result, error) {
	if len(candidates) == 0 {
		return nil, nil
	}
	if t.p.hot.ledgerFull() { // what could not be counted is not given
		t.e.log.Warn("a person's ledger is full: nothing is decided", "brand", t.p.key.BrandID, "person", t.p.key.PersonID)
		return nil, nil
	}
	v := t.viewOf(now)
	for range maxStockQuestions {
		result := campaign.Decide(v, candidates)
		if result.NeedsStock == uuid.Nil {
			yield(&result)
			t.take(&result)
			return &result, nil
		}
		if err := t.e.stock.ask(t.ctx, t.p.key.BrandID, result.NeedsStock, stockOf(candidates, result.NeedsStock)); err != nil {
			return nil, err
		}
	}
	return nil, ErrBusy
}

func (t *turn) viewOf(now time.Time) *campaign.View {
	return &campaign.View{
		Brand: t.v.brand, Campaigns: t.v.campaigns, PersonID: t.p.key.PersonID, Profile: &t.p.profile, Devices: t.p.devices,
		History: cap.History{Location: t.p.zone(t.v.brand.Settings.TimeZone), Entries: t.p.hot.entries, Folds: t.p.hot.folds},
		Issued:  t.p.hot.issued, Now: now, Stock: stockView{t},
		NewID:   func() uuid.UUID { return newID(now) },
		NewCode: campaign.NewCode,
	}
}

func stockOf(candidates []campaign.Candidate, offer uuid.UUID) int64 {
	for _, c := range candidates {
		if c.Campaign.Offer != nil && c.Campaign.Offer.ID == offer {
			return c.Campaign.Offer.Stock
		}
	}
	return 0
}

// take writes a result down: traces, and for a winner the coupon, the ledger's entry and the deliveries.
func (t *turn) take(result *campaign.Result) {
	t.dirty = true
	t.write.Traces = slices.Grow(t.write.Traces, len(result.Decisions))
	for _, d := range rounds(result.Decisions) {
		t.write.Traces = append(t.write.Traces, traceOf(d, t.v.version))
		t.e.metrics.decided(d.Reason)
	}
	if result.Entry != nil {
		t.p.hot.entries = append(slices.Clone(t.p.hot.entries), *result.Entry)
	}
	t.issue(result.Coupon)
	for i := range result.Joined {
		t.p.hot.entries = append(t.p.hot.entries, result.Joined[i].Entry) // behind the winner's, of which the slice is a copy
		t.issue(result.Joined[i].Coupon)
	}
	for i := range result.Deliveries {
		t.write.Deliveries = append(t.write.Deliveries, t.e.leased(t.p.key, result.Deliveries[i]))
	}
}

// issue gives the person a coupon; nil: there is none.
func (t *turn) issue(coupon *campaign.Coupon) {
	if coupon == nil {
		return
	}
	c := *coupon
	c.BrandID, c.PersonID = t.p.key.BrandID, t.p.key.PersonID
	t.write.Coupons = append(t.write.Coupons, CouponWrite{Coupon: c})
	issued := maps.Clone(t.p.hot.issued)
	if issued == nil {
		issued = map[uuid.UUID]int{}
	}
	issued[c.OfferID]++
	t.p.hot.issued = issued
}

func traceOf(d *campaign.Decision, revision int64) Trace {
	return Trace{
		ID: d.ID, MomentID: d.MomentID, DeviceID: d.DeviceID, CampaignID: d.CampaignID, CampaignRev: revision,
		Kind: string(d.Kind), Reason: string(d.Reason), Values: d.Values, At: d.At,
		NotificationID: d.Notification, CouponID: d.Coupon, Channel: d.Channel, Arm: d.Arm, SendID: d.Send, Test: d.Test,
	}
}

func decisionTold(d *campaign.Decision) DecisionAnswer {
	return DecisionAnswer{
		ID: d.ID, CampaignID: d.CampaignID, MomentID: d.MomentID, DeviceID: d.DeviceID, Kind: string(d.Kind),
		Reason: string(d.Reason), Values: d.Values, At: d.At.UnixMilli(), NotificationID: d.Notification, CouponID: d.Coupon,
	}
}

func offerTold(result *campaign.Result) OfferAnswer {
	n := result.Notification
	a := OfferAnswer{
		NotificationID: n.ID, CampaignID: result.Winner.Campaign.ID,
		Title: n.Title, Body: n.Body, DeepLink: n.DeepLink, ImageURL: n.ImageURL, Category: n.Category,
	}
	if c := result.Coupon; c != nil {
		a.CouponID, a.Code, a.ExpiresAt = c.ID, c.Code, c.ExpiresAt
	}
	return a
}

// tick lets a device's timers act up to now, and their moments compete.
func (t *turn) tick(d *deviceState, now int64, answer *Answer) {
	rules := t.rulesOf(d)
	if due := d.presence.NextDue(rules); due == 0 || due > now {
		return
	}
	t.touch(d)
	t.dirty = true
	for _, tr := range d.presence.Tick(now, rules, nil) {
		t.fact(d, &tr, now, nil, false, answer, &t.timed)
	}
}

// decideTimed decides the moments that timers brought about.
func (t *turn) decideTimed(now time.Time, answer *Answer) error {
	if len(t.timed) == 0 {
		return nil
	}
	moments := t.timed
	t.timed = nil
	if ok, _ := audience.MayLocate(&t.p.profile, t.v.brand, now); !ok {
		return nil // the visit is told, but nothing comes of it: no ping would be looked at now either
	}
	result, err := t.decide(moments, now)
	if err != nil || result == nil {
		return err
	}
	answer.tell(result)
	return nil
}

// tell adds a result's decisions to the answer.
func (a *Answer) tell(result *campaign.Result) {
	a.Decisions = slices.Grow(a.Decisions, len(result.Decisions))
	for i := range result.Decisions {
		a.Decisions = append(a.Decisions, decisionTold(&result.Decisions[i]))
	}
	a.Deliveries = append(a.Deliveries, result.Deliveries...)
}

// presenceCarried is a state that keeps only what memory knew.
func presenceCarried(d *deviceState) presence.State {
	return presence.State{Carried: d.presence.Clone().Carried}
}
