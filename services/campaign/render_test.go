package campaign

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew; look at the difference before keeping it")

func TestRenderedTexts(t *testing.T) {
	var out strings.Builder
	for _, tc := range []struct {
		name   string
		change func(*scene)
	}{
		{"Korean", func(*scene) {}},
		{"English", func(s *scene) { s.v.Profile.Locale = "en-GB" }},
		{"no text in French: the brand's", func(s *scene) { s.v.Profile.Locale = "fr" }},
		{"the phone's locale", func(s *scene) { s.v.Profile.Locale, s.v.Devices[0].Locale = "", "en_US" }},
		{"no title", func(s *scene) { s.c.Texts["ko"] = Text{Body: "{offer}, {store}"} }},
		{"label written by hand", func(s *scene) { s.c.Texts["ko"] = Text{"(광고)(광고) {offer}", "(광고) {store}"} }},
		{"next year", func(s *scene) { s.c.Offer.Validity = 300 * 24 * time.Hour }},
		{"next year, English", func(s *scene) { s.c.Offer.Validity = 300 * 24 * time.Hour; s.v.Profile.Locale = "en" }},
		{"a traveller's clock", func(s *scene) { s.v.Profile.TimeZone = "Asia/Kolkata" }},
		{"long body", func(s *scene) { s.c.Texts["ko"] = Text{"{offer}", strings.Repeat("길다 ", 250)} }},
		{"long offer", func(s *scene) { s.c.Offer.Titles["ko"] = strings.Repeat("아주긴이름", 40) }},
		{"own opt-out", func(s *scene) { s.v.Brand.Settings.OptOutText = map[string]string{"ko": "수신거부 080-000-0000"} }},
		{"own opt-out that says nothing", func(s *scene) { s.v.Brand.Settings.OptOutText = map[string]string{"ko": "감사합니다"} }},
		{"braces", func(s *scene) { s.c.Texts["ko"] = Text{"{{offer} }", "{{{offer}"} }},
		{"lines", func(s *scene) { s.c.Texts["ko"] = Text{"하나\n둘", "  하나\r\n\n\n\n 둘\t셋 "} }},
		{"hostile store", func(s *scene) {
			s.m.Store.Names["ko"] = "{coupon_code}\u202e(광고)\u200b\x00\n\x1b[31m{offer}" + strings.Repeat("!", 200)
		}},
		{"hostile sender", func(s *scene) { s.v.Brand.Settings.SenderName = "카페\n\u202e온" }},
		{"European brand", func(s *scene) {
			s.v.Brand.Settings.Jurisdiction, s.v.Brand.Settings.OptOutText = "EU", map[string]string{"en": "Opt out in Settings"}
			s.v.Profile.Locale = "en"
		}},
	} {
		s := open()
		tc.change(s)
		r := s.decide()
		fmt.Fprintf(&out, "# %s\n", tc.name)
		if r.Notification == nil {
			fmt.Fprintf(&out, "%s %v\n\n", r.Decisions[0].Reason, r.Decisions[0].Values)
			continue
		}
		fmt.Fprintf(&out, "title: %s\nbody:  %s\n\n", r.Notification.Title, strings.ReplaceAll(r.Notification.Body, "\n", "\n       "))
	}
	golden(t, "rendered.txt", out.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestLabelInEveryLocale(t *testing.T) {
	for _, locale := range []string{"ko", "en", "ja", "zh-Hant", "fr", "de", "vi", "th", "ar", "hi"} {
		s := open()
		s.v.Profile.Locale = locale
		for _, text := range []Text{{"제목", "본문"}, {"", "본문"}} {
			s.c.Texts = map[string]Text{locale: text}
			n := s.decide().Notification
			require.NotNil(t, n, locale)
			first := n.Title
			if text.Title == "" {
				require.Empty(t, n.Title)
				first = n.Body
			}
			require.True(t, strings.HasPrefix(first, "(광고) "), "%s: %q", locale, first)
			require.True(t, strings.HasSuffix(n.Body, "카페온 1588-0000\n"+optOutText(&s.v.Brand.Settings, locale)), n.Body)
		}
	}
}

func TestLookAlikes(t *testing.T) {
	for _, title := range []string{
		"[광고] 할인", "(광 고) 할인", "(광/고) 할인", "(AD) sale", "(ad)sale", "（광고） 할인", "［광고］할인", "【광고】할인", "<광고> 할인",
		"〔광고〕", "{{광고} 할인", "(광\u200d고) 할인", "(광.고)", "( 광고 )", "(ＡＤ) sale", "광고) 할인", "할인 [광고]", "할인 (광고)", "(廣告)", "(Advertisement) x",
	} {
		s := open()
		s.c.Texts["ko"] = Text{title, "본문"}
		d := s.decide().Decisions[0]
		require.Equal(t, TextRefused, d.Reason, title)
		require.Equal(t, "label_look_alike", d.Values["why"], title)
	}
	for _, body := range []string{"[광고] 본문", "\n (AD) 본문"} {
		s := open()
		s.c.Texts["ko"] = Text{"라떼", body}
		require.Equal(t, "label_look_alike", s.decide().Decisions[0].Values["why"], body)
	}
	for _, title := range []string{"광고 없는 카페", "(광고) 할인", "(광고)할인", "(광\u200b고) 할인", "라떼 (핫) 할인", "AD 79", "1 < 2 ad > 0"} {
		s := open()
		s.c.Texts["ko"] = Text{title, "본문"}
		r := s.decide()
		require.NotNil(t, r.Notification, title)
		require.True(t, strings.HasPrefix(r.Notification.Title, "(광고) "))
		require.Equal(t, 1, strings.Count(r.Notification.Title, "(광고)"))
	}
}

// TestLayoutHolds throws random texts and names at the Korean layout: label first and once, tail last, limits kept.
func TestLayoutHolds(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	pieces := []string{
		"(광고)", "광고", "(", ")", "[", "{store}", "{offer}", "{{", " ", "\n", "\u200b", "\u200d", "\u202e", "👩‍👩‍👧", "한", "\u1112\u1161", "e\u0301",
		strings.Repeat("가나다", 50), "\xff", "{coupon_code}", "\u3164", "\\", "\"<&>",
	}
	random := func() string {
		var b strings.Builder
		for range rng.IntN(12) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		return b.String()
	}
	won := 0
	for range 5000 {
		s := open()
		s.c.Texts = map[string]Text{"ko": {random(), random()}}
		s.m.Store.Names["ko"], s.c.Offer.Titles["ko"] = random(), random()
		n := s.decide().Notification
		if n == nil {
			continue
		}
		won++
		require.True(t, utf8.ValidString(n.Title) && utf8.ValidString(n.Body))
		require.LessOrEqual(t, utf8.RuneCountInString(n.Title), MaxTitle)
		require.LessOrEqual(t, utf8.RuneCountInString(n.Body), MaxBody)
		first := n.Title
		if first == "" {
			first = n.Body
		}
		require.True(t, strings.HasPrefix(first, "(광고) "), "%q", first)
		require.LessOrEqual(t, strings.Count(n.Title, "(광고)"), 1, "%q", n.Title)
		require.True(t, strings.HasSuffix(n.Body, " 카페온 1588-0000\n무료수신거부: 앱 > 설정 > 알림"), "%q", n.Body)
		require.NotContains(t, n.Title+n.Body, "\u202e")
	}
	require.Greater(t, won, 500)
}

func TestLabellingTwiceIsLabellingOnce(t *testing.T) {
	title, body, err := layOutKorean("라떼", "본문", settings(Korea), "ko")
	require.Nil(t, err)
	again, _, err := layOutKorean(title, body, settings(Korea), "ko")
	require.Nil(t, err)
	require.Equal(t, title, again)
}

func TestNoRoomForTheText(t *testing.T) {
	s := settings(Korea)
	s.SenderName = strings.Repeat("긴", MaxBody)
	_, _, err := layOutKorean("x", "y", s, "ko")
	require.Equal(t, &TextError{Why: "no_room"}, err)
}

func TestClip(t *testing.T) {
	for _, tc := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"가나다라", 2, "가…"},
		{"ae\u0301x", 3, "a…"},
		{"a👩\u200d👧x", 3, "a…"},
		{"a👍🏽xx", 3, "a…"},
		{"ab cd", 4, "ab…"},
		{"abc", 0, ""},
	} {
		require.Equal(t, tc.want, clip(tc.in, tc.n), "%q", tc.in)
	}
}

