package engine_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// A campaign's own fences start nothing but it, are nobody else's to see, and end with it.
func TestCampaignsFencesLiveAndDieWithIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(2, 60, nil)
	wide := w.run(latte(false, func(c *campaign.Campaign) {
		c.Trigger.Radius, c.Trigger.Purposes, c.Trigger.Stores = 500, nil, []uuid.UUID{w.stores[0].ID}
	}))
	usual := w.run(latte(false, nil))
	e := w.node()
	p := w.phone(e)

	a := p.tell(e, near(storePlace(0), 300))
	require.Equal(t, []string{"entered "}, kinds(a.Transitions))
	require.Equal(t, engine.CampaignFenceID(wide.ID, w.stores[0].ID), a.Transitions[0].FenceID)
	require.Len(t, a.Decisions, 1)
	require.Equal(t, wide.ID, a.Decisions[0].CampaignID)
	require.Equal(t, "WON", a.Decisions[0].Reason)
	require.Len(t, e.Fences(w.brand.ID), 2, "nobody's to list")

	w.pass(time.Minute)
	a = p.tell(e, near(storePlace(0), 20))
	require.Equal(t, []string{"entered f-0"}, kinds(a.Transitions))
	require.Len(t, a.Decisions, 1)
	require.Equal(t, usual.ID, a.Decisions[0].CampaignID)
	require.Empty(t, w.phone(e).tell(e, near(storePlace(1), 300)).Transitions, "it chose the other store")

	wide.Trigger.Radius = 600
	w.writeOn(e, engine.CatalogueWrite{Campaigns: []campaign.Campaign{wide}})
	require.Equal(t, 1, w.count(`SELECT count(*) FROM place WHERE kind = 'exited' AND reason = 'fence_changed'`))
	w.pass(time.Minute)
	p.tell(e, near(storePlace(0), 20))
	other := w.phone(e)
	require.Len(t, other.tell(e, near(storePlace(0), 550)).Transitions, 1)

	wide.State = campaign.Paused
	w.writeOn(e, engine.CatalogueWrite{Campaigns: []campaign.Campaign{wide}})
	require.Zero(t, w.count(`SELECT count(*) FROM place WHERE reason = 'fence_deleted'`), "it may go on")
	wide.State = campaign.Ended
	w.writeOn(e, engine.CatalogueWrite{Campaigns: []campaign.Campaign{wide}})
	require.Equal(t, 2, w.count(`SELECT count(*) FROM place WHERE kind = 'exited' AND reason = 'fence_deleted'`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM open_visit`), "that of the brand's own fence")
	require.Empty(t, w.phone(e).tell(e, near(storePlace(0), 300)).Transitions)
}

// Stores that are chosen by district, and people that are chosen by expression and segment, follow their changes.
func TestWhatCampaignsReferToFollowsItsChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, func(s *brand.Settings) {
		s.Attributes = []brand.Attribute{{Name: "points", Type: brand.TypeNumber}}
	})
	w.open(2, 60, nil)
	list := audience.Segment{ID: uuid.New(), ExternalID: "banned", Name: "Banned", List: uuid.New(), CreatedAt: noon, UpdatedAt: noon}
	w.write(engine.CatalogueWrite{Segments: []audience.Segment{list}})
	c := w.run(latte(true, func(c *campaign.Campaign) {
		c.Trigger.Districts = []string{"Jung-gu"}
		c.Audience, c.Excluded = `person.points > 10.0 && store.district == "Jung-gu"`, []uuid.UUID{list.ID}
	}))
	e := w.node()
	told := func(change func(*audience.Profile)) []string {
		p := w.phone(e)
		require.NoError(t, e.ChangeForTest(w.ctx, p.who, change))
		return reasons(p.tell(e, storePlace(0)).Decisions)
	}
	rich := func(p *audience.Profile) {
		p.Attributes = map[string]any{"points": 20.0}
		p.Consents[audience.MarketingProfile] = audience.Standing{Granted: true}
	}
	require.Empty(t, told(rich), "the store is in no district")
	w.stores[0].District = "Jung-gu"
	w.writeOn(e, engine.CatalogueWrite{Stores: w.stores[:1]})
	require.Equal(t, []string{"WON"}, told(rich))
	require.Equal(t, []string{"PROFILE_NOT_CONSENTED"}, told(func(*audience.Profile) {}))
	require.Equal(t, []string{"NOT_IN_AUDIENCE"}, told(func(p *audience.Profile) { rich(p); p.Attributes = nil }))
	require.Equal(t, []string{"EXCLUDED_SEGMENT"}, told(func(p *audience.Profile) { rich(p); p.Segments = []uuid.UUID{list.List} }))
	c.Audience, c.Excluded = `!person.staff`, nil
	w.writeOn(e, engine.CatalogueWrite{Campaigns: []campaign.Campaign{c}})
	require.Equal(t, []string{"WON"}, told(func(*audience.Profile) {}))
	w.stores[0].District = "Mapo-gu"
	w.writeOn(e, engine.CatalogueWrite{Stores: w.stores[:1]})
	require.Empty(t, told(func(*audience.Profile) {}))
}

// A digest gives each of its coupons, and its ledger counts one notification, of each campaign.
func TestDigestIsOneNotificationAndSeveralCoupons(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, func(s *brand.Settings) { s.Digest = true })
	w.open(3, 60, nil)
	for i := range w.stores {
		w.stores[i].Place = near(storePlace(0), float64(i))
		circle := *w.fences[i].Circle
		circle.Center_ = w.stores[i].Place
		w.fences[i].Circle = &circle
	}
	w.write(engine.CatalogueWrite{Stores: w.stores, Fences: w.fences})
	var campaigns []campaign.Campaign
	for i := range w.stores {
		campaigns = append(campaigns, latte(true, func(c *campaign.Campaign) {
			c.Trigger.Stores, c.Offer.Stock, c.Offer.PerPerson, c.Cooldown = []uuid.UUID{w.stores[i].ID}, 5, 1, time.Hour
		}))
	}
	w.write(engine.CatalogueWrite{Campaigns: campaigns})
	e := w.node()
	p := w.phone(e)
	a := p.tell(e, storePlace(0))
	require.Equal(t, []string{"WON", "WON", "WON"}, reasons(a.Decisions))
	require.Len(t, a.Deliveries, 1)
	require.Equal(t, "3", a.Deliveries[0].Notification.Data["wantgo_digest"])
	coupons, err := e.Coupons(w.ctx, w.brand.ID, p.id, true, 10)
	require.NoError(t, err)
	require.Len(t, coupons, 3)
	w.pass(time.Minute)
	p.tell(e, nowhere)
	w.pass(time.Minute)
	require.Equal(t, []string{"COOLDOWN", "COOLDOWN", "COOLDOWN"}, reasons(p.tell(e, storePlace(0)).Decisions))

	_, ok, _, _ := e.Recheck(w.ctx, &a.Deliveries[0], w.clock.Now())
	require.True(t, ok)
	campaigns[2].State = campaign.Paused
	w.writeOn(e, engine.CatalogueWrite{Campaigns: campaigns[2:]})
	_, ok, _, reason := e.Recheck(w.ctx, &a.Deliveries[0], w.clock.Now())
	require.False(t, ok)
	require.Equal(t, string(campaign.CampaignNotLive), reason)
}
