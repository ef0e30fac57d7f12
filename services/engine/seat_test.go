package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestSeatsAgainstAMap asks for devices of a few brands, which are added, moved to another person and removed, and never
// gets what was true before.
func TestSeatsAgainstAMap(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	const bound = 50
	s, err := newSeats(bound)
	require.NoError(t, err)
	keys := make([]deviceKey, 2*bound)
	for i := range keys { // the same device id in two brands: they meet in front
		keys[i] = deviceKey{uuid.New(), uuid.New()}
		if i%2 == 1 {
			keys[i].deviceID = keys[i-1].deviceID
		}
	}
	truth := map[deviceKey]*seat{}
	found := 0
	for range 20_000 {
		k := keys[random.IntN(len(keys))]
		switch random.IntN(10) {
		case 0:
			o := &seat{device: k, person: PersonKey{k.brandID, uuid.New()}}
			truth[k] = o
			s.add(o)
		case 1:
			delete(truth, k)
			s.remove(k)
		case 2:
			if o := truth[k]; o != nil && random.IntN(20) == 0 {
				s.removeOf(map[PersonKey]struct{}{o.person: {}})
				delete(truth, k)
			}
		default:
			if o := s.get(k); o != nil {
				require.Same(t, truth[k], o)
				found++
			}
		}
	}
	require.Greater(t, found, 2000)
	require.LessOrEqual(t, s.all.Len(), bound)
	s.clear()
	for _, k := range keys {
		require.Nil(t, s.get(k))
	}
}

// A copy that had to make room holds nothing any more, and is not taken for the person's copy.
func TestACopyThatMadeRoom(t *testing.T) {
	c, err := newCopies(2)
	require.NoError(t, err)
	first := PersonKey{PersonID: uuid.New()}
	p := c.get(first)
	p.loaded, p.hot = true, hot{devices: []*deviceState{{id: uuid.New()}}}
	for range 2 {
		c.get(PersonKey{PersonID: uuid.New()})
	}
	require.True(t, p.evicted.Load())
	require.False(t, p.loaded)
	require.Empty(t, p.hot.devices)
	require.NotSame(t, p, c.get(first))
}

// Ids that caused a write are known again, the latest of them, and no other is taken for one.
func TestRecentPings(t *testing.T) {
	var r recentPings
	ids := make([]uuid.UUID, 3*maxRecent)
	for i := range ids {
		ids[i] = uuid.New()
		before := r
		r.add(ids[i])
		require.False(t, before.has(&ids[i]), "a copy changed with the original")
	}
	for i := range ids {
		require.Equal(t, i >= len(ids)-maxRecent, r.has(&ids[i]), i)
	}
}
