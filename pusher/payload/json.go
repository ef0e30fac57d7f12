package payload

import (
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// JSON appends JSON text as encoding/json would write it, in one pass and without reflection: a provider's request is
// encoded for every delivery. Whoever writes says which brackets; it knows only where a comma belongs.
type JSON struct{ buf []byte }

// NewJSON begins a text of about so many bytes.
func NewJSON(size int) *JSON { return &JSON{make([]byte, 0, size)} }

// Bytes is what was written.
func (w *JSON) Bytes() []byte { return w.buf }

// Raw appends text as it is.
func (w *JSON) Raw(text string) { w.buf = append(w.buf, text...) }

// Key begins a member, after a comma unless it is the first.
func (w *JSON) Key(name string) *JSON {
	if w.buf[len(w.buf)-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(append(append(w.buf, '"'), name...), '"', ':')
	return w
}

// Text is a member that is left out when it is empty.
func (w *JSON) Text(name, value string) *JSON {
	if value != "" {
		w.Key(name).Value(value)
	}
	return w
}

// Texts is an object of texts, in the order of their names.
func (w *JSON) Texts(m map[string]string) {
	var room [16]string
	names := room[:0]
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	w.Raw(`{`)
	for i, name := range names {
		if i > 0 {
			w.Raw(`,`)
		}
		w.Value(name)
		w.Raw(`:`)
		w.Value(m[name])
	}
	w.Raw(`}`)
}

// Value is a string. What encoding/json would escape it is asked to.
func (w *JSON) Value(s string) {
	if !plain(s) {
		text, _ := json.Marshal(s) // a string always marshals
		w.buf = append(w.buf, text...)
		return
	}
	w.buf = append(append(append(w.buf, '"'), s...), '"')
}

// plain tells that encoding/json would write s as it is.
func plain(s string) bool {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || r == '\u2028' || r == '\u2029' {
			return false
		}
		i += size
	}
	return true
}
