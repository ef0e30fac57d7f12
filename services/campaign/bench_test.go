package campaign

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
)

// crowd is n live campaigns of which the first few fit one moment and each other one another store.
func crowd(n, few int) []*Campaign {
	list := make([]*Campaign, n)
	for i := range list {
		c := latte()
		c.ID, c.Offer.ID, c.Priority = id(uint64(1_000_000+i)), id(uint64(2_000_000+i)), i%10
		c.Trigger.Stores = []uuid.UUID{id(20)}
		if i >= few {
			c.Trigger.Stores = []uuid.UUID{id(uint64(3_000_000 + i))}
		}
		list[i] = c
	}
	return list
}

func busyView() *View {
	v := view()
	v.Brand.Settings.MinGap = 10 * time.Minute
	v.Brand.Settings.Caps = []cap.Cap{
		{Scope: cap.Brand, Limit: 20, Window: cap.Window{Calendar: cap.Day}},
		{Scope: cap.Store, Limit: 20, Window: cap.Window{Rolling: 24 * time.Hour}},
	}
	for i := range 10 {
		v.History.Entries = append(v.History.Entries, cap.Entry{
			NotificationID: id(uint64(900 + i)), At: noon.Add(-time.Duration(i+1) * time.Hour), Campaign: id(uint64(800 + i)), Store: id(20),
		})
	}
	return v
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{1, 100, 10_000} {
		x := NewIndex(crowd(n, 1))
		m, dst := entering(), make([]Candidate, 0, 4)
		b.Run(fmt.Sprintf("live=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dst = x.Match(m, dst[:0])
			}
			if len(dst) != 1 {
				b.Fatal(len(dst))
			}
		})
	}
}

// BenchmarkDecide is what one moment costs with n live campaigns: spread over the stores as in life, so that three fit, or
// all at one store.
func BenchmarkDecide(b *testing.B) {
	for _, here := range []bool{false, true} {
		for _, n := range []int{1, 10, 100, 1000, 10_000} {
			few := min(n, 3)
			if here {
				few = n
			}
			b.Run(fmt.Sprintf("here=%v/live=%d", here, n), func(b *testing.B) { benchDecide(b, NewIndex(crowd(n, few)), busyView(), few) })
		}
	}
}

// BenchmarkDecideOnPeople is the same of 100 live campaigns, three of which fit, and each of these asks for people and has
// a holdout and variants.
func BenchmarkDecideOnPeople(b *testing.B) {
	campaigns, v := crowd(100, 3), busyView()
	for _, c := range campaigns {
		c.Audience, c.Excluded, c.Holdout = `person.points > 100.0 && "cafe" in store.tags`, []uuid.UUID{id(600)}, 0.1
		c.Variants = []Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}}
	}
	v.Profile.Attributes = map[string]any{"points": 120.0}
	v.Profile.Consents = consents(audience.AdPush, audience.MarketingProfile)
	x := referring().Index(campaigns)
	v.Campaigns = x
	for draw(drawCampaign, campaigns[0].ID, v.PersonID) < 0.1 {
		v.PersonID[0]++
	}
	benchDecide(b, x, v, 3)
}

func benchDecide(b *testing.B, x *Index, v *View, decided int) {
	m := entering()
	var candidates []Candidate
	b.ReportAllocs()
	for b.Loop() {
		candidates = x.Match(m, candidates[:0])
		if r := Decide(v, candidates); r.Winner == nil || len(r.Decisions) != decided {
			b.Fatal(reasons(r))
		}
	}
	b.ReportMetric(float64(decided*b.N)/b.Elapsed().Seconds(), "decisions/s")
}
