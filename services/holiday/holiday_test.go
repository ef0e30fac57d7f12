package holiday

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func on(t *testing.T, country, date string) bool {
	t.Helper()
	at, err := time.Parse(time.DateOnly, date)
	require.NoError(t, err)
	is, known := On(country, at.Year(), at.Month(), at.Day())
	require.True(t, known, "%s %s", country, date)
	return is
}

func TestDays(t *testing.T) {
	for _, tc := range []struct{ country, days, none string }{
		// Seollal 2028 is a day later than the Chinese new year; Chuseok 2028 falls on 3 October, which gives a day in lieu.
		{"KR", "2025-01-27 2025-05-06 2025-10-08 2026-02-16 2026-03-02 2026-05-25 2026-08-17 2026-10-05 2027-02-09 2028-01-27 2028-10-05 2029-09-24 2030-02-05",
			"2026-02-19 2026-09-28 2027-06-07 2026-06-08 2028-01-25"},
		{"US", "2026-07-03 2026-11-26 2027-01-18", "2026-11-27"},
		{"JP", "2026-09-22 2026-05-06 2027-03-22", "2026-05-07"},
		{"GB", "2026-12-28 2027-12-27 2027-12-28", "2026-05-01"},
		{"DE", "2026-10-03 2026-05-25", "2026-11-01"},
		{"FR", "2026-07-14 2027-05-06", "2026-04-03"},
	} {
		for _, day := range strings.Fields(tc.days) {
			require.True(t, on(t, tc.country, day), "%s %s", tc.country, day)
		}
		for _, day := range strings.Fields(tc.none) {
			require.False(t, on(t, tc.country, day), "%s %s", tc.country, day)
		}
	}
	for _, unknown := range []struct {
		country string
		year    int
	}{{"KR", 2024}, {"KR", 2031}, {"XX", 2026}, {"", 2026}} {
		is, known := On(unknown.country, unknown.year, time.January, 1)
		require.False(t, is || known, unknown)
	}
}

// easter is Gauss's way in the form of Meeus (Astronomical Algorithms, chapter 8).
func easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	h := (19*a + b - b/4 - (b-(b+8)/25+1)/3 + 15) % 30
	l := (32 + 2*(b%4) + 2*(c/4) - h - c%4) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return time.Date(year, time.Month(n/31), n%31+1, 0, 0, 0, 0, time.UTC)
}

// TestDaysAgainstRules checks what can be reckoned: Easter's days, days of the week, fixed days, and Korea's days in lieu.
func TestDaysAgainstRules(t *testing.T) {
	nth := func(year int, month time.Month, weekday time.Weekday, n int) string {
		first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
		return first.AddDate(0, 0, (int(weekday-first.Weekday())+7)%7+7*(n-1)).Format(time.DateOnly)
	}
	for key := range listed() {
		year := key.year
		after := func(days int) string { return easter(year).AddDate(0, 0, days).Format(time.DateOnly) }
		switch key.country {
		case "DE":
			require.True(t, on(t, "DE", after(-2)) && on(t, "DE", after(1)) && on(t, "DE", after(39)) && on(t, "DE", after(50)), year)
		case "GB":
			require.True(t, on(t, "GB", after(-2)) && on(t, "GB", after(1)) && on(t, "GB", nth(year, time.May, time.Monday, 1)), year)
		case "US":
			require.True(t, on(t, "US", nth(year, time.November, time.Thursday, 4)) && on(t, "US", nth(year, time.September, time.Monday, 1)), year)
		case "JP":
			require.True(t, on(t, "JP", nth(year, time.January, time.Monday, 2)) && on(t, "JP", nth(year, time.July, time.Monday, 3)), year)
		case "KR":
			koreanLieu(t, year)
		}
		require.True(t, on(t, key.country, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)), key)
	}
}

// koreanLieu: a day of the state, Children's Day or Christmas on a weekend is made up for on the next day that is none.
func koreanLieu(t *testing.T, year int) {
	for _, day := range []struct {
		month time.Month
		day   int
	}{{time.March, 1}, {time.May, 5}, {time.August, 15}, {time.October, 3}, {time.October, 9}, {time.December, 25}} {
		at := time.Date(year, day.month, day.day, 0, 0, 0, 0, time.UTC)
		require.True(t, on(t, "KR", at.Format(time.DateOnly)), at)
		if at.Weekday() != time.Saturday && at.Weekday() != time.Sunday {
			continue
		}
		for at.Weekday() != time.Monday {
			at = at.AddDate(0, 0, 1)
		}
		require.True(t, on(t, "KR", at.Format(time.DateOnly)), at)
	}
}

func TestCountries(t *testing.T) {
	for zone, want := range map[string]string{
		"Asia/Seoul": "KR", "America/Los_Angeles": "US", "Pacific/Honolulu": "US", "Europe/Berlin": "DE", "Europe/London": "GB",
		"Australia/Lord_Howe": "AU", "UTC": "", "": "", "Nowhere/Else": "",
	} {
		require.Equal(t, want, Country(zone), zone)
	}
	for zone := range zones() {
		_, err := time.LoadLocation(zone)
		require.NoError(t, err)
	}
	for key := range listed() {
		require.True(t, slices.Contains(slices.Collect(values(zones())), key.country), key)
	}
	first, last := Years("KR")
	require.Equal(t, []int{2025, 2030}, []int{first, last})
	first, last = Years("XX")
	require.Zero(t, first+last)
}

func values(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

func TestBrokenLists(t *testing.T) {
	for _, text := range []string{"KR 2026", "KOR 2026 01-01", "KR 2026 02-30", "KR x 01-01"} {
		_, err := readDays(text)
		require.Error(t, err, text)
	}
}
