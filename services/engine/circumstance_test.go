package engine_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	statev1 "github.com/wantgo/wantgo/proto/wantgo/state/v1"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// gateOf is the one gate that refused by an explanation, 0 where none did; and the explanation must be one that gates
// asked in their order can give.
func gateOf(t *testing.T, tr *engine.Trace) (refused int) {
	t.Helper()
	asked := true
	for i, g := range engine.GatesOf(tr) {
		require.Equal(t, i+1, g.Number)
		switch g.Verdict {
		case engine.GatePassed:
			require.True(t, asked, "%s: gate %d passed after one that was not", tr.Reason, g.Number)
		case engine.GateRefused:
			require.True(t, asked)
			refused, asked = g.Number, false
		default:
			asked = false
		}
	}
	return refused
}

// Whatever happens, the gate that an explanation names is that of the decision that was told, and of the one recorded.
func TestExplainedGateIsTheRecordedOne(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	w := newWorld(t, presence.Exact, func(s *brand.Settings) {
		s.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 2, Window: cap.Window{Calendar: cap.Day}}}
		s.MinGap = 5 * time.Minute
	})
	w.open(3, 60, nil)
	for i := range 4 {
		w.run(latte(i%2 == 0, func(c *campaign.Campaign) {
			c.Priority, c.Cooldown = i, time.Duration(rnd.IntN(3))*time.Hour
			if c.Offer != nil {
				c.Offer.PerPerson = 1 + rnd.IntN(2)
			}
		}))
	}
	w.run(latte(false, func(c *campaign.Campaign) { c.Priority, c.State = 9, campaign.Paused }))
	e := w.node()
	phones := w.phones(e, 3)
	told := map[uuid.UUID]string{}
	for range large(80, 1000) {
		w.pass(time.Duration(1+rnd.IntN(90)) * time.Minute)
		p := phones[rnd.IntN(len(phones))]
		if rnd.IntN(15) == 0 {
			w.consent(0, []*engine.Engine{e}, p, rnd.IntN(2) == 0)
		}
		a := p.tell(e, []geo.Point{nowhere, storePlace(0), storePlace(1), storePlace(2)}[rnd.IntN(4)])
		for _, d := range a.Decisions {
			told[d.ID] = d.Reason
		}
	}
	explained := map[uuid.UUID]string{}
	for _, p := range phones {
		rows, _, err := e.Explain(w.ctx, w.brand.ID, p.who.PersonID, engine.TraceFilter{Limit: 10_000})
		require.NoError(t, err)
		for i := range rows {
			explained[rows[i].ID] = rows[i].Reason
			require.Equal(t, campaign.Reason(rows[i].Reason).Gate(), gateOf(t, &rows[i].Trace), rows[i].Reason)
		}
	}
	require.Equal(t, told, explained)
}

// Every reason is explained: by its gate, or by all that there are.
func TestGatesOfEveryReason(t *testing.T) {
	t.Parallel()
	for _, r := range campaign.Reasons() {
		tr := engine.Trace{CampaignID: uuid.New(), Kind: string(campaign.Entered), Reason: string(r), Values: map[string]string{"why": "x"}}
		require.Equal(t, r.Gate(), gateOf(t, &tr), r)
	}
	count := func(reason, kind string, v engine.GateVerdict) (n int) {
		for _, g := range engine.GatesOf(&engine.Trace{CampaignID: uuid.New(), Kind: kind, Reason: reason}) {
			if g.Verdict == v {
				n++
			}
		}
		return n
	}
	require.Equal(t, 16, count("WON", "entered", engine.GatePassed))
	require.Equal(t, 10, count("WON", "scheduled", engine.GatePassed), "no position was asked about")
	require.Equal(t, 11, count("OUTRANKED", "entered", engine.GatePassed))
	require.Equal(t, 5, count("OUTRANKED", "entered", engine.GateNotAsked))
	require.Equal(t, 16, count("OF_ANOTHER_RELEASE", "entered", engine.GateUnknown))
}

