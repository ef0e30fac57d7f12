package api

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

type walletService struct {
	v1.UnimplementedWalletServiceServer
	*Server
}

// maxWallet is how many coupons of one person are looked through.
const maxWallet = 2000

// ListCoupons lists the caller's own, those that may be redeemed first.
func (s *walletService) ListCoupons(ctx context.Context, r *v1.ListCouponsRequest) (*v1.ListCouponsResponse, error) {
	query := "coupons " + r.GetState().String()
	offset, err := readOffset(query, r.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, err := s.wallet(ctx, callerOf(ctx), r.GetState())
	if err != nil {
		return nil, err
	}
	out := &v1.ListCouponsResponse{ServerTime: s.now()}
	size := pageSize(r.GetPageSize(), smallPages)
	out.Coupons = list[min(offset, len(list)):min(offset+size, len(list))]
	if offset+size < len(list) {
		out.NextPageToken = pageToken(query, strconv.Itoa(offset+size))
	}
	return out, nil
}

// wallet is what a person has in a state.
func (s *walletService) wallet(ctx context.Context, c *Caller, state v1.Coupon_State) ([]*v1.Coupon, error) {
	coupons, err := s.engine.Coupons(ctx, c.Brand, c.Device, state == v1.Coupon_ISSUED, maxWallet)
	if err != nil {
		return nil, deviceMissing(err)
	}
	var list []*v1.Coupon
	for i := range coupons {
		if coupon := s.couponTo(&coupons[i]); state == v1.Coupon_STATE_UNSPECIFIED || coupon.GetState() == state {
			list = append(list, coupon)
		}
	}
	slices.SortStableFunc(list, func(a, b *v1.Coupon) int {
		return cmp.Or(cmp.Compare(used(a), used(b)), b.GetIssueTime().AsTime().Compare(a.GetIssueTime().AsTime()))
	})
	return list, nil
}

// used is 0 for what may still be redeemed.
func used(c *v1.Coupon) int {
	if c.GetState() == v1.Coupon_ISSUED {
		return 0
	}
	return 1
}

// GetCoupon shows a person their own coupon, or a till any of the brand's by code.
func (s *walletService) GetCoupon(ctx context.Context, r *v1.GetCouponRequest) (*v1.GetCouponResponse, error) {
	coupon, err := s.coupon(ctx, callerOf(ctx), r)
	if err != nil {
		return nil, missing(err, v1.ErrorReason_COUPON_NOT_FOUND)
	}
	return &v1.GetCouponResponse{Coupon: s.couponTo(&coupon)}, nil
}

func (s *walletService) coupon(ctx context.Context, c *Caller, r *v1.GetCouponRequest) (campaign.Coupon, error) {
	if c.Kind == v1.Access_PHONE && r.GetId() != "" {
		return s.engine.Coupon(ctx, c.Brand, c.Device, parseID(r.GetId()))
	}
	if r.GetCode() == "" {
		var fs faults
		fs.add("code", v1.ErrorReason_INVALID_FIELD, "a server names a coupon by its code")
		return campaign.Coupon{}, fs.err()
	}
	code, err := campaign.ParseCode(r.GetCode())
	if err != nil {
		return campaign.Coupon{}, engine.ErrNotFound // no coupon has such a code
	}
	coupon, err := s.engine.CouponByCode(ctx, c.Brand, code)
	if err == nil && c.Kind == v1.Access_PHONE && coupon.PersonID != c.Person {
		return campaign.Coupon{}, engine.ErrNotFound
	}
	if err == nil && c.Kind == v1.Access_SERVER && !validFor(c, &coupon) {
		return campaign.Coupon{}, engine.ErrNotFound
	}
	return coupon, err
}

// validFor tells whether a key limited to stores has any business with a coupon.
func validFor(c *Caller, coupon *campaign.Coupon) bool {
	return len(c.Key.StoreIDs) == 0 || len(coupon.Stores) == 0 || slices.ContainsFunc(coupon.Stores, c.Key.AllowsStore)
}

// RedeemCoupon uses a coupon, once.
func (s *walletService) RedeemCoupon(ctx context.Context, r *v1.RedeemCouponRequest) (*v1.RedeemCouponResponse, error) {
	c := callerOf(ctx)
	store, err := s.redeemStore(c, r)
	if err != nil {
		return nil, err
	}
	if err := c.mayStore(store); err != nil {
		return nil, err
	}
	coupon, err := s.engine.Redeem(ctx, engine.RedeemRequest{
		BrandID: c.Brand, Code: r.GetCode(), CouponID: parseID(r.GetCouponId()), DeviceID: c.Device, StoreID: store, By: c.by(),
		RequestID: parseID(r.GetRequestId()),
	})
	if err != nil {
		return nil, redeemRefused(err, &coupon, store.String())
	}
	return &v1.RedeemCouponResponse{Redemption: redemptionTo(&coupon), Coupon: s.couponTo(&coupon), ServerTime: s.now()}, nil
}

// redeemStore is the store that a request names.
func (s *walletService) redeemStore(c *Caller, r *v1.RedeemCouponRequest) (uuid.UUID, error) {
	if name := r.GetStoreExternalId(); name != "" {
		found, err := s.engine.StoreByExternalID(c.Brand, name)
		if err != nil {
			return uuid.Nil, missing(err, v1.ErrorReason_STORE_NOT_FOUND, "external_id", name)
		}
		return found.ID, nil
	}
	found, err := s.engine.Store(c.Brand, parseID(r.GetStoreId()))
	if err != nil {
		return uuid.Nil, missing(err, v1.ErrorReason_STORE_NOT_FOUND, "store_id", r.GetStoreId())
	}
	return found.ID, nil
}
