package engine

import (
	"slices"
	"time"

	"github.com/google/uuid"

	statev1 "github.com/wantgo/wantgo/proto/wantgo/state/v1"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/item"
)

// A campaign that reminds later does not decide at its moment: the reminder waits in the person's row, and is a moment of
// its own when it falls due. Then all gates are asked, of the campaign, the person and the item as they are by then.
//
//	again      the same act about the same thing lets the reminder of that campaign begin anew
//	stops      a purchase or removal of the item; of a keyword's, of any item that the keyword finds; a purchase that names
//	           no items stops all, because it may have been of any: whoever bought is not pestered
//	paused     a campaign that is paused, ended or outside its hours when the reminder falls due refuses it, for good
//	quiet      quiet hours move it to their end, if that is within a day of when it first fell due
//	late       a reminder that could not be made within six hours, because nobody was there to make it, is too old
//	together   of several that fall due at once one wins, as of any moments that are decided together
const (
	// maxReminders is how many wait for one person; the one set first gives way.
	maxReminders = 32
	// quietWait is for how long quiet hours put a reminder off.
	quietWait = 24 * time.Hour
	// reminderFresh is how overdue a reminder may be that is still made.
	reminderFresh = 6 * time.Hour
)

// reminder is what a person is to be reminded of.
type reminder struct {
	campaign, event, device, store uuid.UUID
	kind                           campaign.Kind
	item, keyword                  string
	lingered                       int64 // ms
	quantity                       int
	at, due, first                 int64 // ms; first 0: quiet hours never moved it
	keep, known                    bool  // known: the brand had the item when this was set
}

func (r *reminder) message() *statev1.Reminder {
	return &statev1.Reminder{
		CampaignId: bytesOf(r.campaign), EventId: bytesOf(r.event), DeviceId: bytesOf(r.device), StoreId: bytesOf(r.store), Kind: string(r.kind),
		ItemId: r.item, Keyword: r.keyword, LingeredMs: r.lingered, Quantity: uint32(r.quantity), AtMs: r.at, DueMs: r.due, FirstDueMs: r.first, Keep: r.keep,
		ItemKnown: r.known,
	}
}

func reminderFrom(m *statev1.Reminder) reminder {
	return reminder{
		campaign: idFrom(m.CampaignId), event: idFrom(m.EventId), device: idFrom(m.DeviceId), store: idFrom(m.StoreId), kind: campaign.Kind(m.Kind),
		item: m.ItemId, keyword: m.Keyword, lingered: m.LingeredMs, quantity: int(m.Quantity), at: m.AtMs, due: m.DueMs, first: m.FirstDueMs, keep: m.Keep,
		known: m.ItemKnown,
	}
}

// setReminder puts a candidate aside whose campaign reminds later. ok is false for any other, and for one that would be
// refused now in any case, which the gates shall say.
func (e *telling) setReminder(c *campaign.Candidate) (set, ok bool) {
	remind := c.Campaign.Trigger.Remind
	if remind == nil || c.Campaign.State != campaign.Live || e.v.brand.Stopped {
		return false, false
	}
	m := c.Moment
	r := reminder{
		campaign: c.Campaign.ID, event: m.ID, device: m.DeviceID, kind: m.Kind, item: m.Event.ItemID, keyword: clipKeyword(m.Event.Keyword),
		lingered: m.Event.Lingered.Milliseconds(), quantity: m.Event.Quantity, at: m.At.UnixMilli(), keep: remind.Keep,
		known: m.Event.ItemID != "" && m.Item != nil,
	}
	if m.Store != nil {
		r.store = m.Store.ID
	}
	r.due = r.at + remind.After.Milliseconds()
	same := func(old reminder) bool {
		return old.campaign == r.campaign && old.item == r.item && item.Normalize(old.keyword) == item.Normalize(r.keyword)
	}
	list := slices.DeleteFunc(slices.Clone(e.p.hot.reminders), same)
	for len(list) >= maxReminders {
		e.noted(&list[0], campaign.ReminderDropped, map[string]string{"why": "full"}, e.time(e.now))
		list = list[1:]
	}
	e.p.hot.reminders = append(list, r)
	e.tell(e.noted(&r, campaign.ReminderSet, map[string]string{"due": e.time(r.due).Format(time.RFC3339)}, e.time(e.now)))
	return true, true
}

