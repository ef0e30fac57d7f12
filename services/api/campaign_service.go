package api

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

type campaignService struct {
	v1.UnimplementedCampaignServiceServer
	*Server
}

func (s *campaignService) campaignTo(c *Caller, of *campaign.Campaign) *v1.Campaign {
	out := campaignTo(of, s.segmentName(c.Brand))
	out.State = keyOf(campaignStates, s.stateOf(c, of))
	return out
}

// stateOf is a campaign's state as it shows now.
func (s *campaignService) stateOf(c *Caller, of *campaign.Campaign) campaign.State {
	return of.StateAt(s.engine.Now(), s.zonesOf(c, of)...)
}

func (s *campaignService) zonesOf(c *Caller, of *campaign.Campaign) []*time.Location {
	zone := ""
	if b, err := s.engine.Brand(c.Brand); err == nil {
		zone = b.Settings.TimeZone
	}
	return of.Zones(zone, byID(c.Brand, s.engine.Store))
}

// put writes what was done to a campaign.
func (s *campaignService) put(w write, c *campaign.Campaign, action, note string) error {
	c.UpdatedAt = s.engine.Now()
	return s.campaigns().write(w, c, engine.CatalogueWrite{Campaigns: []campaign.Campaign{*c}, Action: action, Note: note})
}

// rewritten marks what a campaign says as its caller's.
func (s *campaignService) rewritten(c *Caller, of *campaign.Campaign) {
	of.Revision++
	of.WrittenBy, of.SubmittedBy = c.by(), ""
}

