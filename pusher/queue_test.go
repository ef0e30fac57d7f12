package pusher

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// standing is a clock that only a test moves.
type standing struct{ at time.Duration }

func (s *standing) now() time.Duration { return s.at }

func newTestQueue(inFlight, bound, perLane int, p Pace) (*queue, *standing) {
	p, err := p.withDefaults()
	if err != nil {
		panic(err)
	}
	c := &standing{}
	return newQueue(inFlight, bound, perLane, newPacer(p, nil), c.now), c
}

func ranked(brand byte, r Rank) *task {
	return &task{d: Delivery{ID: uuid.New(), BrandID: uuid.UUID{brand}, Provider: APNs, Notification: Notification{Rank: r}}}
}

// try is pop that does not wait.
func (q *queue) try() *task {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.next()
}

func TestQueueTakesTurns(t *testing.T) {
	q, _ := newTestQueue(100, 10, 2, Pace{})
	push := func(brand byte, n int) {
		for range n {
			_, ok := q.push(ranked(brand, RankMoment))
			require.True(t, ok)
		}
	}
	refused := func(brand byte) {
		out, ok := q.push(ranked(brand, RankMoment))
		require.False(t, ok)
		require.Nil(t, out)
	}
	push(1, 7)
	refused(1) // one lane never takes the whole queue
	push(2, 2)
	push(3, 1)
	refused(4) // full
	var order []byte
	var flying []*task
	for range 5 {
		t := q.pop()
		flying, order = append(flying, t), append(order, t.d.BrandID[0])
	}
	require.Equal(t, []byte{1, 2, 3, 1, 2}, order, "one after the other, however much one of them has")
	require.Nil(t, q.try(), "brand 1 has its two in flight")
	q.landed(flying[0])
	require.Equal(t, byte(1), q.pop().d.BrandID[0])
	require.Len(t, q.close(), 4)
	require.Nil(t, q.pop())
	refused(1)
}

func TestQueueServesLowerRanksFirst(t *testing.T) {
	q, _ := newTestQueue(100, 100, 100, Pace{})
	for _, r := range []Rank{RankBulk, RankReminder, RankMoment, 200} {
		for brand := range byte(2) {
			_, ok := q.push(ranked(brand, r))
			require.True(t, ok)
		}
	}
	var got []Rank
	for range 8 {
		got = append(got, rankOf(q.pop()))
	}
	require.Equal(t, []Rank{0, 0, 1, 1, 2, 2, 2, 2}, got, "a rank nobody knows is bulk")
}

func TestQueueStarvesNobody(t *testing.T) {
	q, _ := newTestQueue(10_000, 10_000, 10_000, Pace{})
	for range 1000 {
		q.push(ranked(1, RankMoment))
	}
	q.push(ranked(1, RankBulk))
	for n := 1; ; n++ {
		if rankOf(q.pop()) == RankBulk {
			require.Equal(t, backwards, n)
			return
		}
	}
}

func TestQueueMakesRoomForTheUrgent(t *testing.T) {
	q, _ := newTestQueue(4, 8, 4, Pace{})
	var bulk []*task
	for brand := range byte(2) {
		for range 4 {
			b := ranked(brand, RankBulk)
			bulk = append(bulk, b)
			_, ok := q.push(b)
			require.True(t, ok)
		}
	}
	_, ok := q.push(ranked(3, RankBulk))
	require.False(t, ok, "bulk displaces no bulk")
	out, ok := q.push(ranked(3, RankMoment))
	require.True(t, ok)
	require.Equal(t, RankBulk, rankOf(out))
	require.Contains(t, bulk, out)
	waiting, _ := q.counts()
	require.Equal(t, 8, waiting)
	require.Equal(t, RankMoment, rankOf(q.pop()))
	for range 2 {
		q.pop()
	}
	require.Nil(t, q.try(), "bulk leaves a part of the workers to moments")
	q.push(ranked(3, RankMoment))
	require.Equal(t, RankMoment, rankOf(q.pop()))
}

// The random twin: whatever is pushed comes out once, by pop, as displaced or at the close, and bounds hold.
func TestQueueForgetsNothing(t *testing.T) {
	for _, seed := range seeds(t, 4) {
		t.Logf("WANTGO_SEED=%d", seed)
		random := rand.New(rand.NewPCG(seed, 3))
		q, c := newTestQueue(8, 24, 5, Pace{PerSecond: 50, Project: 20, Peak: 10})
		in, flying := map[*task]bool{}, []*task{}
		gone := func(x *task) {
			require.True(t, in[x], "came out twice, or never went in")
			delete(in, x)
		}
		for range 3000 {
			switch random.IntN(4) {
			case 0, 1:
				x := ranked(byte(random.IntN(5)), Rank(random.IntN(3)))
				out, ok := q.push(x)
				if ok {
					in[x] = true
				}
				if out != nil {
					gone(out)
					require.Greater(t, rankOf(out), rankOf(x))
				}
			case 2:
				if x := q.try(); x != nil {
					gone(x)
					flying = append(flying, x)
				}
				c.at += time.Duration(random.IntN(40)) * time.Millisecond
			case 3:
				if len(flying) > 0 {
					i := random.IntN(len(flying))
					q.landed(flying[i])
					flying = append(flying[:i], flying[i+1:]...)
				}
			}
			waiting, fly := q.counts()
			require.Equal(t, len(in), waiting)
			require.Equal(t, len(flying), fly)
			require.LessOrEqual(t, waiting, 24)
			require.LessOrEqual(t, fly, 8)
		}
		for _, x := range q.close() {
			gone(x)
		}
		require.Empty(t, in)
	}
}
