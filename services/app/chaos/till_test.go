package chaos

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// tills redeem coupons while things go wrong: each is shown at two tills at once, and one of them takes it.
type tills struct {
	mu       sync.Mutex
	shown    map[string]int // coupon -> how many tills took it
	unsettle int            // tills that were not answered in their time
}

// show shows a coupon of the phone that was not shown before, if there is one, at two tills.
func (h *phone) show() error {
	var list *v1.ListCouponsResponse
	err := h.insist(func(ctx context.Context, n *node) (err error) {
		list, err = v1.NewWalletServiceClient(n.conn).ListCoupons(h.context(ctx), &v1.ListCouponsRequest{})
		return err
	})
	if err != nil {
		return err
	}
	t := &h.f.tills
	for _, c := range list.GetCoupons() {
		t.mu.Lock()
		_, before := t.shown[c.GetId()]
		if !before {
			t.shown[c.GetId()] = 0
		}
		t.mu.Unlock()
		if before {
			continue
		}
		var both sync.WaitGroup
		for range 2 {
			random := rand.New(rand.NewPCG(h.random.Uint64(), 2))
			both.Go(func() { h.f.redeem(c.GetId(), c.GetCode(), random) })
		}
		both.Wait()
		return nil
	}
	return nil
}

// redeem is one till's call, repeated as the contract allows.
func (f *fleet) redeem(id, code string, random *rand.Rand) {
	r := &v1.RedeemCouponRequest{RequestId: newID(), Coupon: &v1.RedeemCouponRequest_Code{Code: code},
		Store: &v1.RedeemCouponRequest_StoreExternalId{StoreExternalId: storeName(0)}}
	until := time.Now().Add(pick(10*time.Second, patience))
	taken, late := false, false
	_, _ = f.insist(context.Background(), random.IntN(len(f.w.nodes)), random, func(ctx context.Context, n *node) error {
		_, err := v1.NewWalletServiceClient(n.conn).RedeemCoupon(f.w.owner(ctx), r)
		switch {
		case err == nil:
			taken = true
		case reasonOf(err) == "COUPON_REDEEMED":
			err = nil
		case time.Now().After(until) && mayRepeat(err): // nobody waits that long at a till
			late, err = true, nil
		}
		return err
	})
	f.tills.mu.Lock()
	defer f.tills.mu.Unlock()
	if taken {
		f.tills.shown[id]++
	}
	if late {
		f.tills.unsettle++
	}
}

// holds checks that every coupon that was shown was taken once.
func (t *tills) holds(test *testing.T, f *fleet, c *counts) {
	test.Helper()
	never := 0
	var ids []string
	for id, n := range t.shown {
		ids = append(ids, id)
		switch n {
		case 0:
			never++
		case 1:
			c.redeemed++
		default:
			c.twice++
		}
	}
	redeemed := f.w.database.number(`SELECT count(*) FROM coupon WHERE id = ANY ($1::text[]::uuid[]) AND redemption_id IS NOT NULL`, ids)
	require.LessOrEqual(test, never, t.unsettle+len(f.fatal.list()), "coupons that no till took")
	require.GreaterOrEqual(test, redeemed, c.redeemed, "redemptions that a till was told of and the database does not have")
	require.LessOrEqual(test, redeemed, c.redeemed+never)
}
