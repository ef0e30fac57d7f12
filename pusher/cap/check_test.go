package cap

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := Zone(name)
	require.NoError(t, err)
	return loc
}

func clock(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(t, err)
	return at
}

func numbered(n byte) uuid.UUID { return uuid.UUID{15: n} }

func TestCheckBoundaries(t *testing.T) {
	seoul, newYork, havana := zone(t, "Asia/Seoul"), zone(t, "America/New_York"), zone(t, "America/Havana")
	brand := func(limit int, w Window) Cap { return Cap{Scope: Brand, Limit: limit, Window: w} }
	for _, c := range []struct {
		name    string
		loc     *time.Location
		cap     Cap
		history []string
		at      string
		freeAt  string // "": passes
	}{
		{"empty", seoul, brand(1, Window{Rolling: time.Hour}), nil, "2026-11-22T10:00:00Z", ""},
		{"rolling, exactly as old as the window", seoul, brand(1, Window{Rolling: time.Hour}),
			[]string{"2026-11-22T09:00:00Z"}, "2026-11-22T10:00:00Z", ""},
		{"rolling, a nanosecond younger", seoul, brand(1, Window{Rolling: time.Hour}),
			[]string{"2026-11-22T09:00:00.000000001Z"}, "2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000000001Z"},
		{"rolling, a reservation for later", seoul, brand(1, Window{Rolling: time.Hour}),
			[]string{"2026-11-22T10:30:00Z"}, "2026-11-22T10:00:00Z", "2026-11-22T11:30:00Z"},
		{"rolling, neighbours share no window", seoul, brand(2, Window{Rolling: time.Hour}),
			[]string{"2026-11-22T09:40:00Z", "2026-11-22T10:40:00Z"}, "2026-11-22T10:00:00Z", ""},
		{"rolling, both neighbours in one window", seoul, brand(2, Window{Rolling: time.Hour}),
			[]string{"2026-11-22T09:40:00Z", "2026-11-22T10:39:59Z"}, "2026-11-22T10:10:00Z", "2026-11-22T10:40:00Z"},
		{"rolling, two before and one after", seoul, brand(2, Window{Rolling: time.Hour}),
			[]string{"2026-11-22T09:50:00Z", "2026-11-22T10:30:00Z"}, "2026-11-22T10:00:00Z", "2026-11-22T10:50:00Z"},
		{"day in Seoul ends at 15:00Z", seoul, brand(1, Window{Calendar: Day}),
			[]string{"2026-11-22T00:00:00+09:00"}, "2026-11-22T23:59:59+09:00", "2026-11-23T00:00:00+09:00"},
		{"day in Seoul, just after midnight", seoul, brand(1, Window{Calendar: Day}),
			[]string{"2026-11-21T23:59:59.999+09:00"}, "2026-11-22T00:00:00+09:00", ""},
		{"day of 23 hours", newYork, brand(1, Window{Calendar: Day}),
			[]string{"2026-03-08T00:00:00-05:00"}, "2026-03-08T23:59:59-04:00", "2026-03-09T00:00:00-04:00"},
		{"day of 25 hours", newYork, brand(1, Window{Calendar: Day}),
			[]string{"2026-11-01T00:00:00-04:00"}, "2026-11-01T23:59:59-05:00", "2026-11-02T00:00:00-05:00"},
		{"day that begins at 01:00", havana, brand(1, Window{Calendar: Day}),
			[]string{"2026-03-07T23:59:59-05:00"}, "2026-03-08T01:00:00-04:00", ""},
		{"day with midnight twice", havana, brand(1, Window{Calendar: Day}),
			[]string{"2026-11-01T00:10:00-04:00"}, "2026-11-01T00:10:00-05:00", "2026-11-02T00:00:00-05:00"},
		{"week begins on Monday", seoul, brand(1, Window{Calendar: Week}),
			[]string{"2026-11-22T12:00:00+09:00"}, "2026-11-23T00:00:00+09:00", ""},
		{"week ends on Sunday", seoul, brand(1, Window{Calendar: Week}),
			[]string{"2026-11-16T00:00:00+09:00"}, "2026-11-22T23:59:59+09:00", "2026-11-23T00:00:00+09:00"},
		{"month over the year's end", seoul, brand(1, Window{Calendar: Month}),
			[]string{"2026-12-01T00:00:00+09:00"}, "2026-12-31T23:59:59+09:00", "2027-01-01T00:00:00+09:00"},
		{"next day is full too", seoul, brand(1, Window{Calendar: Day}),
			[]string{"2026-11-22T12:00:00+09:00", "2026-11-23T08:01:00+09:00"}, "2026-11-22T13:00:00+09:00", "2026-11-24T00:00:00+09:00"},
		{"no zone, calendar", nil, brand(1, Window{Calendar: Day}), nil, "2026-11-22T13:00:00+09:00", "0001-01-01T00:00:00Z"},
		{"no zone, rolling", nil, brand(1, Window{Rolling: time.Hour}), nil, "2026-11-22T13:00:00+09:00", ""},
		{"limit 0", seoul, brand(0, Window{Calendar: Day}), nil, "2026-11-22T13:00:00+09:00", "0001-01-01T00:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := History{Location: c.loc}
			for i, at := range c.history {
				h.Entries = append(h.Entries, Entry{NotificationID: numbered(byte(i + 1)), At: clock(t, at)})
			}
			at := clock(t, c.at)
			ok, first := Check([]Cap{c.cap}, h, Entry{NotificationID: numbered(99), At: at}, at)
			require.Equal(t, c.freeAt == "", ok)
			if !ok {
				require.True(t, clock(t, c.freeAt).Equal(first.FreeAt), "free at %s", first.FreeAt)
			}
		})
	}
}

