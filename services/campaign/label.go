package campaign

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/wantgo/wantgo/services/brand"
)

// Label is what every Korean advertisement begins with (Network Act, article 50(4), and its decree's annex 6):
// exactly these four characters, first in the title, or in the body of a notification without one. It is put there
// after the variables are filled in, once, whatever the text's language.
const Label = "(광고)"

// The longest texts that are shown, in characters, label, sender and opt-out text included. Phones show less of a
// collapsed notification and about this much of an open one.
const (
	MaxTitle = 100
	MaxBody  = 400
	minRoom  = 40 // what the sender and the opt-out text must leave for the text itself
)

// optOut is how to refuse further advertising, where the brand has no words of its own.
var optOut = map[string]string{
	"ko": "무료수신거부: 앱 > 설정 > 알림",
	"en": "Opt out free of charge: app > Settings > Notifications",
	"ja": "無料受信拒否: アプリ > 設定 > 通知",
	"zh": "免费退订: 应用 > 设置 > 通知",
}

// refusalWord must stand in a Korean opt-out text (수신거부, refusal of reception).
const refusalWord = "수신거부"

// optOutText is the opt-out text of a Korean brand in the locale of the text. Words of the brand's own in Korean
// that do not say what they are for are not used.
func optOutText(s *brand.Settings, locale string) string {
	if key, ok := lookUp(s.OptOutText, locale); ok {
		own := tidy(s.OptOutText[key])
		if own != "" && (language(canonical(locale)) != "ko" || strings.Contains(own, refusalWord)) {
			return own
		}
	}
	text, _, _ := pick(optOut, locale, "en")
	return text
}

// layOut brings a rendered text into the shape the brand's jurisdiction asks for.
func layOut(title, body string, s *brand.Settings, locale string) (string, string, *TextError) {
	if s.Jurisdiction == Korea {
		return layOutKorean(title, body, s, locale)
	}
	tail := ""
	if key, ok := lookUp(s.OptOutText, locale); ok && tidy(s.OptOutText[key]) != "" {
		tail = "\n" + tidy(s.OptOutText[key])
	}
	body, err := closed("", body, tail)
	return clip(title, MaxTitle), body, err
}

// layOutKorean puts the label first and the sender, its contact and the opt-out text last. Only the text between
// is ever shortened.
func layOutKorean(title, body string, s *brand.Settings, locale string) (string, string, *TextError) {
	sender, contact := tidy(s.SenderName), tidy(s.SenderContact)
	if sender == "" || contact == "" {
		return "", "", &TextError{Why: "sender_missing"}
	}
	title, body = unlabelled(title), unlabelled(body)
	if looksLikeLabel(title, true) || looksLikeLabel(body, false) {
		return "", "", &TextError{Why: "label_look_alike"}
	}
	tail := " " + sender + " " + contact + "\n" + optOutText(s, locale)
	if title == "" {
		body, err := closed(Label+" ", body, tail)
		return "", body, err
	}
	title = Label + " " + clip(title, MaxTitle-utf8.RuneCountInString(Label)-1)
	body, err := closed("", body, tail)
	return title, body, err
}

// closed joins head, body and tail, the body shortened to what is left. A body of nothing is refused.
func closed(head, body, tail string) (string, *TextError) {
	if body == "" {
		return "", &TextError{Why: "empty"}
	}
	room := MaxBody - utf8.RuneCountInString(head) - utf8.RuneCountInString(tail)
	if room < minRoom {
		return "", &TextError{Why: "no_room"}
	}
	return head + clip(body, room) + tail, nil
}

// unlabelled takes labels off the start, so that labelling twice is labelling once.
func unlabelled(s string) string {
	s = strings.TrimSpace(s)
	for strings.HasPrefix(s, Label) {
		s = strings.TrimSpace(strings.TrimPrefix(s, Label))
	}
	return s
}

// labelWords are what a label, or something that passes for one, says between its brackets.
var labelWords = set([]string{"광고", "광고물", "ad", "ads", "advert", "advertisement", "廣告", "广告", "広告"})

// looksLikeLabel finds a bracketed word that passes for the label without being it: other brackets, blanks,
// strokes or unseen characters in between, full-width letters, another language. anywhere: not only at the start.
func looksLikeLabel(s string, anywhere bool) bool {
	folded := foldLabel(s)
	if strings.HasPrefix(folded, "광고)") {
		return true
	}
	for at := strings.IndexByte(folded, '('); at >= 0; {
		if at > 0 && !anywhere {
			return false
		}
		word, _, closed := strings.Cut(folded[at+1:], ")")
		if _, is := labelWords[word]; closed && is {
			return true
		}
		next := strings.IndexByte(folded[at+1:], '(')
		if next < 0 {
			return false
		}
		at += 1 + next
	}
	return false
}

// foldLabel keeps letters, digits and brackets, all brackets alike, in compatibility form and lower case.
func foldLabel(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Ps, unicode.Pi) || r == '<':
			return '('
		case unicode.In(r, unicode.Pe, unicode.Pf) || r == '>':
			return ')'
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKC.String(s))
}
