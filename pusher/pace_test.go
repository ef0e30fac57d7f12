package pusher

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// admitted counts what a pacer lets begin in each of the following seconds, asked every millisecond.
func admitted(p *pacer, of project, r Rank, from time.Duration, seconds int) (counts []int) {
	for s := range seconds {
		n := 0
		for ms := range 1000 {
			now := from + time.Duration(s)*time.Second + time.Duration(ms)*time.Millisecond
			for p.take(of, r, now) == 0 {
				n++
			}
		}
		counts = append(counts, n)
	}
	return counts
}

func newTestPacer(t *testing.T, pace Pace) *pacer {
	pace, err := pace.withDefaults()
	require.NoError(t, err)
	return newPacer(pace, nil)
}

func sum(list []int) (n int) {
	for _, v := range list {
		n += v
	}
	return n
}

func TestPaceOfAProject(t *testing.T) {
	p := newTestPacer(t, Pace{Project: 100})
	one, two := project{uuid.UUID{1}, FCM}, project{uuid.UUID{2}, FCM}
	counts := admitted(p, one, RankMoment, 0, 10)
	require.InDelta(t, 1000, sum(counts), 10)
	require.LessOrEqual(t, counts[0], 110, "not more than a tenth of a second's at once")
	require.InDelta(t, 100, sum(admitted(p, two, RankMoment, 10*time.Second, 1)), 10, "another brand has its own")
	require.Positive(t, p.take(one, RankMoment, 9999*time.Millisecond))
}

func TestPaceOfTheProcess(t *testing.T) {
	p := newTestPacer(t, Pace{PerSecond: 100})
	n := 0
	for ms := range 5000 {
		for brand := range byte(3) {
			for p.take(project{uuid.UUID{brand}, APNs}, RankMoment, time.Duration(ms)*time.Millisecond) == 0 {
				n++
			}
		}
	}
	require.InDelta(t, 500, n, 10)
}

func TestPaceByProvider(t *testing.T) {
	for _, c := range []struct {
		pace     Pace
		provider Provider
		want     int
	}{
		{Pace{}, FCM, 10_000}, {Pace{}, APNs, 0}, {Pace{}, WebPush, 0}, {Pace{Project: 7}, APNs, 7}, {Pace{Project: -1}, FCM, 0},
		{Pace{Project: 7, Of: func(uuid.UUID, Provider) int { return 9 }}, FCM, 9},
		{Pace{Project: 7, Of: func(uuid.UUID, Provider) int { return 0 }}, FCM, 7},
	} {
		require.Equal(t, c.want, c.pace.project(project{provider: c.provider}), "%+v %s", c.pace, c.provider)
	}
	for _, bad := range []Pace{{PerSecond: -1}, {Project: -2}, {Peak: -1}, {Ramp: time.Second}} {
		_, err := bad.withDefaults()
		require.ErrorContains(t, err, "pace.")
	}
}

// A large send climbs for a minute; moments beside it wait for nothing but the limit.
func TestRamp(t *testing.T) {
	p := newTestPacer(t, Pace{Project: 1000, Peak: 600})
	of := project{uuid.UUID{1}, FCM}
	counts := admitted(p, of, RankBulk, 0, 90)
	require.InDelta(t, 10, counts[0], 10, "a sixtieth of the peak at first")
	require.InDelta(t, 300, counts[30], 30)
	require.InDelta(t, 600, counts[75], 12)
	for i := 1; i < 60; i++ {
		require.LessOrEqual(t, counts[i-1], counts[i]+2, "it only rises")
	}
	require.InDelta(t, 400, sum(admitted(p, of, RankMoment, 90*time.Second, 1))-600, 120, "moments have the whole limit")
	short := admitted(p, of, RankBulk, 111*time.Second, 1)
	require.InDelta(t, 400, short[0], 60, "after 20 s of rest the ramp is down by a third")
	long := admitted(p, of, RankBulk, 10*time.Minute, 1)
	require.LessOrEqual(t, long[0], 72, "after minutes it begins anew")
	p.prune(20 * time.Minute)
	require.Empty(t, p.projects)
}

// A large send that is to begin on the hour trickles until a minute past and climbs then; one that is under way goes on.
func TestNothingLargeBeginsAtAQuarter(t *testing.T) {
	of := project{uuid.UUID{1}, APNs}
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now, later := time.Duration(0), time.Duration(0)
	at := func(begins time.Time) *pacer {
		p := newTestPacer(t, Pace{Peak: 600})
		p.wall = func() time.Time { return begins.Add(now + later) }
		return p
	}
	counted := func(p *pacer, from time.Duration, seconds int) (n int) {
		for ms := range seconds * 1000 {
			now = from + time.Duration(ms)*time.Millisecond
			for p.take(of, RankBulk, now) == 0 {
				n++
			}
		}
		return n
	}
	onTheHour := at(noon)
	require.InDelta(t, 600, counted(onTheHour, 0, 60), 30, "a sixtieth of the peak")
	require.InDelta(t, 18_300, counted(onTheHour, time.Minute, 60), 1000, "half of the peak, on the average")
	later = 12*time.Minute + 30*time.Second // half a minute before the next
	require.InDelta(t, 36_000, counted(onTheHour, 2*time.Minute, 60), 1500, "and on through the next quarter")
	later = 0
	require.InDelta(t, 18_300, counted(at(noon.Add(5*time.Minute)), 0, 60), 1000)

	for minute, want := range map[int]bool{0: true, 1: false, 13: false, 14: true, 15: true, 16: false, 29: true, 44: true, 45: true, 58: false, 59: true} {
		require.Equal(t, want, crowded(noon.Add(time.Duration(minute)*time.Minute)), minute)
	}
	require.True(t, crowded(noon.In(time.FixedZone("Nepal", 5*3600+45*60))))
}
