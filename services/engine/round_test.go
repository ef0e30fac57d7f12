package engine_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// Decisions about one moment get ids of one round, behind the one that won; those that won keep theirs.
func TestRounds(t *testing.T) {
	rnd := seeded(t)
	for range 200 {
		moments := make([]uuid.UUID, 1+rnd.IntN(4))
		for i := range moments {
			moments[i] = uuid.New()
		}
		decisions := make([]campaign.Decision, rnd.IntN(30))
		for i := range decisions {
			decisions[i] = campaign.Decision{ID: uuid.New(), MomentID: moments[rnd.IntN(len(moments))], CampaignID: uuid.New(), Reason: campaign.CapReached}
			if rnd.IntN(10) == 0 {
				decisions[i].Reason = campaign.Won
			}
		}
		before := append([]campaign.Decision(nil), decisions...)
		first, last, ids := map[uuid.UUID]*campaign.Decision{}, uuid.Nil, map[uuid.UUID]bool{}
		ordered := engine.Rounds(decisions)
		require.Len(t, ordered, len(decisions))
		for _, d := range ordered {
			require.False(t, ids[d.ID], "an id twice")
			ids[d.ID] = true
			head := first[d.MomentID]
			if head == nil {
				first[d.MomentID], head = d, d
			} else {
				require.Equal(t, last, d.MomentID, "moment by moment")
				require.False(t, d.Reason == campaign.Won && head.Reason != campaign.Won, "who won stands first")
			}
			last = d.MomentID
			_, together := engine.RoundOffset(head.ID, d.ID)
			require.Equal(t, d == head || d.Reason != campaign.Won, together)
		}
		for i := range decisions {
			require.Equal(t, before[i].CampaignID, decisions[i].CampaignID, "they stand where they stood")
			if before[i].Reason == campaign.Won {
				require.Equal(t, before[i].ID, decisions[i].ID)
			}
		}
	}
}

// The candidates of a moment are one row, whose id finds every one of them.
func TestRoundIDs(t *testing.T) {
	id := uuid.MustParse("0190b6a0-1111-7222-8333-44445555fffe")
	least, greatest := engine.RoundOf(id)
	for n := range 5 {
		other := engine.RoundID(id, n)
		offset, ok := engine.RoundOffset(id, other)
		require.True(t, ok)
		require.Equal(t, n, offset)
		require.True(t, least.String() <= other.String() && other.String() <= greatest.String())
		require.Equal(t, time.UnixMilli(0x0190b6a01111), time.Unix(other.Time().UnixTime()))
	}
	_, ok := engine.RoundOffset(id, uuid.New())
	require.False(t, ok)
}
