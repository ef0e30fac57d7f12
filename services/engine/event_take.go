package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

// nowhereNear is the distance of a moment without a place: behind every known one.
const nowhereNear = -1

// noCurrency is ISO 4217's code for a sale of which no amount was told.
const noCurrency = "XXX"

// telling is one EventReport on its way through a turn.
type telling struct {
	*turn
	report     *EventReport
	answer     *EventsAnswer
	device     uuid.UUID // that the person holds now; zero: a server tells
	now        int64     // ms: when the report was received
	correction int64     // ms, added to the caller's times
	// forgotten is when the latest of those AppEvents happened whose ids are forgotten, ms, as of before the report.
	forgotten  int64
	sold       map[PurchaseKey]bool
	coupons    map[string]campaign.Coupon
	candidates []campaign.Candidate
}

// events takes one report into the turn.
func (t *turn) events(r *EventReport, answer *EventsAnswer) error {
	if t.p.status != PersonActive || r.Who.DeviceID != uuid.Nil && !t.e.owns(t.p, r.Who.DeviceID) { // asked at every try
		*answer = EventsAnswer{Err: ErrGone}
		return nil
	}
	*answer = EventsAnswer{Events: make([]EventAnswer, len(r.Events))}
	e := telling{turn: t, report: r, answer: answer, now: r.Received.UnixMilli(), forgotten: t.p.hot.events.until}
	if !r.Server {
		e.device = r.Who.DeviceID
	}
	if !r.SentAt.IsZero() {
		e.correction = e.now - r.SentAt.UnixMilli()
	}
	return e.run()
}

func (e *telling) run() error {
	if err := e.lookUp(); err != nil {
		return err
	}
	may, why := audience.MayRecord(&e.p.profile, e.v.brand, e.time(e.now))
	var repeated []uuid.UUID
	for _, i := range e.order() {
		ev, a := &e.report.Events[i], &e.answer.Events[i]
		*a = e.refuse(ev)
		switch {
		case a.Verdict != EventTaken:
		case e.p.hot.events.has(ev.ID):
			a.Verdict, repeated = EventRepeated, append(repeated, ev.ID)
		case !may && !(e.report.Server && ev.Kind == campaign.Bought):
			a.Verdict = EventVerdict(why.String())
		default:
			at := e.observed(ev)
			a.Late = e.v.brand.Settings.Device.IsLate(at, e.now) || at <= e.forgotten
			e.take(ev, at, may && !a.Late)
		}
	}
	if err := e.decide(); err != nil {
		return err
	}
	return e.tellAgain(repeated)
}

