package campaign

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// The variables of a text. Beside them stands {person.<attribute>}, for an attribute that the brand has declared.
const (
	varStore      = "store"
	varStoreID    = "store_id" // the brand's own, for links
	varOffer      = "offer"
	varBrand      = "brand"
	varCouponCode = "coupon_code"
	varExpires    = "expires"
	varItem       = "item"
	varItemID     = "item_id" // the brand's own, for links
	varPrice      = "price"
	varKeyword    = "keyword"
	varPerson     = "person." // and an attribute
)

var knownVariables = set([]string{varStore, varStoreID, varOffer, varBrand, varCouponCode, varExpires, varItem, varItemID, varPrice, varKeyword})

// variableNames is the list for people.
const variableNames = "{store} {store_id} {offer} {brand} {coupon_code} {expires} {item} {item_id} {price} {keyword} {person.<attribute>}"

// couponVariables mean nothing without an offer, itemVariables without an item.
var (
	couponVariables = set([]string{varOffer, varCouponCode, varExpires})
	itemVariables   = set([]string{varItem, varItemID, varPrice})
)

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
	v := map[string]string{"why": e.Why}
	if e.Variable != "" {
		v["variable"] = e.Variable
	}
	return v
}

// placeholder is a variable as it stands in a text.
type placeholder struct {
	name      string
	otherwise string // what stands there without a value
	fallback  bool   // otherwise is given, if only as nothing
}

// isVariable tells whether a name may stand between braces.
func isVariable(name string) bool {
	if _, known := knownVariables[name]; known {
		return true
	}
	attribute, person := strings.CutPrefix(name, varPerson)
	return person && attributeForm.MatchString(attribute)
}

var attributeForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// cutPlaceholder takes the next variable off a text. plain is what stands before it; "{{" is a brace. found is false where
// there is none, and plain the whole text.
func cutPlaceholder(text string) (plain string, p placeholder, rest string, found bool, fault *TextError) {
	var b strings.Builder
	for {
		before, after, open := strings.Cut(text, "{")
		b.WriteString(before)
		if !open {
			return b.String(), p, "", false, nil
		}
		if strings.HasPrefix(after, "{") {
			b.WriteByte('{')
			text = after[1:]
			continue
		}
		inside, rest, closed := strings.Cut(after, "}")
		p.name, p.otherwise, p.fallback = strings.Cut(inside, "|")
		if !closed || !isVariable(p.name) || strings.ContainsRune(p.otherwise, '{') {
			return "", p, "", false, &TextError{Why: "variable_unknown", Variable: clip(tidy(p.name), 32)}
		}
		return b.String(), p, rest, true, nil
	}
}

// fill is what stands in a placeholder's place: its value in one clean line, or what was written for the want of one.
func (p *placeholder) fill(value func(variable string) string) (string, *TextError) {
	if v := clip(tidy(value(p.name)), maxValue); v != "" {
		return v, nil
	}
	if p.fallback {
		return tidy(p.otherwise), nil
	}
	return "", &TextError{Why: "variable_missing", Variable: p.name}
}

// expand replaces each {variable} by its value, once: braces inside a value mean nothing. "{{" is a brace, and
// {variable|otherwise} says what stands there without a value.
func expand(text string, value func(variable string) string) (string, *TextError) {
	var b strings.Builder
	for {
		plain, p, rest, found, fault := cutPlaceholder(text)
		if fault != nil {
			return "", fault
		}
		b.WriteString(plain)
		if !found {
			return b.String(), nil
		}
		v, fault := p.fill(value)
		if fault != nil {
			return "", fault
		}
		b.WriteString(v)
		text = rest
	}
}

// fixedAddress is the part of an address that says what opens it and who answers: a scheme and the whole host, or a scheme
// and the beginning of a path.
var fixedAddress = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:(//[^/?#\\\s]*[/?#]|/?[^/?#\\\s])`)

// expandLink is expand for an address: values are escaped, and stand only behind what a value must not choose.
func expandLink(address string, value func(variable string) string) (string, *TextError) {
	var b strings.Builder
	for {
		plain, p, rest, found, fault := cutPlaceholder(address)
		if fault != nil {
			return "", fault
		}
		b.WriteString(plain)
		if !found {
			return b.String(), nil
		}
		if !fixedAddress.MatchString(b.String()) {
			return "", &TextError{Why: "link_open", Variable: p.name}
		}
		v, fault := p.fill(value)
		if fault != nil {
			return "", fault
		}
		b.WriteString(strings.ReplaceAll(url.QueryEscape(v), "+", "%20"))
		address = rest
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