// maxKeyword bounds the keyword that a reminder keeps, bytes.
const maxKeyword = 128

func clipKeyword(text string) string {
	if len(text) <= maxKeyword {
		return text
	}
	at := maxKeyword
	for at > 0 && text[at]&0xc0 == 0x80 {
		at--
	}
	return text[:at]
}

// stopReminders takes out reminders of items; all: of whatever.
func (e *telling) stopReminders(why string, items []string, all bool) bool {
	stopped := func(r *reminder) bool { return !r.keep && (all || e.isAbout(r, items)) }
	if !slices.ContainsFunc(e.p.hot.reminders, func(r reminder) bool { return stopped(&r) }) {
		return false
	}
	var left []reminder
	for i := range e.p.hot.reminders {
		r := &e.p.hot.reminders[i]
		if !stopped(r) {
			left = append(left, *r)
			continue
		}
		e.tell(e.noted(r, campaign.ReminderDropped, map[string]string{"why": why}, e.time(e.now)))
	}
	e.p.hot.reminders = left
	return true
}

// isAbout tells whether a reminder is about one of some items.
func (t *turn) isAbout(r *reminder, items []string) bool {
	if r.item != "" {
		return slices.Contains(items, r.item)
	}
	return slices.ContainsFunc(items, func(id string) bool {
		i := t.v.items.ByExternalID(id)
		return i != nil && item.Finds(r.keyword, i)
	})
}

// noted writes down what became of a reminder without its being decided.
func (t *turn) noted(r *reminder, reason campaign.Reason, values map[string]string, now time.Time) *campaign.Decision {
	d := &campaign.Decision{
		ID: newID(now), MomentID: r.event, CampaignID: r.campaign, DeviceID: r.device, Kind: r.kind, Reason: reason, Values: values, At: now,
	}
	t.write.Traces = append(t.write.Traces, traceOf(d, t.v.version))
	t.e.metrics.decided(reason)
	t.dirty = true
	return d
}

func (e *telling) tell(d *campaign.Decision) {
	e.answer.Decisions = append(e.answer.Decisions, decisionTold(d))
}

// remind lets the reminders that are due by now happen.
func (t *turn) remind(now time.Time, answer *Answer) error {
	var due, left []reminder
	for _, r := range t.p.hot.reminders {
		if r.due <= now.UnixMilli() {
			due = append(due, r)
		} else {
			left = append(left, r)
		}
	}
	if len(due) == 0 {
		return nil
	}
	t.p.hot.reminders, t.dirty = left, true
	var candidates []campaign.Candidate
	for i := range due {
		if c, ok := t.reminded(&due[i], now); ok {
			candidates = append(candidates, c)
		}
	}
	result, err := t.decideAmong(candidates, now)
	if err != nil || result == nil {
		return err
	}
	t.afterQuiet(result, due)
	answer.tell(result)
	return nil
}

// reminded is a reminder as a candidate. false: what it is of is gone.
func (t *turn) reminded(r *reminder, now time.Time) (c campaign.Candidate, ok bool) {
	of, err := t.e.Campaign(t.p.key.BrandID, r.campaign)
	if err != nil || of.Trigger.Remind == nil {
		return c, false
	}
	m := &campaign.Moment{
		ID: r.event, Kind: r.kind, Store: t.store(r.store), DeviceID: r.device, At: time.UnixMilli(r.due).UTC(), Received: now,
		Distance: nowhereNear, Visits: t.visitsKnown(now), Item: t.itemOf(r), Campaign: r.campaign,
		Event: &campaign.Event{
			ID: r.event, Type: string(r.kind), At: time.UnixMilli(r.at).UTC(), ItemID: r.item, Keyword: r.keyword,
			Lingered: time.Duration(r.lingered) * time.Millisecond, Quantity: r.quantity,
		},
	}
	if now.Sub(m.At) > reminderFresh {
		m.Received = m.At
	}
	if !t.hasDevice(r.device) { // it went to somebody else: whichever can be reached
		m.DeviceID = uuid.Nil
	}
	c = campaign.Candidate{Campaign: of, Moment: m}
	if r.known && m.Item == nil || !t.relate(&c) {
		t.noted(r, campaign.ReminderDropped, map[string]string{"why": "item_gone"}, now)
		return c, false
	}
	return c, true
}