func TestCheckCountsNotificationsOfItsScope(t *testing.T) {
	noon := clock(t, "2026-11-22T12:00:00+09:00")
	entry := func(id byte, change func(*Entry)) Entry {
		e := Entry{NotificationID: numbered(id), At: noon, Campaign: numbered(201), Store: numbered(211), Channel: "push", Tags: []string{"a", "b"}}
		if change != nil {
			change(&e)
		}
		return e
	}
	candidate := entry(9, nil)
	for _, c := range []struct {
		name  string
		scope Scope
		key   string
		limit int
		past  []Entry
		ok    bool
	}{
		{"one notification on two devices counts once", Brand, "", 2, []Entry{entry(1, nil), entry(1, nil)}, true},
		{"two notifications count twice", Brand, "", 2, []Entry{entry(1, nil), entry(2, nil)}, false},
		{"the candidate's own reservation", Brand, "", 1, []Entry{entry(9, nil)}, true},
		{"released", Brand, "", 1, []Entry{entry(1, func(e *Entry) { e.Released = true })}, true},
		{"released on one of two devices", Brand, "", 1, []Entry{entry(1, nil), entry(1, func(e *Entry) { e.Released = true })}, false},
		{"this campaign", Campaign, numbered(201).String(), 1, []Entry{entry(1, nil)}, false},
		{"this campaign, others spent", Campaign, numbered(201).String(), 1, []Entry{entry(1, func(e *Entry) { e.Campaign = numbered(202) })}, true},
		{"another campaign's cap", Campaign, numbered(202).String(), 1, []Entry{entry(1, func(e *Entry) { e.Campaign = numbered(202) })}, true},
		{"each store, the same", Store, "", 1, []Entry{entry(1, nil)}, false},
		{"each store, another", Store, "", 1, []Entry{entry(1, func(e *Entry) { e.Store = numbered(212) })}, true},
		{"channel", Channel, "push", 1, []Entry{entry(1, nil)}, false},
		{"other channel spent", Channel, "", 1, []Entry{entry(1, func(e *Entry) { e.Channel = "in_app" })}, true},
		{"tag", Tag, "b", 1, []Entry{entry(1, func(e *Entry) { e.Tags = []string{"b"} })}, false},
		{"tag the candidate has not", Tag, "c", 1, []Entry{entry(1, func(e *Entry) { e.Tags = []string{"c"} })}, true},
		{"each tag on its own", Tag, "", 2, []Entry{entry(1, func(e *Entry) { e.Tags = []string{"a"} }), entry(2, func(e *Entry) { e.Tags = []string{"b"} })}, true},
		{"each tag, one is full", Tag, "", 1, []Entry{entry(1, func(e *Entry) { e.Tags = []string{"b"} })}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rule := Cap{Scope: c.scope, Key: c.key, Limit: c.limit, Window: Window{Rolling: time.Hour}}
			require.NoError(t, Validate(rule, 0))
			ok, first := Check([]Cap{rule}, History{Entries: c.past}, candidate, noon)
			require.Equal(t, c.ok, ok, "%+v", first)
		})
	}
}

