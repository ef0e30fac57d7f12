package replay

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/api"
	"github.com/wantgo/wantgo/services/engine"
)

// readCampaigns keeps the file's text; it is judged once the stores it names exist.
func (r *run) readCampaigns(path string) (err error) {
	if path != "" {
		r.campaignFile, err = os.ReadFile(path)
	}
	return err
}

// putCampaigns writes the campaigns, and the brand's settings that stand beside them, when they are not there yet. They
// are judged at the time of the first ping: what ended years ago is live in a replay of those years.
func (r *run) putCampaigns(ctx context.Context, now time.Time) error {
	if len(r.campaignFile) == 0 || len(r.engine.Campaigns(r.brand)) > 0 {
		return nil
	}
	b, err := r.engine.Brand(r.brand)
	if err != nil {
		return err
	}
	file, err := api.ParseCampaignFile(r.campaignFile, api.SettingOf(r.engine, b, now, uuid.New))
	if err != nil {
		return fmt.Errorf("campaigns: %w", err)
	}
	_, err = r.engine.Write(ctx, engine.CatalogueWrite{BrandID: r.brand, Actor: "replay", Brand: file.Brand, Campaigns: file.Campaigns})
	return err
}
