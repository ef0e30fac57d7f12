package postgres

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// counting is a node whose counts cost what their rows cost, by a clock that is turned by hand.
type counting struct {
	now    time.Time
	budget resultBudget
	hours  map[time.Time]*openHour
	spent  time.Duration
	counts int
}

func newCounting() *counting {
	c := &counting{now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), hours: map[time.Time]*openHour{}}
	c.budget.now = func() time.Time { return c.now }
	c.budget.begin(0)
	return c
}

// round is what countHours does, every 15 seconds: rows come at a rate a second, and a row costs a time.
func (c *counting) round(rate int64, perRow time.Duration) {
	c.now = c.now.Add(15 * time.Second)
	hour := c.now.Truncate(time.Hour)
	if c.hours[hour] == nil {
		c.hours[hour] = &openHour{resultHour: resultHour{uuid.UUID{}, hour}, hourState: newHourState(sliceSpan)}
	}
	var open []*openHour
	for _, h := range c.hours {
		for i := range h.noted {
			h.noted[i].rows = rate * int64(min(max(0, c.now.Sub(h.hour.Add(time.Duration(i)*noteSpan))), noteSpan)/time.Second)
		}
		open = append(open, h)
	}
	for _, h := range inTurn(open, c.now) {
		if !c.budget.begin(c.budget.estimate(h.size)) {
			return
		}
		cost := time.Duration(h.size) * perRow
		for _, i := range h.due {
			h.slices[i] = sliceState{counted: c.now, traces: h.notedIn(i)}
		}
		c.now = c.now.Add(cost)
		c.spent += cost
		c.counts++
		c.budget.spent(cost, h.size)
	}
}

// Counting takes a twentieth of the time, whatever there would be to count, beyond what one count that is larger than
// what is waited for takes at once; and nothing is saved up at the start.
func TestCountingTakesItsShare(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []int64{1, 100, 3_000, 30_000} {
		c := newCounting()
		begun := c.now
		perRow := time.Duration(500+rng.IntN(3000)) * time.Nanosecond
		for c.now.Sub(begun) < 24*time.Hour {
			c.round(rate, perRow)
			require.LessOrEqual(t, c.spent, c.now.Sub(begun)/countShare+countLoan+time.Duration(12*300*rate)*perRow, "at %d a second", rate)
		}
		require.LessOrEqual(t, c.spent, c.now.Sub(begun)/countShare+time.Duration(12*300*rate)*perRow, "at %d a second", rate)
	}
	var b resultBudget
	now := time.Unix(0, 0)
	b.now = func() time.Time { return now }
	require.False(t, b.begin(time.Second))
	now = now.Add(15 * time.Second)
	require.False(t, b.begin(time.Second))
	require.True(t, b.begin(time.Millisecond), "a small one goes on loan")
	now = now.Add(5 * time.Second)
	require.True(t, b.begin(time.Second))
	b.spent(2*time.Second, 0)
	require.False(t, b.begin(time.Millisecond), "it took more than was saved")
	now = now.Add(24 * time.Hour)
	require.False(t, b.begin(2*countAhead), "more is not saved up while nothing is wanted")
	now = now.Add(time.Hour)
	require.True(t, b.begin(2*countAhead), "but now it is")
	b.forced(time.Hour)
	now = now.Add(countShare*countDebt + time.Second)
	require.True(t, b.begin(countLoan/2), "a debt ends")
}

// However much is decided, every slice is counted, and counted again: one that is hours old before three
// quarters of its age went by since.
func TestNothingStarves(t *testing.T) {
	for _, rate := range []int64{100, 1_000, 3_000} {
		c := newCounting()
		begun, most := c.now, 0.0
		for c.now.Sub(begun) < 20*time.Hour {
			c.round(rate, 2*time.Microsecond)
			for _, h := range c.hours {
				for i := range h.slices {
					if counted, begin := h.slices[i].counted, h.hour.Add(time.Duration(i)*h.span); counted.IsZero() && c.now.After(begin) {
						require.Less(t, c.now.Sub(begin), 2*time.Hour, "never counted, at %d a second", rate)
					}
				}
				if h.plan(c.now); c.now.Sub(h.hour) > countTogether {
					most = max(most, h.waited)
				}
			}
		}
		require.Greater(t, c.counts, 100)
		require.Less(t, most, 3.0, "at %d a second", rate)
		t.Logf("at %d a second: %d counts took %v of %v, most %v", rate, c.counts, c.spent, c.now.Sub(begun), most)
	}
}

// A slice of a day is read some 25 times.
func TestReadingsOfADay(t *testing.T) {
	c := newCounting()
	first, readings := c.now, 0
	for c.now.Sub(first) < 25*time.Hour {
		c.round(0, 0)
		for i, s := range c.hours[first.Truncate(time.Hour)].slices[:1] {
			if s.counted.Equal(c.now) {
				readings += 1 - i
			}
		}
	}
	require.Greater(t, readings, 15)
	require.LessOrEqual(t, readings, 30)
	t.Log(readings, "readings")
}
