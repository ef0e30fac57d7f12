package campaign

import "github.com/wantgo/wantgo/pusher"

// reserve takes the coupon from the stock. The stock may have ended since gate 12 looked: then that is the reason.
func (j *judged) reserve() bool {
	o := j.campaign.Offer
	if o == nil || o.Stock == 0 {
		return true
	}
	block, ok, known := j.Stock.Take(o.ID)
	if !known {
		j.round.needs = o.ID
		return false
	}
	if !ok {
		j.decision.Reason, j.decision.Values = StockGone, noneLeft(o)
		return false
	}
	j.coupon.Block = block
	return true
}

// win makes the decision say so.
func (j *judged) win() {
	d := &j.decision
	d.Reason, d.Channel, d.Notification, d.DeviceID = Won, j.channel, j.note.ID, j.device.ID
	if j.coupon != nil {
		d.Coupon = j.coupon.ID
	}
}

// fill puts what the winner brings into the result.
func (j *judged) fill(result *Result) {
	result.Winner = &Candidate{Campaign: j.campaign, Moment: j.moment}
	result.Coupon = j.coupon
	result.Notification = j.note
	if j.class != Transactional {
		entry := j.entry()
		entry.NotificationID = j.note.ID
		result.Entry = &entry
	}
	if d, ok := j.delivery(); ok {
		result.Deliveries = []pusher.Delivery{d}
	}
}

// delivery is the push, or the one that follows an in-app message unless that is shown first. Where it could not start
// before its deadline or the device takes no push, an in-app message's is suppressed from birth, so that its text is
// kept, and there is none of a push.
func (j *judged) delivery() (pusher.Delivery, bool) {
	notBefore, state, provider := j.Now, pusher.Pending, pusher.Provider("")
	if j.channel == ChannelInApp {
		notBefore = j.Now.Add(FollowUp)
	}
	switch {
	case j.noPush() == "" && notBefore.Before(j.deadline):
		provider = j.device.Address.Provider
	case j.channel == ChannelInApp && j.device != nil:
		state = pusher.Suppressed
	default:
		return pusher.Delivery{}, false
	}
	return pusher.Delivery{
		ID:           j.NewID(),
		BrandID:      j.Brand.ID,
		PersonID:     j.PersonID,
		DeviceID:     j.device.ID,
		CampaignID:   j.campaign.ID,
		DecisionID:   j.decision.ID,
		Notification: *j.note,
		Provider:     provider,
		HighPriority: true,
		CreatedAt:    j.moment.Received,
		NotBefore:    notBefore,
		Deadline:     j.deadline,
		State:        state,
	}, true
}
