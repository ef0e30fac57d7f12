package campaign

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/store"
)

// street is a view of a brand that joins offers, and n of them at n stores, all gates open.
func street(n int) (*View, []Candidate) {
	v := view()
	v.Brand.Settings.Digest = true
	var candidates []Candidate
	for i := range n {
		c := latte()
		c.ID, c.Offer.ID = id(uint64(100+i)), id(uint64(200+i))
		m := entering()
		m.ID, m.Distance = id(uint64(70+i)), float64(i)
		m.Store = &store.Store{ID: id(uint64(20 + i)), Names: map[string]string{"": fmt.Sprintf("매장 %d", i)}, TimeZone: "Asia/Seoul"}
		candidates = append(candidates, Candidate{c, m})
	}
	return v, candidates
}

func TestDigest(t *testing.T) {
	v, candidates := street(7)
	r := Decide(v, candidates)
	require.Equal(t, []Reason{Won, Won, Won, Won, Won, Outranked, Outranked}, reasons(r))
	require.Len(t, r.Joined, 4)
	require.Len(t, r.Deliveries, 1)
	require.Equal(t, "(광고) 근처 혜택 5건", r.Notification.Title)
	require.True(t, strings.HasPrefix(r.Notification.Body, "· 매장 0: 라떼 30% 쿠폰\n· 매장 1: "), r.Notification.Body)
	require.Contains(t, r.Notification.Body, "무료수신거부")
	require.Equal(t, "5", r.Notification.Data["wantgo_digest"])
	for i, d := range r.Decisions[:5] {
		require.Equal(t, r.Notification.ID, d.Notification)
		require.Equal(t, "5", d.Values["digest"])
		require.NotEqual(t, uuid.Nil, d.Coupon)
		require.Equal(t, d.Coupon.String(), strings.Split(r.Notification.Data["wantgo_coupons"], ",")[i])
		require.Equal(t, candidates[i].Campaign.ID, DigestOf(r.Notification.Data)[i])
	}
	for _, j := range r.Joined {
		require.Equal(t, r.Notification.ID, j.Entry.NotificationID)
		require.Equal(t, j.Campaign.ID, j.Entry.Campaign)
	}

	entries := []cap.Entry{*r.Entry}
	for _, j := range r.Joined {
		entries = append(entries, j.Entry)
	}
	v.History.Entries = entries
	for _, c := range candidates[:5] {
		v.Issued[c.Campaign.Offer.ID] = 1
	}
	v.Brand.Settings.Caps = []cap.Cap{{Scope: cap.Brand, Limit: 2, Window: cap.Window{Rolling: time.Hour}}}
	require.Equal(t, []Reason{PersonLimit, PersonLimit, PersonLimit, PersonLimit, PersonLimit, Won, Won}, reasons(Decide(v, candidates)), "one notification so far; the two that were outranked are left")
	for i := range candidates {
		candidates[i].Campaign.Offer.PerPerson = 0
		candidates[i].Campaign.Cooldown = time.Hour
	}
	require.Equal(t, []Reason{Cooldown, Cooldown, Cooldown, Cooldown, Cooldown, Won, Won}, reasons(Decide(v, candidates)), "the cooldown of each")
}

func TestDigestJoinsOnlyWhatItMay(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(v *View, c []Candidate)
		want   []Reason
	}{
		{"not asked for", func(v *View, _ []Candidate) { v.Brand.Settings.Digest = false }, []Reason{Won, Outranked, Outranked}},
		{"one store", func(_ *View, c []Candidate) { c[1].Moment.Store = c[0].Moment.Store }, []Reason{Won, Outranked, Won}},
		{"one offer", func(_ *View, c []Candidate) { c[1].Campaign.Offer.ID = c[0].Campaign.Offer.ID }, []Reason{Won, Outranked, Won}},
		{"no offer", func(_ *View, c []Candidate) {
			c[1].Campaign.Offer = nil
			c[1].Campaign.Texts = map[string]Text{"ko": {"가", "나"}}
		}, []Reason{Won, Outranked, Won}},
		{"the first has none", func(_ *View, c []Candidate) {
			c[0].Campaign.Offer = nil
			c[0].Campaign.Texts = map[string]Text{"ko": {"가", "나"}}
		}, []Reason{Won, Outranked, Outranked}},
		{"free fence", func(_ *View, c []Candidate) {
			c[1].Moment.Store = nil
			c[1].Moment.Distance = 1
			c[1].Campaign.Texts = map[string]Text{"ko": {"가", "나"}}
		}, []Reason{Won, Outranked, Won}},
		{"another gate", func(v *View, c []Candidate) { v.Issued[c[1].Campaign.Offer.ID] = 1 }, []Reason{Won, PersonLimit, Won}},
		{"no coupon left", func(v *View, c []Candidate) {
			c[1].Campaign.Offer.Stock = 5
			v.Stock.(*shelf).left[c[1].Campaign.Offer.ID] = 0
		}, []Reason{Won, StockGone, Won}},
		{"another device", func(v *View, c []Candidate) {
			second := phone()
			second.ID = id(61)
			v.Devices = append(v.Devices, second)
			c[1].Moment.DeviceID = id(61)
		}, []Reason{Won, Outranked, Won}},
		{"another channel", func(_ *View, c []Candidate) { c[1].Moment.Foreground = true }, []Reason{Won, Outranked, Won}},
		{"two of three", func(v *View, c []Candidate) { v.Issued[c[0].Campaign.Offer.ID] = 1 }, []Reason{PersonLimit, Won, Won}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, candidates := street(3)
			tc.change(v, candidates)
			r := Decide(v, candidates)
			require.Equal(t, tc.want, reasons(r))
			if len(r.Joined) == 0 {
				require.Empty(t, r.Notification.Data["wantgo_digest"])
			}
		})
	}
}

