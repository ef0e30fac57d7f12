package engine_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// change is one transition, as the phone was told or as the database has it.
type change struct {
	device uuid.UUID
	fence  uuid.UUID
	kind   string
	at     int64
	ping   uuid.UUID
}

// Whatever happens in whatever order on two nodes with a storage that fails: what was acknowledged is in the database,
// nothing else is, visits begin and end in turn, and caps and stock hold. Under the exact policy the transitions are
// those of one flawless node that was given the same acknowledged pings.
func TestManyNodesAreAsOne(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	limits := func(s *brand.Settings) {
		s.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 3, Window: cap.Window{Rolling: 2 * time.Hour}}}
		s.MinGap = 5 * time.Minute
	}
	w, twin := newWorld(t, presence.Exact, limits), newWorld(t, presence.Exact, limits)
	stock := func(c *campaign.Campaign) { c.Offer.Stock, c.Offer.PerPerson = 7, 2 }
	for _, x := range []*world{w, twin} {
		x.open(4, 60, nil)
		x.run(latte(true, stock))
		x.run(latte(false, func(c *campaign.Campaign) { c.Trigger.Kinds = []campaign.Kind{campaign.Exited} }))
	}
	f := &faulty{Store: w.store}
	lose := 0.0
	f.before = func(op string) error {
		if op == "commit" && rnd.Float64() < lose {
			return errLost
		}
		return nil
	}
	f.after = func(op string) error {
		if (op == "commit" || op == "committed") && rnd.Float64() < lose {
			return errLost
		}
		return nil
	}
	nodes := []*engine.Engine{w.node(with(f), single), w.node(with(f), single)}
	sequential := twin.node()
	phones := w.phones(nodes[0], 4)
	phones = append(phones, phones[0].more(2)...)
	doubles := map[uuid.UUID]*phone{}
	four := twin.phones(sequential, 4)
	for i, p := range four {
		doubles[phones[i].id] = p
	}
	for i, p := range four[0].more(2) {
		doubles[phones[4+i].id] = p
	}
	places := []geo.Point{nowhere, storePlace(0), storePlace(1), storePlace(2), storePlace(3), near(storePlace(0), 30)}

	var acknowledged, expected []change
	lose = 0.12
	rounds := large(100, 1000)
	for range rounds {
		step := time.Duration(rnd.IntN(120)) * time.Second
		w.pass(step)
		twin.pass(step)
		p := phones[rnd.IntN(len(phones))]
		double := doubles[p.id]
		if rnd.IntN(25) == 0 { // the person stops and lets it again
			for _, granted := range []bool{false, true} {
				w.pass(time.Second)
				twin.pass(time.Second)
				w.consent(rnd.IntN(2), nodes, p, granted)
				_, err := sequential.RecordConsents(twin.ctx, twin.brand.ID, double.id, submissions(twin.clock.Now(), granted, audience.LocUse))
				require.NoError(t, err)
			}
			continue
		}
		r := p.report()
		for range 1 + rnd.IntN(3) {
			r.Pings = append(r.Pings, ping(places[rnd.IntN(len(places))], w.clock.Now()))
		}
		a := p.insist(nodes, rnd.IntN(2), r)
		for _, tr := range a.Transitions {
			acknowledged = append(acknowledged, change{p.id, tr.FenceID, tr.Kind.String(), tr.At, tr.PingID})
		}
		r.DeviceID, r.Token = double.id, nil
		for _, tr := range double.hand(sequential, r).Transitions {
			fence := slices.IndexFunc(twin.fences, func(f2 storeFence) bool { return f2.ID == tr.FenceID })
			expected = append(expected, change{p.id, w.fences[fence].ID, tr.Kind.String(), tr.At, tr.PingID})
		}
	}
	require.Equal(t, expected, acknowledged)
	require.Greater(t, len(acknowledged), rounds*2/5)
	w.holds(t, acknowledged)
}

// large is a size for a random test: the small one, or with WANTGO_LARGE_TESTS set the large one.
func large(small, large int) int {
	if os.Getenv("WANTGO_LARGE_TESTS") != "" {
		return large
	}
	return small
}

// single keeps the order in which faults are drawn the same for a seed.
func single(c *engine.Config) { c.Committers = 1 }

// insist tells a report until it is acknowledged, each time to either node: as a phone does.
func (p *phone) insist(nodes []*engine.Engine, first int, r engine.Report) engine.Answer {
	p.w.t.Helper()
	for i := range 50 {
		answers, err := nodes[(first+i)%len(nodes)].Handle(p.w.ctx, p.w.brand.ID, []engine.Report{r})
		if err == nil && answers[0].Err == nil {
			p.token = answers[0].Token
			return answers[0]
		}
	}
	p.w.t.Fatal("never acknowledged")
	return engine.Answer{}
}

func (w *world) consent(first int, nodes []*engine.Engine, p *phone, granted bool) {
	w.t.Helper()
	list := submissions(w.clock.Now(), granted, audience.LocUse)
	for i := range 50 {
		if _, err := nodes[(first+i)%len(nodes)].RecordConsents(w.ctx, w.brand.ID, p.id, list); err == nil {
			for _, e := range nodes {
				require.NoError(w.t, e.FollowRevocations(w.ctx))
			}
			return
		}
	}
	w.t.Fatal("never acknowledged")
}

