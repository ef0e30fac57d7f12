package campaign

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/item"
)

func aScene() Scene {
	b := koreanBrand()
	b.Settings.Attributes = []brand.Attribute{{Name: "nickname", Type: brand.TypeString}, {Name: "visits", Type: brand.TypeNumber}}
	return Scene{
		Campaign: latte(), Brand: b, Store: cafe(), Locale: "ko", Now: noon, Keyword: "라떼",
		Item:    &item.Item{ExternalID: "i-1", Names: map[string]string{"ko": "바닐라 라떼", "en": "Vanilla latte"}, Price: 4500, Currency: "KRW", Link: "cafeon://items/1", ImageURL: "https://a.example/1.png"},
		Profile: &audience.Profile{Attributes: map[string]any{"nickname": "하늘", "visits": 3.0, "shoes": "42"}, Consents: consents(audience.MarketingProfile)},
		Coupon:  &Coupon{Code: "7K3M9QXR2TVW", ExpiresAt: noon.Add(time.Hour)},
	}
}

func TestVariables(t *testing.T) {
	const all = "{brand}|{store}|{store_id}|{item}|{item_id}|{price}|{keyword}|{person.nickname|고객}|{person.visits|0}|{person.shoes|없음}|{offer}"
	for name, c := range map[string]struct {
		change func(sc *Scene)
		text   string
		want   string
	}{
		"all": {func(*Scene) {}, all, "카페온|카페온 시청점|s-1|바닐라 라떼|i-1|4,500원|라떼|하늘|3|없음|라떼 30% 쿠폰"},
		"English": {func(sc *Scene) { sc.Locale = "en"; sc.Campaign.Texts = map[string]Text{"en": {}} }, "{item} {price} {store}",
			"Vanilla latte ₩4,500 Cafe On City Hall"},
		"no consent to it": {func(sc *Scene) { sc.Profile.Consents = nil }, "{person.nickname|고객}님", "고객님"},
		"nobody":           {func(sc *Scene) { sc.Profile = nil }, "{person.nickname|고객}님", "고객님"},
		"nothing stands":   {func(sc *Scene) { sc.Item, sc.Keyword = nil, "" }, "a{item|}{price|}{keyword| 아무거나 }b", "a아무거나b"},
		"no store":         {func(sc *Scene) { sc.Store = nil }, "{store|우리 매장}", "우리 매장"},
		"values are no text of ours": {func(sc *Scene) { sc.Profile.Attributes["nickname"] = "{offer}(광고)\u202e\n하늘" }, "{person.nickname|}",
			"{offer}(광고) 하늘"},
	} {
		sc := aScene()
		c.change(&sc)
		for locale := range sc.Campaign.Texts {
			sc.Campaign.Texts[locale] = Text{Title: "x", Body: c.text}
		}
		shown, err := Render(sc)
		require.NoError(t, err, name)
		body, _, _ := strings.Cut(shown.Body, " 카페온 1588-0000")
		require.Equal(t, c.want, body, name)
		require.True(t, strings.HasPrefix(shown.Title, Label), name)
		require.True(t, strings.Contains(shown.Body, " 카페온 1588-0000\n"), name)
	}
}

func TestPrices(t *testing.T) {
	for _, c := range []struct {
		price              float64
		code, locale, want string
	}{
		{4500, "KRW", "ko-KR", "4,500원"}, {4500, "KRW", "en", "₩4,500"}, {1234.5, "EUR", "de", "€1.234,50"}, {980, "JPY", "ja", "980円"},
		{9.99, "USD", "en-US", "$9.99"}, {5, "CHF", "en", "5.00 CHF"}, {0, "KRW", "ko", ""}, {5, "", "ko", ""}, {5, "XXXX", "ko", ""}, {-1, "KRW", "ko", ""},
	} {
		require.Equal(t, c.want, formatPrice(c.price, c.code, c.locale))
	}
}

