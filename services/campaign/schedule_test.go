package campaign

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/store"
)

func TestSchedule(t *testing.T) {
	friday := []store.Span{{Day: time.Friday, From: 22 * 60, Until: 2 * 60}}
	allDay := []store.Span{{Day: time.Friday, From: 0, Until: 1440}}
	toMidnight := []store.Span{{Day: time.Saturday, From: 23 * 60, Until: 0}}
	early := []store.Span{{Day: time.Sunday, From: 60, Until: 180}}
	for _, tc := range []struct {
		name, zone, local string
		s                 Schedule
		want              Reason
	}{
		{"always", "Asia/Seoul", "2026-05-15 00:00:00", Schedule{}, ""},
		{"before the night", "Asia/Seoul", "2026-05-15 21:59:59", Schedule{Weekly: friday}, OutsideHours},
		{"night begins", "Asia/Seoul", "2026-05-15 22:00:00", Schedule{Weekly: friday}, ""},
		{"past midnight", "Asia/Seoul", "2026-05-16 00:00:00", Schedule{Weekly: friday}, ""},
		{"night's last second", "Asia/Seoul", "2026-05-16 01:59:59", Schedule{Weekly: friday}, ""},
		{"night over", "Asia/Seoul", "2026-05-16 02:00:00", Schedule{Weekly: friday}, OutsideHours},
		{"the wrong night", "Asia/Seoul", "2026-05-15 01:00:00", Schedule{Weekly: friday}, OutsideHours},
		{"all day, first", "Asia/Seoul", "2026-05-15 00:00:00", Schedule{Weekly: allDay}, ""},
		{"all day, last", "Asia/Seoul", "2026-05-15 23:59:59", Schedule{Weekly: allDay}, ""},
		{"all day, over", "Asia/Seoul", "2026-05-16 00:00:00", Schedule{Weekly: allDay}, OutsideHours},
		{"until midnight", "Asia/Seoul", "2026-05-16 23:59:59", Schedule{Weekly: toMidnight}, ""},
		{"midnight", "Asia/Seoul", "2026-05-17 00:00:00", Schedule{Weekly: toMidnight}, OutsideHours},
		{"last day's night goes on", "Asia/Seoul", "2026-05-16 01:00:00", Schedule{EndDate: "2026-05-15", Weekly: friday}, ""},
		{"first day's night has not begun", "Asia/Seoul", "2026-05-16 01:00:00", Schedule{StartDate: "2026-05-16", Weekly: friday}, OutsideHours},
		{"out of dates and hours", "Asia/Seoul", "2026-05-16 12:00:00", Schedule{EndDate: "2026-05-15", Weekly: friday}, OutsideDates},
		// Clocks in New York go from 02:00 to 03:00 on 2027-03-14 and from 02:00 back to 01:00 on 2026-11-01.
		{"spring, before the gap", "America/New_York", "2027-03-14 01:59:59", Schedule{Weekly: early}, ""},
		{"spring, after the gap", "America/New_York", "2027-03-14 03:00:00", Schedule{Weekly: early}, OutsideHours},
		{"autumn, first time round", "America/New_York", "2026-11-01 01:30:00", Schedule{Weekly: early}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			local, err := time.ParseInLocation(time.DateTime, tc.local, zone(tc.zone))
			require.NoError(t, err)
			require.Equal(t, tc.want, tc.s.At(local, nil))
		})
	}
	first := time.Date(2026, 11, 1, 5, 30, 0, 0, time.UTC).In(zone("America/New_York"))
	again := first.Add(time.Hour)
	require.Equal(t, first.Format(time.TimeOnly), again.Format(time.TimeOnly))
	require.Equal(t, Reason(""), (&Schedule{Weekly: early}).At(again, nil), "the repeated hour counts again")
	// A day that is 25 hours long still has a yesterday, and one that has no midnight has, too.
	require.Equal(t, 31, previousDay(time.Date(2026, 11, 1, 23, 30, 0, 0, zone("America/New_York"))).Day())
	require.Equal(t, 3, previousDay(time.Date(2011, 11, 4, 0, 30, 0, 0, zone("America/Sao_Paulo"))).Day())
}
