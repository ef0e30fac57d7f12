package engine_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// sends is a campaign that the clock starts.
func sends(kind campaign.Kind, s campaign.Send, change func(*campaign.Campaign)) campaign.Campaign {
	return latte(false, func(c *campaign.Campaign) {
		c.Trigger = campaign.Trigger{Kinds: []campaign.Kind{kind}, Send: &s}
		c.Texts = map[string]campaign.Text{"ko": {Title: "오늘만", Body: "모두에게"}, "en": {Title: "Today", Body: "For all"}}
		if change != nil {
			change(c)
		}
	})
}

// mortal is storage that a node loses for good at one of its pages, after the people of the page were written.
type mortal struct {
	*faulty
	pages atomic.Int32 // how many are still written
}

var errDead = errors.New("dead")

func (m *mortal) PutSending(ctx context.Context, s engine.Sending, node uuid.UUID, lease time.Duration) (int64, error) {
	if s.State == engine.SendingRunning && m.pages.Add(-1) < 0 {
		return 0, errDead
	}
	return m.Store.PutSending(ctx, s, node, lease)
}

// round lets a node do what its loops would.
func (w *world) round(e *engine.Engine) {
	w.t.Helper()
	require.NoError(w.t, e.FollowCatalogue(w.ctx))
	require.NoError(w.t, e.AdvanceSendings(w.ctx))
}

func (w *world) sending(e *engine.Engine, c campaign.Campaign) engine.Sending {
	w.t.Helper()
	list, err := e.Sendings(w.ctx, w.brand.ID, c.ID, engine.Sending{}, 10)
	require.NoError(w.t, err)
	require.NotEmpty(w.t, list)
	return list[0]
}

// told counts the notifications of a campaign by person.
func (w *world) told(c campaign.Campaign) (people, notifications int) {
	w.t.Helper()
	return w.count(`SELECT count(DISTINCT person_id) FROM delivery WHERE campaign_id = $1`, c.ID),
		w.count(`SELECT count(DISTINCT notification_id) FROM delivery WHERE campaign_id = $1`, c.ID)
}

