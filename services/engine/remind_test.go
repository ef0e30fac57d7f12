package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/item"
)

func remindAfter(d time.Duration, kinds ...campaign.Kind) func(*campaign.Campaign) {
	return both(on(kinds...), func(c *campaign.Campaign) { c.Trigger.Remind = &campaign.Remind{After: d} })
}

// remindedBy lets a node's timers act up to now and says what was decided.
func (w *world) remindedBy(e *engine.Engine) (words []string) {
	w.t.Helper()
	list, err := e.Advance(w.ctx, w.clock.Now())
	require.NoError(w.t, err)
	for _, l := range list {
		words = append(words, reasonsOf(l.Answer.Decisions)...)
	}
	return words
}

func TestReminder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.sell(item.Item{ExternalID: "latte"})
	w.run(latte(false, remindAfter(30*time.Minute, campaign.BasketAdded)))
	e := w.node()
	p := w.shopper(e)
	a := p.does(e, event(campaign.BasketAdded, noon, ofItem("latte")))
	require.Equal(t, []string{"REMINDER_SET"}, reasonsOf(a.Decisions))
	require.Equal(t, noon.Add(30*time.Minute).Format(time.RFC3339), a.Decisions[0].Values["due"])
	w.pass(30*time.Minute - time.Second)
	require.Empty(t, w.remindedBy(e))
	w.pass(time.Second)
	require.Equal(t, []string{"WON"}, w.remindedBy(e))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery WHERE notification->>'rank' = '1' AND notification->>'body' LIKE 'latte%'`))
	w.pass(time.Hour)
	require.Empty(t, w.remindedBy(e), "once")
}

// A reminder is the row's: whichever node is there makes it.
func TestReminderSurvivesItsNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.run(latte(false, remindAfter(time.Hour, campaign.Viewed)))
	e := w.node()
	p := w.shopper(e)
	p.does(e, event(campaign.Viewed, noon, ofItem("x")))
	other := w.node()
	w.pass(time.Hour + 11*time.Second)
	require.NoError(t, other.Sweep(w.ctx, 10*time.Second))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM trace WHERE reason = 'WON'`))
	require.NoError(t, other.Sweep(w.ctx, 10*time.Second))
	require.Empty(t, w.remindedBy(e), "the node that set it finds it made")
	require.Equal(t, 1, w.count(`SELECT count(*) FROM trace WHERE reason = 'WON'`))
}

func TestWhatStopsAReminder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.sell(item.Item{ExternalID: "latte", Keywords: []string{"커피"}}, item.Item{ExternalID: "bun", Keywords: []string{"빵"}})
	c := latte(false, remindAfter(10*time.Minute, campaign.Viewed, campaign.Searched))
	w.run(c)
	kept := w.run(latte(false, both(remindAfter(10*time.Minute, campaign.Viewed), func(c *campaign.Campaign) {
		c.Trigger.Items, c.Trigger.Remind.Keep = []string{"kept"}, true
	})))
	e := w.node()
	for name, s := range map[string]struct {
		did, then engine.AppEvent
		stops     string
		want      []string
	}{
		"bought":                     {event(campaign.Viewed, noon, ofItem("latte")), event(campaign.Bought, noon, ofLines("bun", "latte")), "bought", nil},
		"bought something else":      {event(campaign.Viewed, noon, ofItem("latte")), event(campaign.Bought, noon, ofLines("bun")), "", []string{"WON"}},
		"bought nobody knows what":   {event(campaign.Viewed, noon, ofItem("latte")), event(campaign.Bought, noon), "bought", nil},
		"removed":                    {event(campaign.Viewed, noon, ofItem("latte")), event(campaign.BasketRemoved, noon, ofItem("latte")), "removed", nil},
		"searched, bought that":      {event(campaign.Searched, noon, ofKeyword("커피")), event(campaign.Bought, noon, ofLines("latte")), "bought", nil},
		"searched, bought another":   {event(campaign.Searched, noon, ofKeyword("커피")), event(campaign.Bought, noon, ofLines("bun")), "", []string{"WON"}},
		"bought late, and told late": {event(campaign.Viewed, noon, ofItem("latte")), event(campaign.Bought, noon.Add(-time.Hour), ofLines("latte")), "bought", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w.at(noon)
			p := w.shopper(e)
			p.does(e, s.did)
			a := p.does(e, s.then)
			if s.stops != "" {
				require.Equal(t, []string{"REMINDER_DROPPED " + s.stops}, reasonsOf(a.Decisions))
			}
			w.pass(10 * time.Minute)
			require.Equal(t, s.want, w.remindedBy(e))
		})
	}
	w.at(noon)
	p := w.shopper(e)
	p.does(e, event(campaign.Viewed, noon, ofItem("kept")), event(campaign.Bought, noon, ofLines("kept")))
	w.pass(10 * time.Minute)
	require.Equal(t, []string{"WON"}, w.remindedBy(e), "it is kept whatever is bought: %s", kept.ID)
}

func TestRemindersAtTheirTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.sell(item.Item{ExternalID: "latte"})
	c := latte(false, remindAfter(10*time.Minute, campaign.Viewed))
	w.run(c)
	e := w.node()
	look := func() *phone {
		w.at(noon)
		p := w.shopper(e)
		p.does(e, event(campaign.Viewed, noon, ofItem("latte")))
		w.pass(10 * time.Minute)
		return p
	}
	p := look()
	w.at(noon)
	p.agree(e, false, audience.AdPush)
	w.pass(10 * time.Minute)
	require.Equal(t, []string{"AD_NOT_CONSENTED"}, w.remindedBy(e), "what was agreed to is asked then")

	look()
	c.State = campaign.Paused
	w.writeOn(e, engine.CatalogueWrite{Campaigns: []campaign.Campaign{c}})
	require.Equal(t, []string{"CAMPAIGN_NOT_LIVE"}, w.remindedBy(e))
	c.State = campaign.Live
	w.writeOn(e, engine.CatalogueWrite{Campaigns: []campaign.Campaign{c}})

	look()
	w.pass(7 * time.Hour)
	require.Equal(t, []string{"NOT_FRESH deadline"}, w.remindedBy(e), "nobody was there to make it")

	look()
	gone := e.Items(w.brand.ID)[0]
	deleted := *gone
	deleted.DeletedAt = noon
	w.writeOn(e, engine.CatalogueWrite{Items: []item.Item{deleted, {ID: uuid.New(), ExternalID: "other", Names: map[string]string{"ko": "x"}}}})
	require.Empty(t, w.remindedBy(e))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM trace WHERE reason = 'REMINDER_DROPPED'`))
}

func TestQuietHoursMoveAReminder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.run(latte(false, remindAfter(9*time.Hour, campaign.Viewed)))
	e := w.node()
	p := w.shopper(e)
	p.does(e, event(campaign.Viewed, noon, ofItem("x")))
	w.pass(9 * time.Hour) // 21:00 in Seoul
	require.Equal(t, []string{"QUIET_HOURS"}, w.remindedBy(e))
	w.pass(11 * time.Hour) // 08:00
	require.Empty(t, w.remindedBy(e))
	w.pass(2 * time.Minute) // the margin of a minute is over
	require.Equal(t, []string{"WON"}, w.remindedBy(e))
}

func TestRemindersAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.run(latte(false, remindAfter(time.Hour, campaign.Viewed)))
	e := w.node()
	p := w.shopper(e)
	var events []engine.AppEvent
	for i := range 40 {
		events = append(events, event(campaign.Viewed, noon.Add(time.Duration(i-60)*time.Second), ofItem(fmt.Sprintf("i%d", i))))
	}
	p.does(e, events...)
	require.Equal(t, 8, w.count(`SELECT count(*) FROM trace WHERE reason = 'REMINDER_DROPPED' AND detail->>'why' = 'full'`))
	p.does(e, event(campaign.Viewed, noon, ofItem("i39")))
	require.Equal(t, 8, w.count(`SELECT count(*) FROM trace WHERE reason = 'REMINDER_DROPPED'`), "the same again begins anew")
	w.at(noon.Add(time.Hour - 20*time.Second))
	require.Len(t, w.remindedBy(e), 31)
	w.at(noon.Add(time.Hour))
	require.Len(t, w.remindedBy(e), 1)
}

// Who logs in takes along what waits.
func TestReminderFollowsALogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.run(latte(false, remindAfter(time.Hour, campaign.Viewed)))
	e := w.node()
	member := w.shopper(e)
	_, _, _, _, err := e.Identify(w.ctx, w.brand.ID, member.id, w.says("m-1"))
	require.NoError(t, err)
	p := w.shopper(e)
	p.does(e, event(campaign.Viewed, noon, ofItem("x")))
	who, _, _, _, err := e.Identify(w.ctx, w.brand.ID, p.id, w.says("m-1"))
	require.NoError(t, err)
	require.Equal(t, member.who.PersonID, who)
	w.pass(time.Hour)
	require.Equal(t, []string{"WON"}, w.remindedBy(e))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery WHERE person_id = $1`, who))
}