func TestCheckNamesTheFirst(t *testing.T) {
	now := clock(t, "2026-11-22T12:00:00Z")
	caps := []Cap{
		{Scope: Brand, Limit: 2, Window: Window{Rolling: time.Hour}},
		{Scope: Channel, Key: "push", Limit: 1, Window: Window{Rolling: time.Hour}},
		{Scope: Brand, Limit: 1, Window: Window{Rolling: time.Minute}},
	}
	h := History{Entries: []Entry{{NotificationID: numbered(1), At: now, Channel: "push"}}}
	ok, first := Check(caps, h, Entry{NotificationID: numbered(2), At: now.Add(-time.Hour), Channel: "push"}, now)
	require.False(t, ok)
	require.Equal(t, &Refusal{Cap: caps[1], Key: "push", Count: 1, FreeAt: now.Add(time.Hour)}, first)
}

// slowCount asks the definition: of every window that holds at, how many notifications are inside.
func slowCount(w Window, loc *time.Location, entries []Entry, self uuid.UUID, at time.Time) int {
	distinct := func(inside func(time.Time) bool) int {
		ids := map[uuid.UUID]bool{}
		for _, e := range entries {
			if !e.Released && e.NotificationID != self && inside(e.At) {
				ids[e.NotificationID] = true
			}
		}
		return len(ids)
	}
	if w.Calendar != 0 {
		label := func(t time.Time) string {
			t = t.In(loc)
			switch w.Calendar {
			case Week:
				year, week := t.ISOWeek()
				return fmt.Sprint(year, "w", week)
			case Month:
				return t.Format("2006-01")
			}
			return t.Format("2006-01-02")
		}
		return distinct(func(t time.Time) bool { return label(t) == label(at) })
	}
	most := 0
	for end := at; end.Before(at.Add(w.Rolling)); end = end.Add(time.Minute) {
		most = max(most, distinct(func(t time.Time) bool { return t.After(end.Add(-w.Rolling)) && !t.After(end) }))
	}
	return most
}

