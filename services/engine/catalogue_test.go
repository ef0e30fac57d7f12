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

func (w *world) writeOn(e *engine.Engine, cw engine.CatalogueWrite) {
	w.t.Helper()
	cw.BrandID, cw.Actor = w.brand.ID, "test"
	_, err := e.Write(w.ctx, cw)
	require.NoError(w.t, err)
}

func TestCatalogueReachesEveryNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	a, b := w.node(), w.node()
	c := latte(false, nil)
	w.writeOn(a, engine.CatalogueWrite{Campaigns: []campaign.Campaign{c}})
	_, err := a.Campaign(w.brand.ID, c.ID)
	require.NoError(t, err, "at once where it was written")
	_, err = b.Campaign(w.brand.ID, c.ID)
	require.ErrorIs(t, err, engine.ErrNotFound)
	require.NoError(t, b.FollowCatalogue(w.ctx))
	p := w.phone(b)
	require.Equal(t, []string{string(campaign.Won)}, reasons(p.tell(b, storePlace(0)).Decisions))
	c.DeletedAt = w.clock.Now()
	w.writeOn(b, engine.CatalogueWrite{Campaigns: []campaign.Campaign{c}})
	require.NoError(t, a.FollowCatalogue(w.ctx))
	require.Empty(t, a.Campaigns(w.brand.ID))
}

// A fence that changes or goes ends its visits, once, with its own reason and without a moment.
func TestChangedFenceEndsVisits(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"fence_changed", "fence_deleted"} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t, presence.Standard, nil)
			w.open(1, 60, nil)
			w.run(latte(false, func(c *campaign.Campaign) { c.Trigger.Kinds = []campaign.Kind{campaign.Exited} }))
			a, b := w.node(), w.node()
			var all []*phone
			for _, p := range w.phones(a, 5) {
				p.tell(b, nowhere) // b's copy knows of no visit
				w.pass(2 * time.Minute)
				p.token = nil
				p.enters(a)
				all = append(all, p)
			}
			f := w.fences[0]
			circle := *f.Circle
			circle.Radius = 80
			if f.Circle = &circle; reason == "fence_deleted" {
				f.DeletedAt = w.clock.Now()
			}
			w.write(engine.CatalogueWrite{Fences: append(w.fences[:0:0], f)})
			require.NoError(t, b.FollowCatalogue(w.ctx))
			ended := `SELECT count(*) FROM place WHERE kind = 'exited' AND reason = $1`
			require.Equal(t, 5, w.count(ended, reason))
			require.NoError(t, a.FollowCatalogue(w.ctx))
			require.Equal(t, 5, w.count(ended, reason))
			require.Zero(t, w.count(`SELECT count(*) FROM open_visit`))
			require.Zero(t, w.count(`SELECT count(*) FROM trace`))
			w.pass(time.Minute)
			require.Empty(t, all[4].tell(a, near(storePlace(0), 500), near(storePlace(0), 500), near(storePlace(0), 500), near(storePlace(0), 500)).Transitions)
		})
	}
}

// What waits is asked about once more before it goes out.
func TestRecheckSeesWhatChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	c := w.run(latte(true, nil))
	a, b := w.node(), w.node()
	p := w.phone(a)
	r := p.report(storePlace(0))
	r.Foreground = true
	d := p.hand(a, r).Deliveries[0]
	w.pass(20 * time.Second)
	ask := func() (pusher.Address, bool, pusher.State, string) { return b.Recheck(w.ctx, &d, w.clock.Now()) }
	to, ok, _, _ := ask()
	require.True(t, ok)
	require.Equal(t, "t-"+p.id.String(), to.Value)

	refused := func(state pusher.State, reason string) {
		t.Helper()
		_, ok, got, why := ask()
		require.False(t, ok)
		require.Equal(t, state, got)
		require.Equal(t, reason, why)
	}
	paused := c
	paused.State = campaign.Paused
	w.writeOn(a, engine.CatalogueWrite{Campaigns: []campaign.Campaign{paused}})
	require.NoError(t, b.FollowCatalogue(w.ctx))
	refused(pusher.Suppressed, string(campaign.CampaignNotLive))
	w.writeOn(b, engine.CatalogueWrite{Campaigns: []campaign.Campaign{c}})
	_, ok, _, _ = ask()
	require.True(t, ok)

	stopped := w.brand
	stopped.Stopped = true
	w.writeOn(b, engine.CatalogueWrite{Brand: &stopped})
	refused(pusher.Suppressed, string(campaign.BrandStopped))
	w.writeOn(b, engine.CatalogueWrite{Brand: &w.brand})

	night := d
	_, ok, state, why := b.Recheck(w.ctx, &night, noon.Add(10*time.Hour))
	require.False(t, ok)
	require.Equal(t, pusher.Suppressed, state)
	require.Equal(t, string(campaign.QuietHours), why)

	require.NoError(t, a.PauseLocation(w.ctx, w.brand.ID, p.id, time.Time{}))
	refused(pusher.Suppressed, string(campaign.LocationPaused))
	require.NoError(t, a.ResumeLocation(w.ctx, w.brand.ID, p.id))
	_, err := w.store.SetAddressState(w.ctx, w.brand.ID, p.id, to, "gone", "UNREGISTERED", time.Time{})
	require.NoError(t, err)
	refused(pusher.Failed, "ADDRESS_GONE")
	_, _, err = a.Erase(w.ctx, w.brand.ID, p.who.PersonID)
	require.NoError(t, err)
	refused(pusher.Cancelled, "PERSON_GONE")
}

// A brand that stopped decides nothing in its favour, and says so.
func TestStoppedBrand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, nil))
	e := w.node()
	p := w.phone(e)
	stopped := w.brand
	stopped.Stopped = true
	w.writeOn(e, engine.CatalogueWrite{Brand: &stopped})
	require.Equal(t, []string{string(campaign.BrandStopped)}, reasons(p.tell(e, storePlace(0)).Decisions))
}

// A push address that is registered with one node counts on the others, whatever they remember.
func TestNewAddressReachesEveryNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, func(s *brand.Settings) {})
	w.open(2, 60, nil)
	w.run(latte(false, nil))
	a, b := w.node(), w.node()
	r, err := a.Register(w.ctx, engine.NewDevice{BrandID: w.brand.ID, Profile: phoneProfile, Consents: consents(noon, true, allPurposes...)})
	require.NoError(t, err)
	p := &phone{w: w, id: r.Device.ID}
	require.Equal(t, []string{string(campaign.Unreachable)}, reasons(p.tell(a, storePlace(0)).Decisions))
	require.NoError(t, b.PutPushAddress(w.ctx, w.brand.ID, p.id, &pusher.Address{Provider: pusher.FCM, Kind: "token", Value: "x"}, nil, "", ""))
	w.pass(time.Minute)
	require.Equal(t, []string{string(campaign.Won)}, reasons(p.tell(a, storePlace(1)).Decisions), "the decision loses its race and is taken again")
}
