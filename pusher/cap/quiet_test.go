package cap

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func koreanNight(t *testing.T, closing, opening time.Duration) Quiet {
	t.Helper()
	q, err := KoreanNight(closing, opening)
	require.NoError(t, err)
	return q
}

func TestKoreanNightBoundaries(t *testing.T) {
	standard, bare := koreanNight(t, DefaultCloseMargin, DefaultOpenMargin), koreanNight(t, 0, 0)
	for _, c := range []struct {
		q    Quiet
		at   string // Seoul
		held bool
	}{
		{standard, "20:49:59", false}, {standard, "20:49:59.999999999", false}, {standard, "20:50:00", true},
		{standard, "23:59:59.999", true}, {standard, "00:00:00", true},
		{standard, "08:00:59.999", true}, {standard, "08:01:00", false},
		{bare, "20:59:59.999", false}, {bare, "21:00:00.000", true}, {bare, "07:59:59.999", true}, {bare, "08:00:00.000", false},
	} {
		at := clock(t, "2026-11-22T"+c.at+"+09:00")
		require.Equal(t, c.held, c.q.In(at), c.at)
		require.Equal(t, c.held, c.q.In(at, nil, zone(t, "Asia/Seoul")), c.at)
	}
}

func TestKoreanNightForTravellers(t *testing.T) {
	q, angeles := koreanNight(t, 0, 0), zone(t, "America/Los_Angeles")
	for _, c := range []struct {
		at   string
		held bool
		why  string
	}{
		{"2026-11-22T12:00:00+09:00", false, "19:00 the day before in Los Angeles"},
		{"2026-11-22T13:59:59+09:00", false, "20:59:59 in Los Angeles"},
		{"2026-11-22T14:00:00+09:00", true, "21:00 in Los Angeles"},
		{"2026-11-22T20:59:59+09:00", true, "03:59:59 in Los Angeles"},
		{"2026-11-23T02:00:00+09:00", true, "09:00 in Los Angeles, night in Seoul"},
	} {
		require.Equal(t, c.held, q.In(clock(t, c.at), angeles), c.why)
	}
	open, ok := q.NextOpen(clock(t, "2026-11-22T14:00:00+09:00"), angeles)
	require.True(t, ok)
	require.True(t, open.Equal(clock(t, "2026-11-23T08:00:00+09:00")), open)
}

func TestLatestArrival(t *testing.T) {
	q := koreanNight(t, DefaultCloseMargin, DefaultOpenMargin)
	at := clock(t, "2026-11-22T20:45:00+09:00")
	require.Equal(t, 300*time.Second, q.LatestArrival(at).Sub(at))
	at = clock(t, "2026-11-22T20:50:00+09:00")
	require.Equal(t, at, q.LatestArrival(at), "held already: no time left")
	at = clock(t, "2026-11-22T08:01:00+09:00")
	require.Equal(t, 12*time.Hour+49*time.Minute, q.LatestArrival(at).Sub(at))
	at = clock(t, "2026-11-22T12:00:00+09:00")
	require.Equal(t, 110*time.Minute, q.LatestArrival(at, zone(t, "America/Los_Angeles")).Sub(at), "20:50 in Los Angeles comes first")
}

func TestDaylightSavingNights(t *testing.T) {
	q, err := RecipientNight(21*time.Hour, 8*time.Hour, 0, 0)
	require.NoError(t, err)
	berlin := zone(t, "Europe/Berlin")
	for from, until := range map[string]string{
		"2026-03-28T21:00:00+01:00": "2026-03-29T08:00:00+02:00", // ten hours
		"2026-10-24T21:00:00+02:00": "2026-10-25T08:00:00+01:00", // twelve hours
	} {
		require.False(t, q.In(clock(t, from).Add(-1), berlin))
		require.True(t, q.In(clock(t, from), berlin))
		open, ok := q.NextOpen(clock(t, from), berlin)
		require.True(t, ok)
		require.True(t, open.Equal(clock(t, until)), open)
	}
	skipped, err := RecipientNight(2*time.Hour+30*time.Minute, 8*time.Hour, 0, 0)
	require.NoError(t, err)
	require.True(t, skipped.LatestArrival(clock(t, "2026-03-29T01:00:00+01:00"), berlin).Equal(clock(t, "2026-03-29T03:00:00+02:00")),
		"02:30 does not exist: the span begins with the jump")
}

