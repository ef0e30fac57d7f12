package engine

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

// question is what a sending asks of people on one page.
type question struct {
	e     *Engine
	s     *Sending
	c     *campaign.Campaign
	v     *view
	now   time.Time
	local time.Time       // the occurrence in the brand's zone
	near  *nearness       // of a flash
	alone *campaign.Index // of an estimate: of the campaign as it is asked about
}

// viewOf is what the gates may know of a person.
func (q *question) viewOf(t *turn) *campaign.View {
	v := t.viewOf(q.now)
	if q.alone != nil {
		v.Campaigns = q.alone
	}
	return v
}

// outcome is what a question to one person came to.
type outcome struct {
	told    bool            // a decision was made: reason says which
	reason  campaign.Reason // also of who is outside for a reason of their own
	outside bool
	until   time.Time // not to be woken before
	full    bool      // there is no room to note it
	again   bool      // asked on an earlier page
	err     error
}

// selective tells whether many people may be outside, so that their rows are looked at before they are locked.
func (q *question) selective() bool {
	c := q.c
	return q.s.Kind == campaign.Absent || q.s.Kind == campaign.Dated && c.Trigger.Send.Date != campaign.DateCouponEnd || q.s.Cursor.Fences ||
		c.Audience != "" || len(c.Segments)+len(c.Excluded) > 0
}

// sift counts who is outside and returns the others. It reads rows past the copies in memory, which a sending to everybody
// would push out, and locks nothing: whoever is left is asked again.
func (q *question) sift(ctx context.Context, found []addressee) (left []addressee, err error) {
	keys := make([]PersonKey, len(found))
	for i := range found {
		keys[i] = found[i].key
	}
	rows, err := q.e.people.Load(ctx, keys)
	if err != nil {
		return nil, err
	}
	byKey := make(map[PersonKey]*PersonRow, len(rows))
	for i := range rows {
		byKey[rows[i].Key] = &rows[i]
	}
	for _, a := range found {
		row := byKey[a.key]
		if row == nil || row.Status != PersonActive {
			continue
		}
		t, err := q.e.glance(ctx, row, q.v)
		if err != nil {
			left = append(left, a) // counted as failed there
			continue
		}
		var o outcome
		m, concerned := q.concerns(t, &a, &o)
		if concerned && campaign.Ask(q.viewOf(t), q.c, m).Has(9) {
			o.outside = true
		}
		if o.outside || !o.until.IsZero() {
			q.count(&o)
			continue
		}
		left = append(left, a)
	}
	return left, nil
}

// glance makes a turn of a row as it was read, for looking at it only.
func (e *Engine) glance(ctx context.Context, row *PersonRow, v *view) (*turn, error) {
	h, err := row.hot()
	if err != nil {
		return nil, err
	}
	p := &person{key: row.Key, status: row.Status, version: row.Version, hot: h, profile: row.Profile, devices: row.Devices, loaded: true}
	return &turn{e: e, ctx: ctx, p: p, v: v}, nil
}

// step asks one person.
func (q *question) step(a *addressee, out *outcome) step {
	return func(t *turn) error {
		*out = outcome{}
		if t.p.status != PersonActive {
			return ErrGone
		}
		if m := t.p.hot.sent(q.s.ID); m != nil {
			*out = outcome{told: m.page == q.s.Pages, again: m.page != q.s.Pages, reason: m.reason}
			return nil
		}
		m, concerned := q.concerns(t, a, out)
		if !concerned {
			return nil
		}
		if out.full = t.p.hot.ledgerFull() || !t.p.hot.roomToMark(q.now.UnixMilli()); out.full {
			return nil
		}
		result, err := t.decideSending(q.c, m, q.now)
		if err != nil {
			return err
		}
		return q.keep(t, result, out)
	}
}

// concerns makes the moment of a person whom the sending is about. Who is outside, was told of this absence before, or is
// not to be woken now, has none.
func (q *question) concerns(t *turn, a *addressee, out *outcome) (m *campaign.Moment, concerned bool) {
	if m, concerned = q.about(t, a, out); !concerned || q.near != nil {
		return m, concerned
	}
	if until, wait := campaign.PutOff(t.viewOf(q.now), q.c, m); wait {
		out.until = until
		return nil, false
	}
	return m, true
}