func TestDigestOfOtherWords(t *testing.T) {
	for locale, want := range map[string]string{"en-GB": "2 offers near you", "fr": "2 offers near you", "ko-KR": "근처 혜택 2건"} {
		v, candidates := street(2)
		v.Brand.Settings.Jurisdiction, v.Profile.Locale = "EU", locale
		require.Equal(t, want, Decide(v, candidates).Notification.Title)
	}
	v, candidates := street(2)
	candidates[0].Campaign.Deadline, candidates[1].Campaign.Deadline = 5*time.Minute, 2*time.Minute
	require.Equal(t, noon.Add(2*time.Minute), Decide(v, candidates).Deliveries[0].Deadline, "it is over when the first of them is")
	v, candidates = street(2)
	v.Profile.Test = true
	r := Decide(v, candidates)
	require.Equal(t, "(광고) [test] 근처 혜택 2건", r.Notification.Title)
	require.Equal(t, map[string]string{"digest": "2", "test": "true"}, r.Decisions[1].Values)
}

// Whatever the stock does, each coupon that is told of is reserved, nothing is reserved that is not told of, and nothing
// at all where a pool must be asked first.
func TestDigestKeepsStock(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 9))
	for range 500 {
		v, candidates := street(2 + rng.IntN(6))
		stock := v.Stock.(*shelf)
		stock.emptied = rng.IntN(4) == 0
		for i := range candidates {
			o := candidates[i].Campaign.Offer
			switch rng.IntN(4) {
			case 0:
				o.Stock = 9
				stock.left[o.ID] = rng.IntN(3)
			case 1:
				if rng.IntN(4) == 0 {
					o.Stock = 9
				}
			}
		}
		r := Decide(v, candidates)
		if r.NeedsStock != uuid.Nil {
			require.Zero(t, stock.taken)
			continue
		}
		limited := 0
		coupons := []*Coupon{r.Coupon}
		for _, j := range r.Joined {
			coupons = append(coupons, j.Coupon)
		}
		won := 0
		for _, d := range r.Decisions {
			require.NotEmpty(t, d.Reason)
			won += ofBool(d.Reason == Won)
		}
		if r.Winner == nil {
			require.Zero(t, stock.taken)
			require.Zero(t, won)
			continue
		}
		for _, c := range coupons {
			limited += ofBool(c.Block != uuid.Nil)
		}
		require.Equal(t, len(coupons), won)
		require.Equal(t, stock.taken, limited)
		require.LessOrEqual(t, won, maxDigest)
		if won > 1 {
			require.Len(t, DigestOf(r.Notification.Data), won)
		}
	}
	require.Empty(t, DigestOf(map[string]string{"wantgo_campaigns": "x"}))
	require.Equal(t, []uuid.UUID{{}}, DigestOf(map[string]string{"wantgo_digest": "1", "wantgo_campaigns": "x"}))
}

// A cap by store answers each store by itself, in whatever order the candidates come.
func TestBrandCapByStoreOfSeveralStores(t *testing.T) {
	v, candidates := street(3)
	v.Brand.Settings.Digest = false
	v.Brand.Settings.Caps = []cap.Cap{{Scope: cap.Store, Limit: 1, Window: cap.Window{Rolling: time.Hour}}}
	v.History.Entries = []cap.Entry{{NotificationID: id(900), At: noon.Add(-time.Minute), Store: id(21)}}
	candidates = append(candidates, candidates[1])
	require.Equal(t, []Reason{CapReached, CapReached, Won, Outranked}, reasons(Decide(v, candidates)))
}
