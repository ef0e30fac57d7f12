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
	"github.com/wantgo/wantgo/services/item"
)

// on is a campaign of AppEvents.
func on(kinds ...campaign.Kind) func(*campaign.Campaign) {
	return func(c *campaign.Campaign) {
		c.Trigger = campaign.Trigger{Kinds: kinds}
		c.Texts = map[string]campaign.Text{"ko": {Title: "오늘만", Body: "{item|상품} {keyword|-}"}}
		c.Offer = nil
	}
}

func both(changes ...func(*campaign.Campaign)) func(*campaign.Campaign) {
	return func(c *campaign.Campaign) {
		for _, change := range changes {
			change(c)
		}
	}
}

// sell gives the brand items.
func (w *world) sell(items ...item.Item) []item.Item {
	w.t.Helper()
	for i := range items {
		if items[i].ID == uuid.Nil {
			items[i].ID = uuid.New()
		}
		if items[i].Names == nil {
			items[i].Names = map[string]string{"ko": items[i].ExternalID}
		}
	}
	w.write(engine.CatalogueWrite{Items: items})
	return items
}

// agree records consents of a phone's person, one minute ago.
func (p *phone) agree(e *engine.Engine, granted bool, purposes ...audience.Purpose) {
	p.w.t.Helper()
	_, err := e.RecordConsents(p.w.ctx, p.w.brand.ID, p.id, submissions(p.w.clock.Now().Add(-time.Minute), granted, purposes...))
	require.NoError(p.w.t, err)
}

// shopper is a phone whose person lets what they do be used.
func (w *world) shopper(e *engine.Engine) *phone {
	w.t.Helper()
	p := w.phone(e)
	p.agree(e, true, audience.MarketingProfile)
	return p
}

func event(kind campaign.Kind, at time.Time, change ...func(*engine.AppEvent)) engine.AppEvent {
	ev := engine.AppEvent{Kind: kind, Event: campaign.Event{ID: uuid.New(), At: at}}
	for _, f := range change {
		f(&ev)
	}
	return ev
}

func ofItem(id string) func(*engine.AppEvent) { return func(ev *engine.AppEvent) { ev.ItemID = id } }

func ofKeyword(k string) func(*engine.AppEvent) { return func(ev *engine.AppEvent) { ev.Keyword = k } }

func ofLines(ids ...string) func(*engine.AppEvent) {
	return func(ev *engine.AppEvent) {
		for _, id := range ids {
			ev.Lines = append(ev.Lines, engine.EventLine{ItemID: id, Quantity: 1})
		}
	}
}

func (p *phone) eventReport(events ...engine.AppEvent) engine.EventReport {
	return engine.EventReport{Who: engine.PersonRef{DeviceID: p.id}, Events: events, Received: p.w.clock.Now()}
}

func (w *world) record(e *engine.Engine, reports ...engine.EventReport) []engine.EventsAnswer {
	w.t.Helper()
	answers, err := e.RecordEvents(w.ctx, w.brand.ID, reports)
	require.NoError(w.t, err)
	require.Len(w.t, answers, len(reports))
	return answers
}

// does tells what a phone's person did just now.
func (p *phone) does(e *engine.Engine, events ...engine.AppEvent) engine.EventsAnswer {
	p.w.t.Helper()
	a := p.w.record(e, p.eventReport(events...))[0]
	require.NoError(p.w.t, a.Err)
	return a
}

func eventVerdicts(a engine.EventsAnswer) (list []engine.EventVerdict) {
	for _, v := range a.Events {
		list = append(list, v.Verdict)
	}
	return list
}

// told are the decisions of an answer in words.
func reasonsOf(list []engine.DecisionAnswer) (words []string) {
	for _, d := range list {
		word := d.Reason
		if why := d.Values["why"]; why != "" {
			word += " " + why
		}
		words = append(words, word)
	}
	return words
}

func TestLingeringBringsTheCouponInTheCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.sell(item.Item{ExternalID: "latte", Category: "coffee"})
	w.run(latte(true, both(func(c *campaign.Campaign) { c.Texts["ko"] = campaign.Text{Title: "{item}", Body: "{coupon_code}"} }, func(c *campaign.Campaign) {
		c.Trigger = campaign.Trigger{Kinds: []campaign.Kind{campaign.Lingered}, Linger: time.Minute, Items: []string{"latte"}}
		c.Texts = map[string]campaign.Text{"ko": {Title: "{item}", Body: "{coupon_code}"}}
	})))
	e := w.node()
	p := w.shopper(e)
	linger := event(campaign.Lingered, noon, ofItem("latte"), func(ev *engine.AppEvent) { ev.Lingered = 90 * time.Second })
	short := event(campaign.Lingered, noon.Add(-time.Second), ofItem("latte"), func(ev *engine.AppEvent) { ev.Lingered = 30 * time.Second })
	other := event(campaign.Lingered, noon.Add(-time.Second), ofItem("tea"), func(ev *engine.AppEvent) { ev.Lingered = 90 * time.Second })
	r := p.eventReport(short, other)
	r.Foreground = true
	a := w.record(e, r)[0]
	require.Equal(t, []engine.EventVerdict{engine.EventTaken, engine.EventTaken}, eventVerdicts(a))
	require.Empty(t, a.Offers)
	r.Events = []engine.AppEvent{linger}
	a = w.record(e, r)[0]
	require.Equal(t, []string{"WON"}, reasonsOf(a.Decisions))
	require.Equal(t, linger.ID, a.Decisions[0].MomentID)
	require.Len(t, a.Offers, 1)
	require.Equal(t, "(광고) latte", a.Offers[0].Title)
	require.Contains(t, a.Offers[0].Body, a.Offers[0].Code)

	again := w.record(w.node(), r)[0]
	require.Equal(t, []engine.EventVerdict{engine.EventRepeated}, eventVerdicts(again))
	require.Equal(t, a.Offers, again.Offers)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM coupon`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM trace`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery`), "a push follows unless it is shown")
}

func TestEventsAreCheckedOneByOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, func(s *brand.Settings) {
		s.EventTypes = []brand.EventType{{Name: "quiz", Kind: brand.EventTask, Properties: []brand.Attribute{
			{Name: "score", Type: brand.TypeNumber}, {Name: "day", Type: brand.TypeDate}, {Name: "topics", Type: brand.TypeList}}}}
	})
	w.run(latte(false, both(on(campaign.Did), func(c *campaign.Campaign) { c.Trigger.Types = []string{"quiz"} })))
	e := w.node()
	p := w.shopper(e)
	quiz := func(properties map[string]any) engine.AppEvent {
		return event(campaign.Did, noon, func(ev *engine.AppEvent) { ev.Type, ev.Properties = "quiz", properties })
	}
	a := p.does(e,
		quiz(map[string]any{"score": 1.0, "day": "2026-05-13", "topics": []any{"a"}}),
		quiz(map[string]any{"score": "1"}),
		quiz(map[string]any{"points": 1.0}),
		quiz(map[string]any{"day": "13 May"}),
		quiz(map[string]any{"topics": []any{1.0}}),
		event(campaign.Did, noon, func(ev *engine.AppEvent) { ev.Type = "game" }),
		event(campaign.Viewed, noon.Add(3*time.Minute), ofItem("x")),
		event(campaign.Viewed, noon.Add(-31*24*time.Hour), ofItem("x")),
		event(campaign.Viewed, noon.Add(-6*time.Minute), ofItem("x")),
		event(campaign.Viewed, noon, ofItem("x"), func(ev *engine.AppEvent) { ev.StoreID = uuid.New() }),
		event(campaign.Entered, noon),
		engine.AppEvent{Kind: campaign.Viewed, Event: campaign.Event{At: noon}},
	)
	require.Equal(t, []engine.EventVerdict{
		engine.EventTaken, engine.EventWrongType, engine.EventNoProperty, engine.EventWrongType, engine.EventWrongType, engine.EventNoType,
		engine.EventFuture, engine.EventTooOld, engine.EventTaken, engine.EventNoStore, engine.EventInvalid, engine.EventInvalid,
	}, eventVerdicts(a))
	require.Equal(t, "did.properties.score", a.Events[1].Field)
	require.Equal(t, "declared as number", a.Events[1].Detail)
	require.True(t, a.Events[8].Late)
	require.Equal(t, []string{"WON"}, reasonsOf(a.Decisions))
}

func TestWhoMayBeLookedAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.run(latte(false, on(campaign.Viewed, campaign.Bought)))
	e := w.node()
	p := w.phone(e)
	require.Equal(t, []string{"PROFILE_NOT_CONSENTED"}, reasonsOf(p.does(e, event(campaign.Viewed, noon, ofItem("x"))).Decisions))
	p.agree(e, true, audience.MarketingProfile)
	require.NoError(t, e.PauseLocation(w.ctx, w.brand.ID, p.id, time.Time{}))
	require.Equal(t, []string{"WON"}, reasonsOf(p.does(e, event(campaign.Viewed, noon, ofItem("x"))).Decisions), "no place is told, so a pause of location changes nothing")

	w.exec(`UPDATE person_profile SET body = body - 'of_age' || '{"birth_date": "2015-01-01"}'`)
	fresh := w.node()
	a := p.does(fresh, event(campaign.Viewed, noon, ofItem("x")), event(campaign.Bought, noon, ofLines("x")))
	require.Equal(t, []engine.EventVerdict{"GUARDIAN_MISSING", "GUARDIAN_MISSING"}, eventVerdicts(a))
	require.Zero(t, w.count(`SELECT count(*) FROM purchase`))
	r := engine.EventReport{Who: engine.PersonRef{PersonID: p.who.PersonID}, Server: true, Received: noon, Events: []engine.AppEvent{event(campaign.Bought, noon, ofLines("x"))}}
	a = w.record(fresh, r)[0]
	require.Equal(t, []engine.EventVerdict{engine.EventTaken}, eventVerdicts(a), "a till's word of a sale is a record of the sale")
	require.Empty(t, a.Decisions)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM purchase`))
}

func TestPurchasesCountOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	e := w.node()
	p := w.phone(e)
	sale := event(campaign.Bought, noon, ofLines("a", "b"), func(ev *engine.AppEvent) { ev.Amount, ev.Currency, ev.StoreID = 9000, "KRW", w.stores[0].ID })
	named := event(campaign.Bought, noon.Add(-48*time.Hour), func(ev *engine.AppEvent) { ev.PurchaseID, ev.Amount, ev.Currency = "r-1", 5.5, "EUR" })
	twin := event(campaign.Bought, noon, func(ev *engine.AppEvent) { ev.PurchaseID, ev.Amount, ev.Currency = "r-1", 5.5, "EUR" })
	till := engine.EventReport{Who: engine.PersonRef{PersonID: p.who.PersonID}, Server: true, Received: noon, Events: []engine.AppEvent{sale, named, twin, sale}}
	w.record(e, till)
	for range 40 { // the sale's own id is forgotten by then, the sale is not
		p.does(e, event(campaign.Bought, noon, func(ev *engine.AppEvent) { ev.Amount, ev.Currency = 1, "KRW" }))
	}
	w.record(w.node(), till)
	row, err := e.ProfileOf(w.ctx, w.brand.ID, p.who.PersonID)
	require.NoError(t, err)
	require.Equal(t, &audience.Purchases{Count: 42, First: noon.Add(-48 * time.Hour), Last: noon, Amount: map[string]float64{"KRW": 9040, "EUR": 5.5}}, row.Profile.Purchases)
	require.Equal(t, 42, w.count(`SELECT count(*) FROM purchase`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM purchase WHERE store_id = $1`, w.stores[0].ID))

	p.does(e, event(engine.AppOpened, noon))
	row, err = e.ProfileOf(w.ctx, w.brand.ID, p.who.PersonID)
	require.NoError(t, err)
	require.Equal(t, noon, row.Profile.LastOpenedAt)
	version := row.Version
	p.does(e, event(engine.AppOpened, noon))
	row, err = e.ProfileOf(w.ctx, w.brand.ID, p.who.PersonID)
	require.NoError(t, err)
	require.Equal(t, version, row.Version, "once an hour")
}

func TestManyPeopleInOneCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.run(latte(false, on(campaign.Viewed)))
	e := w.node()
	var reports []engine.EventReport
	for _, p := range w.phones(e, 5) {
		p.agree(e, true, audience.MarketingProfile)
		reports = append(reports, engine.EventReport{Who: engine.PersonRef{PersonID: p.who.PersonID}, Server: true, Received: noon, Events: []engine.AppEvent{event(campaign.Viewed, noon, ofItem("x"))}})
	}
	reports = append(reports, engine.EventReport{Who: engine.PersonRef{PersonExternalID: "nobody"}, Received: noon, Events: reports[0].Events},
		engine.EventReport{Who: engine.PersonRef{PersonID: uuid.New()}, Received: noon, Events: reports[0].Events}, reports[0])
	answers := w.record(e, reports...)
	for _, a := range answers[:5] {
		require.NoError(t, a.Err)
		require.Equal(t, []string{"WON"}, reasonsOf(a.Decisions))
	}
	require.ErrorIs(t, answers[5].Err, engine.ErrNotFound)
	require.ErrorIs(t, answers[6].Err, engine.ErrNotFound)
	require.Equal(t, []engine.EventVerdict{engine.EventRepeated}, eventVerdicts(answers[7]))
	require.Equal(t, 5, w.count(`SELECT count(*) FROM delivery`))
}

func TestForgottenEventsMakeNoSecondMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.run(latte(false, on(campaign.Viewed)))
	e := w.node()
	p := w.shopper(e)
	var events []engine.AppEvent
	for i := range 50 {
		events = append(events, event(campaign.Viewed, noon.Add(-time.Minute+time.Duration(i)*time.Second), ofItem("x")))
	}
	a := p.does(e, events...)
	require.Len(t, a.Decisions, 50)
	a = p.does(w.node(), events...)
	require.Empty(t, a.Decisions)
	late, repeated := 0, 0
	for _, v := range a.Events {
		switch {
		case v.Verdict == engine.EventRepeated:
			repeated++
		case v.Late:
			late++
		}
	}
	require.Equal(t, []int{18, 32}, []int{late, repeated})
}

func TestRelatedItem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.sell(item.Item{ExternalID: "latte", Category: "coffee"}, item.Item{ExternalID: "mocha", Category: "coffee"}, item.Item{ExternalID: "bun", Category: "bread"})
	w.run(latte(false, both(on(campaign.Viewed), func(c *campaign.Campaign) { c.Trigger.Related = true })))
	e := w.node()
	p := w.shopper(e)
	require.Empty(t, p.does(e, event(campaign.Viewed, noon, ofItem("bun"))).Decisions, "nothing else is bread")
	require.Empty(t, p.does(e, event(campaign.Viewed, noon, ofItem("unheard of"))).Decisions)
	require.Equal(t, []string{"WON"}, reasonsOf(p.does(e, event(campaign.Viewed, noon, ofItem("latte"))).Decisions))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery WHERE notification->>'body' LIKE 'mocha%'`))
}

