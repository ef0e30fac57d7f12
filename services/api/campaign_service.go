package api

import (
	"context"
	"errors"
	"maps"
	"slices"

	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

type campaignService struct {
	v1.UnimplementedCampaignServiceServer
	*Server
}

func (s *campaignService) put(w write, c *campaign.Campaign) error {
	return s.campaigns().write(w, c, engine.CatalogueWrite{Campaigns: []campaign.Campaign{*c}})
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
	return &v1.CreateCampaignResponse{Campaign: campaignTo(made)}, nil
}

func (s *campaignService) create(ctx context.Context, c *Caller, b *brand.Brand, given *v1.Campaign, dry bool) (*campaign.Campaign, error) {
	if err := s.campaigns().free(c, given.GetExternalId()); err != nil {
		return nil, err
	}
	made, fs := campaignFrom(given, campaign.Campaign{ID: engine.NewID(s.engine.Now()), State: campaign.Draft}, s.around(c, b))
	if err := fs.err(); err != nil || dry {
		return made, err
	}
	return made, s.put(write{ctx: ctx, caller: c}, made)
}

// GetCampaign shows a campaign.
func (s *campaignService) GetCampaign(ctx context.Context, r *v1.GetCampaignRequest) (*v1.GetCampaignResponse, error) {
	found, err := s.campaigns().find(callerOf(ctx), r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	return &v1.GetCampaignResponse{Campaign: campaignTo(found)}, nil
}

// ListCampaigns lists campaigns by id.
func (s *campaignService) ListCampaigns(ctx context.Context, r *v1.ListCampaignsRequest) (*v1.ListCampaignsResponse, error) {
	state := campaignStates[r.GetState()]
	list, next, err := page(s.engine.Campaigns(callerOf(ctx).Brand), func(c *campaign.Campaign) [16]byte { return c.ID },
		func(c *campaign.Campaign) bool { return state == "" || c.State == state },
		"campaigns "+string(state), r.GetPageToken(), pageSize(r.GetPageSize(), largePages))
	if err != nil {
		return nil, err
	}
	out := &v1.ListCampaignsResponse{NextPageToken: next}
	for _, c := range list {
		out.Campaigns = append(out.Campaigns, campaignTo(c))
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
		return &v1.UpdateCampaignResponse{Campaign: campaignTo(made)}, nil
	}
	if err != nil {
		return nil, err
	}
	after, err := s.changed(c, b, before, r)
	if err == nil && !r.GetValidateOnly() {
		err = s.put(write{ctx, c, given.GetEtag()}, after)
	}
	if err != nil {
		return nil, err
	}
	return &v1.UpdateCampaignResponse{Campaign: campaignTo(after)}, nil
}

func (s *campaignService) changed(c *Caller, b *brand.Brand, before *campaign.Campaign, r *v1.UpdateCampaignRequest) (*campaign.Campaign, error) {
	if before.State == campaign.Ended {
		return nil, wrongState(before)
	}
	merged, err := merge(campaignTo(before), r.GetCampaign(), r.GetUpdateMask(), campaignFixed...)
	if err != nil {
		return nil, err
	}
	if err := s.checkMessage(merged, "campaign."); err != nil {
		return nil, err
	}
	after, fs := campaignFrom(merged, *before, s.around(c, b))
	return after, fs.err()
}

func wrongState(c *campaign.Campaign) error {
	state := keyOf(campaignStates, c.State).String()
	return refuse(codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_STATE, "not possible in the state "+state, "state", state)
}

// DeleteCampaign removes a draft or an ended campaign.
func (s *campaignService) DeleteCampaign(ctx context.Context, r *v1.DeleteCampaignRequest) (*v1.DeleteCampaignResponse, error) {
	c := callerOf(ctx)
	found, err := s.campaigns().find(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	if isOpen(found) {
		return nil, wrongState(found)
	}
	gone := *found
	gone.DeletedAt = s.engine.Now()
	return &v1.DeleteCampaignResponse{}, s.put(write{ctx, c, r.GetEtag()}, &gone)
}

// ActivateCampaign puts a campaign live once everything it needs is there.
func (s *campaignService) ActivateCampaign(ctx context.Context, r *v1.ActivateCampaignRequest) (*v1.ActivateCampaignResponse, error) {
	after, err := s.turn(ctx, r, campaign.Live, campaign.Draft, campaign.Paused)
	if err != nil {
		return nil, err
	}
	return &v1.ActivateCampaignResponse{Campaign: campaignTo(after)}, nil
}

// PauseCampaign stops a campaign for now.
func (s *campaignService) PauseCampaign(ctx context.Context, r *v1.PauseCampaignRequest) (*v1.PauseCampaignResponse, error) {
	after, err := s.turn(ctx, r, campaign.Paused, campaign.Live)
	if err != nil {
		return nil, err
	}
	return &v1.PauseCampaignResponse{Campaign: campaignTo(after)}, nil
}

// EndCampaign stops a campaign for good.
func (s *campaignService) EndCampaign(ctx context.Context, r *v1.EndCampaignRequest) (*v1.EndCampaignResponse, error) {
	after, err := s.turn(ctx, r, campaign.Ended, campaign.Draft, campaign.Live, campaign.Paused)
	if err != nil {
		return nil, err
	}
	return &v1.EndCampaignResponse{Campaign: campaignTo(after)}, nil
}

// named is a request that names a campaign.
type named interface {
	GetId() string
	GetExternalId() string
	GetEtag() string
}

// turn brings a campaign from one of some states into another. One that is there already stays as it is.
func (s *campaignService) turn(ctx context.Context, r named, to campaign.State, from ...campaign.State) (*campaign.Campaign, error) {
	c := callerOf(ctx)
	found, err := s.campaigns().find(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	if found.State == to {
		return found, nil
	}
	if !slices.Contains(from, found.State) {
		return nil, wrongState(found)
	}
	after := *found
	after.State = to
	if to == campaign.Live {
		b, err := s.brandOf(c)
		if err != nil {
			return nil, err
		}
		if err := reviewed(&after, s.around(c, b)).err(); err != nil {
			return nil, err
		}
	}
	return &after, s.put(write{ctx, c, r.GetEtag()}, &after)
}

// PreviewCampaign shows what people would read.
func (s *campaignService) PreviewCampaign(ctx context.Context, r *v1.PreviewCampaignRequest) (*v1.PreviewCampaignResponse, error) {
	c := callerOf(ctx)
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	shown, fs, err := s.previewed(c, b, r)
	if err != nil {
		return nil, err
	}
	at := &store.Store{Names: map[string]string{"": "wantgo", "ko": "원트고"}, TimeZone: b.Settings.TimeZone}
	if r.GetStoreId() != "" {
		if at, err = s.findStore(c, r.GetStoreId(), ""); err != nil {
			return nil, err
		}
	}
	out := &v1.PreviewCampaignResponse{}
	for _, f := range fs {
		out.Faults = append(out.Faults, &v1.PreviewCampaignResponse_Fault{Reason: f.Reason, Field: f.Field, Detail: f.Text})
	}
	locales := r.GetLocales()
	if len(locales) == 0 {
		locales = slices.Sorted(maps.Keys(shown.Texts))
	}
	for _, locale := range locales {
		out.Rendered = append(out.Rendered, s.rendered(shown, at, b, locale))
	}
	return out, nil
}

// previewed is the campaign of a preview, with what would keep it from going live.
func (s *campaignService) previewed(c *Caller, b *brand.Brand, r *v1.PreviewCampaignRequest) (*campaign.Campaign, faults, error) {
	a := s.around(c, b)
	if given := r.GetCampaign(); given != nil {
		shown, fs := campaignFrom(given, campaign.Campaign{ID: engine.NewID(a.Now), State: campaign.Live}, a)
		return shown, fs, nil
	}
	found, err := s.campaigns().find(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, nil, err
	}
	shown := *found
	shown.State = campaign.Live
	return &shown, reviewed(&shown, a), nil
}

func (s *campaignService) rendered(c *campaign.Campaign, at *store.Store, b *brand.Brand, locale string) *v1.PreviewCampaignResponse_Rendered {
	out := &v1.PreviewCampaignResponse_Rendered{Locale: locale, DeepLink: c.DeepLink}
	text, err := campaign.Preview(c, at, b, locale, s.engine.Now())
	out.Title, out.Body = text.Title, text.Body
	if err == nil {
		return out
	}
	reason := v1.ErrorReason_TEXT_INVALID
	var fault *campaign.TextError
	if errors.As(err, &fault) && fault.Why == "sender_missing" {
		reason = v1.ErrorReason_SENDER_MISSING
	}
	out.Faults = []*v1.PreviewCampaignResponse_Fault{{Reason: reason, Field: "texts." + locale, Detail: err.Error()}}
	return out
}
