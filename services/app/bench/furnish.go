package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// importSize is how many fences one call imports.
const importSize = 50_000

// importFences brings the fences over the public API and tells how long that took.
func (t *tenant) importFences(ctx context.Context, conn grpc.ClientConnInterface, p *placer, n int, tell func(string, int)) (time.Duration, error) {
	fences := v1.NewFenceServiceClient(conn)
	var took time.Duration
	for done := 0; done < n; {
		size := min(importSize, n-done)
		content, err := p.chunk(size)
		if err != nil {
			return took, err
		}
		began := time.Now()
		answer, err := insist(t.asServer(ctx, 0), fences.ImportFences, &v1.ImportFencesRequest{
			RequestId: uuid.NewString(), Content: content, Purpose: v1.Fence_NEAR,
		})
		if err != nil {
			return took, fmt.Errorf("import fences: %w", err)
		}
		took += time.Since(began)
		if made := int(answer.GetReport().GetCreated()); made != size {
			return took, fmt.Errorf("import fences: %d of %d were made", made, size)
		}
		done += size
		tell("fences", done)
	}
	return took, nil
}

// campaigns makes live campaigns that ask for entries: matching of them anywhere, the others at stores that are not here.
func (t *tenant) campaigns(ctx context.Context, conn grpc.ClientConnInterface, all, matching int) error {
	client := v1.NewCampaignServiceClient(conn)
	for i := range all {
		c := campaign(i)
		if i >= matching {
			c.Trigger.StoreTags = []string{fmt.Sprintf("elsewhere-%d", i)}
		}
		made, err := insist(t.asServer(ctx, i), client.CreateCampaign, &v1.CreateCampaignRequest{RequestId: uuid.NewString(), Campaign: c})
		if err != nil {
			return fmt.Errorf("make a campaign: %w", err)
		}
		_, err = insist(t.asServer(ctx, i), client.ActivateCampaign, &v1.ActivateCampaignRequest{
			RequestId: uuid.NewString(), Key: &v1.ActivateCampaignRequest_Id{Id: made.GetCampaign().GetId()},
		})
		if err != nil {
			return fmt.Errorf("activate a campaign: %w", err)
		}
	}
	return nil
}

func campaign(i int) *v1.Campaign {
	return &v1.Campaign{
		ExternalId: fmt.Sprintf("c%d", i), DisplayName: fmt.Sprintf("Campaign %d", i), Priority: int32(i % 10),
		Trigger: &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_ENTERED}, FencePurposes: []v1.Fence_Purpose{v1.Fence_NEAR}},
		Offer: &v1.Offer{Titles: map[string]string{"ko": "라떼 30% 할인", "en": "30% off any latte"}, PerPersonLimit: 1,
			Validity: &v1.Offer_ValidFor{ValidFor: durationpb.New(2 * time.Hour)}},
		Texts: map[string]*v1.CampaignText{
			"ko": {Title: "{brand}", Body: "{offer} 쿠폰 {coupon_code}"},
			"en": {Title: "{brand}", Body: "{offer}: {coupon_code}"},
		},
	}
}

// insist makes a call of the preparation until it is not refused for want of room any more, nor fails in passing.
func insist[Q, A any](ctx context.Context, call func(context.Context, Q, ...grpc.CallOption) (A, error), request Q) (answer A, err error) {
	for range tries {
		answer, err = call(ctx, request)
		if err == nil || status.Code(err) != codes.ResourceExhausted && !passing(err) {
			return answer, err
		}
		if pause(ctx, retryAfter(err)); ctx.Err() != nil {
			return answer, ctx.Err()
		}
	}
	return answer, err
}

// asServer is a call with one of the API keys.
func (t *tenant) asServer(ctx context.Context, i int) context.Context {
	return metadata.NewOutgoingContext(ctx, metadata.Pairs("authorization", "Bearer "+t.apiKeys[i%len(t.apiKeys)]))
}

// asPhone is a call of a walking device.
func (t *tenant) asPhone(ctx context.Context, i int) context.Context {
	return metadata.NewOutgoingContext(ctx, metadata.Pairs("wantgo-app-key", t.appKey, "authorization", "Bearer "+t.tokens[i]))
}
