package chaos

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/emulator"
)

// clockSlack is how far the emulators' clock and the nodes' may be apart; all are this host's.
const clockSlack = time.Second

// counts is a line of the table: what was done to the nodes and the database, and what came of it.
type counts struct {
	fault                                      string
	times                                      int
	calls, retries, acknowledged               int
	transitions, lost, doubled                 int
	notifications, accepted, repeated, overCap int
	coupons, redeemed, twice, oversold, late   int
	errors, expiry                             int
}

type faultTable struct {
	mu    sync.Mutex
	rows  []counts
	notes []string
}

var table faultTable

func (t *faultTable) add(c counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, c)
}

// note adds a sentence.
func (t *faultTable) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

func (t *faultTable) print(w io.Writer) {
	for _, note := range t.notes {
		fmt.Fprintln(w, note)
	}
	if len(t.rows) == 0 {
		return
	}
	const line = "%-34s %5v %8v %8v %8v %8v %5v %7v %6v %8v %7v %7v %8v %8v %6v %8v %5v %6v\n"
	fmt.Fprintf(w, line, "fault", "times", "calls", "repeats", "acked", "transit", "lost", "doubled", "notif", "accepted", "again",
		"overcap", "coupons", "redeemed", "twice", "oversold", "late", "errors")
	for _, c := range t.rows {
		fmt.Fprintf(w, line, c.fault, c.times, c.calls, c.retries, c.acknowledged, c.transitions, c.lost, c.doubled, c.notifications,
			c.accepted, c.repeated, c.overCap, c.coupons, c.redeemed, c.twice, c.oversold, c.late, c.errors)
	}
}

// told checks what phones heard, at once, against the database and the twin.
func (f *fleet) told(t *testing.T) {
	t.Helper()
	for i, err := range f.fatal.list() {
		if i < 5 {
			t.Errorf("reached a client that repeats: %v", err)
		}
	}
	f.transitions(t, &counts{})
}

// holds checks every promise for a fleet, once nothing waits to be sent, and notes the counts.
func (f *fleet) holds(t *testing.T, fault string, times int) counts {
	t.Helper()
	c := counts{fault: fault, times: times, calls: int(f.calls.Load()), retries: int(f.retries.Load()), errors: len(f.fatal.list())}
	f.transitions(t, &c)
	f.notifications(t, &c)
	f.couponsOf(&c)
	f.tills.holds(t, f, &c)
	table.add(c)
	t.Logf("%+v; repeated after %s", c, &f.why)
	require.Zero(t, c.lost, "acknowledged transitions that the database does not have, or has otherwise")
	require.Zero(t, c.doubled, "transitions that happened twice")
	require.Zero(t, c.overCap, "people who got more than the cap allows")
	require.Zero(t, c.twice, "coupons that exist or were redeemed twice, or are without their decision")
	require.Zero(t, c.oversold, "coupons beyond the stock")
	require.Zero(t, c.late, "notifications accepted past their deadline, or never decided")
	require.NotZero(t, c.transitions, "phones walked")
	require.NotZero(t, c.notifications, "and won")
	return c
}

func compareTold(a, b told) int {
	return cmp.Or(cmp.Compare(a.phone, b.phone), cmp.Compare(a.ping, b.ping), cmp.Compare(a.kind, b.kind), cmp.Compare(a.store, b.store))
}

// transitions compares what phones were told, what the twin says and what the database has.
func (f *fleet) transitions(t *testing.T, c *counts) {
	t.Helper()
	ids := f.ids()
	var heard, expected, stored []told
	for _, h := range f.phones {
		heard, expected = append(heard, h.told...), append(expected, h.expected...)
	}
	f.w.database.query(`SELECT p.device_id::text, coalesce(p.ping_id::text, ''), p.kind, coalesce(s.external_id, '')
		FROM place p LEFT JOIN store s ON s.brand_id = p.brand_id AND s.id = p.store_id WHERE p.device_id = ANY ($1::text[]::uuid[])`,
		[]any{ids}, func(rows pgx.Rows) error {
			var s told
			defer func() { stored = append(stored, s) }()
			return rows.Scan(&s.phone, &s.ping, &s.kind, &s.store)
		})
	for _, list := range [][]told{heard, expected, stored} {
		slices.SortFunc(list, compareTold)
	}
	c.acknowledged, c.transitions = len(heard), len(stored)
	c.lost = missing(heard, stored) + missing(expected, stored)
	c.doubled = len(stored) - len(slices.Compact(slices.Clone(stored))) + len(heard) - len(slices.Compact(slices.Clone(heard)))
	if len(f.fatal.list()) == 0 { // else a phone does not know of its last report
		f.explain(t, expected, heard, stored)
		require.True(t, slices.Equal(expected, heard), "what phones are told is what a look at every store says")
		require.True(t, slices.Equal(expected, stored), "what the database has is what phones were told")
	}
}

// explain tells the story of the first phone whose lists differ.
func (f *fleet) explain(t *testing.T, expected, heard, stored []told) {
	t.Helper()
	for _, h := range f.phones {
		of := func(all []told) (mine []told) {
			for _, x := range all {
				if x.phone == h.id {
					mine = append(mine, x)
				}
			}
			return mine
		}
		e, a, s := of(expected), of(heard), of(stored)
		if !slices.Equal(e, a) || !slices.Equal(e, s) {
			t.Logf("phone %d: %d transitions expected, %d told, %d stored", h.name, len(e), len(a), len(s))
			for _, line := range h.log {
				t.Log(line)
			}
			t.Logf("\nexpected %v\ntold     %v\nstored   %v", e, a, s)
			return
		}
	}
}