func (t *turn) hasDevice(id uuid.UUID) bool { return id != uuid.Nil && t.p.hasDevice(id) }

func (t *turn) itemOf(r *reminder) *item.Item {
	if r.item != "" {
		return t.v.items.ByExternalID(r.item)
	}
	if found := t.v.items.Search(r.keyword, 1); r.keyword != "" && len(found) > 0 {
		return found[0]
	}
	return nil
}

// afterQuiet lets reminders that quiet hours refused wait until these are over.
func (t *turn) afterQuiet(result *campaign.Result, due []reminder) {
	for i := range result.Decisions {
		d := &result.Decisions[i]
		if d.Reason != campaign.QuietHours && d.Reason != campaign.OwnQuietHours {
			continue
		}
		until, err := time.Parse(time.RFC3339, d.Values["until"])
		at := slices.IndexFunc(due, func(r reminder) bool { return r.event == d.MomentID && r.campaign == d.CampaignID })
		if err != nil || at < 0 {
			continue
		}
		r := due[at]
		if r.first == 0 {
			r.first = r.due
		}
		// The text has whole seconds: one more, so that it is not quiet any more.
		if r.due = until.Add(time.Second).UnixMilli(); r.due-r.first <= quietWait.Milliseconds() {
			t.p.hot.reminders = append(slices.Clip(t.p.hot.reminders), r)
		}
	}
}

// takeReminders takes over what another person was to be reminded of.
func (t *turn) takeReminders(given []reminder) {
	list := slices.Concat(given, t.p.hot.reminders)
	t.p.hot.reminders = list[max(0, len(list)-maxReminders):]
}

// tickLater lets what falls due beside the stays happen: reminders, and visits that are too old to be kept.
func (t *turn) tickLater(now time.Time, out *[]Elapsed) error {
	if due := t.p.laterDue(); due == 0 || due > now.UnixMilli() {
		return nil
	}
	t.dirty = true
	var answer Answer
	err := t.remind(now, &answer)
	if len(answer.Decisions) > 0 {
		*out = append(*out, Elapsed{t.p.key.BrandID, uuid.Nil, answer})
	}
	return err
}

// isReminder tells a moment that a reminder made.
func isReminder(m *campaign.Moment) bool { return m.Campaign != uuid.Nil && m.Kind.ByEvent() }

// yield lets what a reminder won go out behind what is about a person who is there now.
func yield(result *campaign.Result) {
	if result.Winner == nil || !isReminder(result.Winner.Moment) {
		return
	}
	result.Notification.Rank = pusher.RankReminder
	for i := range result.Deliveries {
		result.Deliveries[i].Notification.Rank = pusher.RankReminder
	}
}

// laterDue is when the first thing beside the stays falls due, ms; 0: nothing does.
func (p *person) laterDue() (first int64) {
	take := func(at int64) {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	for i := range p.hot.reminders {
		take(p.hot.reminders[i].due)
	}
	take(p.visitsDue())
	return first
}

// shedReminders gives up the earlier half of the reminders and of the visits, for want of room in the row.
func (t *turn) shedReminders(now time.Time) {
	h := &t.p.hot
	half := (len(h.reminders) + 1) / 2
	for i := range h.reminders[:half] {
		t.noted(&h.reminders[i], campaign.ReminderDropped, map[string]string{"why": "full"}, now)
	}
	h.reminders = h.reminders[half:]
	for n := h.visits.len() / 2; n > 0 && h.visits.len() > n; {
		h.visits = h.visits.withoutEarliest()
	}
}
