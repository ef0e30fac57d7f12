package campaign

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// The variables of a text.
const (
	varStore      = "store"
	varOffer      = "offer"
	varBrand      = "brand"
	varCouponCode = "coupon_code"
	varExpires    = "expires"
)

var knownVariables = set([]string{varStore, varOffer, varBrand, varCouponCode, varExpires})

// couponVariables mean nothing without an offer.
var couponVariables = set([]string{varOffer, varCouponCode, varExpires})

// maxValue is how many characters of a variable's value are shown.
const maxValue = 80

// TextError says why a text cannot be shown.
type TextError struct {
	Why      string // a code: "variable_unknown", "variable_missing", "label_look_alike" …
	Variable string // which one, for the variable codes
}

// Error is the code with the variable.
func (e *TextError) Error() string {
	if e.Variable == "" {
		return "text: " + e.Why
	}
	return fmt.Sprintf("text: %s: {%s}", e.Why, e.Variable)
}

func (e *TextError) values() map[string]string {
	v := because(e.Why)
	if e.Variable != "" {
		v["variable"] = e.Variable
	}
	return v
}

// expand replaces each {variable} by its value, once: braces inside a value mean nothing. "{{" is a brace.
func expand(text string, value func(variable string) string) (string, *TextError) {
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(text, "{")
		b.WriteString(plain)
		if !found {
			return b.String(), nil
		}
		if strings.HasPrefix(rest, "{") {
			b.WriteByte('{')
			text = rest[1:]
			continue
		}
		name, after, closed := strings.Cut(rest, "}")
		if _, known := knownVariables[name]; !closed || !known {
			return "", &TextError{Why: "variable_unknown", Variable: clip(tidy(name), 32)}
		}
		v := clip(tidy(value(name)), maxValue)
		if v == "" {
			return "", &TextError{Why: "variable_missing", Variable: name}
		}
		b.WriteString(v)
		text = after
	}
}

// tidy makes one clean line of a value that somebody else wrote: valid UTF-8 in composed form, white space as single
// blanks, and nothing that is unseen or turns the direction of the text. Joiners inside emoji and scripts stay.
func tidy(s string) string { return strings.Join(strings.Fields(visible(s, false)), " ") }

// visible drops what cannot be seen; lines are kept or become blanks.
func visible(s string, lines bool) string {
	s = norm.NFC.String(strings.ToValidUTF8(s, ""))
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && lines:
			return r
		case unicode.IsSpace(r), r == '\u3164', r == '\u115f', r == '\u1160', r == '\uffa0': // Hangul fillers look like blanks
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r) && !isJoiner(r), unicode.Is(unicode.Co, r):
			return -1
		}
		return r
	}, s)
}

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

func isJoiner(r rune) bool { return r == zeroWidthJoiner || r == zeroWidthNonJoiner }

// clip shortens s to at most n characters, the last then an ellipsis, without parting what belongs to one sign.
func clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	if n <= 0 {
		return ""
	}
	cut := n - 1
	for cut > 0 && (continues(runes[cut]) || runes[cut-1] == zeroWidthJoiner) {
		cut--
	}
	return strings.TrimRight(string(runes[:cut]), " \n") + "…"
}

// continues tells whether r belongs to the sign before it.
func continues(r rune) bool {
	return unicode.Is(unicode.M, r) || isJoiner(r) || r >= 0x1F3FB && r <= 0x1F3FF || unicode.Is(unicode.Variation_Selector, r)
}

// lines cleans a text of several lines: each as tidy does, empty ones at most one in a row and none at the ends.
func lines(s string) string {
	kept := strings.Split(strings.TrimSpace(visible(strings.ReplaceAll(s, "\r\n", "\n"), true)), "\n")
	for i := range kept {
		kept[i] = strings.Join(strings.Fields(kept[i]), " ")
	}
	text := strings.Join(kept, "\n")
	for strings.Contains(text, "\n\n\n") {
		text = strings.ReplaceAll(text, "\n\n\n", "\n\n")
	}
	return text
}