func TestCheckAgainstSlowTwin(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	zones := []*time.Location{zone(t, "Asia/Seoul"), zone(t, "America/New_York"), zone(t, "Australia/Lord_Howe"), zone(t, "America/Havana")}
	starts := []time.Time{clock(t, "2026-03-07T00:00:00Z"), clock(t, "2026-10-31T00:00:00Z"), clock(t, "2026-12-30T00:00:00Z"), clock(t, "2026-04-04T00:00:00Z")}
	refused := 0
	for range 1500 {
		w, step, span := Window{Rolling: time.Duration(1+random.IntN(40)) * time.Minute}, time.Minute, 120
		if random.IntN(2) == 0 {
			w, step, span = Window{Calendar: Calendar(1 + random.IntN(3))}, 30*time.Minute, 48*5
		}
		h := History{Location: zones[random.IntN(len(zones))]}
		start := starts[random.IntN(len(starts))]
		for range random.IntN(9) {
			h.Entries = append(h.Entries, Entry{NotificationID: numbered(byte(random.IntN(7))), At: start.Add(time.Duration(random.IntN(span)) * step), Released: random.IntN(5) == 0})
		}
		candidate := Entry{NotificationID: numbered(byte(random.IntN(9))), At: start.Add(time.Duration(random.IntN(span)) * step)}
		rule := Cap{Scope: Brand, Limit: 1 + random.IntN(4), Window: w}
		want := slowCount(w, h.Location, h.Entries, candidate.NotificationID, candidate.At)
		ok, first := Check([]Cap{rule}, h, candidate, candidate.At)
		require.Equal(t, want < rule.Limit, ok, "%+v %+v %+v", rule, h, candidate)
		if ok {
			continue
		}
		refused++
		require.Equal(t, want, first.Count)
		free := candidate.At
		for slowCount(w, h.Location, h.Entries, candidate.NotificationID, free) >= rule.Limit {
			free = free.Add(step)
		}
		require.True(t, free.Equal(first.FreeAt), "want %s, got %s: %+v %+v %+v", free, first.FreeAt, rule, h, candidate)

		folded := Compact(h, candidate.At, start.Add(-time.Hour))
		ok, second := Check([]Cap{rule}, folded, candidate, candidate.At)
		require.False(t, ok, "compacting reopened a cap: %+v %+v %+v", rule, h, candidate)
		require.GreaterOrEqual(t, second.Count, first.Count)
	}
	require.Greater(t, refused, 200, "the generator must reach refusals")
}

func TestCompact(t *testing.T) {
	seoul := zone(t, "Asia/Seoul")
	h := History{Location: seoul, Entries: []Entry{
		{NotificationID: numbered(1), At: clock(t, "2026-11-20T00:00:00+09:00"), Campaign: numbered(201), Tags: []string{"a", "b"}, Channel: "push"},
		{NotificationID: numbered(1), At: clock(t, "2026-11-20T00:00:00+09:00"), Campaign: numbered(201), Tags: []string{"a", "b"}, Channel: "push"},
		{NotificationID: numbered(2), At: clock(t, "2026-11-20T23:59:59+09:00"), Channel: "push"},
		{NotificationID: numbered(3), At: clock(t, "2026-11-20T10:00:00+09:00"), Channel: "push", Released: true},
		{NotificationID: numbered(4), At: clock(t, "2026-11-21T10:00:00+09:00"), Channel: "push"},
		{NotificationID: numbered(5), At: clock(t, "2026-11-10T10:00:00+09:00"), Channel: "push"},
	}}
	got := Compact(h, clock(t, "2026-11-21T12:00:00+09:00"), clock(t, "2026-11-15T00:00:00+09:00"))
	require.Len(t, got.Entries, 1)
	counts := map[string]int{}
	for _, f := range got.Folds {
		require.True(t, f.From.Equal(clock(t, "2026-11-20T00:00:00+09:00")))
		require.True(t, f.Until.Equal(clock(t, "2026-11-21T00:00:00+09:00")))
		counts[f.Scope.String()+" "+f.Key] = f.Count
	}
	require.Equal(t, map[string]int{"brand ": 2, "channel push": 2, "tag a": 1, "tag b": 1, "campaign " + numbered(201).String(): 1}, counts)
	again := Compact(got, clock(t, "2026-11-22T12:00:00+09:00"), clock(t, "2026-11-21T00:00:00+09:00"))
	require.Empty(t, again.Entries)
	require.Len(t, again.Folds, 2, "%+v", again.Folds)
}

