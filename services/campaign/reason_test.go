package campaign

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// constantsOf reads the constants of a type from a file of Go.
func constantsOf(t *testing.T, file, kind string) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if of, ok := spec.Type.(*ast.Ident); ok && of.Name == kind {
				value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				require.NoError(t, err)
				values = append(values, value)
			}
		}
		return true
	})
	return values
}

func TestEveryReasonIsListedAndSaid(t *testing.T) {
	var listed []string
	for _, r := range Reasons() {
		listed = append(listed, string(r))
		require.NotNil(t, wordingOf(r, ""), r)
	}
	require.ElementsMatch(t, constantsOf(t, "reason.go", "Reason"), listed)
	require.Equal(t, 16, TextRefused.Gate())
	require.Zero(t, Won.Gate())

	seen, last := map[[2]string]bool{}, 0
	for _, w := range Wordings() {
		require.NotEmpty(t, w.English, w.Reason)
		require.NotEmpty(t, w.Korean, w.Reason)
		require.False(t, seen[[2]string{string(w.Reason), w.Why}], "twice: %s %s", w.Reason, w.Why)
		require.True(t, w.Why == "" || seen[[2]string{string(w.Reason), ""}], "%s: the general wording comes first", w.Reason)
		seen[[2]string{string(w.Reason), w.Why}] = true
		at := strings.Index(strings.Join(listed, " ")+" ", string(w.Reason)+" ")
		require.GreaterOrEqual(t, at, last, "%s stands where its gate does not", w.Reason)
		last = at
	}
}

// Whatever the values are, nothing that looks like a variable is said.
func TestSpeakerLeavesNoGaps(t *testing.T) {
	for _, w := range Wordings() {
		for _, locale := range []string{"ko-KR", "en", ""} {
			values := map[string]string{"why": w.Why}
			for range 2 {
				text := Speaker{Locale: locale}.Say(w.Reason, values)
				require.NotEmpty(t, text)
				require.NotContains(t, text, "{")
				require.NotContains(t, text, "()")
				require.True(t, strings.HasSuffix(text, "."), text)
				values = map[string]string{"why": w.Why, "free_at": "x"}
			}
		}
	}
}

func TestSpeaker(t *testing.T) {
	seoul := zone("Asia/Seoul")
	s := Speaker{Locale: "en-GB", Zone: seoul, Name: func(of uuid.UUID) string {
		if of == id(7) {
			return "{free_at} lunch"
		}
		return ""
	}}
	ko := s
	ko.Locale = "ko-KR"
	full := map[string]string{"of": "brand", "scope": "store", "limit": "2", "count": "2", "window": "24h0m0s", "free_at": "2026-05-13T15:00:00Z"}
	for _, c := range []struct {
		s      Speaker
		reason Reason
		values map[string]string
		want   string
	}{
		{s, CapReached, full, "A cap of the brand was full: 2 counted of 2 (store, 24h); free again at 2026-05-14 00:00."},
		{ko, CapReached, full, "브랜드 한도가 찼습니다: 2회 중 2회(매장, 24h). 2026-05-14 00:00부터 가능합니다."},
		{s, MinimumGap, map[string]string{"gap": "10m0s"}, "Less than 10m had passed since the last notification."},
		{ko, MinimumGap, map[string]string{"gap": "1h30m0s"}, "지난 알림과의 간격이 1h30m보다 짧습니다."},
		{s, Outranked, map[string]string{"by": id(7).String()}, "Another campaign stood first ({free_at} lunch); raise this one's priority if it should win."},
		{s, Outranked, nil, "Another campaign stood first; raise this one's priority if it should win."},
		{s, Outranked, map[string]string{"by": id(8).String()}, "Another campaign stood first (" + id(8).String() + "); raise this one's priority if it should win."},
		{ko, CampaignNotLive, map[string]string{"state": "paused"}, "캠페인이 진행 중이 아니었습니다(일시 중지). 캠페인을 시작하세요."},
		{s, OutsideHours, map[string]string{"local_time": "2026-05-13T12:00", "zone": "Asia/Seoul"}, "The time was outside the campaign's weekly hours; it was 2026-05-13 12:00 in Asia/Seoul."},
		{s, StockGone, map[string]string{"why": "offer_over"}, "The offer's time is over."},
		{s, StockGone, map[string]string{"why": "a new one"}, "No coupon was to be had."},
		{Speaker{}, NotFresh, map[string]string{"why": "deadline", "deadline": "2026-05-13T15:00:00+09:00"}, "The deadline had passed at 2026-05-13 06:00."},
		{s, "OF_TOMORROW", nil, "OF_TOMORROW"},
	} {
		require.Equal(t, c.want, c.s.Say(c.reason, c.values))
	}
	require.Equal(t, "45s", shortly((45 * time.Second).String()))
	require.Equal(t, "30h", shortly("30h0m0s"))
}
