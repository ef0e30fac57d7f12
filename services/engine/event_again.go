package engine

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/campaign"
)

// tellAgain tells what AppEvents won that were taken before: a phone what it can show, a server the decisions.
func (e *telling) tellAgain(repeated []uuid.UUID) error {
	if len(repeated) == 0 || !e.report.Server && !e.report.Foreground {
		return nil
	}
	_, traces, err := e.e.people.FactsOf(e.ctx, e.p.key, repeated)
	if err != nil {
		return fmt.Errorf("facts of repeated events: %w", err)
	}
	for i := range traces {
		won := &traces[i]
		if won.Reason != string(campaign.Won) {
			continue
		}
		if e.report.Server {
			e.answer.Decisions = append(e.answer.Decisions, DecisionAnswer{
				ID: won.ID, CampaignID: won.CampaignID, MomentID: won.MomentID, DeviceID: won.DeviceID, Kind: won.Kind, Reason: won.Reason,
				Values: won.Values, At: won.At.UnixMilli(), NotificationID: won.NotificationID, CouponID: won.CouponID,
			})
			continue
		}
		if won.Channel != campaign.ChannelInApp || won.DeviceID != e.device {
			continue
		}
		offer, err := e.offerAgain(won, nil)
		if err != nil {
			return err
		}
		e.answer.Offers = append(e.answer.Offers, offer)
	}
	return nil
}
