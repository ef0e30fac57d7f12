package engine

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

// searchNow is a Sunday, 12:00 in Seoul.
var searchNow = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

var searchZones = []string{"Asia/Seoul", "Asia/Seoul", "America/New_York", "Pacific/Chatham", "Australia/Lord_Howe", ""}

type chance struct{ *rand.Rand }

func newChance(t testing.TB) chance {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return chance{rand.New(rand.NewPCG(seed, 7))}
}

func (r chance) one(list ...string) string { return list[r.IntN(len(list))] }

func (r chance) id() (id uuid.UUID) {
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	return id
}

// place is often at a place of others, at a pole, or at the antimeridian.
func (r chance) place() geo.Point {
	switch r.IntN(8) {
	case 0:
		return geo.Point{Lat: 90 - 1e-3*r.Float64()*float64(r.IntN(2)), Lng: r.Float64()*360 - 180}
	case 1:
		return geo.Point{Lat: -90 + 0.1*r.Float64(), Lng: r.Float64()*360 - 180}
	case 2:
		return geo.Point{Lat: r.NormFloat64(), Lng: []float64{180, -180, 179.9999, -179.9999}[r.IntN(4)]}
	case 3:
		return geo.Point{Lat: 37.5, Lng: 127} // many on one point
	case 4:
		return geo.Point{Lat: r.Float64()*180 - 90, Lng: r.Float64()*360 - 180}
	}
	return geo.Point{Lat: 37.43 + 0.27*r.Float64(), Lng: 126.80 + 0.38*r.Float64()}
}

func (r chance) store(id uuid.UUID) store.Store {
	s := store.Store{
		ID: id, ExternalID: id.String(), Place: r.place(), TimeZone: r.one(searchZones...), Closed: r.IntN(20) == 0,
		Names:    map[string]string{"ko": r.one("강남점", "강남역점", "가구 거리", "과천점", "시청역 앞"), "en": r.one("Gangnam", "City Hall", "Café ONE", "")},
		District: r.one("", "중구", "Gangnam-gu"), Chain: r.one("", "모락별", "Star Coffee", "ＳＴＡＲ　coffee"),
	}
	for _, tag := range []string{"cafe", "24h", "rare"} {
		if r.IntN(map[string]int{"cafe": 2, "24h": 10, "rare": 60}[tag]) == 0 {
			s.Tags = append(s.Tags, tag)
		}
	}
	for range r.IntN(4) {
		s.Hours.Weekly = append(s.Hours.Weekly, store.Span{Day: time.Weekday(r.IntN(7)), From: r.IntN(1440), Until: r.IntN(1441)})
	}
	if r.IntN(4) == 0 {
		date := searchNow.AddDate(0, 0, r.IntN(3)-1)
		e := store.Exception{Date: store.Date{Year: date.Year(), Month: date.Month(), Day: date.Day()}}
		if r.IntN(2) == 0 {
			e.Spans = []store.DaySpan{{From: r.IntN(1440), Until: r.IntN(1441)}}
		}
		s.Hours.Exceptions = append(s.Hours.Exceptions, e)
	}
	return s
}

func (r chance) campaigns(stores map[uuid.UUID]store.Store) (list []*campaign.Campaign) {
	for range r.IntN(4) {
		c := &campaign.Campaign{ID: r.id(), State: []campaign.State{campaign.Live, campaign.Live, campaign.Paused}[r.IntN(3)], OpenOnly: r.IntN(2) == 0}
		if r.IntN(5) > 0 {
			c.Offer = &campaign.Offer{}
		}
		switch r.IntN(4) {
		case 0:
			c.Trigger.Tags = []string{r.one("cafe", "rare")}
		case 1, 2:
			for id := range stores {
				if c.Trigger.Stores = append(c.Trigger.Stores, id); len(c.Trigger.Stores) == 5 {
					break
				}
			}
		}
		if r.IntN(2) == 0 {
			c.Schedule.Weekly = []store.Span{{Day: time.Weekday(r.IntN(7)), From: r.IntN(1440), Until: r.IntN(1441)}}
		}
		list = append(list, c)
	}
	return list
}

