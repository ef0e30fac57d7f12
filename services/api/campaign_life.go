package api

import (
	"context"
	"slices"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// named is a request that names a campaign.
type named interface {
	GetId() string
	GetExternalId() string
	GetEtag() string
}

// turn is a step of a campaign's life.
type turn struct {
	action string
	to     campaign.State
	from   []campaign.State
	// may refuses the step; nil: whoever may write may take it.
	may func(c *Caller, b *brand.Brand, of *campaign.Campaign) error
	// does more than the state; nil: nothing.
	does func(c *Caller, of *campaign.Campaign)
}

// The steps. What is to act is judged as it will be when it does.
var (
	activation = turn{action: "activate", to: campaign.Live, from: []campaign.State{campaign.Draft, campaign.Ready, campaign.Paused},
		may: func(_ *Caller, b *brand.Brand, of *campaign.Campaign) error {
			if b.Settings.Review && of.State == campaign.Draft {
				return notApproved("somebody else must approve it first: submit it")
			}
			return nil
		}}
	pause      = turn{action: "pause", to: campaign.Paused, from: []campaign.State{campaign.Live}}
	end        = turn{action: "end", to: campaign.Ended, from: []campaign.State{campaign.Draft, campaign.InReview, campaign.Ready, campaign.Live, campaign.Paused}}
	archiving  = turn{action: "archive", to: campaign.Archived, from: []campaign.State{campaign.Ended}}
	submission = turn{action: "submit", to: campaign.InReview, from: []campaign.State{campaign.Draft},
		does: func(c *Caller, of *campaign.Campaign) { of.SubmittedBy = c.by() }}
	approval = turn{action: "approve", to: campaign.Live, from: []campaign.State{campaign.InReview},
		may: func(c *Caller, _ *brand.Brand, of *campaign.Campaign) error {
			if by := c.by(); by == of.WrittenBy || by == of.SubmittedBy {
				return notApproved("whoever wrote or submitted it cannot approve it")
			}
			return nil
		}}
	rejection = turn{action: "reject", to: campaign.Draft, from: []campaign.State{campaign.InReview}}
)

// take brings a campaign from one of some states into another. One that is there already stays as it is.
func (s *campaignService) take(ctx context.Context, r named, step *turn, note string) (*v1.Campaign, error) {
	c := callerOf(ctx)
	found, err := s.campaigns().find(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	shown := s.stateOf(c, found)
	if found.State == step.to && shown != campaign.Ended {
		return s.campaignTo(c, found), nil
	}
	if !slices.Contains(step.from, found.State) && !slices.Contains(step.from, shown) {
		return nil, s.wrongState(c, found)
	}
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	if step.may != nil {
		if err := step.may(c, b, found); err != nil {
			return nil, err
		}
	}
	after := *found
	after.State = step.to
	if step.does != nil {
		step.does(c, &after)
	}
	if err := s.ready(c, b, after); err != nil {
		return nil, err
	}
	err = s.put(write{ctx, c, r.GetEtag()}, &after, step.action, note)
	if err != nil {
		return nil, err
	}
	return s.campaignTo(c, &after), nil
}

// ready refuses what could not act where it is about to, or is handed in to.
func (s *campaignService) ready(c *Caller, b *brand.Brand, of campaign.Campaign) error {
	if of.State != campaign.Live && of.State != campaign.InReview {
		return nil
	}
	of.State = campaign.Live
	return reviewed(&of, s.around(c, b)).err()
}

// ActivateCampaign puts a campaign live once everything it needs is there.
func (s *campaignService) ActivateCampaign(ctx context.Context, r *v1.ActivateCampaignRequest) (*v1.ActivateCampaignResponse, error) {
	after, err := s.take(ctx, r, &activation, "")
	if err != nil {
		return nil, err
	}
	return &v1.ActivateCampaignResponse{Campaign: after}, nil
}

// PauseCampaign stops a campaign for now.
func (s *campaignService) PauseCampaign(ctx context.Context, r *v1.PauseCampaignRequest) (*v1.PauseCampaignResponse, error) {
	after, err := s.take(ctx, r, &pause, "")
	if err != nil {
		return nil, err
	}
	return &v1.PauseCampaignResponse{Campaign: after}, nil
}

// EndCampaign stops a campaign for good.
func (s *campaignService) EndCampaign(ctx context.Context, r *v1.EndCampaignRequest) (*v1.EndCampaignResponse, error) {
	after, err := s.take(ctx, r, &end, "")
	if err != nil {
		return nil, err
	}
	return &v1.EndCampaignResponse{Campaign: after}, nil
}

// ArchiveCampaign takes an ended campaign out of the lists.
func (s *campaignService) ArchiveCampaign(ctx context.Context, r *v1.ArchiveCampaignRequest) (*v1.ArchiveCampaignResponse, error) {
	after, err := s.take(ctx, r, &archiving, "")
	if err != nil {
		return nil, err
	}
	return &v1.ArchiveCampaignResponse{Campaign: after}, nil
}

// SubmitCampaign hands a draft to somebody else for approval.
func (s *campaignService) SubmitCampaign(ctx context.Context, r *v1.SubmitCampaignRequest) (*v1.SubmitCampaignResponse, error) {
	after, err := s.take(ctx, r, &submission, "")
	if err != nil {
		return nil, err
	}
	return &v1.SubmitCampaignResponse{Campaign: after}, nil
}

// ApproveCampaign puts a campaign live that somebody else wrote.
func (s *campaignService) ApproveCampaign(ctx context.Context, r *v1.ApproveCampaignRequest) (*v1.ApproveCampaignResponse, error) {
	after, err := s.take(ctx, r, &approval, "")
	if err != nil {
		return nil, err
	}
	return &v1.ApproveCampaignResponse{Campaign: after}, nil
}

// RejectCampaign gives a campaign back to whoever writes it.
func (s *campaignService) RejectCampaign(ctx context.Context, r *v1.RejectCampaignRequest) (*v1.RejectCampaignResponse, error) {
	after, err := s.take(ctx, r, &rejection, r.GetReason())
	if err != nil {
		return nil, err
	}
	return &v1.RejectCampaignResponse{Campaign: after}, nil
}

// CopyCampaign makes a draft of a campaign.
func (s *campaignService) CopyCampaign(ctx context.Context, r *v1.CopyCampaignRequest) (*v1.CopyCampaignResponse, error) {
	c := callerOf(ctx)
	found, err := s.campaigns().find(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	if err := s.campaigns().free(c, r.GetCopyExternalId()); err != nil {
		return nil, err
	}
	now := s.engine.Now()
	made := *found
	made.ID, made.ExternalID, made.Name = engine.NewID(now), r.GetCopyExternalId(), orText(r.GetDisplayName(), found.Name)
	made.State, made.CreatedAt, made.Revision, made.Version = campaign.Draft, now, 0, 0
	if found.Offer != nil {
		offer := *found.Offer
		offer.ID = engine.NewID(now)
		made.Offer = &offer
	}
	s.rewritten(c, &made)
	if err := s.put(write{ctx: ctx, caller: c}, &made, "copy", "of "+found.ID.String()); err != nil {
		return nil, err
	}
	return &v1.CopyCampaignResponse{Campaign: s.campaignTo(c, &made)}, nil
}
