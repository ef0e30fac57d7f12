package campaign

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/store"
)

// TestProspectsAgainstDecide holds what may be won against what is: a person who is awake and reachable and comes to the
// store now, with the app open and a campaign alone, wins its offer or hears the same reason.
func TestProspectsAgainstDecide(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	seen := map[Reason]int{}
	nowhere := 0
	wanted := []Reason{
		"", BrandStopped, CampaignNotLive, OutsideDates, StoreClosed, Cooldown, CapReached, MinimumGap, PersonLimit, StockGone, AdNotConsented,
		ExcludedSegment, NotInSegment, ProfileNotConsented, NotInAudience, HeldOut, OwnLimit, TopicMuted, StoreMuted,
	}
	for n := 0; n < 400 || n < 20_000 && !allSeen(seen, wanted); n++ { // rare ones may take longer
		v, campaigns, stores := randomProspects(rng)
		stock := v.Stock.(*shelf)
		before, history := maps.Clone(stock.left), len(v.History.Entries)
		p := NewProspects(v)
		for _, c := range campaigns {
			anywhere := p.Refusal(c, nil)
			for _, s := range stores {
				want := decidedAlone(v, c, s)
				got := p.Refusal(c, s)
				require.Equal(t, want, got, "%+v at %+v", c, s)
				if anywhere != "" {
					require.NotEmpty(t, got, "refused everywhere: %s", anywhere)
					nowhere++
				}
				seen[got]++
			}
			require.Equal(t, anywhere, p.Refusal(c, nil))
		}
		require.Equal(t, before, stock.left)
		require.Zero(t, stock.taken)
		require.Len(t, v.History.Entries, history)
	}
	require.NotZero(t, nowhere)
	for _, reason := range wanted {
		require.NotZero(t, seen[reason], "the random scenes never made %q: %v", reason, seen)
	}
}

func allSeen(seen map[Reason]int, wanted []Reason) bool {
	return !slices.ContainsFunc(wanted, func(r Reason) bool { return seen[r] == 0 })
}

// decidedAlone is what becomes of one campaign at one store for somebody about whom nothing else is in the way; "": won.
func decidedAlone(v *View, c *Campaign, s *store.Store) Reason {
	alone, profile := *v, *v.Profile
	profile.Consents = maps.Clone(profile.Consents)
	profile.Consents[audience.AdPushNight] = audience.Standing{Granted: true}
	left := maps.Clone(v.Stock.(*shelf).left)
	if n, asked := left[c.Offer.ID]; !asked || n < 0 {
		left[c.Offer.ID] = 1 // the pool is asked, and has one
	}
	alone.Profile, alone.Devices, alone.Stock = &profile, []audience.Device{phone()}, &shelf{left: left}
	m := entering()
	m.Store, m.Received, m.Foreground = s, v.Now, true
	d := Decide(&alone, []Candidate{{c, m}}).Decisions[0]
	if d.Reason == Won {
		return ""
	}
	return d.Reason
}

func randomProspects(rng *rand.Rand) (v *View, campaigns []*Campaign, stores []*store.Store) {
	maybe := func(n int) bool { return rng.IntN(n) == 0 }
	v = view()
	v.Now = noon.Add(time.Duration(rng.IntN(24*60)) * time.Minute)
	v.Brand.Stopped = maybe(20)
	if maybe(6) {
		v.Profile.Consents = consents(audience.AdPushNight)
	}
	if !maybe(4) {
		v.Profile.Consents[audience.MarketingProfile] = audience.Standing{Granted: true}
	}
	v.Profile.Attributes, v.PersonID = map[string]any{"points": float64(rng.IntN(100))}, id(rng.Uint64N(100))
	if maybe(2) {
		v.Profile.Segments = []uuid.UUID{id(601)}
	}
	if maybe(4) {
		v.Profile.Limits = &audience.Limits{PerDay: rng.IntN(3), MutedStores: []uuid.UUID{id(20)}, MutedTopics: []string{"coffee"}}
	}
	for i := range 3 {
		s := cafe()
		s.ID, s.Closed = id(uint64(20+i)), maybe(20)
		for d := time.Sunday; d <= time.Saturday; d++ {
			s.Hours.Weekly = append(s.Hours.Weekly, store.Span{Day: d, From: 9 * 60, Until: 22 * 60})
		}
		stores = append(stores, s)
	}
	window := cap.Window{Rolling: 2 * time.Hour}
	for _, scope := range []cap.Scope{cap.Brand, cap.Store, cap.Channel, cap.Campaign} {
		if maybe(4) {
			v.Brand.Settings.Caps = append(v.Brand.Settings.Caps, cap.Cap{Scope: scope, Limit: 1 + rng.IntN(2), Window: window})
		}
	}
	v.Brand.Settings.MinGap = time.Duration(rng.IntN(3)) * 5 * time.Minute
	for i := range rng.IntN(3) {
		v.History.Entries = append(v.History.Entries, cap.Entry{
			NotificationID: id(uint64(900 + i)), At: v.Now.Add(-time.Duration(1+rng.IntN(180)) * time.Minute), Store: id(uint64(20 + rng.IntN(3))),
			Campaign: id(uint64(100 + rng.IntN(3))), Channel: []string{ChannelPush, ChannelInApp}[rng.IntN(2)], Released: maybe(6),
		})
	}
	for i := range uint64(3) {
		c := randomCampaign(rng, 100+i, v.Stock.(*shelf))
		c.Texts, c.Deadline, c.Trigger.Filter = latte().Texts, 0, "" // what moments it asks for is none of it
		if c.Audience != "" && maybe(2) {
			c.Audience = `person.points < 70.0 && "center" in store.tags`
		}
		c.OpenOnly, c.Trigger.Kinds = maybe(3), []Kind{Exited}
		if c.Offer == nil {
			c.Offer = &Offer{ID: id(200 + i), Titles: map[string]string{"ko": "x"}, Validity: time.Hour, PerPerson: rng.IntN(2)}
		}
		if maybe(8) {
			c.Offer.ValidUntil = v.Now.Add(-time.Minute)
		}
		if maybe(4) {
			c.Caps = []cap.Cap{{Scope: cap.Store, Limit: 1, Window: window}}
		}
		v.Issued[c.Offer.ID] = rng.IntN(2)
		campaigns = append(campaigns, c)
	}
	v.Campaigns = referring().Index(campaigns)
	return v, campaigns, stores
}

func TestProspectsWithoutStock(t *testing.T) {
	v, c := view(), latte()
	v.Stock, c.Offer.Stock = nil, 5
	require.Empty(t, NewProspects(v).Refusal(c, cafe()), "nothing is known to be gone")
	v.Stock = &shelf{left: map[uuid.UUID]int{c.Offer.ID: 0}}
	require.Equal(t, StockGone, NewProspects(v).Refusal(c, cafe()))
	require.Equal(t, StockGone, NewProspects(v).Refusal(c, nil))
}
