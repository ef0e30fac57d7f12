package campaign

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"
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
	if o.ValidUntil.IsZero() || r.c.State == Ended {
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
	if len(r.c.Texts) > maxTexts {
		r.fault("texts", FaultTooLong, "%d locales, at most %d", len(r.c.Texts), maxTexts)
		return
	}
	for _, locale := range slices.Sorted(maps.Keys(r.c.Texts)) {
		text, field := r.c.Texts[locale], "texts."+clip(tidy(locale), 35)
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
	_, fault := expand(text, func(variable string) string {
		if _, needsOffer := couponVariables[variable]; needsOffer && r.c.Offer == nil {
			return ""
		}
		return variable
	})
	switch {
	case fault == nil:
	case fault.Why == "variable_missing":
		r.fault(field, FaultVariable, "{%s} needs an offer", fault.Variable)
	default:
		r.fault(field, FaultVariable, "{%s} is none of {store} {offer} {brand} {coupon_code} {expires}; a brace is written {{", fault.Variable)
	}
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
