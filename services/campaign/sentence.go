package campaign

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// Speaker says reasons to people.
type Speaker struct {
	Locale string                 // BCP 47; Korean is spoken where it begins with ko, else English
	Zone   *time.Location         // of the times it names; nil: UTC
	Name   func(uuid.UUID) string // a campaign's name; nil, or an empty name: its id stands
}

// Say is a reason in a sentence or two: what it was and, where somebody can do something about it, what. A clause about
// a value that is not there is left out. A reason that is not known here is said as its code.
func (s Speaker) Say(reason Reason, values map[string]string) string {
	w := wordingOf(reason, values["why"])
	if w == nil {
		return string(reason)
	}
	text := w.English
	if s.korean() {
		text = w.Korean
	}
	var b strings.Builder
	for clause := range strings.SplitAfterSeq(strings.ReplaceAll(text, ".", ".\x00"), "\x00") {
		s.sayParts(&b, strings.TrimSuffix(clause, "\x00"), values)
	}
	return b.String()
}

func (s Speaker) korean() bool { return strings.EqualFold(language(s.Locale), "ko") }

// wordingOf is the narrowest wording; nil: none at all.
func wordingOf(reason Reason, why string) (found *Wording) {
	for i := range wordings {
		if w := &wordings[i]; w.Reason == reason && (w.Why == "" || w.Why == why) {
			found = w
		}
	}
	return found
}

// sayParts says one full sentence, its parts divided by semicolons; the first part is said in any case.
func (s Speaker) sayParts(b *strings.Builder, sentence string, values map[string]string) {
	stop := ""
	if strings.HasSuffix(sentence, ".") {
		sentence, stop = strings.TrimSuffix(sentence, "."), "."
	}
	said := false
	for i, part := range strings.Split(sentence, ";") {
		text, whole := s.fill(part, values)
		if !whole && (i > 0 || b.Len() > 0) {
			continue
		}
		if i > 0 {
			b.WriteString(";")
		}
		b.WriteString(text)
		said = true
	}
	if said {
		b.WriteString(stop)
	}
}

// fill puts values in, each once: braces inside a value mean nothing. Where one is missing, the brackets around it go too.
func (s Speaker) fill(part string, values map[string]string) (text string, whole bool) {
	whole = true
	for {
		before, rest, found := strings.Cut(part, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return text + part, whole
		}
		value, known := values[name]
		if !known {
			whole = false
			if open := strings.LastIndex(before, "("); open > strings.LastIndex(before, ")") {
				_, after, _ = strings.Cut(after, ")")
				before = strings.TrimRight(before[:open], " ")
			}
		}
		text += before + s.readable(name, value)
		part = after
	}
}

// readable is a value as people read it.
func (s Speaker) readable(name, value string) string {
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		zone := s.Zone
		if zone == nil {
			zone = time.UTC
		}
		return at.In(zone).Format("2006-01-02 15:04")
	}
	switch name {
	case "local_time":
		return strings.Replace(value, "T", " ", 1)
	case "cooldown", "gap", "window":
		value = shortly(value)
	case "by":
		return s.named(value)
	case "variable":
		return value
	}
	if word, ok := koreanWords[value]; ok && s.korean() {
		return word
	}
	return value
}

// named is the name of the campaign with an id.
func (s Speaker) named(text string) string {
	id, err := uuid.Parse(text)
	if err != nil || s.Name == nil {
		return text
	}
	if name := s.Name(id); name != "" {
		return name
	}
	return text
}

// shortly is a duration without its zeros, such as 24h for 24h0m0s.
func shortly(text string) string {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		if short, ok := strings.CutSuffix(d.String(), "m0s"); ok {
			text = short + "m"
		}
		if short, ok := strings.CutSuffix(text, "h0m"); ok {
			text = short + "h"
		}
	}
	return text
}

// koreanWords are the words that values may be.
var koreanWords = map[string]string{
	"brand": "브랜드", "campaign": "캠페인", "channel": "채널", "tag": "태그", "store": "매장",
	"day": "하루", "week": "한 주", "month": "한 달",
	string(Draft): "초안", string(Paused): "일시 중지", string(Ended): "종료", "deleted": "삭제됨",
}
