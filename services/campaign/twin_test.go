package campaign

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
)

// TestAgainstTwin compares Decide with rules written again in the plainest way, on random people and campaigns.
func TestAgainstTwin(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	seen := map[Reason]int{}
	wanted := []Reason{
		Won, Outranked, NotFresh, CampaignNotLive, OutsideDates, Cooldown, CapReached, MinimumGap, PersonLimit, StockGone,
		AdNotConsented, QuietHours, Unreachable, TextRefused, "needs stock", MomentFiltered, ExcludedSegment, NotInSegment,
		ProfileNotConsented, NotInAudience, HeldOut, OwnLimit, TopicMuted, OwnQuietHours, "digest",
	}
	for n := 0; n < 3000 || n < 20*3000 && !allSeen(seen, wanted); n++ { // rare ones may take longer
		v, candidates := randomScene(rng)
		want := twin(v, candidates)
		stock := v.Stock.(*shelf)
		before := stock.taken
		r := Decide(v, candidates)
		if want.needs {
			require.NotEqual(t, uuid.Nil, r.NeedsStock)
			require.Empty(t, r.Decisions)
			require.Equal(t, before, stock.taken)
			seen["needs stock"]++
			continue
		}
		require.Equal(t, uuid.Nil, r.NeedsStock)
		got := map[[2]uuid.UUID]Reason{}
		for _, d := range r.Decisions {
			got[[2]uuid.UUID{d.CampaignID, d.MomentID}] = d.Reason
			seen[d.Reason]++
			require.Equal(t, v.Profile.Test, d.Test)
			if arm, drawn := want.arms[[2]uuid.UUID{d.CampaignID, d.MomentID}]; drawn {
				require.Equal(t, arm, d.Arm)
			}
		}
		require.Equal(t, want.reasons, got)
		if won := slices.Contains(reasons(r), Won); won {
			limited := ofBool(r.Winner.Campaign.Offer != nil && r.Winner.Campaign.Offer.Stock > 0)
			for _, j := range r.Joined {
				limited += ofBool(j.Campaign.Offer.Stock > 0)
				seen["digest"]++
			}
			require.Equal(t, before+limited, stock.taken)
			require.Equal(t, twinClass(r.Winner.Campaign) == Transactional, r.Entry == nil)
		} else {
			require.Nil(t, r.Winner)
			require.Equal(t, before, stock.taken)
		}
	}
	for _, reason := range wanted {
		require.NotZero(t, seen[reason], "the random scenes never made %s: %v", reason, seen)
	}
}

