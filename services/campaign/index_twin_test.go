package campaign

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// TestMatchAgainstAScan compares Match with a loop over all campaigns, on random campaigns and moments of every kind.
func TestMatchAgainstAScan(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := &matching{rng: rand.New(rand.NewPCG(seed, 3))}
	matched := 0
	for range 300 {
		campaigns := make([]*Campaign, 40)
		districts := map[uuid.UUID]string{}
		for n := range 4 {
			districts[id(uint64(20+n))] = g.word("d")
		}
		for i := range campaigns {
			campaigns[i] = g.campaign(uint64(i + 1))
		}
		chosen := func(c *Campaign) map[uuid.UUID]struct{} {
			found := map[uuid.UUID]struct{}{}
			for at, district := range districts {
				if slices.Contains(c.Trigger.Districts, district) {
					found[at] = struct{}{}
				}
			}
			return found
		}
		x := References{Stores: chosen}.Index(campaigns)
		for range 40 {
			m := g.moment()
			district := ""
			if m.Store != nil {
				district = districts[m.Store.ID]
			}
			var names []uuid.UUID
			for _, c := range x.Match(m, nil) {
				require.Same(t, m, c.Moment)
				names = append(names, c.Campaign.ID)
			}
			slices.SortFunc(names, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
			require.Equal(t, scan(campaigns, m, district), names, "%+v", m)
			again := x.Match(m, nil)
			require.Equal(t, again, References{Stores: chosen}.Index(campaigns).Match(m, nil), "one order")
			matched += len(names)
		}
	}
	require.NotZero(t, matched)
}

// matching makes campaigns and moments of few values, so that many meet.
type matching struct{ rng *rand.Rand }

func (g *matching) word(prefix string) string { return prefix + string(rune('a'+g.rng.IntN(3))) }

// some are words of three, now and then one of them twice.
func (g *matching) some(prefix string, oneIn int) (list []string) {
	for g.rng.IntN(oneIn) == 0 && len(list) < 4 {
		list = append(list, g.word(prefix))
	}
	return list
}

var (
	matchKinds    = []Kind{Entered, Dwelled, Exited, Approached, StoreSearched, Searched, Viewed, Did, Lingered, Bought, Scheduled}
	matchPurposes = []store.Purpose{store.Visit, store.Near, store.Other}
	matchDwells   = []time.Duration{0, 5 * time.Minute, 10 * time.Minute}
)

func (g *matching) campaign(n uint64) *Campaign {
	rng := g.rng
	states := []State{Live, Live, Paused, Draft, Ended}
	c := &Campaign{ID: id(n), State: states[rng.IntN(len(states))]}
	t := &c.Trigger
	t.Tags, t.FenceTags, t.Districts = g.some("t", 4), g.some("f", 6), g.some("d", 8)
	t.Items, t.Categories, t.Keywords, t.Types = g.some("i", 4), g.some("c", 5), g.some("K ", 3), g.some("y", 3)
	for range 1 + rng.IntN(4) {
		t.Kinds = append(t.Kinds, matchKinds[rng.IntN(len(matchKinds))])
	}
	t.Dwell, t.Linger = matchDwells[rng.IntN(3)], matchDwells[rng.IntN(3)]
	for i := range 3 {
		if rng.IntN(5) == 0 {
			t.Stores = append(t.Stores, id(uint64(20+i)), id(uint64(20+i)))
		}
		if rng.IntN(8) == 0 {
			t.Fences = append(t.Fences, id(uint64(30+i)))
		}
		if rng.IntN(3) == 0 {
			t.Purposes = append(t.Purposes, matchPurposes[i], matchPurposes[i])
		}
	}
	if rng.IntN(8) == 0 {
		t.Radius = 300
	}
	return c
}

func (g *matching) moment() *Moment {
	rng := g.rng
	m := &Moment{Kind: matchKinds[rng.IntN(len(matchKinds))], Dwell: matchDwells[1+rng.IntN(2)], FenceDwell: matchDwells[rng.IntN(3)]}
	if rng.IntN(3) > 0 {
		own := g.some("t", 2)
		m.Store = &store.Store{ID: id(uint64(20 + rng.IntN(4))), Tags: append(own, own...)}
	}
	switch {
	case m.Kind.ByFence():
		m.Fence = &store.Fence{ID: id(uint64(30 + rng.IntN(4))), Purpose: matchPurposes[rng.IntN(3)], Tags: append(g.some("t", 2), g.some("f", 2)...)}
		if rng.IntN(8) == 0 {
			m.Fence.CampaignID = id(uint64(1 + rng.IntN(45)))
		}
	case m.Kind.ByEvent():
		m.Event = &Event{Type: g.word("y"), Keyword: g.word("k"), ItemID: g.word("i"), Lingered: matchDwells[rng.IntN(3)]}
		if rng.IntN(2) == 0 {
			m.Item = &item.Item{ExternalID: m.Event.ItemID, Category: g.word("c")}
		}
	}
	if rng.IntN(10) == 0 {
		m.Campaign = id(uint64(1 + rng.IntN(45)))
	}
	return m
}

// scan is Match as a loop over every campaign.
func scan(campaigns []*Campaign, m *Moment, district string) (found []uuid.UUID) {
	for _, c := range campaigns {
		t := c.Trigger
		if c.State != Live && c.State != Paused || !slices.Contains(t.Kinds, m.Kind) {
			continue
		}
		wanted := t.Dwell
		if wanted == 0 {
			wanted = m.FenceDwell
		}
		if m.Kind == Dwelled && wanted != m.Dwell {
			continue
		}
		only := m.Campaign
		if only == uuid.Nil && m.Fence != nil {
			only = m.Fence.CampaignID
		}
		if only == c.ID || only == uuid.Nil && scanPlace(&t, m, district) && scanEvent(&t, m) {
			found = append(found, c.ID)
		}
	}
	return found
}

func scanPlace(t *Trigger, m *Moment, district string) bool {
	chooses := len(t.Stores)+len(t.Tags)+len(t.Districts) > 0
	var tags []string
	if m.Fence != nil {
		tags = m.Fence.Tags
	}
	here := !chooses && len(t.Fences)+len(t.FenceTags) == 0
	if m.Store != nil {
		here = here || slices.Contains(t.Stores, m.Store.ID) || slices.Contains(t.Districts, district)
		tags = m.Store.Tags
	}
	here = here || meet(t.Tags, tags)
	if m.Fence == nil {
		return here
	}
	purpose := slices.Contains(t.Purposes, m.Fence.Purpose) || len(t.Purposes) == 0 && m.Fence.Purpose != store.Other
	if t.Radius > 0 {
		purpose = slices.Contains(t.Purposes, m.Fence.Purpose) && m.Fence.Purpose != store.Near
	}
	return here && purpose || slices.Contains(t.Fences, m.Fence.ID) || meet(t.FenceTags, m.Fence.Tags)
}

func scanEvent(t *Trigger, m *Moment) bool {
	if !m.Kind.ByEvent() {
		return true
	}
	switch {
	case m.Kind == Did && len(t.Types) > 0 && !slices.Contains(t.Types, m.Event.Type):
		return false
	case m.Kind == Searched && len(t.Keywords) > 0 && !slices.Contains(t.Keywords, "K "+m.Event.Keyword[1:]):
		return false
	case m.Kind == Lingered && m.Event.Lingered < t.Linger:
		return false
	}
	about := len(t.Items)+len(t.Categories) == 0 || slices.Contains(t.Items, m.Event.ItemID)
	return about || m.Item != nil && slices.Contains(t.Categories, m.Item.Category)
}

func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