func TestKeywordFindsItsItem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.sell(item.Item{ExternalID: "ia", Names: map[string]string{"ko": "아이스 아메리카노"}, Category: "coffee"})
	w.run(latte(false, both(on(campaign.Searched), func(c *campaign.Campaign) { c.Trigger.Items = []string{"ia"} })))
	e := w.node()
	p := w.shopper(e)
	require.Empty(t, p.does(e, event(campaign.Searched, noon, ofKeyword("라떼"))).Decisions)
	require.Equal(t, []string{"WON"}, reasonsOf(p.does(e, event(campaign.Searched, noon, ofKeyword("아메리 카노"))).Decisions))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM delivery WHERE notification->>'body' LIKE '아이스 아메리카노 아메리 카노%'`))
}

func TestASearchMayBeAMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(3, 60, nil)
	e := w.node()
	p := w.phone(e)
	search := func() {
		_, _, refused, err := e.SearchStoresFor(w.ctx, w.brand.ID, p.id, &engine.StoreQuery{From: storePlace(0), At: w.clock.Now(), Limit: 10}, nil)
		require.NoError(t, err)
		require.Empty(t, refused)
	}
	search()
	require.Zero(t, w.count(`SELECT count(*) FROM trace`), "nobody asks for searches")
	c := latte(false, on(campaign.StoreSearched))
	c.Trigger.Stores = []uuid.UUID{w.stores[1].ID}
	w.writeOn(e, engine.CatalogueWrite{Campaigns: []campaign.Campaign{c}})
	search()
	require.Equal(t, 1, w.count(`SELECT count(*) FROM trace WHERE reason = 'WON' AND kind = 'store_searched'`))
	w.pass(30 * time.Second)
	search()
	require.Equal(t, 1, w.count(`SELECT count(*) FROM trace`), "while somebody types")
	w.pass(30 * time.Second)
	search()
	require.Equal(t, 2, w.count(`SELECT count(*) FROM trace`))
}
