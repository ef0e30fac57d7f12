package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
)

// shortLeases is a storage whose first block's lease ends at once, for the database: the node, which asked for a minute,
// learns of it as one does that was stopped in its tracks.
type shortLeases struct {
	*postgres.Store
	blocks []engine.Block
}

func (s *shortLeases) TakeBlock(ctx context.Context, brandID, offer uuid.UUID, total int64, node uuid.UUID, lease time.Duration, want int64) (engine.Block, error) {
	if len(s.blocks) == 0 {
		lease = time.Microsecond
	}
	b, err := s.Store.TakeBlock(ctx, brandID, offer, total, node, lease, want)
	s.blocks = append(s.blocks, b)
	return b, err
}

// What a node issues from a block whose lease has ended for the database is not written; it goes on from another block.
func TestNothingIsIssuedFromALostBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, func(c *campaign.Campaign) { c.Offer.Stock = 80 }))
	s := &shortLeases{Store: w.store}
	e := w.node(func(c *engine.Config) { c.Storage = s })
	p := w.phone(e)
	require.Equal(t, []string{string(campaign.Won)}, reasons(p.tell(e, storePlace(0)).Decisions))
	require.Len(t, s.blocks, 2)
	require.Zero(t, w.count(`SELECT count(*) FROM coupon WHERE block_id = $1`, s.blocks[0].ID))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM coupon WHERE block_id = $1`, s.blocks[1].ID))
}
