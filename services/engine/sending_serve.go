package engine

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/campaign"
)

// ErrNotSending is answered for a campaign that the clock does not start.
var ErrNotSending = errors.New("the campaign sends nothing by the clock")

// estimateFor bounds an estimate that somebody waits for.
const estimateFor = 15 * time.Second

// EstimateCampaign counts whom a campaign may reach at an occurrence, without telling or noting anything; a campaign need
// not be stored. at zero: the next occurrence, or now if there is none.
func (e *Engine) EstimateCampaign(ctx context.Context, brandID uuid.UUID, c *campaign.Campaign, at time.Time) (*SendingEstimate, time.Time, error) {
	v := e.catalogue.view(brandID)
	switch {
	case v == nil:
		return nil, at, notFound("brand")
	case !c.Sends():
		return nil, at, ErrNotSending
	}
	if at.IsZero() {
		next, ok := c.NextOccurrence(v.brand, e.clock.Now())
		if at = next; !ok {
			at = e.clock.Now()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, estimateFor)
	defer cancel()
	est, err := e.estimate(ctx, v, c, at)
	return est, at, err
}

// Sending reads a brand's sending.
func (e *Engine) Sending(ctx context.Context, brandID, id uuid.UUID) (Sending, error) {
	return e.storage.Sending(ctx, brandID, id)
}

// Sendings lists a brand's sendings, or a campaign's, the latest occurrence first.
func (e *Engine) Sendings(ctx context.Context, brandID, campaignID uuid.UUID, before Sending, limit int) ([]Sending, error) {
	return e.storage.Sendings(ctx, brandID, campaignID, before, limit)
}

// CancelSending ends a sending. This node withdraws what waits at once, the others within half a second.
func (e *Engine) CancelSending(ctx context.Context, brandID, id uuid.UUID, by string) (Sending, error) {
	s, err := e.storage.CancelSending(ctx, brandID, id, by, e.clock.Now())
	if err != nil {
		return s, err
	}
	return s, e.followCancelled(ctx, e.clock.Now())
}

// AdvanceSendings lets the sendings whose time has come act once, as Run does by itself.
func (e *Engine) AdvanceSendings(ctx context.Context) error {
	return errors.Join(e.followSendings(ctx), e.runSendings(ctx))
}
