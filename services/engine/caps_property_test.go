package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// moody is a provider that refuses a share of what it is given for good, and notes what it took.
type moody struct {
	mu      sync.Mutex
	random  *rand.Rand
	refuses float64
	told    chan uuid.UUID
	took    map[uuid.UUID]int // notification -> times
	refused int
}

func (m *moody) For(uuid.UUID, pusher.Provider) pusher.Sender { return m }

func (m *moody) Send(_ context.Context, _ pusher.Address, d *pusher.Delivery) pusher.Result {
	m.mu.Lock()
	r := pusher.Result{Outcome: pusher.OutcomeAccepted, ProviderID: "x"}
	if m.random.Float64() < m.refuses {
		r = pusher.Result{Outcome: pusher.OutcomeRejected, Code: "INTERNAL"}
		m.refused++
	} else {
		m.took[d.Notification.ID]++
	}
	m.mu.Unlock()
	m.told <- d.Notification.ID
	return r
}

// plan is what a notification counts as: by whom, for what, when.
type plan struct {
	person uuid.UUID
	cap.Entry
}

// capWorld is some people with ten phones each, and campaigns that compete for them.
type capWorld struct {
	*world
	random    *rand.Rand
	provider  *moody
	phones    []*phone
	campaigns map[uuid.UUID]campaign.Campaign
	plans     map[uuid.UUID]plan
	triggers  int
}

func (w *capWorld) someCaps(most int) (list []cap.Cap) {
	for range w.random.IntN(most + 1) {
		c := cap.Cap{Scope: cap.Scope(1 + w.random.IntN(5)), Limit: 1 + w.random.IntN(3)}
		switch w.random.IntN(3) {
		case 0:
			c.Window.Calendar = cap.Day
		default:
			c.Window.Rolling = time.Duration(1+w.random.IntN(12)) * 30 * time.Minute
		}
		list = append(list, c)
	}
	return list
}

func (w *capWorld) someCampaign() campaign.Campaign {
	return latte(w.random.IntN(2) == 0, func(c *campaign.Campaign) {
		c.Caps, c.Priority = w.someCaps(2), w.random.IntN(3)
		for _, tag := range []string{"coffee", "cake"} {
			if w.random.IntN(2) == 0 {
				c.Tags = append(c.Tags, tag)
			}
		}
		for _, s := range w.stores {
			if w.random.IntN(3) == 0 {
				c.Trigger.Stores = append(c.Trigger.Stores, s.ID)
			}
		}
		if w.random.IntN(4) == 0 {
			c.Cooldown = time.Hour
		}
	})
}

// wave lets every phone walk into a store at once, over three new nodes, and waits until the provider has heard of all that
// came of it and the nodes have written down what it said.
func (w *capWorld) wave() {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.ctx)
	defer stop()
	var nodes []*engine.Engine
	var running sync.WaitGroup
	for range 3 {
		e := w.node(func(c *engine.Config) { c.Senders, c.Pace = w.provider, pusher.Pace{Project: -1} })
		running.Go(func() { _ = e.Run(ctx) })
		nodes = append(nodes, e)
	}
	places := make([]int, len(w.phones))
	for i := range places {
		places[i] = w.random.IntN(len(w.stores))
	}
	now := w.clock.Now()
	answers := w.atOnce(nodes, w.phones, func(i int) engine.Ping { return ping(storePlace(places[i]), now) })
	w.triggers += len(answers)
	waiting := map[uuid.UUID]bool{}
	for i, a := range answers {
		require.NoError(w.t, a.Err)
		for _, d := range a.Decisions {
			if d.Reason == string(campaign.Won) {
				waiting[d.NotificationID] = true
				w.plans[d.NotificationID] = w.planned(w.phones[i], d, places[i])
			}
		}
	}
	for len(waiting) > 0 {
		delete(waiting, <-w.provider.told)
	}
	stop()
	running.Wait()
	w.home(nodes[0])
}

func (w *capWorld) planned(p *phone, d engine.DecisionAnswer, place int) plan {
	c := w.campaigns[d.CampaignID]
	return plan{p.who.PersonID, cap.Entry{
		NotificationID: d.NotificationID, At: time.UnixMilli(d.At), Campaign: c.ID, Store: w.stores[place].ID, Channel: campaign.ChannelPush, Tags: c.Tags,
	}}
}

// home takes everybody out of the stores again.
func (w *capWorld) home(e *engine.Engine) {
	w.t.Helper()
	w.pass(time.Minute)
	reports := make([]engine.Report, len(w.phones))
	for i, p := range w.phones {
		reports[i] = p.report(nowhere)
	}
	answers, err := e.Handle(w.ctx, w.brand.ID, reports)
	require.NoError(w.t, err)
	for _, a := range answers {
		require.NoError(w.t, a.Err)
	}
}

