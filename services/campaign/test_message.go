package campaign

import (
	"slices"

	"github.com/wantgo/wantgo/pusher"
)

// dataTest marks the data of a notification that somebody asked for as a test.
const dataTest = "wantgo_test"

// IsTest tells the data of a test notification.
func IsTest(data map[string]string) bool { return data[dataTest] != "" }

// DecideTest makes what a campaign would say, in whatever state and at whatever hour, for a test person who asked for it. It
// asks what the law and the phone ask: consent to advertising, the night where a law guards it, an address, a text that may be
// shown. Caps, other quiet hours, holdout, audience and schedule are not asked; nothing is issued or counted, so that a coupon's code is made up. variant names one of
// the campaign's; empty: the person's own. ok is false for a person who is no test person.
func DecideTest(v *View, c *Campaign, m *Moment, variant string) (result Result, ok bool) {
	if v.Brand == nil || v.Profile == nil || !v.Profile.Test {
		return Result{}, false
	}
	r := &round{view: v}
	var j judged
	r.begin(&j, &Candidate{Campaign: c, Moment: m})
	j.decision.Test = true
	if i := slices.IndexFunc(c.Variants, func(o Variant) bool { return o.Name == variant }); i >= 0 {
		j.variant = &c.Variants[i]
		j.decision.Arm = variant
	} else {
		j.assigned()
	}
	if v.Brand.Stopped {
		j.decision.Reason = BrandStopped
		return Result{Decisions: []Decision{j.decision}}, true
	}
	if j.refusedBy([]gate{(*judged).fresh, (*judged).consented, (*judged).awake, (*judged).reachable, (*judged).wordedAsTest}) {
		return Result{Decisions: []Decision{j.decision}}, true
	}
	j.channel = ChannelPush
	j.coupon = nil
	j.win()
	result = Result{Decisions: []Decision{j.decision}, Winner: &Candidate{Campaign: c, Moment: m}, Notification: j.note}
	if d, ok := j.delivery(); ok {
		result.Deliveries = []pusher.Delivery{d}
	}
	return result, true
}

// wordedAsTest is gate 16 with a coupon that nobody gets.
func (j *judged) wordedAsTest() (Reason, map[string]string) {
	if o := j.campaign.Offer; o != nil {
		j.coupon = &Coupon{Code: previewCode, ExpiresAt: o.expiry(j.Now)}
	}
	note, err := j.notification()
	if err != nil {
		return TextRefused, err.values()
	}
	delete(note.Data, "wantgo_coupon")
	note.Data[dataTest] = "1"
	j.note = note
	return "", nil
}
