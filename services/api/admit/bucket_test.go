package admit_test

import (
	"math"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/api/admit"
)

// slowBucket is a token bucket as the textbooks have it.
type slowBucket struct {
	tokens float64
	at     time.Time
}

// spare is how many tokens would be left.
func (s *slowBucket) spare(now time.Time, n int, r admit.Rate) float64 {
	s.tokens = math.Min(s.tokens+now.Sub(s.at).Seconds()*r.PerSecond, float64(r.Burst))
	s.at = now
	return s.tokens - tokensFor(n, r)
}

// tokensFor is a burst at most: more would never fit.
func tokensFor(n int, r admit.Rate) float64 { return math.Min(float64(n), float64(r.Burst)) }

func TestBucketAgainstTheTextbook(t *testing.T) {
	random := rand.New(rand.NewPCG(seeded(t), 1))
	took, refused := 0, 0
	for range 200 {
		r := admit.Rate{PerSecond: math.Exp(random.Float64()*10 - 2), Burst: 1 + random.IntN(100)}
		now := time.Unix(1_800_000_000, 0)
		var fast admit.Bucket
		slow := slowBucket{tokens: float64(r.Burst), at: now}
		exact := 1e-6 * (1 + r.PerSecond) // nanoseconds are rounded
		take := func(n int) (wait time.Duration) {
			wait = fast.Take(now, n, r)
			spare := slow.spare(now, n, r)
			if wait == 0 {
				require.Greater(t, spare, -exact)
				slow.tokens -= tokensFor(n, r)
				took++
			} else {
				require.Less(t, spare, exact)
				refused++
			}
			return wait
		}
		for range 200 {
			now = now.Add(time.Duration(random.ExpFloat64() / r.PerSecond * 2 * float64(time.Second)))
			n := 1 + random.IntN(5)
			if wait := take(n); wait != 0 && random.IntN(2) == 0 {
				now = now.Add(wait)
				require.Zero(t, take(n), "to come back when told is soon enough")
			}
		}
	}
	require.Positive(t, took)
	require.Positive(t, refused)
}

func TestNoRateIsNoLimit(t *testing.T) {
	var b admit.Bucket
	for range 1000 {
		require.Zero(t, b.Take(time.Unix(0, 0), 1000, admit.Rate{PerSecond: -1}))
	}
}

func TestListenerClosesWhatIsTooMuch(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := admit.NewListener(inner, 2)
	defer func() { _ = l.Close() }()
	accepted := make(chan net.Conn)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	dial()
	first := <-accepted
	dial()
	<-accepted
	_, err = dial().Read(make([]byte, 1))
	require.Error(t, err) // closed
	require.Equal(t, 2, l.Open())
	require.Equal(t, uint64(1), l.Refused())
	require.NoError(t, first.Close())
	_ = first.Close()
	dial()
	<-accepted
	require.Equal(t, 2, l.Open())
}