func TestMinGap(t *testing.T) {
	at := clock(t, "2026-11-22T12:00:00Z")
	minutes := func(n int) time.Time { return at.Add(time.Duration(n) * time.Minute) }
	gap := 10 * time.Minute
	history := func(plan ...int) (h History) {
		for i, n := range plan {
			h.Entries = append(h.Entries, Entry{NotificationID: numbered(byte(i + 1)), At: minutes(n)})
		}
		return h
	}
	for _, c := range []struct {
		name string
		h    History
		self uuid.UUID
		free int
	}{
		{"nothing", history(), uuid.Nil, 0},
		{"exactly the gap", history(-10, 10), uuid.Nil, 0},
		{"too near before", history(-9), uuid.Nil, 1},
		{"too near after", history(9), uuid.Nil, 19},
		{"pushed from one into the next", history(14, -5, 3), uuid.Nil, 24},
		{"its own", history(0), numbered(1), 0},
		{"a folded day", History{Folds: []Fold{{From: minutes(-1440), Until: minutes(-3), Scope: Brand, Count: 1}}}, uuid.Nil, 7},
	} {
		ok, free := MinGap(c.h, gap, at, c.self)
		require.Equal(t, c.free == 0, ok, c.name)
		require.True(t, minutes(c.free).Equal(free), "%s: %s", c.name, free)
	}
}

func TestValidate(t *testing.T) {
	hour := Window{Rolling: time.Hour}
	for _, c := range []struct {
		cap     Cap
		longest time.Duration
		fault   string
	}{
		{Cap{Scope: Brand, Limit: 1, Window: hour}, 0, ""},
		{Cap{Scope: Brand, Limit: 1, Window: Window{Rolling: DefaultLongest}}, 0, ""},
		{Cap{Scope: Brand, Limit: 1, Window: Window{Rolling: DefaultLongest + 1}}, 0, "window.rolling"},
		{Cap{Scope: Brand, Limit: 1, Window: Window{Calendar: Month}}, 0, ""},
		{Cap{Scope: Brand, Limit: 1, Window: Window{Calendar: Month}}, 29 * 24 * time.Hour, "window.calendar"},
		{Cap{Scope: Brand, Limit: 1, Window: Window{Calendar: 9}}, 0, "window.calendar"},
		{Cap{Scope: Brand, Limit: 1, Window: Window{Calendar: Day, Rolling: time.Hour}}, 0, "window"},
		{Cap{Scope: Brand, Limit: 1}, 0, "window"},
		{Cap{Scope: Brand, Limit: 1, Window: Window{Rolling: -time.Hour}}, 0, "window.rolling"},
		{Cap{Scope: Brand, Limit: 0, Window: hour}, 0, "limit"},
		{Cap{Scope: Brand, Key: "x", Limit: 1, Window: hour}, 0, "key"},
		{Cap{Scope: Store, Key: "x", Limit: 1, Window: hour}, 0, "key"},
		{Cap{Scope: Store, Key: "01020304-0506-0708-090A-0B0C0D0E0F10", Limit: 1, Window: hour}, 0, "key"},
		{Cap{Scope: Tag, Key: "a\xff", Limit: 1, Window: hour}, 0, "key"},
		{Cap{Limit: 1, Window: hour}, 0, "scope"},
	} {
		err := Validate(c.cap, c.longest)
		if c.fault == "" {
			require.NoError(t, err, "%+v", c.cap)
			continue
		}
		require.ErrorContains(t, err, c.fault+":", "%+v", c.cap)
	}
	for s := Brand; s <= Campaign; s++ {
		parsed, err := ParseScope(s.String())
		require.NoError(t, err)
		require.Equal(t, s, parsed)
	}
	_, err := ParseScope("")
	require.Error(t, err)
}

func BenchmarkCheck(b *testing.B) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	h := History{Location: time.UTC}
	for i := range 40 {
		h.Entries = append(h.Entries, Entry{NotificationID: numbered(byte(i)), At: now.Add(-time.Duration(i) * 5 * time.Hour), Campaign: numbered(byte(i % 5))})
	}
	caps := []Cap{
		{Scope: Campaign, Limit: 20, Window: Window{Rolling: 7 * 24 * time.Hour}},
		{Scope: Brand, Limit: 50, Window: Window{Calendar: Day}},
	}
	candidate := Entry{NotificationID: numbered(99), At: now, Campaign: numbered(1)}
	b.ReportAllocs()
	for b.Loop() {
		if ok, _ := Check(caps, h, candidate, now); !ok {
			b.Fatal("refused")
		}
	}
}