// A node dies after it has written the people of a page and before it has noted so; one that is frozen there comes back
// later. Whoever goes on tells everybody once and counts everybody once.
func TestSendingGoesOnAfterADeath(t *testing.T) {
	t.Parallel()
	const people = 450
	w := newWorld(t, presence.Exact, nil)
	dying := &mortal{faulty: &faulty{Store: w.store}}
	dying.pages.Store(1)
	first, second := w.node(func(c *engine.Config) { c.Storage = dying }), w.node()
	w.phones(first, people)
	c := w.run(sends(campaign.Scheduled, campaign.Send{At: noon.Add(5 * time.Minute)}, nil))
	for range 2 {
		w.round(first)
		w.round(second)
	}
	s := w.sending(first, c)
	require.Equal(t, engine.SendingWaiting, s.State)
	require.EqualValues(t, people, s.Estimate.UnderCaps)
	require.Equal(t, s.Estimate.People, s.Estimate.Sample)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM sending`), "both nodes saw the time come")

	w.pass(5 * time.Minute)
	require.ErrorIs(t, first.RunSendings(w.ctx), errDead)
	_, notifications := w.told(c)
	require.Equal(t, 400, notifications, "two pages were written, one was noted")
	require.EqualValues(t, 200, w.sending(second, c).Counts.Won)
	require.NoError(t, second.RunSendings(w.ctx))
	require.Equal(t, engine.SendingRunning, w.sending(second, c).State, "the dead node's lease holds")
	w.exec(`UPDATE sending SET lease_until = now() - interval '1 second'`)
	require.NoError(t, second.RunSendings(w.ctx))

	s = w.sending(second, c)
	require.Equal(t, engine.SendingDone, s.State)
	require.EqualValues(t, people, s.Counts.Won)
	require.Empty(t, s.Counts.Refused)
	told, notifications := w.told(c)
	require.Equal(t, people, told)
	require.Equal(t, people, notifications)
	w.round(first)
	w.round(second)
	_, notifications = w.told(c)
	require.Equal(t, people, notifications)
}

func TestSendingIsCancelledMidway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, func(s *brand.Settings) {
		s.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 1, Window: cap.Window{Rolling: 24 * time.Hour}}}
	})
	e, other := w.node(), w.node()
	w.phones(e, 30)
	c := w.run(sends(campaign.Scheduled, campaign.Send{At: noon, PerMinute: 120}, nil))
	w.round(e)
	s := w.sending(e, c)
	require.Equal(t, engine.SendingRunning, s.State)
	require.EqualValues(t, 10, s.Counts.Won, "five seconds of 120 a minute")
	require.Equal(t, noon.Add(5*time.Second), s.NextAt)
	w.round(e)
	require.EqualValues(t, 10, w.sending(e, c).Counts.Won, "not before its pace says so")
	w.pass(5 * time.Second)
	w.round(other)
	require.EqualValues(t, 20, w.sending(e, c).Counts.Won)

	w.exec(`UPDATE delivery SET state = 'accepted', ended_at = now() WHERE id IN (SELECT id FROM delivery LIMIT 7)`)
	cancelled, err := e.CancelSending(w.ctx, w.brand.ID, s.ID, "key:x")
	require.NoError(t, err)
	require.Equal(t, engine.SendingCancelled, cancelled.State)
	require.Equal(t, 7, w.count(`SELECT count(*) FROM delivery WHERE state = 'accepted'`), "what was accepted stays")
	require.Equal(t, 13, w.count(`SELECT count(*) FROM delivery WHERE state = 'cancelled' AND code = 'SENDING_CANCELLED'`))
	w.pass(time.Hour)
	w.round(e)
	w.round(other)
	require.EqualValues(t, 20, w.sending(e, c).Counts.Won)
	_, err = e.CancelSending(w.ctx, uuid.New(), s.ID, "key:x")
	require.ErrorIs(t, err, engine.ErrNotFound)

	// A delivery that was taken to be sent meanwhile is stopped by the node that has it, too.
	d := pusher.Delivery{BrandID: w.brand.ID, CampaignID: c.ID, CreatedAt: w.clock.Now(), Notification: pusher.Notification{Batch: s.ID}}
	_, may, state, code := other.Recheck(w.ctx, &d, w.clock.Now())
	require.False(t, may)
	require.Equal(t, pusher.Cancelled, state)
	require.Equal(t, engine.CodeCancelled, code)

	// The room of those who cannot have got it is theirs again.
	again := w.run(sends(campaign.Scheduled, campaign.Send{At: w.clock.Now()}, nil))
	w.round(e)
	s = w.sending(e, again)
	require.Equal(t, engine.SendingDone, s.State)
	require.EqualValues(t, 23, s.Counts.Won)
	require.EqualValues(t, map[campaign.Reason]int64{campaign.CapReached: 7}, s.Counts.Refused)
}

// Nobody who has not agreed to it is woken: they are asked in the morning.
func TestSendingAtNight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	e := w.node()
	people := w.phones(e, 5)
	_, err := e.RecordConsents(w.ctx, w.brand.ID, people[0].id, submissions(noon, true, audience.AdPush, audience.AdPushNight))
	require.NoError(t, err)
	night := noon.Add(10 * time.Hour) // 22:00
	c := w.run(sends(campaign.Scheduled, campaign.Send{At: night}, nil))
	w.at(night)
	w.round(e)
	s := w.sending(e, c)
	require.Equal(t, engine.SendingRunning, s.State)
	require.EqualValues(t, 1, s.Counts.Won)
	require.EqualValues(t, 4, s.Counts.Deferred)
	morning := time.Date(2026, 5, 13, 23, 1, 0, 0, time.UTC)
	require.Equal(t, morning, s.NextAt)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM trace`), "of those who are asked later nothing is kept")
	w.at(morning)
	w.round(e)
	s = w.sending(e, c)
	require.Equal(t, engine.SendingDone, s.State)
	require.EqualValues(t, 5, s.Counts.Won)
	require.Zero(t, s.Counts.Deferred)
	_, notifications := w.told(c)
	require.Equal(t, 5, notifications)
}

func TestSendingWaitsWithItsCampaign(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	e := w.node()
	w.phones(e, 12)
	c := w.run(sends(campaign.Scheduled, campaign.Send{At: noon.Add(123_456), PerMinute: 60}, nil)) // times have nanoseconds
	w.round(e)
	require.EqualValues(t, 5, w.sending(e, c).Counts.Won)
	c.State = campaign.Paused
	w.run(c)
	w.pass(10 * time.Second)
	w.round(e)
	s := w.sending(e, c)
	require.Equal(t, engine.SendingPaused, s.State)
	require.Equal(t, string(campaign.CampaignNotLive), s.Code)
	c.State = campaign.Live
	w.run(c)
	for range 5 {
		w.pass(10 * time.Second)
		w.round(e)
	}
	s = w.sending(e, c)
	require.Equal(t, engine.SendingDone, s.State)
	require.EqualValues(t, 12, s.Counts.Won)

	over := w.run(sends(campaign.Scheduled, campaign.Send{At: w.clock.Now(), PerMinute: 60}, nil))
	w.round(e)
	over.State = campaign.Ended
	w.run(over)
	w.pass(10 * time.Second)
	w.round(e)
	s = w.sending(e, over)
	require.Equal(t, engine.SendingCancelled, s.State)
	require.Equal(t, engine.CodeOver, s.Code)

	late := w.run(sends(campaign.Scheduled, campaign.Send{At: w.clock.Now(), PerMinute: 60}, nil))
	w.round(e)
	w.pass(24 * time.Hour)
	w.round(e)
	s = w.sending(e, late)
	require.Equal(t, engine.SendingDone, s.State)
	require.Equal(t, engine.CodeDeadline, s.Code)
	require.EqualValues(t, 5, s.Counts.Won)
}

