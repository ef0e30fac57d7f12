package engine_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// atOnce lets every phone tell one place at the same time, spread over nodes in a random order.
func (w *world) atOnce(nodes []*engine.Engine, phones []*phone, place func(i int) engine.Ping) []engine.Answer {
	w.t.Helper()
	order := seeded(w.t).Perm(len(phones))
	answers := make([]engine.Answer, len(phones))
	var all sync.WaitGroup
	start := make(chan struct{})
	for at, i := range order {
		e, p := nodes[at%len(nodes)], phones[i]
		r := p.report()
		r.Pings = []engine.Ping{place(i)}
		all.Go(func() {
			<-start
			got, err := e.Handle(w.ctx, w.brand.ID, []engine.Report{r})
			if err != nil {
				got = []engine.Answer{{Err: err}}
			}
			answers[i] = got[0]
		})
	}
	close(start)
	all.Wait()
	return answers
}

func tally(answers []engine.Answer) map[string]int {
	by := map[string]int{}
	for _, a := range answers {
		if a.Err != nil {
			by[a.Err.Error()]++
		}
		for _, d := range a.Decisions {
			by[d.Reason]++
		}
	}
	return by
}

// 200 devices of one person, each entering another store, through two nodes: the cap of two a day is exact.
func TestCapIsExactAcrossNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, func(s *brand.Settings) {
		s.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 2, Window: cap.Window{Calendar: cap.Day}}}
	})
	w.open(200, 60, nil)
	w.run(latte(false, nil))
	nodes := []*engine.Engine{w.node(), w.node()}
	first := w.phone(nodes[0])
	phones := append([]*phone{first}, first.more(199)...)
	answers := w.atOnce(nodes, phones, func(i int) engine.Ping { return ping(storePlace(i), noon) })
	require.Equal(t, map[string]int{string(campaign.Won): 2, string(campaign.CapReached): 198}, tally(answers))
	require.Equal(t, 2, w.count(`SELECT count(DISTINCT notification_id) FROM delivery`))
	require.Equal(t, 198, w.count(`SELECT count(*) FROM trace WHERE reason = 'CAP_REACHED' AND detail ->> 'limit' = '2'`))
	require.Equal(t, 200, w.count(`SELECT count(*) FROM place WHERE kind = 'entered'`))
	require.Equal(t, 200, w.count(`SELECT count(*) FROM open_visit`))
	w.pass(24 * time.Hour)
	require.Equal(t, []string{string(campaign.Won)}, reasons(first.tell(nodes[1], storePlace(1)).Decisions), "another day")
}

func TestStockIsExactAcrossNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, func(c *campaign.Campaign) { c.Offer.Stock = 10 }))
	nodes := []*engine.Engine{w.node(), w.node()}
	phones := w.phones(nodes[0], 100)
	answers := w.atOnce(nodes, phones, func(int) engine.Ping { return ping(storePlace(0), noon) })
	require.Equal(t, map[string]int{string(campaign.Won): 10, string(campaign.StockGone): 90}, tally(answers))
	require.Equal(t, 10, w.count(`SELECT count(DISTINCT code) FROM coupon`))
}

func TestPerPersonLimitAndGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, func(s *brand.Settings) { s.MinGap = 10 * time.Minute })
	w.open(60, 60, nil)
	w.run(latte(true, func(c *campaign.Campaign) { c.Offer.PerPerson = 2 }))
	nodes := []*engine.Engine{w.node(), w.node()}
	first := w.phone(nodes[0])
	phones := append([]*phone{first}, first.more(19)...)
	for round, want := range []map[string]int{
		{string(campaign.Won): 1, string(campaign.MinimumGap): 19},
		{string(campaign.Won): 1, string(campaign.MinimumGap): 19},
		{string(campaign.PersonLimit): 20},
	} {
		answers := w.atOnce(nodes, phones, func(i int) engine.Ping { return ping(storePlace(20*round+i), w.clock.Now()) })
		require.Equal(t, want, tally(answers), "round %d", round)
		w.pass(10 * time.Minute)
	}
	require.Equal(t, 2, w.count(`SELECT count(*) FROM coupon`))
}

// The pings of several devices of one person that come in one call are decided in the order in which they came.
func TestOneCallManyDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, func(s *brand.Settings) { s.MinGap = 10 * time.Minute })
	w.open(3, 60, nil)
	w.run(latte(false, nil))
	e := w.node()
	first := w.phone(e)
	phones := append([]*phone{first}, first.more(2)...)
	var reports []engine.Report
	for i, p := range phones {
		reports = append(reports, p.report(storePlace(i)))
	}
	answers, err := e.Handle(w.ctx, w.brand.ID, reports)
	require.NoError(t, err)
	require.Equal(t, []string{string(campaign.Won)}, reasons(answers[0].Decisions))
	require.Equal(t, []string{string(campaign.MinimumGap)}, reasons(answers[1].Decisions))
	require.Equal(t, []string{string(campaign.MinimumGap)}, reasons(answers[2].Decisions))
	require.Equal(t, 2, w.count(`SELECT version::int FROM person WHERE person_id = $1`, first.who.PersonID), "one write")
}

// An offer's stock that a lost connection leaves in the dark is never issued twice.
func TestStockAfterLostConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, func(c *campaign.Campaign) { c.Offer.Stock = 10 }))
	seeds := seeded(t)
	var mu sync.Mutex
	f := &faulty{Store: w.store}
	f.after = func(op string) error {
		mu.Lock()
		defer mu.Unlock()
		if (op == "commit" || op == "committed") && seeds.IntN(3) == 0 {
			return errLost
		}
		return nil
	}
	e := w.node(with(f))
	phones := w.phones(e, 40)
	answers := w.atOnce([]*engine.Engine{e}, phones, func(int) engine.Ping { return ping(storePlace(0), noon) })
	failed := 0
	for _, a := range answers {
		if a.Err != nil {
			failed++
		}
	}
	coupons := w.count(`SELECT count(*) FROM coupon`)
	require.LessOrEqual(t, coupons, 10)
	require.LessOrEqual(t, tally(answers)[string(campaign.Won)], coupons)
	t.Logf("%d of 40 calls failed, %d coupons", failed, coupons)
}
