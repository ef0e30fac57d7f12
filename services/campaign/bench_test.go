package campaign

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher/cap"
)

// crowd is n live campaigns of which all fit one moment (here) or each another store (spread).
func crowd(n int, here bool) []*Campaign {
	list := make([]*Campaign, n)
	for i := range list {
		c := latte()
		c.ID, c.Offer.ID, c.Priority = id(uint64(1_000_000+i)), id(uint64(2_000_000+i)), i%10
		c.Trigger.Stores = []uuid.UUID{id(20)}
		if !here && i > 0 {
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
		x := NewIndex(crowd(n, false))
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

// BenchmarkDecide is what one moment costs with n live campaigns: spread over the stores as in life, or all at one.
func BenchmarkDecide(b *testing.B) {
	for _, here := range []bool{false, true} {
		for _, n := range []int{1, 100, 10_000} {
			x, v, m := NewIndex(crowd(n, here)), busyView(), entering()
			var candidates []Candidate
			b.Run(fmt.Sprintf("here=%v/live=%d", here, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					candidates = x.Match(m, candidates[:0])
					if r := Decide(v, candidates); r.Winner == nil {
						b.Fatal(reasons(r))
					}
				}
			})
		}
	}
}
