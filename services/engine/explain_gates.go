package engine

import (
	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/campaign"
)

// Gates is how many gates there are. They are asked in the order of their numbers, 1 to Gates, until one refuses.
const Gates = 16

// The gates that GatesOf tells more of than their verdict.
const (
	lastPingGate  = 6  // what is asked of a ping, before any campaign
	lastEligible  = 11 // what is asked of every candidate; those after it only of the foremost
	gateHoldout   = 10
	gateCaps      = 11
	gateCoupon    = 12
	gateReachable = 15
	gateText      = 16
)

// GateVerdict is what became of a gate.
type GateVerdict uint8

// The verdicts. GateUnknown: the reason is of a release that knows more gates than this one.
const (
	GateUnknown GateVerdict = iota
	GatePassed
	GateRefused
	GateNotAsked
)

// GateAnswer is what became of one gate of a decision. Values are not to be changed.
type GateAnswer struct {
	Number  int
	Verdict GateVerdict
	Values  map[string]string
}

// GatesOf tells what became of every gate of a decision. Nothing of it is stored: gates are asked in their order, so the
// one that refused says what became of the others. A winner passed all; an outranked candidate passed those that say
// whether it may stand at all, and was asked no further. Gates 1 to 6 are about a position: those of a moment without
// one are not asked, nor are holdout and caps of a test person. A gate that a campaign's class is exempt from passed.
func GatesOf(t *Trace) (gates [Gates]GateAnswer) {
	refused, last := campaign.Reason(t.Reason).Gate(), 0
	switch campaign.Reason(t.Reason) {
	case campaign.Won:
		last = Gates
	case campaign.Outranked:
		last = lastEligible
	case campaign.ReminderSet, campaign.ReminderDropped: // nothing was asked
	default:
		last = refused - 1
	}
	located := ofPosition(campaign.Kind(t.Kind))
	for i := range gates {
		g := &gates[i]
		g.Number = i + 1
		switch {
		case last < 0: // a reason that is not known here
		case t.CampaignID != uuid.Nil && !located && g.Number <= lastPingGate:
			g.Verdict = GateNotAsked
		case t.Test && (g.Number == gateHoldout || g.Number == gateCaps) && g.Number <= last:
			g.Verdict = GateNotAsked
		case g.Number <= last:
			g.Verdict, g.Values = GatePassed, passedValues(t, g.Number)
		case g.Number == refused:
			g.Verdict, g.Values = GateRefused, t.Values
		default:
			g.Verdict = GateNotAsked
		}
	}
	return gates
}

// ofPosition tells the moments that a position brought about.
func ofPosition(k campaign.Kind) bool {
	return k.ByFence() || k == campaign.StoreSearched || k == campaign.Flashed || k == ""
}

// passedValues are what a decision keeps of a gate that let it pass.
func passedValues(t *Trace, gate int) map[string]string {
	values := map[string]string{}
	put := func(name, value string) {
		if value != "" && value != uuid.Nil.String() {
			values[name] = value
		}
	}
	switch gate {
	case gateHoldout:
		put("arm", t.Arm)
	case gateCoupon:
		put("coupon_id", t.CouponID.String())
	case gateReachable:
		put("channel", t.Channel)
		put("device_id", t.DeviceID.String())
	case gateText:
		put("notification_id", t.NotificationID.String())
	}
	if len(values) == 0 {
		return nil
	}
	return values
}
