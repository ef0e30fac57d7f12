package campaign

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/store"
)

func sender(kind Kind, s Send) *Campaign {
	return &Campaign{ID: id(7), State: Live, Trigger: Trigger{Kinds: []Kind{kind}, Send: &s}}
}

func at(t *testing.T, zone, local string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	when, err := time.ParseInLocation("2006-01-02 15:04:05 -0700", local, loc)
	if err != nil {
		when, err = time.ParseInLocation("2006-01-02 15:04:05", local, loc)
	}
	require.NoError(t, err)
	return when
}

// Clocks in New York go from 02:00 to 03:00 on 2027-03-14 and from 02:00 back to 01:00 on 2026-11-01.
func TestOccurrences(t *testing.T) {
	const ny, seoul = "America/New_York", "Asia/Seoul"
	for name, tc := range map[string]struct {
		zone  string
		kind  Kind
		send  func(in func(string) time.Time) Send
		hours Schedule
		now   string
		want  []string // the ones that follow now
	}{
		"once": {seoul, Scheduled, func(in func(string) time.Time) Send { return Send{At: in("2026-05-13 12:00:00")} }, Schedule{},
			"2026-05-12 00:00:00", []string{"2026-05-13 12:00:00", ""}},
		"once, over": {seoul, Flashed, func(in func(string) time.Time) Send { return Send{At: in("2026-05-13 12:00:00")} }, Schedule{},
			"2026-05-13 12:00:00", []string{""}},
		"daily into summer time": {ny, Scheduled, func(in func(string) time.Time) Send { return Send{At: in("2027-03-12 10:00:00"), Repeat: RepeatDaily} }, Schedule{},
			"2027-03-12 09:00:00", []string{"2027-03-12 10:00:00 -0500", "2027-03-13 10:00:00 -0500", "2027-03-14 10:00:00 -0400", "2027-03-15 10:00:00 -0400"}},
		"daily in the hour that is skipped": {ny, Scheduled, func(in func(string) time.Time) Send { return Send{At: in("2027-03-13 02:30:00"), Repeat: RepeatDaily} }, Schedule{},
			"2027-03-13 02:30:00", []string{"2027-03-14 03:00:00 -0400", "2027-03-15 02:30:00 -0400"}},
		"daily in the hour that comes twice": {ny, Scheduled, func(in func(string) time.Time) Send { return Send{At: in("2026-10-31 01:30:00"), Repeat: RepeatDaily} }, Schedule{},
			"2026-10-31 12:00:00", []string{"2026-11-01 01:30:00 -0400", "2026-11-02 01:30:00 -0500"}},
		"long before the first": {seoul, Scheduled, func(in func(string) time.Time) Send { return Send{At: in("2026-05-13 12:00:00"), Repeat: RepeatDaily} }, Schedule{},
			"2025-01-01 00:00:00", []string{"2026-05-13 12:00:00", "2026-05-14 12:00:00"}},
		"weekly until": {seoul, Scheduled, func(in func(string) time.Time) Send {
			return Send{At: in("2026-05-13 12:00:00"), Repeat: RepeatWeekly, Until: in("2026-05-27 12:00:00")}
		}, Schedule{}, "2026-05-13 12:00:00", []string{"2026-05-20 12:00:00", "2026-05-27 12:00:00", ""}},
		"monthly on the 31st": {seoul, Scheduled, func(in func(string) time.Time) Send {
			return Send{At: in("2027-12-31 09:00:00"), Repeat: RepeatMonthly}
		}, Schedule{},
			"2027-12-31 09:00:00", []string{"2028-01-31 09:00:00", "2028-02-29 09:00:00", "2028-03-31 09:00:00", "2028-04-30 09:00:00"}},
		"every day at ten": {seoul, Dated, func(func(string) time.Time) Send { return Send{TimeOfDay: 600, Date: DateBirthday} }, Schedule{},
			"2026-05-13 10:00:00", []string{"2026-05-14 10:00:00", "2026-05-15 10:00:00"}},
		"every day in the hour that is skipped": {ny, Absent, func(func(string) time.Time) Send { return Send{TimeOfDay: 150, Days: 3, Without: WithoutOpening} }, Schedule{},
			"2027-03-13 03:00:00", []string{"2027-03-14 03:00:00 -0400", "2027-03-15 02:30:00 -0400"}},
		"on the schedule's days": {seoul, Dated, func(func(string) time.Time) Send { return Send{TimeOfDay: 600} },
			Schedule{Weekly: []store.Span{{Day: time.Friday, From: 0, Until: 1440}}}, "2026-05-13 10:00:00", []string{"2026-05-15 10:00:00", "2026-05-22 10:00:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := koreanBrand()
			b.Settings.TimeZone = tc.zone
			c := sender(tc.kind, tc.send(func(local string) time.Time { return at(t, tc.zone, local) }))
			c.Schedule = tc.hours
			now := at(t, tc.zone, tc.now)
			for _, want := range tc.want {
				next, ok := c.NextOccurrence(b, now)
				require.Equal(t, want != "", ok, "after %s: %s", now, next)
				if !ok {
					break
				}
				require.True(t, at(t, tc.zone, want).Equal(next), "after %s: want %s, is %s", now, want, next)
				for _, later := range []time.Duration{0, time.Second, 20 * time.Minute} {
					last, ok := c.Occurrence(b, next.Add(later))
					require.True(t, ok && last.Equal(next), "at %s: %s", next.Add(later), last)
				}
				now = next
			}
		})
	}
}

