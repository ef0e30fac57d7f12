package item

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// MaxKey is how many characters of a normalised text are compared.
const MaxKey = 40

// maxRead bounds the text that is looked at, bytes.
const maxRead = 1024

// Normalize is a text as keywords are compared: compatibility composition (NFKC), so that full and half width, and Hangul
// typed as letters or as syllables, are alike; small letters; without the accents of Latin, Greek and Cyrillic letters;
// and without whatever is neither a letter, a mark of one, nor a number, blanks included, because Korean is written with
// and without them. At most MaxKey characters are kept. A text without letters and numbers is empty.
func Normalize(text string) string {
	if len(text) > maxRead {
		text = strings.ToValidUTF8(text[:maxRead], "")
	}
	var out strings.Builder
	for _, r := range norm.NFKD.String(text) {
		switch {
		case r >= 0x300 && r <= 0x36f: // accents
		case unicode.IsLetter(r), unicode.IsNumber(r), unicode.IsMark(r):
			out.WriteRune(unicode.ToLower(unicode.ToUpper(r))) // both: some small letters are variants of another one
		}
	}
	return clip(norm.NFC.String(out.String()))
}

// clip keeps the first MaxKey characters.
func clip(key string) string {
	n := 0
	for at := range key {
		if n == MaxKey {
			return key[:at]
		}
		n++
	}
	return key
}
