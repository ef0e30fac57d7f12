package engine

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/wantgo/wantgo/services/store"
)

// labelOf is what a list of results shows of a store, as one text: its id, its own id, and its locales with the names,
// each behind its length. Whoever shows ten stores of a hundred thousand waits for memory most of all, and this is one
// piece of it where a store is many.
func labelOf(s *store.Store) string {
	label := []byte(s.ID.String())
	add := func(text string) {
		label = append(binary.AppendUvarint(label, uint64(len(text))), text...)
	}
	add(s.ExternalID)
	for _, locale := range slices.Sorted(maps.Keys(s.Names)) {
		add(locale)
		add(s.Names[locale])
	}
	return string(label)
}

const idText = 36

// ID is the store's id as text.
func (f *FoundStore) ID() string { return f.label[:idText] }

// ExternalID is the brand's own id of the store.
func (f *FoundStore) ExternalID() string {
	own, _ := cutLabel(f.label[idText:])
	return own
}

// Name is the store's name in the first of some locales that has one, or whose language has one (RFC 4647 section 3.4),
// else the one without a locale, else that of the first locale there is.
func (f *FoundStore) Name(locales ...string) string {
	_, names := cutLabel(f.label[idText:])
	for _, tag := range locales {
		for ; tag != ""; tag = parentTag(tag) {
			if name, ok := nameOf(names, tag); ok {
				return name
			}
		}
	}
	if name, ok := nameOf(names, ""); ok {
		return name
	}
	_, rest := cutLabel(names)
	name, _ := cutLabel(rest)
	return name
}

func nameOf(names, tag string) (name string, ok bool) {
	for locale := ""; names != ""; {
		locale, names = cutLabel(names)
		name, names = cutLabel(names)
		if locale == tag && name != "" {
			return name, true
		}
	}
	return "", false
}

// parentTag is a locale without its last subtag.
func parentTag(tag string) string {
	for i := len(tag) - 1; i > 0; i-- {
		if tag[i] == '-' || tag[i] == '_' {
			return tag[:i]
		}
	}
	return ""
}

// cutLabel cuts the first text off a label.
func cutLabel(label string) (text, rest string) {
	length := 0
	for shift := 0; label != ""; shift += 7 {
		b := label[0]
		length |= int(b&0x7f) << shift
		if label = label[1:]; b < 0x80 {
			break
		}
	}
	return label[:length], label[length:]
}
