package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// Two nodes draw until the pool is empty, issue only a part of each block and let it go; after reclaiming they go on.
// In the end exactly the stock is issued.
func TestStockIsNeverOversold(t *testing.T) {
	const total = 300
	url := postgrestest.URL(t)
	nodes := []*postgres.Store{postgrestest.Open(t, url, postgres.Options{}), postgrestest.Open(t, url, postgres.Options{})}
	b, offer := newBrand(t, nodes[0]), uuid.New()
	keys, _ := newPeople(t, nodes[0], b, len(nodes)*2)
	versions := make([]int64, len(keys))
	rng := seeded(t)
	for round := 0; ; round++ {
		require.Less(t, round, 200)
		part := rng.Int64N(4)
		errs := make([]error, len(keys))
		empty := make([]bool, len(keys))
		var wg sync.WaitGroup
		for g := range keys {
			wg.Go(func() {
				s, node := nodes[g%2], uuid.New()
				for {
					block, err := s.TakeBlock(t.Context(), b, offer, total, node, time.Microsecond, 50)
					if err != nil || block.Size == 0 {
						errs[g], empty[g] = err, true
						return
					}
					versions[g]++
					w := engine.PersonWrite{Key: keys[g], Version: versions[g], WriteID: uuid.New(), State: []byte{1}}
					for range max(1, block.Size*part/4) {
						c := campaign.Coupon{ID: uuid.New(), OfferID: offer, Block: block.ID, Code: uuid.NewString(), IssuedAt: noon}
						w.Coupons = append(w.Coupons, engine.CouponWrite{Coupon: c})
					}
					if done, err := s.Commit(t.Context(), []engine.PersonWrite{w}); err != nil || !done[0] {
						errs[g] = err
						return
					}
				}
			})
		}
		wg.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		for {
			n, err := nodes[0].Reclaim(t.Context(), 0)
			require.NoError(t, err)
			if n == 0 {
				break
			}
		}
		issued := countRows(t, nodes[0], "coupon")
		require.LessOrEqual(t, issued, total)
		if issued == total {
			break
		}
	}
	block, err := nodes[0].TakeBlock(t.Context(), b, offer, total, uuid.New(), time.Minute, 1)
	require.NoError(t, err)
	require.Zero(t, block.Size)
	block, err = nodes[0].TakeBlock(t.Context(), b, offer, total+1, uuid.New(), time.Minute, 5)
	require.NoError(t, err)
	require.EqualValues(t, 1, block.Size, "a raised total fills the pool")
	block, err = nodes[0].TakeBlock(t.Context(), b, offer, total-50, uuid.New(), time.Minute, 5)
	require.NoError(t, err)
	require.Zero(t, block.Size, "a lowered one takes nothing back")
}

func TestRenewOnlyLiveBlocks(t *testing.T) {
	s := postgrestest.New(t)
	b, node := newBrand(t, s), uuid.New()
	kept, err := s.TakeBlock(t.Context(), b, uuid.New(), 1000, node, time.Hour, 10)
	require.NoError(t, err)
	lost, err := s.TakeBlock(t.Context(), b, uuid.New(), 1000, node, time.Microsecond, 10)
	require.NoError(t, err)
	n, err := s.Reclaim(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	renewed, err := s.Renew(t.Context(), node, time.Hour, []uuid.UUID{lost.ID, kept.ID})
	require.NoError(t, err)
	require.Len(t, renewed, 1)
	require.True(t, renewed[kept.ID].After(kept.LeaseUntil))
	renewed, err = s.Renew(t.Context(), uuid.New(), time.Hour, []uuid.UUID{kept.ID})
	require.NoError(t, err)
	require.Empty(t, renewed, "another node's")
}

// What an erased person was given is not given again.
func TestErasedCouponsStayIssued(t *testing.T) {
	s := postgrestest.New(t)
	b, offer := newBrand(t, s), uuid.New()
	keys, _ := newPeople(t, s, b, 1)
	block, err := s.TakeBlock(t.Context(), b, offer, 1, uuid.New(), time.Microsecond, 1)
	require.NoError(t, err)
	c := campaign.Coupon{ID: uuid.New(), OfferID: offer, Block: block.ID, Code: "A", IssuedAt: noon}
	require.Equal(t, []bool{true}, commit(t, s, engine.PersonWrite{Key: keys[0], Version: 1, WriteID: uuid.New(), State: []byte{1}, Status: engine.PersonErasing, Coupons: []engine.CouponWrite{{Coupon: c}}}))
	require.NoError(t, s.Erase(t.Context(), keys[0], uuid.New(), noon))
	_, err = s.Reclaim(t.Context(), 0)
	require.NoError(t, err)
	again, err := s.TakeBlock(t.Context(), b, offer, 1, uuid.New(), time.Minute, 1)
	require.NoError(t, err)
	require.Zero(t, again.Size)
}
