package api

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// sends is a campaign to everybody at a time.
func sends(name string, at time.Time) *v1.Campaign {
	c := aCampaign(name, "s1")
	c.Trigger = &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_SCHEDULED}, Send: &v1.Send{BeginTime: timestamppb.New(at), PerMinute: 600}}
	c.Offer, c.Schedule = nil, nil
	c.Texts = map[string]*v1.CampaignText{"ko": {Title: "오늘만", Body: "모두에게"}}
	return c
}

func TestSendingRPCs(t *testing.T) {
	f := newFixture(t)
	tn, other := f.tenant(), f.tenant()
	tn.store("s1")
	for range 3 {
		tn.device()
	}
	campaigns, sendings, id := v1.NewCampaignServiceClient(f.conn), v1.NewSendingServiceClient(f.conn), uuid.NewString
	draft, err := sendings.EstimateCampaign(tn.server(), &v1.EstimateCampaignRequest{Source: &v1.EstimateCampaignRequest_Campaign{Campaign: sends("x", noon.Add(time.Hour))}})
	require.NoError(t, err)
	require.EqualValues(t, 3, draft.GetEstimate().GetPersonCount())
	require.EqualValues(t, 3, draft.GetEstimate().GetMatchingCount())
	require.Equal(t, noon.Add(time.Hour), draft.GetBeginTime().AsTime())
	greeting := tn.campaign("c1", "s1")
	_, err = sendings.EstimateCampaign(tn.server(), &v1.EstimateCampaignRequest{Source: &v1.EstimateCampaignRequest_Id{Id: greeting.GetId()}})
	requireRefused(t, err, codes.FailedPrecondition, v1.ErrorReason_CAMPAIGN_NOT_SENDING)
	_, err = sendings.EstimateCampaign(other.server(), &v1.EstimateCampaignRequest{Source: &v1.EstimateCampaignRequest_Id{Id: greeting.GetId()}})
	requireRefused(t, err, codes.NotFound, v1.ErrorReason_CAMPAIGN_NOT_FOUND)

	made, err := campaigns.CreateCampaign(tn.server(), &v1.CreateCampaignRequest{RequestId: id(), Campaign: sends("c2", noon.Add(5*time.Minute))})
	require.NoError(t, err)
	_, err = campaigns.ActivateCampaign(tn.server(), &v1.ActivateCampaignRequest{RequestId: id(), Key: &v1.ActivateCampaignRequest_Id{Id: made.GetCampaign().GetId()}})
	require.NoError(t, err)
	require.NoError(t, f.engine.AdvanceSendings(t.Context()))
	list, err := sendings.ListSendings(tn.server(), &v1.ListSendingsRequest{CampaignId: made.GetCampaign().GetId()})
	require.NoError(t, err)
	require.Len(t, list.GetSendings(), 1)
	waiting := list.GetSendings()[0]
	require.Equal(t, v1.Sending_WAITING, waiting.GetState())
	require.EqualValues(t, 3, waiting.GetEstimate().GetMatchingCount())
	require.Equal(t, noon.Add(5*time.Minute), waiting.GetNextTime().AsTime())
	f.clock.Set(noon.Add(5 * time.Minute).UnixMilli())
	require.NoError(t, f.engine.AdvanceSendings(t.Context()))
	done, err := sendings.GetSending(tn.server(), &v1.GetSendingRequest{Id: waiting.GetId()})
	require.NoError(t, err)
	require.Equal(t, v1.Sending_DONE, done.GetSending().GetState())
	counts, refused := done.GetSending().GetCounts(), int64(0)
	for _, r := range counts.GetRefusals() {
		require.NotZero(t, r.GetReason())
		refused += r.GetPersonCount()
	}
	require.EqualValues(t, 3, counts.GetWonCount()+refused)
	again, err := sendings.CancelSending(tn.server(), &v1.CancelSendingRequest{RequestId: id(), Id: waiting.GetId()})
	require.NoError(t, err)
	require.Equal(t, v1.Sending_DONE, again.GetSending().GetState())

	later, err := campaigns.CreateCampaign(tn.server(), &v1.CreateCampaignRequest{RequestId: id(), Campaign: sends("c3", noon.Add(10*time.Minute))})
	require.NoError(t, err)
	_, err = campaigns.ActivateCampaign(tn.server(), &v1.ActivateCampaignRequest{RequestId: id(), Key: &v1.ActivateCampaignRequest_Id{Id: later.GetCampaign().GetId()}})
	require.NoError(t, err)
	require.NoError(t, f.engine.AdvanceSendings(t.Context()))
	first, err := sendings.ListSendings(tn.server(), &v1.ListSendingsRequest{PageSize: 1})
	require.NoError(t, err)
	require.Equal(t, later.GetCampaign().GetId(), first.GetSendings()[0].GetCampaignId())
	second, err := sendings.ListSendings(tn.server(), &v1.ListSendingsRequest{PageSize: 1, PageToken: first.GetNextPageToken()})
	require.NoError(t, err)
	require.Equal(t, waiting.GetId(), second.GetSendings()[0].GetId())
	require.Empty(t, second.GetNextPageToken())
	theirs := first.GetSendings()[0].GetId()
	for _, call := range []func() error{
		func() error {
			_, err := sendings.GetSending(other.server(), &v1.GetSendingRequest{Id: theirs})
			return err
		},
		func() error {
			_, err := sendings.CancelSending(other.server(), &v1.CancelSendingRequest{RequestId: id(), Id: theirs})
			return err
		},
	} {
		requireRefused(t, call(), codes.NotFound, v1.ErrorReason_SENDING_NOT_FOUND)
	}
	none, err := sendings.ListSendings(other.server(), &v1.ListSendingsRequest{})
	require.NoError(t, err)
	require.Empty(t, none.GetSendings())
	gone, err := sendings.CancelSending(tn.server(), &v1.CancelSendingRequest{RequestId: id(), Id: theirs})
	require.NoError(t, err)
	require.Equal(t, v1.Sending_CANCELLED, gone.GetSending().GetState())
	require.NotEmpty(t, gone.GetSending().GetCode())
}
