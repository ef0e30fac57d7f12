package item_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/item"
)

func TestNormalize(t *testing.T) {
	for given, want := range map[string]string{
		"":             "",
		" !? ":         "",
		"Ｌａｔｔｅ":        "latte",
		"Café au lait": "cafeaulait",
		"아이스 아메리카노":    "아이스아메리카노",
		"아이스아메리카노":     "아이스아메리카노",
		"한글":           "한글", // letters of a decomposing keyboard
		"ｶﾌｪ":          "カフェ",
		"コーヒー 1杯":      "コーヒー1杯",
		"STRASSE-12":   "strasse12",
		"소금빵(2개)":      "소금빵2개",
	} {
		require.Equal(t, want, item.Normalize(given), "%q", given)
	}
	require.Equal(t, item.MaxKey, utf8.RuneCountInString(item.Normalize(strings.Repeat("커피 ", 5000))))
	require.NotPanics(t, func() { item.Normalize("\xff\xfe라\xed\xa0\x80") })
}

func anItem(own, name, category string, keywords ...string) *item.Item {
	return &item.Item{ID: uuid.New(), ExternalID: own, Names: map[string]string{"ko": name}, Category: category, Keywords: keywords}
}

func owns(list []*item.Item) (ids []string) {
	for _, i := range list {
		ids = append(ids, i.ExternalID)
	}
	return ids
}

func TestSearch(t *testing.T) {
	x := item.NewIndex([]*item.Item{
		anItem("a", "아이스 아메리카노", "coffee", "커피"), anItem("b", "아메리카노", "coffee"), anItem("c", "소금빵", "bread", "Bread"), anItem("d", "빵", "bread"),
	})
	for keyword, want := range map[string][]string{
		"아메리카노":     {"b", "a"}, // the term itself, then what holds it
		"아이스아메리카노":  {"a"},
		"ICE":       nil,
		"빵":         {"d"}, // one character is not looked for inside
		"금빵":        {"c"},
		"ＢＲＥＡＤ":     {"c", "d"},
		"커피 ":       {"a"},
		"아메리카노 한 잔": nil,
	} {
		require.Equal(t, want, owns(x.Search(keyword, 10)), keyword)
	}
	require.Equal(t, "b", x.ByExternalID("b").ExternalID)
	require.Nil(t, x.ByExternalID("z"))
	var none *item.Index
	require.Nil(t, none.Search("커피", 1))
	require.Nil(t, none.ByExternalID("a"))
	require.Nil(t, none.Related(anItem("a", "x", "coffee"), uuid.Nil))
}

func TestRelated(t *testing.T) {
	here := uuid.New()
	list := []*item.Item{anItem("a", "1", "x"), anItem("b", "2", "x"), anItem("c", "3", "x"), anItem("d", "4", "y"), anItem("e", "5", "")}
	list[1].Stores = []uuid.UUID{uuid.New()}
	x := item.NewIndex(list)
	require.Equal(t, "b", x.Related(list[0], uuid.Nil).ExternalID)
	require.Equal(t, "c", x.Related(list[0], here).ExternalID, "b is to be had elsewhere only")
	require.Equal(t, "a", x.Related(list[2], here).ExternalID, "after the last the first")
	require.Nil(t, x.Related(list[3], here), "alone in its category")
	require.Nil(t, x.Related(list[4], here), "of no category")
}

// slow is the index as nobody would make it.
type slow map[uuid.UUID]*item.Item

func (s slow) search(keyword string, limit int) []string {
	key := item.Normalize(keyword)
	type hit struct {
		own  string
		rank int
	}
	var hits []hit
	for _, i := range s {
		texts := append([]string{i.Category}, i.Keywords...)
		for _, name := range i.Names {
			texts = append(texts, name)
		}
		best := -1
		for _, text := range texts {
			term := item.Normalize(text)
			how := 1 << 20
			switch {
			case key == "" || term == "":
				continue
			case term == key:
				how = 0
			case strings.HasPrefix(term, key):
				how = 1000
			case utf8.RuneCountInString(key) > 1 && strings.Contains(term, key):
				how = 2000
			default:
				continue
			}
			if how += utf8.RuneCountInString(term); best < 0 || how < best {
				best = how
			}
		}
		if best >= 0 {
			hits = append(hits, hit{i.ExternalID, best})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.own, b.own)) })
	var ids []string
	for _, h := range hits[:min(limit, len(hits))] {
		ids = append(ids, h.own)
	}
	return ids
}

func (s slow) related(i *item.Item, at uuid.UUID) string {
	var after, before []string
	for _, other := range s {
		if other.Category != i.Category || i.Category == "" || other.ExternalID == i.ExternalID || !other.IsAt(at) {
			continue
		}
		if other.ExternalID > i.ExternalID {
			after = append(after, other.ExternalID)
		} else {
			before = append(before, other.ExternalID)
		}
	}
	slices.Sort(after)
	slices.Sort(before)
	if all := append(after, before...); len(all) > 0 {
		return all[0]
	}
	return ""
}

