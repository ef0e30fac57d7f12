package campaign

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/store"
)

// alphabet is Crockford's base 32 (crockford.com/base32): no I, L, O or U.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const codeLength = 12

// NewCode is a coupon code of 60 random bits.
func NewCode() string {
	var b [codeLength]byte
	_, _ = rand.Read(b[:]) // never fails; the runtime ends the program first
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return string(b[:])
}

// ParseCode reads a code as people write it: in either case, with blanks and hyphens, O for 0, I and L for 1.
func ParseCode(written string) (string, error) {
	if len(written) > 4*codeLength {
		return "", fmt.Errorf("code: not %d letters and digits", codeLength)
	}
	code := make([]byte, 0, codeLength)
	for _, r := range strings.ToUpper(written) {
		switch r {
		case ' ', '-':
			continue
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		if r > 'Z' || strings.IndexByte(alphabet, byte(r)) < 0 {
			return "", fmt.Errorf("code: has a character that no code has")
		}
		code = append(code, byte(r))
	}
	if len(code) != codeLength {
		return "", fmt.Errorf("code: not %d letters and digits", codeLength)
	}
	return string(code), nil
}

// RedeemRefusal is why a coupon cannot be redeemed. It is an error, and comparable with errors.Is.
type RedeemRefusal string

// The refusals, in the order they are looked for.
const (
	ErrNotYours   RedeemRefusal = "COUPON_NOT_YOURS"
	ErrRedeemed   RedeemRefusal = "COUPON_REDEEMED"
	ErrExpired    RedeemRefusal = "COUPON_EXPIRED"
	ErrWrongStore RedeemRefusal = "COUPON_WRONG_STORE"
)

var refusalTexts = map[RedeemRefusal]string{
	ErrNotYours:   "the coupon belongs to somebody else",
	ErrRedeemed:   "the coupon was redeemed before",
	ErrExpired:    "the coupon has expired",
	ErrWrongStore: "the coupon is not valid in this store",
}

// Error is the refusal in words.
func (r RedeemRefusal) Error() string { return refusalTexts[r] }

// CheckOwner refuses with ErrNotYours a coupon of another brand or person. A till that redeems for its brand knows
// no person: it passes the coupon's own.
func CheckOwner(c *Coupon, brandID, personID uuid.UUID) error {
	if c.BrandID != brandID || c.PersonID != personID {
		return ErrNotYours
	}
	return nil
}

// CheckRedeem tells whether the coupon may be redeemed in the store at now: ErrRedeemed, ErrExpired (from ExpiresAt
// on) or ErrWrongStore. Whose coupon it is CheckOwner tells, and comes first.
func CheckRedeem(c *Coupon, storeID uuid.UUID, now time.Time) error {
	switch {
	case c.Redemption != nil:
		return ErrRedeemed
	case !now.Before(c.ExpiresAt):
		return ErrExpired
	case len(c.Stores) > 0 && !slices.Contains(c.Stores, storeID):
		return ErrWrongStore
	}
	return nil
}

// maxNamed is how many stores a coupon names itself; where a campaign has more, or names them by tag, its trigger is
// asked at the till.
const maxNamed = 64

// namedStores are the stores that a coupon of the campaign names: never the one where it was won.
func (c *Campaign) namedStores() []uuid.UUID {
	if c.Offer.AnyStore || len(c.Trigger.Tags) > 0 || c.Trigger.SearchesStores() || len(c.Trigger.Stores) > maxNamed {
		return nil
	}
	return slices.Clone(c.Trigger.Stores)
}

// ValidIn tells whether coupons of the campaign that name no stores are valid in a store: in every one of the brand's,
// or in those the trigger names by id or tag. Those that it chooses otherwise Index.ValidIn knows.
func (c *Campaign) ValidIn(s *store.Store) bool {
	t := &c.Trigger
	if c.Offer == nil || c.Offer.AnyStore || !t.choosesStores() {
		return true
	}
	return slices.Contains(t.Stores, s.ID) || slices.ContainsFunc(t.Tags, func(tag string) bool { return slices.Contains(s.Tags, tag) })
}

// ValidIn is Campaign.ValidIn of a campaign of the index, however it chooses its stores.
func (x *Index) ValidIn(c *Campaign, s *store.Store) bool { return c.ValidIn(s) || x.Chooses(c, s) }
