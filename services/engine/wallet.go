package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/campaign"
)

// Coupons lists a person's coupons, newest first.
func (e *Engine) Coupons(ctx context.Context, brandID, deviceID uuid.UUID, onlyLive bool, limit int) ([]campaign.Coupon, error) {
	key, _, err := e.owner(ctx, brandID, deviceID)
	if err != nil {
		return nil, err
	}
	return e.people.Coupons(ctx, key, onlyLive, e.clock.Now(), limit)
}

// Coupon is one of the person's own coupons. Another person's is not found.
func (e *Engine) Coupon(ctx context.Context, brandID, deviceID, couponID uuid.UUID) (campaign.Coupon, error) {
	key, _, err := e.owner(ctx, brandID, deviceID)
	if err != nil {
		return campaign.Coupon{}, err
	}
	return e.people.Coupon(ctx, key, couponID)
}

// RedeemRequest asks for a coupon's single use: by a till with the code, or by the phone with the coupon's id.
type RedeemRequest struct {
	BrandID  uuid.UUID
	Code     string
	CouponID uuid.UUID
	DeviceID uuid.UUID // set: the coupon must belong to this device's person
	StoreID  uuid.UUID
	By       string // who redeems, for the record: "key:…" or "device:…"
	// RequestID makes a repeat of the same redemption an answer and not a second use.
	RequestID uuid.UUID
}

// Redeem uses a coupon, once. It answers a campaign.RedeemRefusal where the coupon may not be used here and now, and
// ErrNotFound where there is none.
func (e *Engine) Redeem(ctx context.Context, r RedeemRequest) (campaign.Coupon, error) {
	c, err := e.redeemable(ctx, r)
	if err != nil {
		return campaign.Coupon{}, err
	}
	key := PersonKey{r.BrandID, c.PersonID}
	err = e.change(ctx, key, func(t *turn) error {
		now := e.clock.Now()
		fresh, err := e.people.Coupon(t.ctx, key, c.ID)
		if err != nil {
			return err
		}
		if fresh.Redemption != nil && fresh.Redemption.ID == r.RequestID && r.RequestID != uuid.Nil {
			c = fresh
			return nil
		}
		if err := e.checkRedeem(&fresh, r, now); err != nil {
			return err
		}
		id := r.RequestID
		if id == uuid.Nil {
			id = newID(now)
		}
		fresh.Redemption = &campaign.Redemption{ID: id, StoreID: r.StoreID, At: now, By: r.By}
		t.write.Coupons = []CouponWrite{{Coupon: fresh, Redeem: true}}
		t.dirty = true
		c = fresh
		return nil
	})
	return c, err
}

// checkRedeem refuses a coupon that may not be used here and now.
func (e *Engine) checkRedeem(c *campaign.Coupon, r RedeemRequest, now time.Time) error {
	if err := campaign.CheckRedeem(c, r.StoreID, now); err != nil {
		return err
	}
	s, err := e.Store(r.BrandID, r.StoreID)
	if err != nil {
		return err
	}
	from, err := e.Campaign(r.BrandID, c.CampaignID)
	if len(c.Stores) == 0 && err == nil && !e.catalogue.view(r.BrandID).campaigns.ValidIn(from, s) {
		return campaign.ErrWrongStore
	}
	return nil
}

// redeemable finds the coupon a request names, and refuses someone else's.
func (e *Engine) redeemable(ctx context.Context, r RedeemRequest) (campaign.Coupon, error) {
	var own PersonKey
	if r.DeviceID != uuid.Nil {
		var err error
		if own, _, err = e.owner(ctx, r.BrandID, r.DeviceID); err != nil {
			return campaign.Coupon{}, err
		}
	}
	if r.Code == "" {
		if own == (PersonKey{}) {
			return campaign.Coupon{}, notFound("coupon")
		}
		return e.people.Coupon(ctx, own, r.CouponID)
	}
	code, err := campaign.ParseCode(r.Code)
	if err != nil {
		return campaign.Coupon{}, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	c, err := e.people.CouponByCode(ctx, r.BrandID, code)
	if err != nil {
		return campaign.Coupon{}, err
	}
	if own != (PersonKey{}) {
		if err := campaign.CheckOwner(&c, r.BrandID, own.PersonID); err != nil {
			return campaign.Coupon{}, err
		}
	}
	return c, nil
}

// CouponByCode finds a coupon of the brand by its code, as ParseCode gives it. Whose it may be shown to is the
// caller's to decide.
func (e *Engine) CouponByCode(ctx context.Context, brandID uuid.UUID, code string) (campaign.Coupon, error) {
	return e.people.CouponByCode(ctx, brandID, code)
}
