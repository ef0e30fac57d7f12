package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// How many people a second a sending asks: all of them told, or all of them outside.
func BenchmarkSending(b *testing.B) {
	for _, c := range []struct {
		name string
		send campaign.Send
		kind campaign.Kind
	}{
		{"told", campaign.Send{}, campaign.Scheduled},
		{"outside", campaign.Send{TimeOfDay: 12 * 60, Date: campaign.DateBirthday}, campaign.Dated},
	} {
		b.Run(c.name, func(b *testing.B) {
			const people = 2000
			w := newWorld(b, presence.Exact, func(s *brand.Settings) {
				s.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 1000, Window: cap.Window{Rolling: 24 * time.Hour}}}
			})
			e := w.node()
			for range people / 200 {
				w.phones(e, 200)
			}
			b.ResetTimer()
			asked := 0
			for asked < b.N {
				b.StopTimer()
				w.exec(`DELETE FROM delivery`)
				w.exec(`UPDATE campaign SET body = jsonb_set(body, '{state}', '"ended"')`)
				send := c.send
				if c.kind == campaign.Scheduled {
					send.At = w.clock.Now()
				}
				w.run(sends(c.kind, send, nil))
				require.NoError(b, e.FollowCatalogue(w.ctx))
				b.StartTimer()
				require.NoError(b, e.AdvanceSendings(w.ctx))
				asked += people
				b.StopTimer()
				list, err := e.Sendings(w.ctx, w.brand.ID, [16]byte{}, engine.Sending{}, 1)
				require.NoError(b, err)
				require.Equal(b, engine.SendingDone, list[0].State)
				w.pass(time.Second)
				b.StartTimer()
			}
			b.ReportMetric(float64(asked)/b.Elapsed().Seconds(), "people/s")
		})
	}
}