func randomScene(rng *rand.Rand) (*View, []Candidate) {
	maybe := func(n int) bool { return rng.IntN(n) == 0 }
	v := view()
	v.Now = noon.Add(time.Duration(rng.IntN(12*60)) * time.Minute)
	v.Brand.Settings.QuietCloseMargin, v.Brand.Settings.QuietOpenMargin = 0, 0
	if maybe(6) {
		v.Profile.Consents = consents(audience.AdPushNight)
	} else if maybe(3) {
		v.Profile.Consents = consents(audience.AdPush, audience.AdPushNight)
	}
	if !maybe(3) {
		v.Profile.Consents[audience.MarketingProfile] = audience.Standing{Granted: true}
	}
	v.Brand.Settings.Attributes = declared.Attributes
	if !maybe(3) {
		v.Profile.Attributes = map[string]any{"points": float64(rng.IntN(100))}
	}
	if maybe(2) {
		v.Profile.Segments = []uuid.UUID{id(601)}
	}
	v.Profile.Test, v.PersonID, v.Brand.Settings.Digest = maybe(8), id(rng.Uint64N(1000)), maybe(4)
	if maybe(3) {
		v.Profile.Limits = &audience.Limits{PerDay: rng.IntN(3), PerWeek: rng.IntN(4)}
		if maybe(2) {
			v.Profile.Limits.MutedTopics = []string{"coffee"}
		}
		if maybe(3) {
			v.Profile.Limits.QuietFrom, v.Profile.Limits.QuietUntil = 13*60, 15*60
		}
	}
	if maybe(6) {
		v.Brand.Settings.Holdout = 0.2
	}
	v.Brand.Settings.MinGap = time.Duration(rng.IntN(4)) * 5 * time.Minute
	v.Brand.Settings.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 1 + rng.IntN(4), Window: cap.Window{Rolling: time.Hour}}}
	if maybe(6) {
		v.Devices[0].AddressState = "gone"
	}
	if maybe(3) { // a person whom little stands in the way of
		v.Now, v.Brand.Settings.Digest, v.Devices[0].AddressState = noon, true, "live"
		v.Profile.Consents = consents(audience.AdPush, audience.MarketingProfile)
		v.Profile.Limits, v.Brand.Settings.MinGap, v.Brand.Settings.Holdout = nil, 0, 0
	}
	for i := range rng.IntN(4) {
		v.History.Entries = append(v.History.Entries, cap.Entry{
			NotificationID: id(uint64(900 + i)), At: v.Now.Add(-time.Duration(1+rng.IntN(100)) * time.Minute),
			Campaign: id(uint64(100 + rng.IntN(5))), Released: maybe(5),
		})
	}
	stock := v.Stock.(*shelf)
	campaigns := make([]*Campaign, 5)
	for i := range campaigns {
		campaigns[i] = randomCampaign(rng, uint64(100+i), stock)
		v.Issued[id(uint64(200+i))] = rng.IntN(2)
	}
	v.Campaigns = referring().Index(campaigns)
	var candidates []Candidate
	for i := range 1 + rng.IntN(3) {
		m := entering()
		m.Store.ID = id(uint64(20 + i))
		if maybe(3) {
			m.Kind, m.Fence = Viewed, nil
		}
		m.ID, m.Distance, m.Received = id(uint64(70+i)), float64(rng.IntN(3)), v.Now.Add(-time.Duration(rng.IntN(8))*time.Minute)
		m.Late, m.Foreground = maybe(8), maybe(4)
		for _, c := range campaigns {
			if !maybe(3) && c.Trigger.On(m.Kind) {
				candidates = append(candidates, Candidate{c, m})
			}
		}
	}
	return v, candidates
}

func randomCampaign(rng *rand.Rand, n uint64, stock *shelf) *Campaign {
	maybe := func(n int) bool { return rng.IntN(n) == 0 }
	c := campaignNumbered(n)
	c.Priority = rng.IntN(2)
	if maybe(8) {
		c.State = Paused
	}
	if maybe(8) {
		c.Schedule.EndDate = "2026-05-12"
	}
	if maybe(3) {
		c.Cooldown = time.Duration(rng.IntN(90)) * time.Minute
	}
	if maybe(4) {
		c.Deadline = 5 * time.Minute
	}
	c.Trigger.Kinds = [][]Kind{{Entered}, {Entered, Viewed}, {Viewed}}[rng.IntN(3)]
	c.Category = []Category{"", Ad, Informational, Transactional}[rng.IntN(4)]
	if maybe(6) {
		c.Trigger.Filter = `moment.distance_meters < 2.0`
	}
	if maybe(6) {
		c.Segments = []uuid.UUID{id(600)}
	}
	if maybe(8) {
		c.Excluded = []uuid.UUID{id(600)}
	}
	if maybe(4) {
		c.Audience = `person.points < 70.0`
	}
	if maybe(6) {
		c.Holdout = 0.5
	}
	if maybe(3) {
		c.Tags = []string{"coffee"}
	}
	if maybe(8) {
		c.Texts["ko"] = Text{"{nope}", "x"}
	}
	if maybe(2) {
		c.Offer = &Offer{ID: id(n + 100), Titles: map[string]string{"ko": "x"}, Validity: time.Hour, PerPerson: rng.IntN(2)}
		if maybe(2) {
			c.Offer.Stock = 5
			if !maybe(6) {
				stock.left[c.Offer.ID] = rng.IntN(3)
			}
		}
	}
	return c
}

