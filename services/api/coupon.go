package api

import (
	"errors"
	"time"

	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/campaign"
)

// couponTo says how a coupon stands now.
func (s *Server) couponTo(c *campaign.Coupon) *v1.Coupon {
	out := &v1.Coupon{
		Id: c.ID.String(), CampaignId: c.CampaignID.String(), Code: c.Code, Title: c.Title, State: v1.Coupon_ISSUED,
		IssueTime: stamp(c.IssuedAt), ExpireTime: stamp(c.ExpiresAt),
	}
	switch {
	case c.Redemption != nil:
		out.State = v1.Coupon_REDEEMED
		out.RedeemTime, out.RedeemStoreId = stamp(c.Redemption.At), formatID(c.Redemption.StoreID)
	case !s.engine.Now().Before(c.ExpiresAt):
		out.State = v1.Coupon_EXPIRED
	}
	for _, id := range c.Stores {
		out.ValidStoreIds = append(out.ValidStoreIds, id.String())
	}
	if from, err := s.engine.Campaign(c.BrandID, c.CampaignID); err == nil {
		out.CampaignExternalId, out.DeepLink = from.ExternalID, from.DeepLink
	}
	return out
}

func redemptionTo(c *campaign.Coupon) *v1.Redemption {
	if c.Redemption == nil {
		return nil
	}
	return &v1.Redemption{
		Id: c.Redemption.ID.String(), CouponId: c.ID.String(), CampaignId: c.CampaignID.String(),
		StoreId: formatID(c.Redemption.StoreID), RedeemTime: stamp(c.Redemption.At),
	}
}

// redeemRefused says why a coupon was not redeemed. Somebody else's is not found.
func redeemRefused(err error, c *campaign.Coupon, store string) error {
	var refusal campaign.RedeemRefusal
	if !errors.As(err, &refusal) {
		return missing(err, v1.ErrorReason_COUPON_NOT_FOUND)
	}
	switch refusal {
	case campaign.ErrRedeemed:
		var values []string
		if c.Redemption != nil {
			values = []string{"redeem_time", c.Redemption.At.UTC().Format(time.RFC3339)}
		}
		return refuse(codes.FailedPrecondition, v1.ErrorReason_COUPON_REDEEMED, refusal.Error(), values...)
	case campaign.ErrExpired:
		return refuse(codes.FailedPrecondition, v1.ErrorReason_COUPON_EXPIRED, refusal.Error(),
			"expire_time", c.ExpiresAt.UTC().Format(time.RFC3339))
	case campaign.ErrWrongStore:
		return refuse(codes.FailedPrecondition, v1.ErrorReason_COUPON_NOT_VALID_HERE, refusal.Error(), "store_id", store)
	}
	return refuse(codes.NotFound, v1.ErrorReason_COUPON_NOT_FOUND, "not found")
}
