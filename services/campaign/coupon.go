package campaign

import (
	"time"

	"github.com/google/uuid"
)

// Coupon is one issued, expiring claim on an offer. It keeps where it is valid, not where it was won.
type Coupon struct {
	ID         uuid.UUID
	BrandID    uuid.UUID
	PersonID   uuid.UUID
	OfferID    uuid.UUID
	CampaignID uuid.UUID
	Code       string      // 12 characters of Crockford base 32 (60 random bits), shown to a till
	Block      uuid.UUID   // the stock block it was issued from; zero without a stock limit
	Stores     []uuid.UUID // where it is valid; empty: where Campaign.ValidIn says
	Title      string
	IssuedAt   time.Time
	ExpiresAt  time.Time
	Redemption *Redemption // nil: not used
}

// Redemption is a coupon's single use: a sales record.
type Redemption struct {
	ID      uuid.UUID
	StoreID uuid.UUID
	At      time.Time
	By      string // the key or device that redeemed, e.g. "key:…"
}