// What repeats is one sending a day; what began before the campaign's last change is not sent after the event.
func TestSendingRepeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	e := w.node()
	w.phones(e, 3)
	c := sends(campaign.Scheduled, campaign.Send{At: noon.Add(-26 * time.Hour), Repeat: campaign.RepeatDaily}, nil)
	c.UpdatedAt = noon
	w.run(c)
	w.round(e)
	require.Zero(t, w.count(`SELECT count(*) FROM sending`))
	for day := 1; day <= 3; day++ {
		w.at(noon.Add(-2*time.Hour + time.Duration(day)*24*time.Hour))
		w.round(e)
		w.pass(time.Second)
		w.round(e)
		require.Equal(t, day, w.count(`SELECT count(*) FROM sending WHERE state = 'done'`))
		_, notifications := w.told(c)
		require.Equal(t, 3*day, notifications)
	}
}

func TestSendingOfDatesAndAbsences(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	e := w.node()
	people := w.phones(e, 4)
	born := func(p *phone, date string) {
		w.exec(`UPDATE person_profile SET body = jsonb_set(body, '{birth_date}', to_jsonb($2::text)) WHERE person_id = $1`, p.who.PersonID, date)
	}
	bought := func(p *phone, at time.Time) {
		w.exec(`UPDATE person_profile SET body = jsonb_set(body, '{purchases}', jsonb_build_object('count', 1, 'first', $2::text, 'last', $2::text)) WHERE person_id = $1`,
			p.who.PersonID, at.Format(time.RFC3339))
	}
	born(people[0], "1990-05-13")
	born(people[1], "1990-05-14")
	bought(people[2], noon.AddDate(0, 0, -40))
	bought(people[3], noon.AddDate(0, 0, -10))
	e = w.node() // with no copies of how they were before
	birthday := w.run(sends(campaign.Dated, campaign.Send{TimeOfDay: 12 * 60, Date: campaign.DateBirthday}, nil))
	absent := w.run(sends(campaign.Absent, campaign.Send{TimeOfDay: 12 * 60, Days: 30, Without: campaign.WithoutPurchase}, nil))
	unvisited := w.run(sends(campaign.Absent, campaign.Send{TimeOfDay: 12 * 60, Days: 30, Without: campaign.WithoutVisit}, nil))
	w.round(e)
	for _, c := range []campaign.Campaign{birthday, absent} {
		s := w.sending(e, c)
		require.Equal(t, engine.SendingDone, s.State)
		require.EqualValues(t, 1, s.Estimate.Matching)
		require.EqualValues(t, 1, s.Counts.Won)
		require.EqualValues(t, 3, s.Counts.Outside)
	}
	require.EqualValues(t, map[campaign.Reason]int64{campaign.VisitHistoryNotConsented: 4}, w.sending(e, unvisited).Counts.Refused)
	require.Equal(t, 2, w.count(`SELECT count(*) FROM trace`))
	for range 25 {
		w.pass(24 * time.Hour)
		w.round(e)
	}
	_, birthdays := w.told(birthday)
	require.Equal(t, 2, birthdays)
	_, absences := w.told(absent)
	require.Equal(t, 2, absences, "each absence is told of once, however long it lasts")
	bought(people[2], w.clock.Now())
	e = w.node()
	for range 31 {
		w.pass(24 * time.Hour)
		w.round(e)
	}
	_, absences = w.told(absent)
	require.Equal(t, 3, absences, "the next absence is another")
}

func TestSendingBeforeACouponEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(2, 60, nil)
	deal := w.run(latte(true, func(c *campaign.Campaign) { c.Offer.Validity = 3 * 24 * time.Hour }))
	e := w.node()
	people := w.phones(e, 3)
	for _, p := range people[:2] {
		p.tell(e, storePlace(0))
	}
	w.pass(time.Minute)
	people[0].tell(e, storePlace(1)) // a second coupon
	require.Equal(t, 3, w.count(`SELECT count(*) FROM coupon`))
	deal.State = campaign.Paused
	w.run(deal)
	c := w.run(sends(campaign.Dated, campaign.Send{TimeOfDay: 12*60 + 5, Date: campaign.DateCouponEnd, Days: 1}, nil))
	for range 4 {
		w.pass(24 * time.Hour)
		w.round(e)
	}
	told, notifications := w.told(c)
	require.Equal(t, 2, told)
	require.Equal(t, 2, notifications)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM sending WHERE campaign_id = $1 AND (body -> 'counts' ->> 'won')::int = 2`, c.ID), "who has two is counted once")
}

// Whoever is inside, or whose coarse cell is near, is told once; who comes later as well, while it lasts.
func TestFlash(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(8, 60, nil)
	e := w.node()
	people := w.phones(e, 5)
	people[0].tell(e, storePlace(0))
	people[1].tell(e, storePlace(7)) // inside of another, far away
	people[2].tell(e, storePlace(0))
	people[2].tell(e, near(storePlace(0), 300)) // outside, and in the cell still
	people[3].tell(e, nowhere)
	w.pass(time.Minute)
	c := w.run(sends(campaign.Flashed, campaign.Send{At: w.clock.Now()}, func(c *campaign.Campaign) {
		c.Trigger.Stores = []uuid.UUID{w.stores[0].ID}
	}))
	w.round(e)
	s := w.sending(e, c)
	require.Equal(t, engine.SendingRunning, s.State)
	told := func() int { n, again := w.told(c); require.Equal(t, n, again); return n }
	require.Equal(t, 2, told())
	w.pass(30 * time.Second)
	w.round(e)
	require.Equal(t, 2, told())
	people[4].tell(e, storePlace(0))
	w.pass(30 * time.Second)
	w.round(e)
	require.Equal(t, 3, told())
	w.pass(time.Hour)
	w.round(e)
	require.Equal(t, engine.SendingDone, w.sending(e, c).State)
	require.Equal(t, 3, told())
	require.Equal(t, 3, w.count(`SELECT count(*) FROM delivery WHERE campaign_id = $1 AND notification ->> 'rank' = '1' AND NOT high_priority`, c.ID))
}

// People whose location may not be looked at are in no flash.
func TestFlashAsksForConsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	e := w.node()
	p := w.phone(e)
	p.tell(e, storePlace(0))
	_, err := e.RecordConsents(w.ctx, w.brand.ID, p.id, submissions(noon.Add(time.Second), false, audience.LocUse))
	require.NoError(t, err)
	c := w.run(sends(campaign.Flashed, campaign.Send{At: noon}, nil))
	w.round(e)
	people, _ := w.told(c)
	require.Zero(t, people)
}

// An estimate of a draft tells nobody, and counts as the gates would.
func TestEstimateCampaign(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	e := w.node()
	people := w.phones(e, 8)
	_, err := e.RecordConsents(w.ctx, w.brand.ID, people[0].id, submissions(noon, false, audience.AdPush))
	require.NoError(t, err)
	w.exec(`DELETE FROM push_address WHERE device_id = $1`, people[1].id)
	draft := sends(campaign.Scheduled, campaign.Send{At: noon.Add(time.Hour)}, func(c *campaign.Campaign) { c.State = campaign.Draft })
	est, at, err := e.EstimateCampaign(w.ctx, w.brand.ID, &draft, time.Time{})
	require.NoError(t, err)
	require.Equal(t, noon.Add(time.Hour), at)
	require.Equal(t, engine.SendingEstimate{At: noon, People: 8, Matching: 8, Consenting: 7, Reachable: 6, UnderCaps: 6, Sample: 8}, *est)
	require.Zero(t, w.count(`SELECT count(*) FROM delivery`)+w.count(`SELECT count(*) FROM trace`)+w.count(`SELECT count(*) FROM sending`))
	greeting := latte(false, nil)
	_, _, err = e.EstimateCampaign(w.ctx, w.brand.ID, &greeting, time.Time{})
	require.ErrorIs(t, err, engine.ErrNotSending)
}

// What a sample says of all is within its margin, nineteen times out of twenty.
func TestEstimatesOfASample(t *testing.T) {
	t.Parallel()
	rng := seeded(t)
	const runs, people, sample = 200, 5_000, 1_000
	off := 0
	for range runs {
		ids := make([]uuid.UUID, people)
		for i := range ids {
			binary.BigEndian.PutUint64(ids[i][:], rng.Uint64())
		}
		slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
		est, all := engine.SendingEstimate{Sample: sample}, int64(0)
		for i := range ids {
			if rng.IntN(3) == 0 {
				if all++; i < sample {
					est.Matching++
				}
			}
		}
		est = engine.Scaled(est, ids[sample-1])
		for _, d := range []int64{est.Matching - all, est.People - people} {
			if d > est.Margin || -d > est.Margin {
				off++
			}
		}
	}
	require.Less(t, off, runs/5, "four hundred numbers, of which twenty at most are expected to be off")
}