func (r chance) query(stores map[uuid.UUID]store.Store) StoreQuery {
	q := StoreQuery{From: r.place(), Limit: 1 + r.IntN(30), At: searchNow.Add(time.Duration(r.IntN(72)-36) * time.Hour)}
	if r.IntN(3) == 0 {
		q.Radius = math.Pow(10, 7*r.Float64())
	}
	if r.IntN(3) == 0 {
		q.Text = r.one("강", "강ㄴ", "강나", "각", "가구거", "과", "고", "star c", "GANGNAM", "cafe", "역", "hall", "중", "없다")
	}
	if r.IntN(3) == 0 {
		q.Tags = []string{r.one("cafe", "24h", "rare", "none")}
	}
	if r.IntN(6) == 0 {
		q.Tags = append(q.Tags, "cafe")
	}
	if r.IntN(5) == 0 {
		q.Chain = r.one("star coffee", "모락별", "other")
	}
	if r.IntN(3) == 0 {
		q.Local = time.Date(2026, 11, 20+r.IntN(4), r.IntN(24), r.IntN(60), 0, 0, time.UTC)
	}
	if r.IntN(12) == 0 {
		q.Only = []uuid.UUID{r.id()}
		for id := range stores {
			if q.Only = append(q.Only, id); len(q.Only) > 4 {
				break
			}
		}
	}
	q.Open, q.WithOffer = r.IntN(3) == 0, r.IntN(3) == 0
	return q
}

// wins tells whether somebody could win a campaign's offer at a store and a time.
type wins func(c *campaign.Campaign, s *store.Store, at time.Time) bool

func anybody(*campaign.Campaign, *store.Store, time.Time) bool { return true }

// twin answers a query by looking at every store, in plain words.
func twin(stores map[uuid.UUID]store.Store, campaigns []*campaign.Campaign, q *StoreQuery, may wins) (found []StoreCursor) {
	for id, s := range stores {
		d := geo.Distance(q.From, s.Place)
		loc := zoneOf(s.TimeZone)
		known := loc != nil
		at := q.At
		if !q.Local.IsZero() && known {
			at = store.WallTime(q.Local, loc)
		}
		open := false
		if known {
			open, _ = s.Hours.Open(at, loc)
		}
		offer := slices.ContainsFunc(campaigns, func(c *campaign.Campaign) bool {
			t := c.Trigger
			everywhere := len(t.Stores)+len(t.Tags) == 0
			tagged := slices.ContainsFunc(t.Tags, func(tag string) bool { return slices.Contains(s.Tags, tag) })
			return c.State == campaign.Live && c.Offer != nil && (everywhere || tagged || slices.Contains(t.Stores, id)) &&
				known && c.Schedule.At(at.In(loc), nil) == "" && (!c.OpenOnly || open) && may(c, &s, at)
		})
		all := !s.Closed && (q.Radius == 0 || d <= q.Radius) && (!q.Open || open) && (!q.WithOffer || offer) &&
			(q.Only == nil || slices.Contains(q.Only, id)) && (q.Chain == "" || textKey(q.Chain) == textKey(s.Chain)) &&
			(q.Text == "" || saysSo(&s, q.Text))
		for _, tag := range q.Tags {
			all = all && slices.Contains(s.Tags, tag)
		}
		if all {
			found = append(found, StoreCursor{d, id})
		}
	}
	slices.SortFunc(found, func(a, b StoreCursor) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return found
}

func saysSo(s *store.Store, text string) bool {
	for _, line := range []string{s.Names["ko"], s.Names["en"], s.Chain, s.District} {
		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" -　", r) })
		for i := range words {
			if strings.HasPrefix(textKey(strings.Join(words[i:], "")), textKey(text)) {
				return true
			}
		}
	}
	return false
}

// pages asks for one page after another, up to some stores.
func pages(t *testing.T, x *searchIndex, q StoreQuery, most int) (all []StoreCursor) {
	t.Helper()
	for {
		found, more := x.find(&q, false, nil)
		for i := range found {
			all = append(all, found[i].Cursor())
			require.Equal(t, geo.Bearing(q.From, found[i].Store().Place), found[i].Bearing)
			require.True(t, !q.Open || found[i].Hours.Open)
			require.True(t, !q.WithOffer || found[i].HasOffer)
		}
		if !more || len(all) >= most {
			return all
		}
		require.Len(t, found, q.Limit)
		q.After = &all[len(all)-1]
	}
}

