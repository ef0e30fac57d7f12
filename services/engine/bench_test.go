package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// One ping a device: none with a consequence, or each entering or leaving a store, one call at a time or many.
func BenchmarkHandle(b *testing.B) {
	for _, c := range []struct {
		name   string
		moving bool
		group  int
	}{{"quiet/1", false, 1}, {"quiet/200", false, 200}, {"transition/1", true, 1}, {"transition/200", true, 200}} {
		b.Run(c.name, func(b *testing.B) {
			w := newWorld(b, presence.Exact, func(s *brand.Settings) {
				s.Caps, s.MinGap = brand.Default(brand.KR).Caps, 10*time.Minute
			})
			w.open(20, 60, nil)
			w.run(latte(false, nil))
			e := w.node()
			phones := w.phones(e, c.group)
			reports := make([]engine.Report, c.group)
			round := 0
			turn := func() {
				round++
				w.pass(10 * time.Millisecond)
				for i, p := range phones {
					reports[i] = p.report()
					place := nowhere
					if c.moving && round%2 == 0 {
						place = storePlace(i % 20)
					}
					reports[i].Pings = []engine.Ping{ping(place, w.clock.Now())}
				}
				answers, err := e.Handle(w.ctx, w.brand.ID, reports)
				if err != nil {
					b.Fatal(err)
				}
				for i := range answers {
					if answers[i].Err != nil {
						b.Fatal(answers[i].Err)
					}
					phones[i].token = answers[i].Token
				}
			}
			for range 4 {
				turn()
			}
			require.Positive(b, round)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += c.group {
				turn()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(b.N, c.group)), "ns/ping")
		})
	}
}
