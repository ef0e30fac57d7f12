package engine

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Hangul is compared by the keys of a two-set keyboard, in the order they are pressed: a final consonant is the same key
// as an initial one, and what is typed by two keys counts as these. So what stands on the screen while somebody types is
// always a beginning of what will: 가, 각 and 가구, or 고, 과 and 관.
var (
	hangulFinals = [...]string{
		"ᄀ", "ᄁ", "ᄀᄉ", "ᄂ", "ᄂᄌ", "ᄂᄒ", "ᄃ", "ᄅ", "ᄅᄀ", "ᄅᄆ", "ᄅᄇ", "ᄅᄉ", "ᄅᄐ", "ᄅᄑ", "ᄅᄒ",
		"ᄆ", "ᄇ", "ᄇᄉ", "ᄉ", "ᄊ", "ᄋ", "ᄌ", "ᄎ", "ᄏ", "ᄐ", "ᄑ", "ᄒ",
	}
	hangulVowels = map[rune]string{
		'ᅪ': "ᅩᅡ", 'ᅫ': "ᅩᅢ", 'ᅬ': "ᅩᅵ", 'ᅯ': "ᅮᅥ", 'ᅰ': "ᅮᅦ", 'ᅱ': "ᅮᅵ", 'ᅴ': "ᅳᅵ",
	}
)

const firstFinal = 'ᆨ'

// textKey is a text as searches compare it: without blanks, punctuation, accents, and differences of case and width
// (Unicode compatibility decomposition), and Hangul as keys pressed.
func textKey(text string) string {
	key, _ := textKeys(text, nil)
	return key
}

// textKeys also appends where in the key its words begin.
func textKeys(text string, words []int) (key string, starts []int) {
	var out strings.Builder
	inside := false
	for _, r := range norm.NFKD.String(text) {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			inside = false
			continue
		}
		if !inside {
			words, inside = append(words, out.Len()), true
		}
		writeKey(&out, r)
	}
	return out.String(), words
}

func writeKey(out *strings.Builder, r rune) {
	if i := int(r - firstFinal); i >= 0 && i < len(hangulFinals) {
		out.WriteString(hangulFinals[i])
	} else if two := hangulVowels[r]; two != "" {
		out.WriteString(two)
	} else {
		out.WriteRune(unicode.ToLower(unicode.ToUpper(r))) // both: some small letters are variants of another one
	}
}
