package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// PreviewCampaign shows what people would read, in every locale and variant that is asked for.
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
	of := campaign.PreviewOf{Campaign: shown, Brand: b, Keyword: r.GetKeyword(), Now: s.engine.Now()}
	if of.Store, of.Item, err = s.props(c, r.GetStoreId(), r.GetStoreExternalId(), r.GetItemExternalId()); err != nil {
		return nil, err
	}
	if of.Store == nil {
		of.Store = &store.Store{Names: map[string]string{"": "wantgo", "ko": "원트고"}, ExternalID: "store", TimeZone: b.Settings.TimeZone}
	}
	if of.Profile, err = s.reader(ctx, c, r.GetPersonExternalId()); err != nil {
		return nil, err
	}
	variants, err := variantsShown(shown, r.GetVariants())
	if err != nil {
		return nil, err
	}
	out := &v1.PreviewCampaignResponse{}
	for _, f := range fs {
		out.Faults = append(out.Faults, &v1.PreviewCampaignResponse_Fault{Reason: f.Reason, Field: f.Field, Detail: f.Text})
	}
	for _, of.Variant = range variants {
		for _, of.Locale = range localesShown(&of, r.GetLocales()) {
			out.Rendered = append(out.Rendered, rendered(of))
		}
	}
	return out, nil
}

// reader is the person of a preview; nil: nobody is known. Only who may read people may have a text filled in from them.
func (s *campaignService) reader(ctx context.Context, c *Caller, externalID string) (*audience.Profile, error) {
	if externalID == "" {
		return nil, nil
	}
	if !c.Key.Has(brand.ScopePersonsRead) {
		return nil, refuse(codes.PermissionDenied, v1.ErrorReason_SCOPE_MISSING, "the key may not read persons", "scope", string(brand.ScopePersonsRead))
	}
	id, err := s.engine.PersonOf(ctx, c.Brand, engine.PersonRef{PersonExternalID: externalID})
	if err != nil {
		return nil, missing(err, v1.ErrorReason_PERSON_NOT_FOUND, "external_id", externalID)
	}
	row, err := s.engine.ProfileOf(ctx, c.Brand, id)
	return &row.Profile, missing(err, v1.ErrorReason_PERSON_NOT_FOUND, "external_id", externalID)
}

// variantsShown are the variants asked for, or all; without variants the campaign itself.
func variantsShown(c *campaign.Campaign, names []string) (list []*campaign.Variant, err error) {
	for _, name := range names {
		if name == "" || !hasVariant(c, name) {
			return nil, noVariant("variants")
		}
	}
	for i := range c.Variants {
		if len(names) == 0 || slices.Contains(names, c.Variants[i].Name) {
			list = append(list, &c.Variants[i])
		}
	}
	if len(list) == 0 {
		list = []*campaign.Variant{nil}
	}
	return list, nil
}

// hasVariant is true of no name.
func hasVariant(c *campaign.Campaign, name string) bool {
	return name == "" || slices.ContainsFunc(c.Variants, func(v campaign.Variant) bool { return v.Name == name })
}

func noVariant(field string) error {
	var fs faults
	fs.add(field, v1.ErrorReason_INVALID_FIELD, "the campaign has no variant of this name")
	return fs.err()
}

// localesShown are the locales asked for; else the person's, else all that there is a text in.
func localesShown(of *campaign.PreviewOf, asked []string) []string {
	switch {
	case len(asked) > 0:
		return asked
	case of.Profile != nil && of.Profile.Locale != "":
		return []string{of.Profile.Locale}
	}
	texts := map[string]campaign.Text{}
	maps.Copy(texts, of.Campaign.Texts)
	if of.Variant != nil {
		maps.Copy(texts, of.Variant.Texts)
	}
	return slices.Sorted(maps.Keys(texts))
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

func rendered(of campaign.PreviewOf) *v1.PreviewCampaignResponse_Rendered {
	out := &v1.PreviewCampaignResponse_Rendered{Locale: of.Locale}
	place := "texts." + of.Locale
	if of.Variant != nil {
		out.Variant, place = of.Variant.Name, fmt.Sprintf("variants[%s].%s", of.Variant.Name, place)
	}
	shown, err := campaign.Preview(of)
	if err != nil {
		reason := v1.ErrorReason_TEXT_INVALID
		var fault *campaign.TextError
		if errors.As(err, &fault) && fault.Why == "sender_missing" {
			reason = v1.ErrorReason_SENDER_MISSING
		}
		out.Faults = []*v1.PreviewCampaignResponse_Fault{{Reason: reason, Field: place, Detail: err.Error()}}
		return out
	}
	out.Title, out.Body, out.DeepLink, out.ImageUrl = shown.Title, shown.Body, shown.DeepLink, shown.ImageURL
	for _, room := range campaign.RoomOf(of, shown) {
		out.Rooms = append(out.Rooms, roomTo(&room))
		if room.TooLarge() && len(out.Faults) == 0 {
			text := fmt.Sprintf("the notification takes %d bytes, at most %d", room.Bytes, room.MaxBytes)
			out.Faults = append(out.Faults, &v1.PreviewCampaignResponse_Fault{Reason: v1.ErrorReason_TEXT_INVALID, Field: place, Detail: text})
		}
	}
	return out
}

func roomTo(r *campaign.Room) *v1.PreviewCampaignResponse_Room {
	out := &v1.PreviewCampaignResponse_Room{
		Platform: keyOf(platforms, r.Name), TitleCharacters: int32(r.TitleCharacters), BodyCharacters: int32(r.BodyCharacters),
		CollapsedTitleCharacters: int32(r.Title), CollapsedBodyCharacters: int32(r.Body),
		PayloadBytes: int32(r.Bytes), PayloadLimitBytes: int32(r.MaxBytes),
	}
	title, body := r.Cut()
	if title {
		out.Advice = append(out.Advice, fmt.Sprintf("the title has %d characters; collapsed, about %d are shown", r.TitleCharacters, r.Title))
	}
	if body {
		out.Advice = append(out.Advice, fmt.Sprintf("the body has %d characters; collapsed, about %d are shown", r.BodyCharacters, r.Body))
	}
	return out
}
