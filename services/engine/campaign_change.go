package engine

import (
	"context"

	"github.com/google/uuid"
)

// CampaignChanges tells who changed what of a campaign, the latest first, from the change on that made it a version.
func (e *Engine) CampaignChanges(ctx context.Context, brandID, campaignID uuid.UUID, version int64, limit int) ([]CampaignChange, error) {
	return e.storage.CampaignChanges(ctx, brandID, campaignID, version, limit)
}
