package campaign

import (
	"sync"
	"time"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
)

// The channels of a notification.
const (
	ChannelPush  = "push"
	ChannelInApp = "in_app"
)

// FollowUp is how long an in-app message has to be shown before a push follows it.
const FollowUp = 20 * time.Second

// judged is one candidate on its way through the gates, with what they learn about it.
type judged struct {
	*View
	round    *round
	campaign *Campaign
	moment   *Moment
	decision Decision
	seen     time.Time // when the campaign was last planned for this person; zero: never
	class    Category  // the campaign's category that holds
	distance float64   // of the moment; infinite: not known
	test     bool      // a test person
	variant  *Variant  // nil: none

	device   *audience.Device
	deadline time.Time
	channel  string
	coupon   *Coupon
	note     *pusher.Notification
}

// gate tells why a candidate is refused, with the values that the reason carries; "" lets it pass.
type gate func(*judged) (Reason, map[string]string)

// eligibility are the gates before the order of the candidates is known, admission those the foremost must pass.
var (
	eligibility = []gate{
		(*judged).fresh, (*judged).live, (*judged).timely, (*judged).meant, (*judged).assigned,
		(*judged).rested, (*judged).underCaps, (*judged).spaced, (*judged).wanted,
	}
	admission = []gate{
		(*judged).available, (*judged).consented, (*judged).awake, (*judged).undisturbed, (*judged).reachable, (*judged).worded,
	}
)

// refusedBy runs the gates in order; it is false when all let j pass.
func (j *judged) refusedBy(gates []gate) bool {
	for _, g := range gates {
		if reason, values := g(j); reason != "" {
			j.decision.Reason, j.decision.Values = reason, values
			return true
		}
	}
	return false
}

// because is the values of a reason that says why, in a word of ours. There are few words, and nobody changes values: each
// is made once.
func because(why string) map[string]string {
	if values, ok := becauses.Load(why); ok {
		return values.(map[string]string)
	}
	values, _ := becauses.LoadOrStore(why, map[string]string{"why": why})
	return values.(map[string]string)
}

var becauses sync.Map

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// worded is gate 16; it also makes the coupon that the text speaks of, which nobody has until it is won.
func (j *judged) worded() (Reason, map[string]string) {
	if j.campaign.Offer != nil {
		j.coupon = j.newCoupon()
	}
	note, err := j.notification()
	if err != nil {
		return TextRefused, err.values()
	}
	j.note = note
	return "", nil
}