// CreateCampaign makes a draft.
func (s *campaignService) CreateCampaign(ctx context.Context, r *v1.CreateCampaignRequest) (*v1.CreateCampaignResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	made, err := s.create(ctx, c, b, r.GetCampaign(), r.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	return &v1.CreateCampaignResponse{Campaign: s.campaignTo(callerOf(ctx), made)}, nil
}

func (s *campaignService) create(ctx context.Context, c *Caller, b *brand.Brand, given *v1.Campaign, dry bool) (*campaign.Campaign, error) {
	if err := s.campaigns().free(c, given.GetExternalId()); err != nil {
		return nil, err
	}
	now := s.engine.Now()
	made, fs := campaignFrom(given, campaign.Campaign{ID: engine.NewID(now), State: campaign.Draft, CreatedAt: now}, s.around(c, b))
	if err := fs.err(); err != nil || dry {
		return made, err
	}
	s.rewritten(c, made)
	return made, s.put(write{ctx: ctx, caller: c}, made, "create", "")
}

// GetCampaign shows a campaign.
func (s *campaignService) GetCampaign(ctx context.Context, r *v1.GetCampaignRequest) (*v1.GetCampaignResponse, error) {
	found, err := s.campaigns().find(callerOf(ctx), r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	return &v1.GetCampaignResponse{Campaign: s.campaignTo(callerOf(ctx), found)}, nil
}

// ListCampaigns lists campaigns by id.
func (s *campaignService) ListCampaigns(ctx context.Context, r *v1.ListCampaignsRequest) (*v1.ListCampaignsResponse, error) {
	state, caller := campaignStates[r.GetState()], callerOf(ctx)
	list, next, err := page(s.engine.Campaigns(caller.Brand), func(c *campaign.Campaign) [16]byte { return c.ID },
		func(c *campaign.Campaign) bool {
			return state == "" && c.State != campaign.Archived || state != "" && s.stateOf(caller, c) == state
		},
		"campaigns "+string(state), r.GetPageToken(), pageSize(r.GetPageSize(), largePages))
	if err != nil {
		return nil, err
	}
	out := &v1.ListCampaignsResponse{NextPageToken: next}
	for _, c := range list {
		out.Campaigns = append(out.Campaigns, s.campaignTo(callerOf(ctx), c))
	}
	return out, nil
}

// UpdateCampaign changes a campaign, or makes it where that is allowed.
func (s *campaignService) UpdateCampaign(ctx context.Context, r *v1.UpdateCampaignRequest) (*v1.UpdateCampaignResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	given := r.GetCampaign()
	before, err := s.campaigns().find(c, given.GetId(), given.GetExternalId())
	if isMissing(err) && r.GetAllowMissing() && given.GetId() == "" {
		if err := s.checkMessage(given, "campaign."); err != nil {
			return nil, err
		}
		made, err := s.create(ctx, c, b, given, r.GetValidateOnly())
		if err != nil {
			return nil, err
		}
		return &v1.UpdateCampaignResponse{Campaign: s.campaignTo(callerOf(ctx), made)}, nil
	}
	if err != nil {
		return nil, err
	}
	after, err := s.changed(c, b, before, r)
	if err == nil && !r.GetValidateOnly() {
		err = s.put(write{ctx, c, given.GetEtag()}, after, "update", "")
	}
	if err != nil {
		return nil, err
	}
	return &v1.UpdateCampaignResponse{Campaign: s.campaignTo(callerOf(ctx), after)}, nil
}

func (s *campaignService) changed(c *Caller, b *brand.Brand, before *campaign.Campaign, r *v1.UpdateCampaignRequest) (*campaign.Campaign, error) {
	if before.State == campaign.Ended || before.State == campaign.Archived || before.State == campaign.InReview {
		return nil, s.wrongState(c, before)
	}
	merged, err := merge(s.campaignTo(c, before), r.GetCampaign(), r.GetUpdateMask(), campaignFixed...)
	if err != nil {
		return nil, err
	}
	if err := s.checkMessage(merged, "campaign."); err != nil {
		return nil, err
	}
	after, fs := campaignFrom(merged, *before, s.around(c, b))
	fs = append(fs, s.fixed(c, before, after)...)
	if err := fs.err(); err != nil {
		return nil, err
	}
	if len(s.difference(b, before, after)) == 0 {
		return after, nil
	}
	s.rewritten(c, after)
	return after, approvedAnew(b, before, after)
}

// fixed refuses changes of what a campaign that has begun keeps.
func (s *campaignService) fixed(c *Caller, before, after *campaign.Campaign) (fs faults) {
	if !before.Begun(s.engine.Now(), s.zonesOf(c, before)...) {
		return nil
	}
	for _, field := range campaign.FixedChanges(before, after) {
		text := "a campaign that has begun keeps it: CopyCampaign makes a draft in which it may change"
		if field == "offer.stock" {
			text = "the stock of a campaign that has begun can only grow"
		}
		fs.add(campaignField(field), v1.ErrorReason_CAMPAIGN_FIELD_FIXED, text, "state", keyOf(campaignStates, before.State).String())
	}
	return fs
}

// approvedAnew: where somebody else must approve, what is live stays as it was approved, and what is paused goes to review.
func approvedAnew(b *brand.Brand, before, after *campaign.Campaign) error {
	switch {
	case !b.Settings.Review:
	case before.State == campaign.Live:
		return notApproved("it is live as it was approved: pause it, or copy it")
	case before.State == campaign.Paused:
		after.State, after.SubmittedBy = campaign.InReview, after.WrittenBy
	}
	return nil
}

func notApproved(cause string) error {
	return refuse(codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_NOT_APPROVED, cause, "cause", cause)
}

func (s *campaignService) wrongState(c *Caller, of *campaign.Campaign) error {
	state := keyOf(campaignStates, s.stateOf(c, of)).String()
	return refuse(codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_STATE, "not possible in the state "+state, "state", state)
}

// DeleteCampaign removes a draft or an ended campaign.
func (s *campaignService) DeleteCampaign(ctx context.Context, r *v1.DeleteCampaignRequest) (*v1.DeleteCampaignResponse, error) {
	c := callerOf(ctx)
	found, err := s.campaigns().find(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	if state := s.stateOf(c, found); state == campaign.Live || state == campaign.Ready || state == campaign.Paused {
		return nil, s.wrongState(c, found)
	}
	gone := *found
	gone.DeletedAt = s.engine.Now()
	return &v1.DeleteCampaignResponse{}, s.put(write{ctx, c, r.GetEtag()}, &gone, "delete", "")
}