// missing counts what is in a and not in b; both are sorted.
func missing(a, b []told) (n int) {
	for _, x := range a {
		if _, found := slices.BinarySearchFunc(b, x, compareTold); !found {
			n++
		}
	}
	return n
}

// dispatched waits until nothing waits to be sent any more. What a provider refused many times waits for minutes, but
// never past its deadline.
func (w *world) dispatched(t *testing.T) {
	t.Helper()
	w.within(deadline+time.Minute, func() bool {
		return w.database.number(`SELECT count(*) FROM delivery WHERE state = 'pending'`) == 0
	}, "all deliveries end")
}

// notifications compares what the emulators accepted with the deliveries, person by person.
func (f *fleet) notifications(t *testing.T, c *counts) {
	t.Helper()
	mine := map[string]*phone{}
	for _, h := range f.phones {
		mine[h.address] = h
	}
	accepted := map[string][]emulator.Accepted{}
	people := map[int]map[string]bool{}
	for _, a := range f.w.emulators.Accepted() {
		if h := mine[a.Address]; h != nil {
			accepted[a.Notification] = append(accepted[a.Notification], a)
			c.accepted++
			if people[h.person] == nil {
				people[h.person] = map[string]bool{}
			}
			people[h.person][a.Notification] = true
		}
	}
	for _, got := range people {
		if len(got) > dailyCap {
			c.overCap++
		}
	}
	decided := map[string]bool{}
	f.w.database.query(`SELECT notification_id::text, deadline, state FROM delivery WHERE device_id = ANY ($1::text[]::uuid[])`, []any{f.ids()}, func(rows pgx.Rows) error {
		var id, state string
		var until time.Time
		if err := rows.Scan(&id, &until, &state); err != nil {
			return err
		}
		decided[id] = true
		for _, a := range accepted[id] {
			if a.Time.After(until.Add(clockSlack)) {
				c.late++
			}
		}
		if state == "expired" {
			c.expiry++
		}
		if state == "accepted" && accepted[id] == nil {
			t.Errorf("notification %s was never accepted by the emulators", id)
		}
		return nil
	})
	for id, list := range accepted {
		c.repeated += len(list) - 1
		if !decided[id] {
			c.late++
		}
	}
	c.notifications = len(accepted)
	f.caps(t, c, people)
}

func (f *fleet) ids() (ids []string) {
	for _, h := range f.phones {
		ids = append(ids, h.id)
	}
	return ids
}

// caps asks the database the same, and that nobody got less: everybody who entered often enough got what the cap allows.
func (f *fleet) caps(t *testing.T, c *counts, got map[int]map[string]bool) {
	t.Helper()
	entries, won := map[int]int{}, map[int]int{}
	byID := map[string]*phone{}
	for _, h := range f.phones {
		byID[h.id] = h
		for _, e := range h.expected {
			if e.kind == "entered" {
				entries[h.person]++
			}
		}
	}
	f.w.database.query(`SELECT device_id::text, count(DISTINCT notification_id) FROM trace WHERE reason = 'WON' GROUP BY 1`, nil,
		func(rows pgx.Rows) error {
			var id string
			var n int
			if err := rows.Scan(&id, &n); err != nil {
				return err
			}
			if h := byID[id]; h != nil {
				won[h.person] += n
			}
			return nil
		})
	for person, n := range won {
		if n > dailyCap {
			c.overCap++
		}
		if len(got[person]) != n && c.expiry == 0 {
			t.Errorf("person %d: %d notifications decided, %d accepted", person, n, len(got[person]))
		}
	}
	if len(f.fatal.list()) > 0 {
		return
	}
	short := 0
	for person, n := range entries {
		if won[person] < min(n, dailyCap) {
			short++
		}
	}
	// Several transitions of one report compete: one of them wins. So a person may have entered more often than won.
	if short > len(entries)/2 {
		t.Errorf("%d of %d people got less than the cap allows", short, len(entries))
	}
}

// couponsOf counts the fleet's coupons. Those of all are unique, redeemed once, decided, and no more than there are.
func (f *fleet) couponsOf(c *counts) {
	d := f.w.database
	c.coupons = d.number(`SELECT count(*) FROM coupon WHERE person_id IN (SELECT person_id FROM device WHERE id = ANY ($1::text[]::uuid[]))`, f.ids())
	c.twice = d.number(`SELECT (SELECT count(*) - count(DISTINCT code) FROM coupon) + (SELECT count(*) - count(DISTINCT id) FROM coupon)
		+ (SELECT count(*) FROM coupon c WHERE NOT EXISTS (SELECT FROM trace t WHERE t.coupon_id = c.id AND t.reason = 'WON'))
		+ (SELECT count(*) FROM trace t WHERE t.reason = 'WON' AND NOT EXISTS (SELECT FROM coupon c WHERE t.coupon_id = c.id))
		+ (SELECT count(*) FROM (SELECT FROM trace WHERE reason = 'WON' GROUP BY coupon_id HAVING count(*) > 1) x)`)
	c.oversold = d.number(`SELECT coalesce(sum(greatest(0, n - total)), 0)::int FROM
		(SELECT c.offer_id, count(DISTINCT c.id) n, max(p.total) total FROM coupon c JOIN stock_pool p USING (brand_id, offer_id) GROUP BY 1) x`)
	c.oversold += d.number(`SELECT count(*)::int FROM stock_block b
		WHERE (SELECT count(DISTINCT c.id) FROM coupon c WHERE c.brand_id = b.brand_id AND c.block_id = b.id) > coalesce(b.used, b.size)`)
}