// What stands in the way is named when nothing happened, and asking changes nothing.
func TestCircumstances(t *testing.T) {
	t.Parallel()
	night := time.Date(2026, 5, 13, 14, 0, 0, 0, time.UTC) // 23:00 in Seoul
	for _, c := range []struct {
		name      string
		settings  func(*brand.Settings)
		campaign  func(*campaign.Campaign)
		change    func(w *world, e *engine.Engine, p *phone)
		standing  engine.RowStanding
		obstacles []campaign.Reason
		prospect  campaign.Reason // of the one campaign; "" passes
		nothing   bool            // no campaign is near
	}{
		{name: "all is well"},
		{name: "paused", change: func(w *world, e *engine.Engine, p *phone) {
			require.NoError(w.t, e.PauseLocation(w.ctx, w.brand.ID, p.id, time.Time{}))
		}, obstacles: []campaign.Reason{campaign.LocationPaused}, nothing: true},
		{name: "no consent", change: func(w *world, e *engine.Engine, p *phone) {
			w.consent(0, []*engine.Engine{e}, p, false)
		}, obstacles: []campaign.Reason{campaign.LocationNotConsented}, nothing: true},
		{name: "stopped", change: func(w *world, _ *engine.Engine, _ *phone) {
			b := w.brand
			b.Stopped = true
			w.write(engine.CatalogueWrite{Brand: &b})
		}, obstacles: []campaign.Reason{campaign.BrandStopped}, prospect: campaign.BrandStopped},
		{name: "no advertising", change: func(w *world, e *engine.Engine, p *phone) {
			_, err := e.RecordConsents(w.ctx, w.brand.ID, p.id, submissions(w.clock.Now(), false, audience.AdPush))
			require.NoError(w.t, err)
		}, obstacles: []campaign.Reason{campaign.AdNotConsented}, prospect: campaign.AdNotConsented},
		{name: "address gone", change: func(w *world, _ *engine.Engine, p *phone) {
			a := pusher.Address{Provider: pusher.FCM, Kind: "token", Value: "t-" + p.id.String(), RegisteredAt: noon}
			changed, err := w.store.SetAddressState(w.ctx, w.brand.ID, p.id, a, audience.AddressGone, "UNREGISTERED", time.Time{})
			require.NoError(w.t, err)
			require.True(w.t, changed)
		}, obstacles: []campaign.Reason{campaign.Unreachable}, prospect: campaign.Unreachable},
		{name: "campaign paused", campaign: func(c *campaign.Campaign) { c.State = campaign.Paused }, prospect: campaign.CampaignNotLive},
		{name: "night", change: func(w *world, _ *engine.Engine, _ *phone) { w.at(night) }, prospect: campaign.QuietHours},
		{name: "long ago", change: func(w *world, _ *engine.Engine, _ *phone) { w.pass(25 * time.Hour) }, nothing: true},
		{name: "newer", change: func(w *world, _ *engine.Engine, p *phone) {
			w.exec(`UPDATE person SET min_writer = 1000 WHERE person_id = $1`, p.who.PersonID)
		}, standing: engine.NewerState, nothing: true},
		{name: "ledger full", change: func(w *world, _ *engine.Engine, p *phone) {
			var full statev1.PersonState
			for range 600 {
				id := uuid.New()
				full.Issued = append(full.Issued, &statev1.OfferCount{OfferId: id[:], Count: 1})
			}
			state, err := proto.Marshal(&full)
			require.NoError(w.t, err)
			w.exec(`UPDATE person SET state = $2 WHERE person_id = $1`, p.who.PersonID, state)
		}, standing: engine.LedgerFull, nothing: true},
		{name: "unreadable", change: func(w *world, _ *engine.Engine, p *phone) {
			w.exec(`UPDATE person SET state = '\xffff' WHERE person_id = $1`, p.who.PersonID)
		}, standing: engine.Unreadable, nothing: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, presence.Exact, c.settings)
			w.open(2, 60, nil)
			mine := w.run(latte(true, c.campaign))
			e := w.node()
			p := w.phone(e)
			p.tell(e, near(storePlace(0), 400))
			w.pass(20 * time.Minute)
			p.tell(e, near(storePlace(0), 400))
			if c.change != nil {
				c.change(w, e, p)
			}
			fresh := w.node() // knows what the database knows
			before := w.dump()
			now, err := fresh.Circumstances(w.ctx, w.brand.ID, p.who.PersonID, uuid.Nil)
			require.NoError(t, err)
			require.Equal(t, before, w.dump())
			if c.standing == 0 {
				c.standing = engine.Ready
			}
			require.Equal(t, c.standing, now.Standing)
			var reasons []campaign.Reason
			for _, o := range now.Obstacles {
				reasons = append(reasons, o.Reason)
			}
			require.Equal(t, c.obstacles, reasons)
			if c.nothing {
				require.Empty(t, now.Prospects)
				return
			}
			require.Len(t, now.Prospects, 1)
			require.Equal(t, mine.ID, now.Prospects[0].Campaign.ID)
			require.Equal(t, c.prospect, now.Prospects[0].Reason)
			require.Equal(t, w.clock.Now().Truncate(time.Hour).Add(time.Hour).After(now.LastContact), true)
			require.NotZero(t, now.LastContact)
		})
	}
}