// about is concerns at whatever hour.
func (q *question) about(t *turn, a *addressee, out *outcome) (m *campaign.Moment, is bool) {
	m = &campaign.Moment{
		ID: newID(q.now), Kind: q.s.Kind, At: q.s.At, Received: q.s.At, Campaign: q.c.ID, Send: q.s.ID, Visits: t.visitsKnown(q.now),
	}
	if q.near != nil {
		return m, q.nearby(t, m, out)
	}
	signs := t.signs(a.couponEnds, q.now)
	is, reason := q.c.Concerns(signs, q.local)
	if is && q.s.Kind == campaign.Absent && t.p.hot.toldOf(q.c.ID, signs.Since(q.c.Trigger.Send.Without)) {
		is = false
	}
	out.outside, out.reason = !is, reason
	return m, is
}

// keep takes a decision into the turn, unless the person is not of the audience, of whom nothing is kept.
func (q *question) keep(t *turn, result *campaign.Result, out *outcome) error {
	reason := result.Decisions[0].Reason
	if reason.Gate() == 9 {
		out.outside, out.reason = true, reason
		return nil
	}
	*out = outcome{told: true, reason: reason}
	for i := range result.Decisions {
		result.Decisions[i].Send = q.s.ID
	}
	for i := range result.Deliveries {
		q.bulk(&result.Deliveries[i])
	}
	if q.near != nil {
		t.recordUse(q.now.UnixMilli(), "flash", "os_api")
	}
	t.take(result)
	t.p.hot.mark(sendingMark{q.s.ID, q.s.Deadline.UnixMilli(), q.s.Pages, reason}, q.now.UnixMilli())
	if q.s.Kind == campaign.Absent && settled(reason) {
		t.p.hot.markAbsence(q.c.ID, t.signs(false, q.now).Since(q.c.Trigger.Send.Without))
	}
	return nil
}

// settled tells the answers to which an absence is not asked about again tomorrow: it was told, or will not be.
func settled(r campaign.Reason) bool {
	return r == campaign.Won || slices.Contains([]int{10, 13, 15, 16}, r.Gate())
}

// bulk lets a delivery wait behind those that somebody is there for.
func (q *question) bulk(d *pusher.Delivery) {
	d.Notification.Batch, d.Notification.Rank, d.HighPriority = q.s.ID, pusher.RankBulk, false
	if q.s.Kind == campaign.Flashed || q.c.Trigger.Send.Date == campaign.DateCouponEnd {
		d.Notification.Rank = pusher.RankReminder
	}
}

// count adds an outcome to the sending's counts.
func (q *question) count(o *outcome) {
	counts := &q.s.Counts
	refuse := func() {
		if counts.Refused == nil {
			counts.Refused = map[campaign.Reason]int64{}
		}
		counts.Refused[o.reason]++
	}
	switch {
	case o.again:
	case o.told && o.reason == campaign.Won:
		counts.Won++
	case o.told:
		refuse()
	case o.full:
		counts.Failed++
	case !o.until.IsZero():
		counts.Deferred++
		if q.s.Deferred.IsZero() || o.until.Before(q.s.Deferred) {
			q.s.Deferred = o.until
		}
	case o.outside && o.reason == campaign.VisitHistoryNotConsented:
		refuse()
	case o.outside:
		counts.Outside++
	}
}

// decideSending is decide for one campaign, whose result is not taken yet.
func (t *turn) decideSending(c *campaign.Campaign, m *campaign.Moment, now time.Time) (*campaign.Result, error) {
	v, candidates := t.viewOf(now), []campaign.Candidate{{Campaign: c, Moment: m}}
	for range maxStockQuestions {
		result := campaign.Decide(v, candidates)
		if result.NeedsStock == uuid.Nil {
			return &result, nil
		}
		if err := t.e.stock.ask(t.ctx, t.p.key.BrandID, result.NeedsStock, stockOf(candidates, result.NeedsStock)); err != nil {
			return nil, err
		}
	}
	return nil, ErrBusy
}

// signs are what is known of a person's doings.
func (t *turn) signs(couponEnds bool, now time.Time) *campaign.Signs {
	s := &campaign.Signs{Profile: &t.p.profile, Devices: t.p.devices, CouponEnds: couponEnds}
	s.Visit, s.VisitsKept = t.lastVisit(now)
	return s
}

// lastVisit is when the person was last at a store, as far as that is kept: now, if inside one. kept: it may be.
func (t *turn) lastVisit(now time.Time) (last time.Time, kept bool) {
	if known := t.visitsKnown(now); known == nil || !known.Consented {
		return time.Time{}, false
	}
	for _, d := range t.p.hot.devices {
		for i := range d.presence.Stays {
			if f := t.v.fence(d.presence.Stays[i].Fence); f != nil && f.Value.(*fenceView).fence.Purpose == store.Visit {
				return now, true
			}
		}
	}
	return t.p.hot.visits.after(now.Add(-visitsKept).Unix() / 60).latest(), true
}
