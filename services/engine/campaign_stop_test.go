package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// A campaign that is paused on one node, or a brand that is stopped there, is so for everything that waits on another as soon
// as that has looked at the catalogue once, which it does twice a second: a delivery, a reminder, a sending on its way, and
// the next moment.
func TestAStopReachesWhatWaitsOnAnotherNode(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]struct {
		write  func(w *world, all []campaign.Campaign) engine.CatalogueWrite
		reason campaign.Reason
	}{
		"pause": {func(_ *world, all []campaign.Campaign) engine.CatalogueWrite {
			paused := make([]campaign.Campaign, len(all))
			for i, c := range all {
				c.State = campaign.Paused
				paused[i] = c
			}
			return engine.CatalogueWrite{Campaigns: paused}
		}, campaign.CampaignNotLive},
		"brand": {func(w *world, _ []campaign.Campaign) engine.CatalogueWrite {
			stopped := w.brand
			stopped.Stopped = true
			return engine.CatalogueWrite{Brand: &stopped}
		}, campaign.BrandStopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, presence.Exact, func(s *brand.Settings) { s.Caps, s.MinGap = nil, 0 })
			w.open(2, 60, nil)
			entered := w.run(latte(true, nil))
			reminded := w.run(latte(false, remindAfter(30*time.Second, campaign.Viewed)))
			sent := w.run(sends(campaign.Scheduled, campaign.Send{At: noon, PerMinute: 120}, nil))
			here, there := w.node(), w.node()
			w.phones(there, 30)
			p := w.shopper(there)
			r := p.report(storePlace(0))
			r.Foreground = true // the push waits for the phone to say that the message was shown
			waiting := p.hand(there, r).Deliveries[0]
			p.does(there, event(campaign.Viewed, noon, ofItem("x")))
			w.round(there)
			require.EqualValues(t, 10, w.sending(there, sent).Counts.Won)
			_, ok, _, _ := there.Recheck(w.ctx, &waiting, w.clock.Now())
			require.True(t, ok)

			w.writeOn(here, stop.write(w, []campaign.Campaign{entered, reminded, sent}))
			require.NoError(t, there.FollowCatalogue(w.ctx))

			w.pass(20 * time.Second)
			_, ok, state, why := there.Recheck(w.ctx, &waiting, w.clock.Now())
			require.False(t, ok)
			require.Equal(t, pusher.Suppressed, state)
			require.Equal(t, string(stop.reason), why)
			w.round(there)
			require.EqualValues(t, 10, w.sending(there, sent).Counts.Won)
			require.Equal(t, []string{string(stop.reason)}, reasons(p.tell(there, storePlace(1)).Decisions))
			w.pass(20 * time.Second)
			require.NotContains(t, w.remindedBy(there), string(campaign.Won))
		})
	}
}