// TestLinksStayWhereTheyLead: whatever a value is, it changes neither what opens a link nor who answers.
func TestLinksStayWhereTheyLead(t *testing.T) {
	hostile := []string{"//evil.example", "@evil.example", "x?y#z", "../..", "a b&c=d", "%2F%2Fevil", "javascript:alert(1)", "\\\\evil", "라떼/1", strings.Repeat("x", 300)}
	for _, link := range []string{"cafeon://shop/{keyword}", "https://a.example/{keyword}/x?q={keyword}#{keyword}", "cafeon:open/{keyword}", "cafeon:///{keyword}", "https://a.example?{keyword}"} {
		for _, value := range hostile {
			got, fault := expandLink(link, func(string) string { return value })
			require.Nil(t, fault, link)
			is, err := url.Parse(got)
			require.NoError(t, err, "%s with %q: %s", link, value, got)
			was, err := url.Parse(strings.ReplaceAll(link, "{keyword}", "x"))
			require.NoError(t, err)
			require.Equal(t, []string{was.Scheme, was.Host, was.User.String()}, []string{is.Scheme, is.Host, is.User.String()}, "%s with %q: %s", link, value, got)
		}
	}
	for _, open := range []string{"{keyword}", "{keyword}://x", "cafeon:{keyword}", "cafeon:/{keyword}", "cafeon://{keyword}", "https://a{keyword}/", "https://a.example:{keyword}/", "https:\\{keyword}"} {
		_, fault := expandLink(open, func(string) string { return "x" })
		require.NotNil(t, fault, open)
		require.Equal(t, "link_open", fault.Why, open)
	}
}

func TestVariantsAndItemLinks(t *testing.T) {
	sc := aScene()
	sc.Campaign.DeepLink = ""
	shown, err := Render(sc)
	require.NoError(t, err)
	require.Equal(t, []string{"cafeon://items/1", "https://a.example/1.png"}, []string{shown.DeepLink, shown.ImageURL}, "the item's")
	sc.Variant = &Variant{Name: "b", Texts: map[string]Text{"ko": {"나", "본문"}}, DeepLink: "cafeon://b/{item_id}"}
	sc.Test = true
	shown, err = Render(sc)
	require.NoError(t, err)
	require.Equal(t, "cafeon://b/i-1", shown.DeepLink)
	require.Equal(t, "(광고) [test] 나", shown.Title)
	sc.Locale = "en"
	shown, err = Render(sc)
	require.NoError(t, err)
	require.Equal(t, "(광고) [test] Today: 30% off any latte", shown.Title, "a locale that the variant has no text in is the campaign's")
}

// TestNoticesCarryNoLabel: what is no advertisement is not made to look like one; what a fence starts is one, whatever it says.
func TestNoticesCarryNoLabel(t *testing.T) {
	sc := aScene()
	sc.Campaign.Offer, sc.Campaign.Category, sc.Campaign.Trigger = nil, Transactional, Trigger{Kinds: []Kind{Bought}}
	sc.Campaign.Texts = map[string]Text{"ko": {"고맙습니다", "{item} 주문을 받았습니다"}}
	shown, err := Render(sc)
	require.NoError(t, err)
	require.Equal(t, Text{"고맙습니다", "바닐라 라떼 주문을 받았습니다"}, shown.Text)
	sc.Campaign.Trigger.Kinds = []Kind{Bought, Entered}
	shown, err = Render(sc)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(shown.Title, Label))
}

func TestRoom(t *testing.T) {
	of := PreviewOf{Campaign: latte(), Store: cafe(), Brand: koreanBrand(), Locale: "ko", Now: noon}
	shown, err := Preview(of)
	require.NoError(t, err)
	rooms := RoomOf(of, shown)
	require.Len(t, rooms, 3)
	title, body := rooms[0].Cut()
	require.False(t, title)
	require.True(t, body)
	require.False(t, rooms[0].TooLarge())
	require.Greater(t, rooms[0].Bytes, 500)
	shown.Body = strings.Repeat("길", 2000)
	require.True(t, RoomOf(of, shown)[0].TooLarge())
}

func FuzzExpand(f *testing.F) {
	for _, text := range []string{"{store}", "{{a}", "{item|x}", "{person.a|b} {", "https://a/{keyword|?}"} {
		f.Add(text, "값{x}")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		one := func(string) string { return value }
		_, _ = expand(text, one)
		if link, fault := expandLink(text, one); fault == nil && strings.Contains(text, "{store}") {
			was, err := url.Parse(strings.ReplaceAll(text, "{store}", "x"))
			is, err2 := url.Parse(link)
			if err == nil && err2 == nil && !strings.Contains(strings.ReplaceAll(text, "{store}", ""), "{") {
				require.Equal(t, []string{was.Scheme, was.Host}, []string{is.Scheme, is.Host}, "%q with %q", text, value)
			}
		}
	})
}