// TestIndexAgainstTheSlowTwin changes items at random and asks both.
func TestIndexAgainstTheSlowTwin(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	letters := []rune("아메리카노Aa é라떼 빵1")
	word := func(most int) string {
		var b strings.Builder
		for range 1 + r.IntN(most) {
			b.WriteRune(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
	stores := []uuid.UUID{uuid.New(), uuid.New()}
	twin := slow{}
	var known []*item.Item
	random := func(n int) *item.Item {
		i := anItem(fmt.Sprintf("i%03d", n), word(6), []string{"", "x", "y", "라떼"}[r.IntN(4)], word(4), word(3))
		i.Names["en"] = word(3)
		if r.IntN(3) == 0 {
			i.Stores = stores[:1+r.IntN(2)]
		}
		return i
	}
	var x *item.Index
	for range 25 {
		var changed []*item.Item
		for range r.IntN(40) {
			i := random(len(known))
			if len(known) > 0 && r.IntN(2) == 0 {
				old := known[r.IntN(len(known))]
				i.ID, i.ExternalID = old.ID, old.ExternalID
				if r.IntN(3) == 0 {
					i.DeletedAt = time.Now()
				}
			} else {
				known = append(known, i)
			}
			changed = append(changed, i)
			if twin[i.ID] = i; !i.DeletedAt.IsZero() {
				delete(twin, i.ID)
			}
		}
		x = x.With(changed)
		require.Equal(t, len(twin), x.Len())
		for range 20 {
			keyword, limit := word(4), 1+r.IntN(20)
			require.Equal(t, twin.search(keyword, limit), owns(x.Search(keyword, limit)), "%q", keyword)
		}
		for _, i := range twin {
			at := append(stores, uuid.Nil)[r.IntN(3)]
			got := ""
			if other := x.Related(i, at); other != nil {
				got = other.ExternalID
			}
			require.Equal(t, twin.related(i, at), got)
			require.Same(t, i, x.ByExternalID(i.ExternalID))
		}
	}
}

func TestValidate(t *testing.T) {
	good := item.Item{ExternalID: "a", Names: map[string]string{"ko": "라떼"}, Price: 4500, Currency: "KRW", Link: "app://item/a", ImageURL: "https://x.kr/a.png"}
	require.NoError(t, good.Validate())
	for field, change := range map[string]func(*item.Item){
		"external_id": func(i *item.Item) { i.ExternalID = " " },
		"names":       func(i *item.Item) { i.Names = nil },
		"names.ko":    func(i *item.Item) { i.Names = map[string]string{"ko": " "} },
		"names.x y":   func(i *item.Item) { i.Names = map[string]string{"x y": "a"} },
		"category":    func(i *item.Item) { i.Category = strings.Repeat("a", 129) },
		"keywords":    func(i *item.Item) { i.Keywords = []string{"!"} },
		"price":       func(i *item.Item) { i.Price = -1 },
		"currency":    func(i *item.Item) { i.Currency = "" },
		"image_url":   func(i *item.Item) { i.ImageURL = "http://x.kr/a.png" },
		"link":        func(i *item.Item) { i.Link = "javascript:alert(1)" },
		"stores":      func(i *item.Item) { i.Stores = []uuid.UUID{{1}, {1}} },
	} {
		i := good
		i.Names = map[string]string{"ko": "라떼"}
		change(&i)
		err := i.Validate()
		require.ErrorContains(t, err, field+":", "%s", field)
	}
}

func catalogue(n int) []*item.Item {
	list := make([]*item.Item, n)
	for i := range list {
		list[i] = anItem(fmt.Sprintf("sku-%06d", i), fmt.Sprintf("아이스 라떼 %d호", i), fmt.Sprintf("분류 %d", i%500), "커피", fmt.Sprintf("맛%d", i%1000))
	}
	return list
}

func BenchmarkIndex(b *testing.B) {
	list := catalogue(100_000)
	b.Run("build 100,000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			item.NewIndex(list)
		}
	})
	x := item.NewIndex(list)
	b.Run("change one", func(b *testing.B) {
		changed := *list[7]
		for b.Loop() {
			x.With([]*item.Item{&changed})
		}
	})
	for _, keyword := range []string{"커피", "라떼 77", "아이스라떼99999호", "없는 말"} {
		b.Run("search "+keyword, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Search(keyword, 1)
			}
		})
	}
	b.Run("related", func(b *testing.B) {
		for b.Loop() {
			x.Related(list[7], uuid.Nil)
		}
	})
}