func TestUnknownZoneHolds(t *testing.T) {
	q, err := RecipientNight(21*time.Hour, 8*time.Hour, 0, 0)
	require.NoError(t, err)
	noon := clock(t, "2026-11-22T12:00:00Z")
	for _, q := range []Quiet{q, {}} {
		require.True(t, q.In(noon))
		require.True(t, q.In(noon, nil))
		_, ok := q.NextOpen(noon, nil)
		require.False(t, ok)
		require.Equal(t, noon, q.LatestArrival(noon))
	}
}

func TestNightsWithoutGap(t *testing.T) {
	q := koreanNight(t, 2*time.Hour, 2*time.Hour)
	_, ok := q.NextOpen(clock(t, "2026-11-22T12:00:00+09:00"), zone(t, "America/New_York"), zone(t, "Europe/Berlin"))
	require.False(t, ok)
}

func TestSettingsRefused(t *testing.T) {
	for _, c := range []struct {
		closing, opening time.Duration
		field            string
	}{{-time.Minute, 0, "close_margin"}, {121 * time.Minute, 0, "close_margin"}, {0, -1, "open_margin"}, {0, 3 * time.Hour, "open_margin"}} {
		_, err := KoreanNight(c.closing, c.opening)
		require.ErrorContains(t, err, c.field)
	}
	for _, c := range [][2]time.Duration{{0, 0}, {9 * time.Hour, 8 * time.Hour}, {24 * time.Hour, 0}, {-time.Hour, 0}, {90 * time.Second, 0}} {
		_, err := RecipientNight(c[0], c[1], time.Hour, 0)
		require.Error(t, err, "%v", c)
	}
	for _, name := range []string{"", "Local", "Asia/Nowhere", "../etc/passwd"} {
		_, err := Zone(name)
		require.Error(t, err, name)
	}
}

func TestQuietAgainstSlowTwin(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	names := []string{"Asia/Seoul", "America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"}
	starts := []time.Time{clock(t, "2026-03-07T12:00:00Z"), clock(t, "2026-03-28T06:00:00Z"), clock(t, "2026-10-24T12:00:00Z"), clock(t, "2026-10-31T10:00:00Z"), clock(t, "2026-04-04T00:00:00Z")}
	minutes := func(n int) time.Duration { return time.Duration(random.IntN(n)) * time.Minute }
	for range 400 {
		from, until, closing, opening := minutes(1440), minutes(1440), minutes(121), minutes(121)
		q, err := RecipientNight(from, until, closing, opening)
		if err != nil {
			continue
		}
		zones := []*time.Location{zone(t, names[random.IntN(len(names))]), zone(t, names[random.IntN(len(names))])}[:1+random.IntN(2)]
		night := func(at time.Time) bool { // walk the wall clock forward from the closing minute
			for _, loc := range zones {
				wall := at.In(loc).Hour()*60 + at.In(loc).Minute()
				begin := (int((from-closing)/time.Minute) + 1440) % 1440
				end := int((until+opening)/time.Minute) % 1440
				for m := begin; m != end; m = (m + 1) % 1440 {
					if m == wall {
						return true
					}
				}
			}
			return false
		}
		at := starts[random.IntN(len(starts))].Add(minutes(3 * 1440))
		require.Equal(t, night(at), q.In(at, zones...))
		seek := func(want bool) (time.Time, bool) {
			for slow := at; slow.Before(at.Add(8 * wallDay)); slow = slow.Add(time.Minute) {
				if night(slow) == want {
					return slow, true
				}
			}
			return time.Time{}, false
		}
		open, ok := q.NextOpen(at, zones...)
		wantOpen, wantOK := seek(false)
		require.Equal(t, wantOK, ok, "%v %v %v", q, at, zones)
		require.True(t, wantOpen.Equal(open), "%v at %v in %v: want %v, got %v", q, at, zones, wantOpen, open)
		wantClose, _ := seek(true)
		require.True(t, wantClose.Equal(q.LatestArrival(at, zones...)), "%v at %v in %v: want %v", q, at, zones, wantClose)
	}
}