// A campaign that was asked for is told of wherever it is.
func TestCircumstancesOfOneCampaign(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(19, 60, nil)
	far := w.run(latte(false, func(c *campaign.Campaign) { c.Trigger.Stores = []uuid.UUID{w.stores[18].ID}; c.State = campaign.Ended }))
	w.run(latte(false, func(c *campaign.Campaign) { c.Trigger.Stores = []uuid.UUID{w.stores[17].ID} }))
	e := w.node()
	p := w.phone(e)
	p.tell(e, near(storePlace(0), 400))
	now, err := e.Circumstances(w.ctx, w.brand.ID, p.who.PersonID, far.ID)
	require.NoError(t, err)
	require.Len(t, now.Prospects, 1)
	require.Equal(t, far.ID, now.Prospects[0].Campaign.ID)
	require.True(t, now.Prospects[0].NotNear)
	require.Equal(t, campaign.CampaignNotLive, now.Prospects[0].Reason)
	_, err = e.Circumstances(w.ctx, w.brand.ID, uuid.New(), uuid.Nil)
	require.ErrorIs(t, err, engine.ErrNotFound)
	_, err = e.Circumstances(w.ctx, uuid.New(), p.who.PersonID, uuid.Nil)
	require.ErrorIs(t, err, engine.ErrNotFound)
}

// hours are counts by hour and verdict.
type hours map[time.Time]map[engine.Verdict]int

func hoursOf(list []engine.PingCount) hours {
	h := hours{}
	for _, c := range list {
		h.add(c.Hour, c.Verdict, c.Count)
	}
	return h
}

func (h hours) add(at time.Time, v engine.Verdict, n int) {
	at = at.Truncate(time.Hour)
	if h[at] == nil {
		h[at] = map[engine.Verdict]int{}
	}
	h[at][v] += n
}

// Two nodes that take turns count every ping once, as does somebody who writes down every answer.
func TestPingsAreCountedByHour(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	w := newWorld(t, presence.Exact, nil)
	w.open(2, 60, nil)
	nodes := []*engine.Engine{w.node(), w.node()}
	p := w.phone(nodes[0])
	twin := hours{}
	for range large(120, 1000) {
		w.pass(time.Duration(rnd.IntN(40)) * time.Minute)
		r := p.report([]geo.Point{nowhere, near(nowhere, 900), storePlace(0), storePlace(1)}[rnd.IntN(4)])
		if rnd.IntN(4) == 0 {
			r.Pings[0].Accuracy = -1
		}
		a := p.hand(nodes[rnd.IntN(2)], r)
		require.NoError(t, a.Err)
		twin.add(w.clock.Now(), a.Pings[0].Verdict, 1)
	}
	for _, e := range nodes { // whatever waits is written with what comes
		w.pass(time.Minute)
		for _, place := range []geo.Point{storePlace(0), nowhere} {
			w.pass(20 * time.Minute)
			a := p.tell(e, place)
			twin.add(w.clock.Now(), a.Pings[0].Verdict, 1)
		}
	}
	maps.DeleteFunc(twin, func(at time.Time, _ map[engine.Verdict]int) bool {
		return !at.After(w.clock.Now().Truncate(time.Hour).Add(-24 * time.Hour))
	})
	for i, e := range append(slices.Clone(nodes), w.node()) {
		now, err := e.Circumstances(w.ctx, w.brand.ID, p.who.PersonID, uuid.Nil)
		require.NoError(t, err)
		require.Equal(t, twin, hoursOf(now.Pings), "node %d", i)
	}
}

// Refused pings bring about no write of their own but once an hour, for their counts.
func TestRefusedPingsAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	e, other := w.node(), w.node()
	p := w.phone(e)
	require.NoError(t, e.PauseLocation(w.ctx, w.brand.ID, p.id, time.Time{}))
	counted := func(e *engine.Engine) (n int) {
		now, err := e.Circumstances(w.ctx, w.brand.ID, p.who.PersonID, uuid.Nil)
		require.NoError(t, err)
		for _, c := range now.Pings {
			require.Equal(t, engine.Verdict(campaign.LocationPaused), c.Verdict)
			n += c.Count
		}
		return n
	}
	versions := func() int { return w.count(`SELECT version FROM person WHERE person_id = $1`, p.who.PersonID) }
	before := versions()
	for i := range 6 {
		p.tell(e, nowhere)
		require.Equal(t, i+1, counted(e))
		w.pass(10 * time.Minute)
	}
	require.Equal(t, before, versions())
	require.Zero(t, counted(other))
	p.tell(e, nowhere)
	require.Equal(t, before+1, versions())
	require.Equal(t, 7, counted(other))
	require.Equal(t, 7, counted(e))
}

// That somebody was in a sensitive place is not counted either.
func TestPingsOutOfSensitivePlacesAreNotCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	circle, err := geo.NewCircle(nowhere, 50)
	require.NoError(t, err)
	w.write(engine.CatalogueWrite{Fences: []store.Fence{{ID: uuid.New(), ExternalID: "clinic", Purpose: store.Other, Tags: []string{engine.SensitiveTag}, Circle: &circle}}})
	e := w.node()
	p := w.phone(e)
	require.Equal(t, []engine.Verdict{engine.Verdict(campaign.SensitivePlace)}, verdicts(p.tell(e, nowhere)))
	now, err := e.Circumstances(w.ctx, w.brand.ID, p.who.PersonID, uuid.Nil)
	require.NoError(t, err)
	require.Empty(t, now.Pings)
}
