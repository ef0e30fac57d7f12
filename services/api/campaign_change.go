package api

import (
	"context"
	"encoding/json"
	"strconv"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
)

// ListCampaignChanges tells who changed what of a campaign. A page token is the version to go on from.
func (s *campaignService) ListCampaignChanges(ctx context.Context, r *v1.ListCampaignChangesRequest) (*v1.ListCampaignChangesResponse, error) {
	c := callerOf(ctx)
	found, err := s.campaigns().find(c, r.GetId(), r.GetExternalId())
	if err != nil {
		return nil, err
	}
	query, from := "campaign changes "+found.ID.String(), found.Version
	if r.GetPageToken() != "" {
		text, err := readPageToken(query, r.GetPageToken())
		if err != nil {
			return nil, err
		}
		if from, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, errPageToken()
		}
	}
	limit := pageSize(r.GetPageSize(), largePages)
	changes, err := s.engine.CampaignChanges(ctx, c.Brand, found.ID, from, limit)
	if err != nil {
		return nil, err
	}
	out := &v1.ListCampaignChangesResponse{}
	for i := range changes {
		out.Changes = append(out.Changes, campaignChangeTo(&changes[i]))
	}
	if n := len(changes); n == limit && changes[n-1].From > 0 {
		out.NextPageToken = pageToken(query, strconv.FormatInt(changes[n-1].From, 10))
	}
	return out, nil
}

func campaignChangeTo(c *engine.CampaignChange) *v1.CampaignChange {
	return &v1.CampaignChange{
		ChangeTime: stamp(c.At), Actor: c.Actor, Etag: etagOf(c.Version), Action: c.Action, Reason: c.Note,
		Before: jsonTexts(c.Before), After: jsonTexts(c.After),
	}
}

func jsonTexts(fields map[string]json.RawMessage) map[string]string {
	out := make(map[string]string, len(fields))
	for name, value := range fields {
		out[name] = compact(value)
	}
	return out
}