func TestNthVisit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(2, 60, nil)
	for i := range w.fences {
		w.fences[i].Purpose = "visit"
	}
	w.write(engine.CatalogueWrite{Fences: w.fences})
	w.run(latte(false, func(c *campaign.Campaign) {
		c.Trigger = campaign.Trigger{Kinds: []campaign.Kind{campaign.Entered}, Purposes: c.Trigger.Purposes[:1], Nth: &campaign.Nth{Visit: 2, Every: true, Within: 30}}
	}))
	e := w.node()
	p := w.phone(e)
	day := 0
	visit := func(i int) []string {
		day++
		w.at(noon.AddDate(0, 0, day))
		a := p.tell(e, storePlace(i))
		w.pass(10 * time.Minute)
		p.tell(e, nowhere)
		return reasonsOf(a.Decisions)
	}
	require.Equal(t, []string{"VISIT_HISTORY_NOT_CONSENTED"}, visit(0))
	p.agree(e, true, audience.LocRetain)
	require.Equal(t, []string{"NOT_NTH_VISIT"}, visit(0), "what came before the consent was not kept")
	require.Equal(t, []string{"WON"}, visit(0))
	require.Equal(t, []string{"NOT_NTH_VISIT"}, visit(1), "of each store by itself")
	day += 40
	require.Equal(t, []string{"NOT_NTH_VISIT"}, visit(0), "the first in 30 days")

	kept := func() bool { return slices.Contains(w.tablesWith(idTexts(w.stores[1].ID)[1]), "person") } // no ledger names that store
	require.True(t, kept())
	p.agree(e, false, audience.LocRetain)
	require.False(t, kept(), "withdrawing deletes what was kept")
	w.pass(time.Minute) // of two words of one instant the denial counts
	p.agree(e, true, audience.LocRetain)
	require.Equal(t, []string{"NOT_NTH_VISIT"}, visit(1))
	require.True(t, kept())
	p.agree(e, false, audience.LocUse)
	require.False(t, kept(), "as does the end of all use of location")
	w.pass(time.Minute)
	p.agree(e, true, audience.LocUse, audience.LocRetain)
	require.Equal(t, []string{"NOT_NTH_VISIT"}, visit(1))
	require.True(t, kept())
	w.at(noon.AddDate(0, 0, day+365).Add(time.Hour))
	w.remindedBy(e)
	require.False(t, kept(), "a year is all, whether the person is heard of or not")
}

// Visits go along with a login only where both had agreed to their being kept.
func TestVisitsFollowALogin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to bool
		want     string
	}{{true, true, "WON"}, {false, true, "NOT_NTH_VISIT"}, {true, false, "VISIT_HISTORY_NOT_CONSENTED"}} {
		t.Run(fmt.Sprint(c.from, c.to), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, presence.Exact, nil)
			w.open(1, 60, nil)
			w.fences[0].Purpose = "visit"
			w.write(engine.CatalogueWrite{Fences: w.fences})
			w.run(latte(false, func(c *campaign.Campaign) {
				c.Trigger = campaign.Trigger{Kinds: []campaign.Kind{campaign.Entered}, Purposes: c.Trigger.Purposes[:1], Nth: &campaign.Nth{Visit: 2}}
			}))
			e := w.node()
			list := w.phones(e, 2)
			member, p := list[0], list[1]
			member.agree(e, c.to, audience.LocRetain)
			p.agree(e, c.from, audience.LocRetain)
			_, _, _, _, err := e.Identify(w.ctx, w.brand.ID, member.id, w.says("m-1"))
			require.NoError(t, err)
			p.tell(e, storePlace(0))
			p.tell(e, nowhere)
			_, _, _, _, err = e.Identify(w.ctx, w.brand.ID, p.id, w.says("m-1"))
			require.NoError(t, err)
			p.token = nil
			w.pass(time.Hour)
			require.Equal(t, []string{c.want}, reasonsOf(p.tell(e, storePlace(0)).Decisions))
		})
	}
}
