package api

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

type sendingService struct {
	v1.UnimplementedSendingServiceServer
	*Server
}

// EstimateCampaign counts whom a campaign would reach.
func (s *sendingService) EstimateCampaign(ctx context.Context, r *v1.EstimateCampaignRequest) (*v1.EstimateCampaignResponse, error) {
	c := callerOf(ctx)
	of, err := s.estimated(c, r)
	if err != nil {
		return nil, err
	}
	est, at, err := s.engine.EstimateCampaign(ctx, c.Brand, of, instant(r.GetBeginTime()))
	if errors.Is(err, engine.ErrNotSending) {
		return nil, refuse(codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_NOT_SENDING, "the campaign sends nothing by the clock", "campaign_id", formatID(of.ID))
	}
	if err != nil {
		return nil, err
	}
	return &v1.EstimateCampaignResponse{Estimate: estimateTo(est), BeginTime: timestamppb.New(at)}, nil
}

// estimated is the campaign that is asked about, stored or not.
func (s *sendingService) estimated(c *Caller, r *v1.EstimateCampaignRequest) (*campaign.Campaign, error) {
	given := r.GetCampaign()
	if given == nil {
		return s.campaigns().find(c, r.GetId(), r.GetExternalId())
	}
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	a := s.around(c, b)
	of, fs := campaignFrom(given, campaign.Campaign{ID: engine.NewID(a.Now), State: campaign.Draft}, a)
	return of, fs.err()
}

// ListSendings lists sendings, the latest occurrence first.
func (s *sendingService) ListSendings(ctx context.Context, r *v1.ListSendingsRequest) (*v1.ListSendingsResponse, error) {
	query := "sendings " + r.GetCampaignId()
	before, err := readSendingToken(query, r.GetPageToken())
	if err != nil {
		return nil, err
	}
	size := pageSize(r.GetPageSize(), smallPages)
	list, err := s.engine.Sendings(ctx, callerOf(ctx).Brand, parseID(r.GetCampaignId()), before, size+1)
	if err != nil {
		return nil, err
	}
	out := &v1.ListSendingsResponse{}
	if len(list) > size {
		list = list[:size]
		last := &list[size-1]
		out.NextPageToken = pageToken(query, string(append(binary.BigEndian.AppendUint64(nil, uint64(last.At.UnixMicro())), last.ID[:]...)))
	}
	for i := range list {
		out.Sendings = append(out.Sendings, sendingTo(&list[i]))
	}
	return out, nil
}

func readSendingToken(query, token string) (before engine.Sending, err error) {
	cursor, err := readPageToken(query, token)
	if err != nil || cursor == "" {
		return before, err
	}
	if len(cursor) != 24 {
		return before, errPageToken()
	}
	before.At, before.ID = time.UnixMicro(int64(binary.BigEndian.Uint64([]byte(cursor)))), uuid.UUID([]byte(cursor[8:]))
	return before, nil
}

// GetSending shows a sending.
func (s *sendingService) GetSending(ctx context.Context, r *v1.GetSendingRequest) (*v1.GetSendingResponse, error) {
	found, err := s.engine.Sending(ctx, callerOf(ctx).Brand, parseID(r.GetId()))
	if err != nil {
		return nil, missing(err, v1.ErrorReason_SENDING_NOT_FOUND, "sending_id", r.GetId())
	}
	return &v1.GetSendingResponse{Sending: sendingTo(&found)}, nil
}

// CancelSending stops a sending for good.
func (s *sendingService) CancelSending(ctx context.Context, r *v1.CancelSendingRequest) (*v1.CancelSendingResponse, error) {
	c := callerOf(ctx)
	found, err := s.engine.CancelSending(ctx, c.Brand, parseID(r.GetId()), c.by())
	if err != nil {
		return nil, missing(err, v1.ErrorReason_SENDING_NOT_FOUND, "sending_id", r.GetId())
	}
	return &v1.CancelSendingResponse{Sending: sendingTo(&found)}, nil
}
