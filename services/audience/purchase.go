package audience

import (
	"maps"
	"math"
	"regexp"
	"time"

	"github.com/google/uuid"
)

// Purchase is one sale as a till tells of it.
type Purchase struct {
	// ID is the till's own: of one person it counts once, however often it is told.
	ID       string
	At       time.Time
	Amount   float64 // in units of Currency; negative: money back
	Currency string  // ISO 4217
	StoreID  uuid.UUID
	CouponID uuid.UUID // the coupon it was made with; zero: none
}

// The bounds of purchases.
const (
	MaxPurchaseID = 128
	MaxAmount     = 1e12
	maxCurrencies = 20
)

var currency = regexp.MustCompile(`^[A-Z]{3}$`)

// Check returns every fault; nil: none.
func (p *Purchase) Check(now time.Time) error {
	var vs Violations
	vs.Check(p.ID != "" && len(p.ID) <= MaxPurchaseID && plain(p.ID), "purchase_id", "missing, or not plain text of at most %d bytes", MaxPurchaseID)
	vs.Check(!p.At.IsZero() && p.At.Year() >= 1990, "time", "missing or not a time since 1990")
	vs.Check(!p.At.After(now.Add(MaxSkew)), "time", "in the future")
	vs.Check(!math.IsNaN(p.Amount) && math.Abs(p.Amount) <= MaxAmount, "amount", "must be a number of at most %g", MaxAmount)
	vs.Check(currency.MatchString(p.Currency), "currency", "must be an ISO 4217 code such as KRW")
	return vs.Err()
}

// With is what is kept of purchases with one more. The old value is not touched. A currency beyond the twentieth of one
// person is counted without its amount.
func (s *Purchases) With(p *Purchase) *Purchases {
	next := Purchases{First: p.At, Last: p.At}
	if s != nil {
		next = *s
	}
	next.Count++
	if p.At.Before(next.First) {
		next.First = p.At
	}
	if p.At.After(next.Last) {
		next.Last = p.At
	}
	next.Amount = maps.Clone(next.Amount)
	if _, known := next.Amount[p.Currency]; known || len(next.Amount) < maxCurrencies {
		if next.Amount == nil {
			next.Amount = map[string]float64{}
		}
		next.Amount[p.Currency] += p.Amount
	}
	return &next
}