// Random campaigns with random caps, a thousand phones that walk in at once over three nodes, a provider that fails at
// random: what the provider took keeps every cap, and each notification reached it once.
func TestNoCapIsExceededAtTheProvider(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	w := &capWorld{random: random, campaigns: map[uuid.UUID]campaign.Campaign{}, plans: map[uuid.UUID]plan{}}
	w.provider = &moody{random: rand.New(rand.NewPCG(random.Uint64(), 1)), refuses: 0.4, told: make(chan uuid.UUID, 10_000), took: map[uuid.UUID]int{}}
	w.world = newWorld(t, presence.Exact, func(s *brand.Settings) {
		s.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 5, Window: cap.Window{Calendar: cap.Day}}}
		s.MinGap = time.Duration(random.IntN(2)) * 10 * time.Minute
	})
	w.brand.Settings.Caps = append(w.brand.Settings.Caps, w.someCaps(2)...)
	w.write(engine.CatalogueWrite{Brand: &w.brand})
	w.open(10, 60, nil)
	for range 12 {
		c := w.run(w.someCampaign())
		w.campaigns[c.ID] = c
	}
	setUp := w.node()
	for _, p := range w.world.phones(setUp, 100) {
		w.phones = append(append(w.phones, p), p.more(9)...)
	}
	for range large(2, 20) {
		w.wave()
		w.pass(time.Duration(random.IntN(240)) * time.Minute)
	}
	w.keepsCaps()
	t.Logf("%d triggers, %d campaigns, %d notifications planned, %d taken, %d refused by the provider", w.triggers, len(w.campaigns), len(w.plans), len(w.provider.took), w.provider.refused)
	require.Equal(t, len(w.plans), len(w.provider.took)+w.provider.refused)
}

// keepsCaps counts what the provider took, window by window, the slow way.
func (w *capWorld) keepsCaps() {
	w.t.Helper()
	seoul, err := time.LoadLocation("Asia/Seoul")
	require.NoError(w.t, err)
	groups := map[string][]time.Time{}
	limits := map[string]cap.Cap{}
	for id, times := range w.provider.took {
		p := w.plans[id]
		require.Equal(w.t, 1, times, "each notification once")
		note := func(of string, caps []cap.Cap) {
			for i, c := range caps {
				for _, key := range keysOf(c.Scope, &p.Entry) {
					group := fmt.Sprint(of, i, " ", c.Scope, " ", key, " of ", p.person)
					groups[group], limits[group] = append(groups[group], p.At), c
				}
			}
		}
		note("brand's ", w.brand.Settings.Caps)
		note("campaign's "+p.Campaign.String(), w.campaigns[p.Campaign].Caps)
	}
	for group, times := range groups {
		c := limits[group]
		for _, end := range times {
			n := 0
			for _, at := range times {
				sameDay := at.In(seoul).Format(time.DateOnly) == end.In(seoul).Format(time.DateOnly)
				within := at.After(end.Add(-c.Window.Rolling)) && !at.After(end)
				if c.Window.Calendar == cap.Day && sameDay || c.Window.Rolling > 0 && within {
					n++
				}
			}
			require.LessOrEqual(w.t, n, c.Limit, "%s", group)
		}
	}
}

// keysOf are what a notification counts as under a scope.
func keysOf(s cap.Scope, e *cap.Entry) []string {
	switch s {
	case cap.Channel:
		return []string{e.Channel}
	case cap.Tag:
		return e.Tags
	case cap.Store:
		return []string{e.Store.String()}
	case cap.Campaign:
		return []string{e.Campaign.String()}
	}
	return []string{""}
}

// One a day, and a provider that takes nothing: each wave tries at least one notification a person, for the room of the last
// one was given back. Once it takes them, each person gets exactly one, and no more that day.
func TestRoomOfFailedNotificationsIsUsedAgain(t *testing.T) {
	t.Parallel()
	const people = 20
	w := &capWorld{random: seeded(t), campaigns: map[uuid.UUID]campaign.Campaign{}, plans: map[uuid.UUID]plan{}}
	w.provider = &moody{random: rand.New(rand.NewPCG(1, 1)), refuses: 1, told: make(chan uuid.UUID, 1000), took: map[uuid.UUID]int{}}
	w.world = newWorld(t, presence.Exact, func(s *brand.Settings) {
		s.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 1, Window: cap.Window{Calendar: cap.Day}}}
	})
	w.open(5, 60, nil)
	c := w.run(latte(false, nil))
	w.campaigns[c.ID] = c
	for _, p := range w.world.phones(w.node(), people) {
		w.phones = append(append(w.phones, p), p.more(4)...)
	}
	for range 2 {
		before := w.provider.refused
		w.wave()
		require.GreaterOrEqual(t, w.provider.refused-before, people, "somebody's room was not given back")
		w.pass(time.Minute)
	}
	w.provider.refuses = 0
	for range 2 {
		w.wave()
		require.Len(t, w.provider.took, people)
		w.pass(time.Minute)
	}
	w.keepsCaps()
}