type twinResult struct {
	reasons map[[2]uuid.UUID]Reason
	arms    map[[2]uuid.UUID]string
	needs   bool
}

// twin decides by looking for the foremost of those left, again and again.
func twin(v *View, candidates []Candidate) twinResult {
	r := twinResult{reasons: map[[2]uuid.UUID]Reason{}, arms: map[[2]uuid.UUID]string{}}
	var left []Candidate
	for _, c := range candidates {
		key := [2]uuid.UUID{c.Campaign.ID, c.Moment.ID}
		if r.reasons[key] = twinRuledOut(v, c); r.reasons[key] == HeldOut {
			r.arms[key] = ArmHeldOut
		}
		if r.reasons[key] == "" {
			left = append(left, c)
		}
	}
	var winner *Candidate
	joined := []Candidate{}
	for len(left) > 0 {
		best := 0
		for i := range left {
			if twinBefore(v, left[i], left[best]) {
				best = i
			}
		}
		c := left[best]
		left = slices.Delete(slices.Clone(left), best, best+1)
		key := [2]uuid.UUID{c.Campaign.ID, c.Moment.ID}
		if winner != nil && !twinJoins(v, c, *winner, joined) {
			r.reasons[key] = Outranked
			continue
		}
		reason := twinRefused(v, c)
		if reason == "needs" {
			r.needs = true
			return r
		}
		if r.reasons[key] = reason; reason == Won {
			if joined = append(joined, c); winner == nil {
				winner = &c
			}
		}
	}
	return r
}

// twinJoins tells whether a campaign may still stand in one notification with others.
func twinJoins(v *View, c, first Candidate, joined []Candidate) bool {
	able := func(c Candidate) bool { return c.Campaign.Offer != nil && c.Moment.Store != nil }
	if !v.Brand.Settings.Digest || len(joined) >= 5 || !able(c) || !able(first) || c.Moment.Foreground != first.Moment.Foreground {
		return false
	}
	return !slices.ContainsFunc(joined, func(o Candidate) bool {
		return o.Moment.Store.ID == c.Moment.Store.ID || o.Campaign.Offer.ID == c.Campaign.Offer.ID
	})
}

func twinClass(c *Campaign) Category {
	switch {
	case c.Category == "" || c.Offer != nil || c.Trigger.On(Entered):
		return Ad
	}
	return c.Category
}

func twinSeen(v *View, c *Campaign) (last time.Time) {
	for _, e := range v.History.Entries {
		if e.Campaign == c.ID && !e.Released && e.At.After(last) {
			last = e.At
		}
	}
	return last
}

func twinBefore(v *View, a, b Candidate) bool {
	if a.Campaign.Priority != b.Campaign.Priority {
		return a.Campaign.Priority > b.Campaign.Priority
	}
	if a.Moment.Distance != b.Moment.Distance {
		return a.Moment.Distance < b.Moment.Distance
	}
	if s, t := twinSeen(v, a.Campaign), twinSeen(v, b.Campaign); !s.Equal(t) {
		return s.Before(t)
	}
	if a.Campaign.ID != b.Campaign.ID {
		return a.Campaign.ID.String() < b.Campaign.ID.String()
	}
	return a.Moment.ID.String() < b.Moment.ID.String()
}

