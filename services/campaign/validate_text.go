package campaign

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"github.com/wantgo/wantgo/services/brand"
)

// localeForm is the shape of a BCP 47 tag of language, script, region and variants.
var localeForm = regexp.MustCompile(`^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,4}$`)

func (r *review) offer() {
	o := r.c.Offer
	if o == nil {
		return
	}
	if o.ID == uuid.Nil {
		r.fault("offer.id", FaultRequired, "an offer needs an id")
	}
	if len(o.Titles) == 0 {
		r.fault("offer.titles", FaultRequired, "an offer needs a title in at least one locale")
	}
	for _, locale := range slices.Sorted(maps.Keys(o.Titles)) {
		field := "offer.titles." + clip(tidy(locale), 35)
		r.locale(field, locale)
		if tidy(o.Titles[locale]) == "" {
			r.fault(field, FaultRequired, "the title is empty")
		}
		r.line(field, o.Titles[locale], maxOfferTitle)
	}
	if o.Stock < 0 || o.Stock > maxStock {
		r.fault("offer.stock", FaultOutOfRange, "%d is not within 0..%d", o.Stock, maxStock)
	}
	if o.PerPerson < 0 || o.PerPerson > maxPerPerson {
		r.fault("offer.per_person", FaultOutOfRange, "%d is not within 0..%d", o.PerPerson, maxPerPerson)
	}
	r.validity(o)
}

func (r *review) validity(o *Offer) {
	if o.Validity < 0 || o.Validity > maxValidity {
		r.fault("offer.validity", FaultOutOfRange, "%s is not within 0..%s", o.Validity, maxValidity)
	}
	if o.Validity == 0 && o.ValidUntil.IsZero() {
		r.fault("offer.validity", FaultRequired, "a coupon must end: set validity, valid_until or both")
	}
	if o.ValidUntil.IsZero() || r.over() {
		return
	}
	if !o.ValidUntil.After(r.known.Now) {
		r.fault("offer.valid_until", FaultNeverOccurs, "it is over")
		return
	}
	for _, loc := range r.zones() {
		if start, ok := dateNumber(r.c.Schedule.StartDate); !ok || start <= dayNumber(o.ValidUntil.In(loc)) {
			return
		}
	}
	r.fault("offer.valid_until", FaultNeverOccurs, "it is before the campaign's first day")
}

func (r *review) texts() {
	if len(r.c.Texts) == 0 {
		r.fault("texts", FaultRequired, "a campaign needs a text in at least one locale")
	}
	r.textsOf("texts", r.c.Texts)
}

func (r *review) textsOf(place string, texts map[string]Text) {
	if len(texts) > maxTexts {
		r.fault(place, FaultTooLong, "%d locales, at most %d", len(texts), maxTexts)
		return
	}
	for _, locale := range slices.Sorted(maps.Keys(texts)) {
		text, field := texts[locale], place+"."+clip(tidy(locale), 35)
		r.locale(field, locale)
		if tidy(text.Body) == "" {
			r.fault(field+".body", FaultRequired, "the body is empty")
		}
		r.text(field+".title", text.Title, maxTitleText, false)
		r.text(field+".body", text.Body, maxBodyText, true)
		if r.known.Brand.Settings.Jurisdiction == Korea {
			r.label(field, text)
		}
	}
}

func (r *review) locale(field, locale string) {
	if !localeForm.MatchString(locale) {
		r.fault(field, FaultMalformed, "%q is not a locale such as ko or en-US", clip(tidy(locale), 35))
	}
}

// text refuses what Render could not show as it was written.
func (r *review) text(field, text string, limit int, multiline bool) {
	switch {
	case !utf8.ValidString(text):
		r.fault(field, FaultMalformed, "not valid UTF-8")
		return
	case utf8.RuneCountInString(text) > limit:
		r.fault(field, FaultTooLong, "%d characters, at most %d", utf8.RuneCountInString(text), limit)
	case hasUnseen(text), !multiline && strings.ContainsAny(text, "\r\n"):
		r.fault(field, FaultMalformed, "has characters that cannot be shown here")
	}
	r.variables(field, text)
}

// variables refuses those that are unknown, and those that could have no value here and have nothing to stand in for it.
func (r *review) variables(field, text string) bool {
	before := len(r.faults)
	for {
		_, p, rest, found, fault := cutPlaceholder(text)
		if fault != nil {
			r.fault(field, FaultVariable, "{%s} is none of %s; a brace is written {{", fault.Variable, variableNames)
			return false
		}
		if !found {
			return len(r.faults) == before
		}
		if needs := r.lacks(&p); needs != "" {
			r.fault(field, FaultVariable, "{%s} needs %s", p.name, needs)
		}
		text = rest
	}
}

// lacks says what a variable would need to have a value; "": it may have one, or something to stand in.
func (r *review) lacks(p *placeholder) string {
	t := &r.c.Trigger
	attribute, person := strings.CutPrefix(p.name, varPerson)
	declared := func(a brand.Attribute) bool { return a.Name == attribute }
	switch {
	case person && !slices.ContainsFunc(r.known.Brand.Settings.Attributes, declared):
		return "an attribute of that name, which the brand has not declared"
	case p.fallback:
		return ""
	case person:
		return fmt.Sprintf("something to stand in, {%s|…}: not everybody has told it or lets it be used", p.name)
	case among(couponVariables, p.name) && r.c.Offer == nil:
		return "an offer"
	case among(itemVariables, p.name) && !t.any(aboutItems...):
		return "a moment about an item, or something to stand in"
	case p.name == varKeyword && !t.On(Searched):
		return "the kind searched, or something to stand in"
	case (p.name == varStore || p.name == varStoreID) && t.any(Scheduled, Dated, Absent):
		return "a moment at a store, or something to stand in"
	}
	return ""
}

func among(names map[string]struct{}, name string) bool {
	_, ok := names[name]
	return ok
}

// label refuses what the label check would refuse at every moment. Text that begins with the label itself is fine.
func (r *review) label(field string, text Text) {
	if looksLikeLabel(unlabelled(tidy(text.Title)), true) {
		r.fault(field+".title", FaultLabel, "passes for the label %s, which is put first by itself", Label)
	}
	if looksLikeLabel(unlabelled(lines(text.Body)), false) {
		r.fault(field+".body", FaultLabel, "passes for the label %s, which is put first by itself", Label)
	}
}

// hasUnseen tells whether visible would drop something of the text.
func hasUnseen(text string) bool {
	composed := norm.NFC.String(text)
	return utf8.RuneCountInString(visible(composed, true)) != utf8.RuneCountInString(composed)
}