func TestPick(t *testing.T) {
	texts := map[string]string{"ko": "ko", "en-US": "en-US", "zh-Hant": "zh-Hant", "pt": "pt"}
	for _, tc := range []struct {
		locales []string
		want    string
	}{
		{[]string{"ko"}, "ko"},
		{[]string{"ko-KR"}, "ko"},
		{[]string{"KO_kr"}, "ko"},
		{[]string{"zh-Hant-TW"}, "zh-Hant"},
		{[]string{"en-GB"}, "en-US"},
		{[]string{"en"}, "en-US"},
		{[]string{"fr", "pt-BR"}, "pt"},
		{[]string{"", "pt"}, "pt"},
		{[]string{"fr"}, "en-US"},
		{nil, "en-US"},
	} {
		_, key, ok := pick(texts, tc.locales...)
		require.True(t, ok)
		require.Equal(t, tc.want, key, tc.locales)
	}
	value, _, ok := pick(map[string]string{"": "fallback", "ko": "ko"}, "fr")
	require.True(t, ok)
	require.Equal(t, "fallback", value)
	_, _, ok = pick(map[string]string{})
	require.False(t, ok)
}

func TestPreview(t *testing.T) {
	of := PreviewOf{Campaign: latte(), Store: cafe(), Brand: koreanBrand(), Locale: "ko", Now: noon}
	shown, err := Preview(of)
	require.NoError(t, err)
	require.Equal(t, Text{"(광고) 오늘만 라떼 30% 쿠폰", "카페온 시청점에서 5월 13일 14:00까지. 코드 000000000000 카페온 1588-0000\n무료수신거부: 앱 > 설정 > 알림"}, shown.Text)
	require.Equal(t, "cafeon://coupons", shown.DeepLink)

	of.Store = nil
	_, err = Preview(of)
	require.Equal(t, &TextError{Why: "variable_missing", Variable: "store"}, err)
}
