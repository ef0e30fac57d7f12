package engine_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// The same events are told over and over, in any order and choice, to two nodes at once: each does what it does once.
func TestEventsToldByManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.run(latte(false, on(campaign.Viewed, campaign.Bought)))
	w.run(latte(false, remindAfter(time.Hour, campaign.BasketAdded)))
	nodes := []*engine.Engine{w.node(), w.node()}
	p := w.shopper(nodes[0])
	random := seeded(t)
	var all []engine.AppEvent
	kinds := []campaign.Kind{campaign.Viewed, campaign.Bought, campaign.BasketAdded}
	counts := map[campaign.Kind]int{}
	for i := range 24 {
		kind := kinds[random.IntN(len(kinds))]
		counts[kind]++
		all = append(all, event(kind, noon.Add(-time.Duration(random.IntN(60))*time.Second), ofItem(fmt.Sprint("i", i)), func(ev *engine.AppEvent) { ev.Amount, ev.Currency = 1, "KRW" }))
	}
	var told sync.WaitGroup
	for i := range 8 {
		told.Add(1)
		shuffled := append([]engine.AppEvent(nil), all...)
		rand.New(rand.NewPCG(random.Uint64(), 1)).Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
		go func() {
			defer told.Done()
			for len(shuffled) > 0 {
				n := min(5, len(shuffled))
				answers, err := nodes[i%2].RecordEvents(w.ctx, w.brand.ID, []engine.EventReport{p.eventReport(shuffled[:n]...)})
				if err != nil || answers[0].Err != nil {
					t.Errorf("%v %v", err, answers)
					return
				}
				shuffled = shuffled[n:]
			}
		}()
	}
	told.Wait()
	require.Equal(t, counts[campaign.Bought], w.count(`SELECT count(*) FROM purchase`))
	row, err := nodes[0].ProfileOf(w.ctx, w.brand.ID, p.who.PersonID)
	require.NoError(t, err)
	if counts[campaign.Bought] > 0 {
		require.Equal(t, counts[campaign.Bought], row.Profile.Purchases.Count)
	}
	require.Equal(t, counts[campaign.Viewed]+counts[campaign.Bought], w.count(`SELECT count(DISTINCT moment_id) FROM trace WHERE kind IN ('viewed', 'bought')`))
	require.Equal(t, counts[campaign.Viewed]+counts[campaign.Bought], w.count(`SELECT count(*) FROM trace WHERE kind IN ('viewed', 'bought')`), "no moment twice")
	require.Equal(t, counts[campaign.BasketAdded], w.count(`SELECT count(*) FROM trace WHERE reason = 'REMINDER_SET'`))
}