func (e *telling) time(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// observed is when an event happened, by engine time, Unix ms.
func (e *telling) observed(ev *AppEvent) int64 { return min(ev.At.UnixMilli()+e.correction, e.now) }

// order are the positions of the events in the order in which they happened; of those of one instant as they were told.
func (e *telling) order() []int {
	order := make([]int, len(e.report.Events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return e.report.Events[a].At.Compare(e.report.Events[b].At) })
	return order
}

// lookUp reads what sales are known already, and the coupons that were used in others.
func (e *telling) lookUp() error {
	var ids []string
	for i := range e.report.Events {
		if ev := &e.report.Events[i]; ev.Kind == campaign.Bought {
			ids = append(ids, ev.saleID())
		}
	}
	if len(ids) == 0 {
		return nil
	}
	key := e.p.key
	var err error
	if e.sold, err = e.e.people.Purchased(e.ctx, key.BrandID, []uuid.UUID{key.PersonID}, ids); err != nil {
		return err
	}
	return e.lookUpCoupons()
}

func (e *telling) lookUpCoupons() error {
	e.coupons = map[string]campaign.Coupon{}
	for i := range e.report.Events {
		text := e.report.Events[i].CouponCode
		code, err := campaign.ParseCode(text)
		if text == "" || err != nil {
			continue
		}
		c, err := e.e.people.CouponByCode(e.ctx, e.p.key.BrandID, code)
		if err != nil && !isNotFound(err) {
			return fmt.Errorf("coupon of a sale: %w", err)
		}
		if err == nil && c.PersonID == e.p.key.PersonID {
			e.coupons[text] = c
		}
	}
	return nil
}

// saleID is by what a sale is known.
func (ev *AppEvent) saleID() string {
	if ev.PurchaseID != "" {
		return ev.PurchaseID
	}
	return ev.ID.String()
}

// take lets an event have its effects, and its moment if it makes one.
func (e *telling) take(ev *AppEvent, at int64, moment bool) {
	told := false
	switch ev.Kind {
	case AppOpened:
		told = e.opened(at)
	case campaign.Bought:
		told = e.bought(ev, at)
		told = e.stopReminders("bought", ev.items(), len(ev.Lines) == 0) || told
	case campaign.BasketRemoved:
		told = e.stopReminders("removed", []string{ev.ItemID}, false)
	}
	if moment && ev.Kind.ByEvent() {
		told = e.match(ev, at) || told
	}
	if told {
		e.p.hot.events.add(ev.ID, at)
		e.dirty = true
	}
}

// items are the own ids of what an event is about.
func (ev *AppEvent) items() (ids []string) {
	for _, l := range ev.Lines {
		ids = append(ids, l.ItemID)
	}
	if len(ids) == 0 && ev.ItemID != "" {
		ids = append(ids, ev.ItemID)
	}
	return ids
}

// opened notes that the app was opened, once an hour.
func (e *telling) opened(at int64) bool {
	p := e.current()
	if opened := e.time(at); opened.Sub(p.LastOpenedAt) >= openedEvery {
		p.LastOpenedAt = opened
		e.putProfile(p)
		return true
	}
	return false
}

// bought records a sale, once by its id, and adds it to what the person bought.
func (e *telling) bought(ev *AppEvent, at int64) bool {
	id := ev.saleID()
	known := PurchaseKey{e.p.key.PersonID, id}
	if e.sold[known] {
		return false
	}
	e.sold[known] = true
	sale := audience.Purchase{ID: id, At: e.time(at), Amount: ev.Amount, Currency: ev.Currency, StoreID: ev.StoreID, CouponID: e.coupons[ev.CouponCode].ID}
	if sale.Currency == "" {
		sale.Currency = noCurrency
	}
	e.write.Purchases = append(e.write.Purchases, sale)
	p := e.current()
	p.Purchases = p.Purchases.With(&sale)
	e.putProfile(p)
	return true
}

// match makes the moments of an event and finds the campaigns that they may start. Of a purchase each item that the brand
// has is looked at, and a campaign is found once.
func (e *telling) match(ev *AppEvent, at int64) (found bool) {
	m := campaign.Moment{
		ID: ev.ID, Kind: ev.Kind, Store: e.store(ev.StoreID), DeviceID: e.device, At: e.time(at), Received: e.time(e.now),
		Distance: nowhereNear, Foreground: e.report.Foreground, Visits: e.visitsKnown(e.time(e.now)),
	}
	event := ev.Event
	event.At = m.At
	if event.Type == "" {
		event.Type = string(ev.Kind)
	}
	m.Event = &event
	ids := ev.items()
	if len(ids) == 0 {
		ids = []string{""}
	}
	before := len(e.candidates)
	for _, id := range ids {
		one := m
		about := event
		about.ItemID = id
		one.Event, one.Item = &about, e.v.items.ByExternalID(id)
		if ev.Kind == campaign.Searched {
			if best := e.v.items.Search(ev.Keyword, 1); len(best) > 0 {
				one.Item = best[0]
			}
		}
		for _, c := range e.v.campaigns.Match(&one, nil) {
			same := func(other campaign.Candidate) bool { return other.Campaign == c.Campaign }
			if slices.ContainsFunc(e.candidates[before:], same) {
				continue
			}
			if later, ok := e.setReminder(&c); ok {
				found = found || later
			} else if e.relate(&c) {
				e.candidates, found = append(e.candidates, c), true
			}
		}
	}
	return found
}

// store finds a store of the turn's view; nil: there is none.
func (t *turn) store(id uuid.UUID) *store.Store {
	if id == uuid.Nil {
		return nil
	}
	s, err := t.e.Store(t.p.key.BrandID, id)
	if err != nil {
		return nil
	}
	return s
}

// relate gives a candidate that speaks of a related item that item. false: there is none, so there is no moment.
func (t *turn) relate(c *campaign.Candidate) bool {
	if !c.Campaign.Trigger.Related {
		return true
	}
	m := *c.Moment
	if m.Item == nil {
		return false
	}
	at := uuid.Nil
	if m.Store != nil {
		at = m.Store.ID
	}
	if m.Item = t.v.items.Related(m.Item, at); m.Item == nil {
		return false
	}
	c.Moment = &m
	return true
}

// decide lets the moments of the report compete.
func (e *telling) decide() error {
	result, err := e.decideAmong(e.candidates, e.time(e.now))
	if err != nil || result == nil {
		return err
	}
	for i := range result.Decisions {
		e.answer.Decisions = append(e.answer.Decisions, decisionTold(&result.Decisions[i]))
	}
	if result.Winner != nil && result.Winner.Moment.Foreground {
		e.answer.Offers = append(e.answer.Offers, offerTold(result))
	}
	return nil
}
