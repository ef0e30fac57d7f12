package api

import (
	"fmt"
	"time"

	"buf.build/go/protovalidate"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protojson"
	"sigs.k8s.io/yaml"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// MaxCampaignFile is the largest campaign file that is read, bytes.
const MaxCampaignFile = 4 << 20

// CampaignSetting is what campaigns, of a file or of a request, are read against.
type CampaignSetting struct {
	Brand *brand.Brand
	// Store finds a store by the brand's own id, StoreByID by id; nil: there is none.
	Store     func(externalID string) *store.Store
	StoreByID func(id uuid.UUID) *store.Store
	// Fence and FenceByID find a fence likewise. Nil: there are none.
	Fence     func(externalID string) *store.Fence
	FenceByID func(id uuid.UUID) *store.Fence
	// Item finds an item by the brand's own id. Nil: items are not asked for.
	Item func(externalID string) *item.Item
	// Segment finds a segment by the brand's own id, SegmentByID by id. Nil: there are none.
	Segment     func(externalID string) (uuid.UUID, bool)
	SegmentByID func(id uuid.UUID) *audience.Segment
	// FenceDwell: some fence has a dwell time of its own.
	FenceDwell bool
	Now        time.Time
	NewID      func() uuid.UUID
	// Existing finds the campaign that one of a file stands for, by the brand's own id. Nil: all are new.
	Existing func(externalID string) *campaign.Campaign
}

// CampaignFile is what a campaign file holds.
type CampaignFile struct {
	Campaigns []campaign.Campaign
	// Brand is the brand with the file's settings; nil: the file has none.
	Brand *brand.Brand
}

// ParseCampaignFile reads a campaign file, YAML or JSON of the message CampaignFile, by the rules of CampaignService. A
// campaign that names no state is live: who writes a file wants it to act. Every fault is told, as brand.Violations
// whose fields begin with "campaigns[i]." or "brand.".
func ParseCampaignFile(text []byte, in CampaignSetting) (*CampaignFile, error) {
	file, err := decodeFile(text)
	if err != nil {
		return nil, err
	}
	out, fs := &CampaignFile{}, faults{}
	b := in.Brand
	if file.GetBrand() != nil {
		changed, err := settingsFrom(file.GetBrand(), in.Brand, in)
		fs = append(fs, faultsOfStatus(err, "brand.settings.", "brand.")...)
		if err == nil {
			b, out.Brand = changed, changed
		}
	}
	in.Brand = b
	names := map[string]int{}
	for i, g := range file.GetCampaigns() {
		base := in.base(g.GetExternalId())
		if state := g.GetState(); state != v1.Campaign_STATE_UNSPECIFIED {
			base.State = campaignStates[state]
			if base.State == campaign.Ready { // is live, and shows so before its schedule begins
				base.State = campaign.Live
			}
		}
		c, found := campaignFrom(g, base, in)
		prefix := fmt.Sprintf("campaigns[%d]", i)
		if first, twice := names[c.ExternalID]; twice && c.ExternalID != "" {
			found.add("campaign.external_id", v1.ErrorReason_EXTERNAL_ID_TAKEN, fmt.Sprintf("campaigns[%d] has it already", first))
		}
		names[c.ExternalID] = i
		fs = append(fs, found.under("campaign", prefix)...)
		out.Campaigns = append(out.Campaigns, *c)
	}
	if len(fs) > 0 {
		return nil, fs.violations()
	}
	return out, nil
}

// base is the campaign that one of a file is read over.
func (a CampaignSetting) base(externalID string) campaign.Campaign {
	if a.Existing != nil && externalID != "" {
		if found := a.Existing(externalID); found != nil {
			return *found
		}
	}
	return campaign.Campaign{ID: a.NewID(), State: campaign.Live, CreatedAt: a.Now}
}

// decodeFile reads the message and holds it against the contract.
func decodeFile(text []byte) (*v1.CampaignFile, error) {
	if len(text) > MaxCampaignFile {
		return nil, brand.Violations{{Field: "", Reason: "larger than a campaign file may be"}}
	}
	json, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, brand.Violations{{Field: "", Reason: "not YAML: " + err.Error()}}
	}
	file := &v1.CampaignFile{}
	if err := protojson.Unmarshal(json, file); err != nil {
		return nil, brand.Violations{{Field: "", Reason: "not a campaign file: " + err.Error()}}
	}
	validator, err := protovalidate.New(protovalidate.WithMessages(file))
	if err != nil {
		return nil, fmt.Errorf("constraints of the contract: %w", err)
	}
	if err := (&Server{validator: validator}).checkMessage(file, ""); err != nil {
		return nil, faultsOfStatus(err, "", "").violations()
	}
	return file, nil
}