func twinRuledOut(v *View, c Candidate) Reason {
	profile := v.Profile
	judged := twinClass(c.Campaign) != Ad || profile.Consents[audience.MarketingProfile].Granted
	limit := c.Campaign.Deadline
	if limit == 0 {
		limit = 10 * time.Minute
	}
	if c.Moment.Late || v.Now.Sub(c.Moment.Received) >= limit {
		return NotFresh
	}
	if c.Campaign.State != Live {
		return CampaignNotLive
	}
	if c.Campaign.Schedule.EndDate != "" {
		return OutsideDates
	}
	if c.Campaign.Trigger.Filter != "" && c.Moment.Distance >= 2 {
		return MomentFiltered
	}
	if c.Moment.Kind == Viewed && !judged {
		return ProfileNotConsented
	}
	if len(c.Campaign.Excluded) > 0 && len(profile.Segments) > 0 {
		return ExcludedSegment
	}
	if len(c.Campaign.Segments) > 0 {
		if !judged {
			return ProfileNotConsented
		}
		if len(profile.Segments) == 0 {
			return NotInSegment
		}
	}
	if c.Campaign.Audience != "" {
		if !judged {
			return ProfileNotConsented
		}
		if points, known := profile.Attributes["points"].(float64); !known || points >= 70 {
			return NotInAudience
		}
	}
	transactional := twinClass(c.Campaign) == Transactional
	if !profile.Test {
		if !transactional && draw(drawBrand, v.Brand.ID, v.PersonID) < v.Brand.Settings.Holdout ||
			draw(drawCampaign, c.Campaign.ID, v.PersonID) < c.Campaign.Holdout {
			return HeldOut
		}
	}
	if reason := twinCapped(v, c); reason != "" && !transactional && !profile.Test {
		return reason
	}
	if l := profile.Limits; l != nil && len(l.MutedTopics) > 0 && len(c.Campaign.Tags) > 0 {
		return TopicMuted
	}
	return ""
}

func twinCapped(v *View, c Candidate) Reason {
	if last := twinSeen(v, c.Campaign); c.Campaign.Cooldown > 0 && !last.IsZero() && v.Now.Sub(last) < c.Campaign.Cooldown {
		return Cooldown
	}
	inHour, today, tooClose := 0, 0, false
	yesterday := noon.Add(-12 * time.Hour) // the midnight of Seoul
	if v.Now.Sub(yesterday) >= 24*time.Hour {
		yesterday = yesterday.Add(24 * time.Hour)
	}
	for _, e := range v.History.Entries {
		if e.Released {
			continue
		}
		if !e.At.Before(yesterday) {
			today++
		}
		if v.Now.Sub(e.At) < time.Hour {
			inHour++
		}
		tooClose = tooClose || v.Now.Sub(e.At) < v.Brand.Settings.MinGap
	}
	if inHour >= v.Brand.Settings.Caps[0].Limit {
		return CapReached
	}
	if tooClose {
		return MinimumGap
	}
	if l := v.Profile.Limits; l != nil && l.PerDay > 0 && today >= l.PerDay {
		return OwnLimit
	}
	if l := v.Profile.Limits; l != nil && l.PerWeek > 0 && twinThisWeek(v) >= l.PerWeek {
		return OwnLimit
	}
	return ""
}

// twinThisWeek counts from the midnight of Seoul that began Monday, 11 May 2026.
func twinThisWeek(v *View) (n int) {
	for _, e := range v.History.Entries {
		if !e.Released && !e.At.Before(time.Date(2026, 5, 10, 15, 0, 0, 0, time.UTC)) {
			n++
		}
	}
	return n
}

func twinRefused(v *View, c Candidate) Reason {
	if o := c.Campaign.Offer; o != nil {
		if o.PerPerson > 0 && v.Issued[o.ID] >= o.PerPerson {
			return PersonLimit
		}
		left, asked := v.Stock.(*shelf).left[o.ID]
		if o.Stock > 0 && !asked {
			return "needs"
		}
		if o.Stock > 0 && left == 0 {
			return StockGone
		}
	}
	ad := twinClass(c.Campaign) == Ad
	if ad && !v.Profile.Consents[audience.AdPush].Granted {
		return AdNotConsented
	}
	hour := v.Now.Add(9 * time.Hour).UTC().Hour()
	if ad && (hour >= 21 || hour < 8) && !v.Profile.Consents[audience.AdPushNight].Granted {
		return QuietHours
	}
	if l := v.Profile.Limits; l != nil && l.QuietFrom > 0 && !v.Profile.Test && hour >= 13 && hour < 15 {
		return OwnQuietHours
	}
	if !c.Moment.Foreground && v.Devices[0].AddressState != "live" {
		return Unreachable
	}
	if c.Campaign.Texts["ko"].Title == "{nope}" {
		return TextRefused
	}
	return Won
}