// holds checks what must be true of the database whatever happened.
func (w *world) holds(t *testing.T, acknowledged []change) {
	t.Helper()
	c := w.connect()
	defer c.Close(w.ctx)
	rows, err := c.Query(w.ctx, `SELECT device_id, fence_id, kind, reason, extract(epoch FROM at) * 1000, coalesce(ping_id, '00000000-0000-0000-0000-000000000000') FROM place ORDER BY at, decided_at, kind DESC, id`)
	require.NoError(t, err)
	stored := map[change]int{}
	for rows.Next() {
		var x change
		var reason string
		var at float64
		require.NoError(t, rows.Scan(&x.device, &x.fence, &x.kind, &reason, &at, &x.ping))
		x.at = int64(at + 0.5)
		stored[x]++
	}
	require.NoError(t, rows.Err())
	for _, x := range acknowledged {
		require.Equal(t, 1, stored[x], "acknowledged and in the database once: %v", x)
		delete(stored, x)
	}
	for x := range stored {
		require.Equal(t, "exited", x.kind)
		require.Equal(t, uuid.Nil, x.ping, "only withdrawals end visits that no ping was told of")
	}
	require.Zero(t, w.count(`SELECT count(*) FROM (SELECT device_id, fence_id, count(*) FILTER (WHERE kind = 'entered') - count(*) FILTER (WHERE kind = 'exited') AS open
		FROM place GROUP BY 1, 2) f WHERE open NOT IN (0, 1)`), "enter and exit in turn")
	require.Equal(t, w.count(`SELECT count(*) FROM open_visit`), w.count(`SELECT coalesce(sum(CASE kind WHEN 'entered' THEN 1 WHEN 'exited' THEN -1 END), 0)::int FROM place`))
	require.LessOrEqual(t, w.count(`SELECT count(*) FROM coupon`), 7)
	require.Equal(t, w.count(`SELECT count(*) FROM coupon`), w.count(`SELECT count(*) FROM trace WHERE coupon_id IS NOT NULL`))
	require.Zero(t, w.count(`SELECT count(*) FROM (SELECT person_id FROM coupon GROUP BY person_id, offer_id HAVING count(*) > 2) f`))
	require.Zero(t, w.count(`SELECT count(*) FROM trace a JOIN trace b ON a.person_id = b.person_id AND a.id <> b.id AND a.reason = 'WON' AND b.reason = 'WON'
		AND b.at >= a.at AND b.at < a.at + interval '5 minutes'`), "minimum gap")
	require.Zero(t, w.count(`SELECT count(*) FROM (SELECT a.id FROM trace a JOIN trace b ON a.person_id = b.person_id AND b.reason = 'WON'
		AND b.at > a.at - interval '2 hours' AND b.at <= a.at WHERE a.reason = 'WON' GROUP BY a.id HAVING count(*) > 3) f`), "cap of three in two hours")
	require.Equal(t, w.count(`SELECT count(*) FROM trace WHERE reason = 'WON'`), w.count(`SELECT count(DISTINCT notification_id) FROM delivery`))
}

// Under the exact policy an import is plain geometry: each ping against each circle.
func TestImportAgainstBruteForce(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	w := newWorld(t, presence.Exact, nil)
	centre := storePlace(0)
	around := func(span float64) geo.Point {
		return geo.Point{Lat: centre.Lat + span*(rnd.Float64()-0.5), Lng: centre.Lng + span*(rnd.Float64()-0.5)}
	}
	var cw engine.CatalogueWrite
	for i := range 60 {
		circle, err := geo.NewCircle(around(0.05), 50+400*rnd.Float64())
		require.NoError(t, err)
		cw.Fences = append(cw.Fences, storeFence{ID: uuid.New(), ExternalID: fmt.Sprint(i), Purpose: "near", Circle: &circle})
	}
	w.write(cw)
	e := w.node()
	phones := w.phones(e, 5)
	inside := map[string]bool{}
	var want, got []string
	for range 20 {
		var reports []engine.Report
		for range 40 {
			w.pass(time.Second)
			i := rnd.IntN(len(phones))
			g := ping(around(0.04), w.clock.Now())
			reports = append(reports, engine.Report{DeviceID: phones[i].id, Received: w.clock.Now(), Import: true, Pings: []engine.Ping{g}})
			var exits, enters []string
			for _, f := range cw.Fences {
				key := fmt.Sprintf("%d %s", i, f.ExternalID)
				in := geo.Distance(f.Circle.Center_, g.Place) <= f.Circle.Radius
				switch {
				case in && !inside[key]:
					enters = append(enters, fmt.Sprintf("entered %s %d", key, g.At))
				case !in && inside[key]:
					exits = append(exits, fmt.Sprintf("exited %s %d", key, g.At))
				}
				inside[key] = in
			}
			want = append(want, append(exits, enters...)...)
		}
		answers, err := e.Handle(w.ctx, w.brand.ID, reports)
		require.NoError(t, err)
		for k, a := range answers {
			require.NoError(t, a.Err)
			i := slices.IndexFunc(phones, func(p *phone) bool { return p.id == reports[k].DeviceID })
			for _, tr := range a.Transitions {
				got = append(got, fmt.Sprintf("%s %d %s %d", tr.Kind, i, tr.FenceExternalID, tr.At))
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(t, want, got)
	require.Greater(t, len(want), 500)
	require.Equal(t, len(want), w.count(`SELECT count(*) FROM place`))
}