// Random stores change in random batches; after each, random queries answer as looking at every store does, page by
// page, and the snapshot of before answers as it did.
func TestSearchAgainstLookingAtAll(t *testing.T) {
	r := newChance(t)
	for range 6 {
		stores, campaigns := map[uuid.UUID]store.Store{}, []*campaign.Campaign(nil)
		var x *searchIndex
		for round := range 12 {
			var batch []store.Store
			for range []int{900, 1, 3, 40, 1, 200}[round%6] {
				id := r.id()
				for known := range stores {
					if r.IntN(3) > 0 {
						id = known
					}
					break
				}
				s := r.store(id)
				if r.IntN(4) == 0 {
					s.DeletedAt = searchNow
				}
				if slices.ContainsFunc(batch, func(b store.Store) bool { return b.ID == id }) {
					continue
				}
				batch = append(batch, s)
			}
			before, q := x, r.query(stores)
			was := twin(stores, campaigns, &q, anybody)
			x = x.with(batch)
			oldCampaigns := campaigns
			for _, s := range batch {
				delete(stores, s.ID)
				if s.DeletedAt.IsZero() {
					stores[s.ID] = s
				}
			}
			if round == 0 || r.IntN(3) == 0 {
				campaigns = r.campaigns(stores)
				x = x.withCampaigns(campaigns, nil)
			}
			checkTree(t, x.all)
			require.Equal(t, x.ids.count, x.all.size())
			if before != nil {
				require.Equal(t, was, pages(t, before, q, math.MaxInt), "the snapshot before: %+v %v", q, oldCampaigns)
			}
			for range 40 {
				q := r.query(stores)
				want := twin(stores, campaigns, &q, anybody)
				got := pages(t, x, q, 4*q.Limit)
				require.Equal(t, want[:min(len(want), len(got))], got, "%+v", q)
				require.True(t, len(got) == len(want) || len(got) >= 4*q.Limit, "%d of %d: %+v", len(got), len(want), q)
			}
		}
	}
}

// checkTree holds a tree to what it promises of itself.
func checkTree(t *testing.T, n *spotTree) {
	t.Helper()
	if n == nil {
		return
	}
	list := n.entries(nil)
	require.Len(t, list, n.count)
	for _, e := range list {
		require.True(t, n.own.box.holds(e.at))
		both := n.own.week
		both.add(&e.spot.hours.week)
		require.Equal(t, n.own.week, both)
	}
	if n.leaf == nil {
		require.Equal(t, [2]box{n.kids[0].own.box, n.kids[1].own.box}, n.boxes)
		require.Equal(t, [2]week{n.kids[0].own.week, n.kids[1].own.week}, n.weeks)
		checkTree(t, n.kids[0])
		checkTree(t, n.kids[1])
	}
}

// Everything that was put in one by one can be taken out one by one, and nothing is left.
func TestSearchIndexIsEmptyInTheEnd(t *testing.T) {
	r := newChance(t)
	x := newSearchIndex(nil).withCampaigns(nil, nil)
	var list []store.Store
	for range 1000 {
		s := r.store(r.id())
		s.Closed = false
		list = append(list, s)
		x = x.with([]store.Store{s})
	}
	require.Equal(t, len(list), x.all.size())
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for _, s := range list {
		s.DeletedAt = searchNow
		x = x.with([]store.Store{s})
	}
	require.Zero(t, x.ids.count+x.terms.count+x.keys.count+len(x.zones)+x.all.size())
	require.Empty(t, x.ids.pieces)
	require.Empty(t, x.keys.pieces)
}

func TestTextKey(t *testing.T) {
	for text, typed := range map[string][]string{
		"강남역점":             {"ㄱ", "가", "강", "강ㄴ", "강나", "강남", "강남ㅇ", "강남여", "강남역ㅈ"},
		"가구":               {"각", "가구"},
		"관악":               {"ㄱ", "고", "과", "관", "관아"},
		"값어치":              {"갑", "값", "값ㅇ", "가"},
		"뭐":                {"무"},
		"Café ONE":         {"cafe", "CAFÉ", "ｃａｆｅ o", "cafeone", "Cafe\u0301"},
		"McDonald's":       {"mcdonalds", "McDonald's", "mc-don"},
		"ＳＴＡＲ　coffee":      {"star", "Star C"},
		"ΟΔΟΣ":             {"οδος", "οδοσ"},
		"Ｇａｎｇｎａｍ Stn. 2호선": {"gangnamstn2호"},
	} {
		for _, prefix := range typed {
			require.True(t, strings.HasPrefix(textKey(text), textKey(prefix)), "%s %s: %q %q", text, prefix, textKey(text), textKey(prefix))
		}
	}
	for text, other := range map[string]string{"강남": "강북", "가구": "갇", "cafe": "cafeteria", "남": "나무"} {
		require.False(t, strings.HasPrefix(textKey(text), textKey(other)), "%s %s", text, other)
	}
	require.False(t, SearchableText(" -!"))
	require.True(t, SearchableText("ㄱ"))
}

func TestFoundNames(t *testing.T) {
	found := func(names map[string]string) *FoundStore {
		s := &store.Store{ID: uuid.New(), ExternalID: strings.Repeat("x", 128), Names: names}
		f := &FoundStore{label: labelOf(s)}
		require.Equal(t, s.ID.String(), f.ID())
		require.Equal(t, s.ExternalID, f.ExternalID())
		return f
	}
	many := found(map[string]string{"ko": "강남", "en": "Gangnam", "": strings.Repeat("없", 200), "zh-Hant": "江南"})
	for locale, want := range map[string]string{"en": "Gangnam", "en-GB": "Gangnam", "zh-Hant-TW": "江南", "zh": "강남", "fr": "강남", "": "강남"} {
		require.Equal(t, want, many.Name(locale, "ko"), locale)
	}
	require.Equal(t, strings.Repeat("없", 200), many.Name("fr", "de"))
	require.Equal(t, "Gangnam", found(map[string]string{"ko": "강남", "en": "Gangnam"}).Name("fr", ""))
	require.Empty(t, found(nil).Name("ko", "en"))
}

