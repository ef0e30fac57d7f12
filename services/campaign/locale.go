package campaign

import (
	"maps"
	"slices"
	"strings"
)

// pick finds the value for the first locale that has one. A locale looks up itself, then itself without its last
// subtag (zh-Hant-TW, zh-Hant, zh; RFC 4647 section 3.4), then any entry of its language. If none of the locales
// has one, the entry "" and then the first key in alphabetical order stand in. ok is false only for an empty map.
func pick[T any](byLocale map[string]T, locales ...string) (value T, key string, ok bool) {
	if len(byLocale) == 0 {
		return value, "", false
	}
	for _, locale := range locales {
		if key, ok := lookUp(byLocale, locale); ok {
			return byLocale[key], key, true
		}
	}
	if value, ok := byLocale[""]; ok {
		return value, "", true
	}
	key = slices.Min(slices.Collect(maps.Keys(byLocale)))
	return byLocale[key], key, true
}

func lookUp[T any](byLocale map[string]T, locale string) (string, bool) {
	if locale == "" {
		return "", false
	}
	if _, ok := byLocale[locale]; ok {
		return locale, true
	}
	keys := slices.Sorted(maps.Keys(byLocale))
	want := canonical(locale)
	for tag := want; tag != ""; tag = parent(tag) {
		for _, k := range keys {
			if canonical(k) == tag {
				return k, true
			}
		}
	}
	for _, k := range keys {
		if k != "" && language(canonical(k)) == language(want) {
			return k, true
		}
	}
	return "", false
}

func canonical(locale string) string { return strings.ToLower(strings.ReplaceAll(locale, "_", "-")) }

func parent(tag string) string {
	cut := strings.LastIndexByte(tag, '-')
	if cut < 0 {
		return ""
	}
	return tag[:cut]
}

func language(tag string) string {
	first, _, _ := strings.Cut(tag, "-")
	return first
}