// Occurrences that are found one after the other are those that a clock shows which is looked at every minute.
func TestOccurrencesByTheMinute(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	zones := []string{"America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Seoul"}
	for range 12 {
		b := koreanBrand()
		b.Settings.TimeZone = zones[rng.IntN(len(zones))]
		loc := zone(b.Settings.TimeZone)
		minute := rng.IntN(minutesOfDay)
		if rng.IntN(2) == 0 {
			minute = 60 + rng.IntN(150) // where clocks change
		}
		c := sender(Absent, Send{TimeOfDay: minute, Days: 1, Without: WithoutOpening})
		from := time.Date(2026, time.Month(1+rng.IntN(12)), 1, 0, 0, 0, 0, loc)
		now := from
		shown := map[string]time.Time{} // by day: the first minute at or after which the clock has reached the time
		for m := range 30 * minutesOfDay {
			at := from.Add(time.Duration(m) * time.Minute)
			day := at.Format(time.DateOnly)
			if _, known := shown[day]; !known && at.Hour()*60+at.Minute() >= minute {
				shown[day] = at
			}
		}
		for day := range 29 {
			want := shown[time.Date(from.Year(), from.Month(), 1+day, 12, 0, 0, 0, loc).Format(time.DateOnly)]
			if day == 0 && !want.After(now) {
				continue
			}
			next, ok := c.NextOccurrence(b, now)
			require.True(t, ok)
			require.True(t, want.Equal(next), "%s %d after %s: want %s, is %s", loc, minute, now, want, next)
			now = next
		}
	}
}

func TestConcerns(t *testing.T) {
	day := func(local string) time.Time { return at(t, "Asia/Seoul", local+" 10:00:00") }
	born := func(date string) *Signs { return &Signs{Profile: &audience.Profile{BirthDate: date}} }
	birthday := sender(Dated, Send{Date: DateBirthday})
	early := sender(Dated, Send{Date: DateBirthday, Days: 3})
	ends := sender(Dated, Send{Date: "membership_end", Days: 7})
	member := &Signs{Profile: &audience.Profile{Attributes: map[string]any{"membership_end": "2026-05-20"}}}
	bought := func(local string) *Signs {
		return &Signs{Profile: &audience.Profile{Purchases: &audience.Purchases{Last: day(local)}}}
	}
	noPurchase := sender(Absent, Send{Days: 30, Without: WithoutPurchase})
	unopened := sender(Absent, Send{Days: 7, Without: WithoutOpening})
	unvisited := sender(Absent, Send{Days: 7, Without: WithoutVisit})
	for name, tc := range map[string]struct {
		c      *Campaign
		s      *Signs
		at     string
		is     bool
		reason Reason
	}{
		"birthday":                      {birthday, born("1990-05-13"), "2026-05-13", true, ""},
		"not today":                     {birthday, born("1990-05-12"), "2026-05-13", false, ""},
		"no birth date":                 {birthday, born(""), "2026-05-13", false, ""},
		"not born yet":                  {birthday, born("2030-05-13"), "2026-05-13", false, ""},
		"three days before, next year":  {early, born("1990-01-01"), "2026-12-29", true, ""},
		"29 February":                   {birthday, born("2000-02-29"), "2027-02-28", true, ""},
		"29 February, leap year":        {birthday, born("2000-02-29"), "2028-02-29", true, ""},
		"29 February, the day before":   {birthday, born("2000-02-29"), "2028-02-28", false, ""},
		"28 February":                   {birthday, born("2001-02-28"), "2027-02-28", true, ""},
		"attribute":                     {ends, member, "2026-05-13", true, ""},
		"attribute, another year":       {ends, member, "2027-05-13", false, ""},
		"attribute unknown":             {ends, &Signs{Profile: &audience.Profile{}}, "2026-05-13", false, ""},
		"bought long ago":               {noPurchase, bought("2026-04-13"), "2026-05-13", true, ""},
		"bought lately":                 {noPurchase, bought("2026-04-14"), "2026-05-13", false, ""},
		"never bought":                  {noPurchase, &Signs{Profile: &audience.Profile{}}, "2026-05-13", false, ""},
		"seen long ago":                 {unopened, &Signs{Devices: []audience.Device{{LastSeenAt: day("2026-05-06")}}}, "2026-05-13", true, ""},
		"seen on another phone":         {unopened, &Signs{Devices: []audience.Device{{LastSeenAt: day("2026-05-06")}, {LastSeenAt: day("2026-05-10")}}}, "2026-05-13", false, ""},
		"opened, not seen":              {unopened, &Signs{Profile: &audience.Profile{LastOpenedAt: day("2026-05-10")}, Devices: []audience.Device{{LastSeenAt: day("2026-05-06")}}}, "2026-05-13", false, ""},
		"visited long ago":              {unvisited, &Signs{Visit: day("2026-05-01"), VisitsKept: true}, "2026-05-13", true, ""},
		"visits may not be kept":        {unvisited, &Signs{}, "2026-05-13", false, VisitHistoryNotConsented},
		"a scheduled one is about all":  {sender(Scheduled, Send{}), &Signs{}, "2026-05-13", true, ""},
		"a coupon that ends on the day": {sender(Dated, Send{Date: DateCouponEnd}), &Signs{CouponEnds: true}, "2026-05-13", true, ""},
	} {
		is, reason := tc.c.Concerns(tc.s, day(tc.at))
		require.Equal(t, tc.is, is, name)
		require.Equal(t, tc.reason, reason, name)
	}
	from, until := sender(Dated, Send{Date: DateCouponEnd, Days: 3}).CouponDay(day("2026-05-13"))
	require.Equal(t, "2026-05-16T00:00:00+09:00 2026-05-17T00:00:00+09:00", from.Format(time.RFC3339)+" "+until.Format(time.RFC3339))
}