func FuzzTextKey(f *testing.F) {
	f.Add("강남 Café", 3)
	f.Fuzz(func(t *testing.T, text string, cut int) {
		key, words := textKeys(text, nil)
		require.Equal(t, key, textKey(key), "a key is its own key")
		require.True(t, slices.IsSorted(words))
		for _, at := range words {
			require.LessOrEqual(t, at, len(key))
		}
	})
}

// city makes stores in Seoul, of which every tenth is open at night and the last few have a tag and a name that is far off.
func city(n int) []store.Store {
	r := chance{rand.New(rand.NewPCG(1, 1))}
	list := make([]store.Store, n)
	day, night := store.Hours{}, store.Hours{}
	for d := time.Sunday; d <= time.Saturday; d++ {
		day.Weekly = append(day.Weekly, store.Span{Day: d, From: 9 * 60, Until: 22 * 60})
		night.Weekly = append(night.Weekly, store.Span{Day: d, From: 18 * 60, Until: 4 * 60})
	}
	for i := range list {
		list[i] = store.Store{
			ID: r.id(), ExternalID: fmt.Sprint(i), TimeZone: "Asia/Seoul", Hours: day, Chain: fmt.Sprint("Chain ", i%50), District: fmt.Sprintf("구역%d", i%25),
			Names: map[string]string{"ko": fmt.Sprintf("매장 %d", i), "en": fmt.Sprintf("Shop %d", i)}, Tags: []string{"cafe"},
			Place: geo.Point{Lat: 37.43 + 0.27*r.Float64(), Lng: 126.80 + 0.38*r.Float64()},
		}
		if i%10 == 0 {
			list[i].Hours, list[i].Place.Lat = night, list[i].Place.Lat-2
		}
		if i >= n-n/100 {
			list[i].Tags, list[i].Place.Lat, list[i].Names["en"] = []string{"cafe", "far"}, list[i].Place.Lat-2, fmt.Sprintf("Faraway %d", i)
		}
	}
	return list
}

func BenchmarkSearchStores(b *testing.B) {
	list := city(100_000)
	x := newSearchIndex(nil).with(list).withCampaigns([]*campaign.Campaign{{State: campaign.Live, Offer: &campaign.Offer{}, Trigger: campaign.Trigger{Tags: []string{"far"}}}}, nil)
	night := searchNow.Add(15 * time.Hour) // 03:00
	for _, c := range []struct {
		name   string
		change func(*StoreQuery)
	}{
		{"nearest", func(*StoreQuery) {}},
		{"open", func(q *StoreQuery) { q.Open = true }},
		{"open-at-night-far-away", func(q *StoreQuery) { q.At, q.Open = night, true }},
		{"tag-far-away", func(q *StoreQuery) { q.Tags = []string{"cafe", "far"} }},
		{"chain", func(q *StoreQuery) { q.Chain = "chain 7" }},
		{"offer-far-away", func(q *StoreQuery) { q.WithOffer = true }},
		{"text-of-one", func(q *StoreQuery) { q.Text = "shop 4711" }},
		{"text-of-all", func(q *StoreQuery) { q.Text = "매ㅈ" }},
		{"text-far-away", func(q *StoreQuery) { q.Text = "farawa" }},
		{"100-per-page", func(q *StoreQuery) { q.Limit = 100 }},
		{"page-after-1000", func(q *StoreQuery) { q.After = &StoreCursor{Distance: 1500} }},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := chance{rand.New(rand.NewPCG(2, 2))}
			q := StoreQuery{Limit: 10, At: searchNow}
			c.change(&q)
			var found []FoundStore
			b.ReportAllocs()
			for b.Loop() {
				q.From = geo.Point{Lat: 37.43 + 0.27*r.Float64(), Lng: 126.80 + 0.38*r.Float64()}
				found, _ = x.find(&q, false, found[:0])
			}
			require.NotEmpty(b, found)
		})
	}
	b.Run("change-of-one", func(b *testing.B) {
		r := chance{rand.New(rand.NewPCG(3, 3))}
		for b.Loop() {
			s := list[r.IntN(len(list))]
			s.Place.Lng += 0.001
			x = x.with([]store.Store{s})
		}
	})
	b.Run("build", func(b *testing.B) {
		for b.Loop() {
			newSearchIndex(nil).with(list)
		}
	})
}
