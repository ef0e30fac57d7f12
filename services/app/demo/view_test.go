package demo

import (
	"bytes"
	"cmp"
	"github.com/wantgo/wantgo/services/postgres"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func someGlance() glance {
	return glance{
		elapsed: 12 * time.Second,
		count: count{people: 200, pings: 1184, visits: 40, refused: map[string]int{"LOCATION_PAUSED": 48, "LOCATION_NOT_CONSENTED": 30},
			p50: 18250 * time.Microsecond, p99: 91 * time.Millisecond},
		facts: postgres.Tally{Transitions: map[string]int{"entered": 190, "dwelled": 12, "exited": 3}, Visits: 41, Coupons: 77,
			Decisions:  map[string]int{"WON": 80, "OUTRANKED": 2, "CAP_REACHED": 48, "AD_NOT_CONSENTED": 25},
			Deliveries: map[string]int{"accepted": 76, "pending": 1}},
		accepted: map[string]int{"fcm": 40, "apns": 36},
	}
}

func TestPlainLines(t *testing.T) {
	var out bytes.Buffer
	v := newView(&out)
	require.False(t, v.live)
	g := someGlance()
	v.show(g)
	g.elapsed, g.count.pings, g.facts.Decisions, g.count.refused = 17*time.Second, 1684, nil, nil
	v.show(g)
	require.Equal(t, strings.TrimPrefix(`
  12 s  pings 1184 (99/s)  visits 41  coupons 77  accepted fcm 40 apns 36  p50 18.2 ms p99 91.0 ms  refused CAP_REACHED 48, LOCATION_PAUSED 48, LOCATION_NOT_CONSENTED 30, AD_NOT_CONSENTED 25
  17 s  pings 1684 (100/s)  visits 41  coupons 77  accepted fcm 40 apns 36  p50 18.2 ms p99 91.0 ms
`, "\n"), out.String())
}

func TestLiveView(t *testing.T) {
	var out bytes.Buffer
	v := newView(&out)
	v.live = true
	v.show(someGlance())
	plain := strings.NewReplacer("\r\x1b[K", "", "\x1b[J", "").Replace(out.String())
	require.Equal(t, strings.TrimPrefix(`
  walking                           12 s
  pings                           1184   99 a second
  transitions                      205   entered 190, dwelled 12, exited 3
  visits                            41
  coupons issued                    77
  accepted by FCM                   40
  accepted by APNs                  36
  ping to notification p50        18.2 ms  p99 91.0 ms
  refused
    CAP_REACHED                     48
    LOCATION_PAUSED                 48
    LOCATION_NOT_CONSENTED          30
    AD_NOT_CONSENTED                25
`, "\n"), plain)
	out.Reset()
	v.show(someGlance())
	require.True(t, strings.HasPrefix(out.String(), "\x1b[13A"), "drawn over the 13 lines before")
}

func TestQuantile(t *testing.T) {
	require.Zero(t, quantile(nil, 0.5))
	const seed = 6
	random := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		ages := make([]time.Duration, 1+random.IntN(250))
		for i := range ages {
			ages[i] = time.Duration(random.IntN(50))
		}
		slices.SortFunc(ages, cmp.Compare)
		for _, q := range []float64{0.5, 0.99, 1} {
			want := time.Duration(-1)
			for _, a := range ages { // the obvious way: the first that enough do not exceed
				covered := 0
				for _, b := range ages {
					if b <= a {
						covered++
					}
				}
				if float64(covered) >= q*float64(len(ages)) {
					want = a
					break
				}
			}
			require.Equal(t, want, quantile(ages, q), "seed %d, %d samples, %v", seed, len(ages), q)
		}
	}
}

func TestQuoted(t *testing.T) {
	for word, want := range map[string]string{
		"/home/me/.local/share/wantgo/demo": "/home/me/.local/share/wantgo/demo",
		"/tmp/my dir":                       "'/tmp/my dir'",
		"/tmp/it's":                         `'/tmp/it'\''s'`,
		"/tmp/$(x)":                         "'/tmp/$(x)'",
	} {
		require.Equal(t, want, quoted(word))
	}
}
