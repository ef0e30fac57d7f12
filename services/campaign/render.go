package campaign

import (
	"time"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/store"
)

// Scene is what a text is rendered for.
type Scene struct {
	Campaign *Campaign
	Brand    *brand.Brand
	Store    *store.Store   // nil: none; {store} then has no value
	Coupon   *Coupon        // nil: none
	Locale   string         // the person's; empty: unknown
	Zone     *time.Location // the person's, for {expires}; nil: UTC
	Now      time.Time
}

// Render makes title and body of an advertisement: the text in the person's locale, its language, the brand's
// locale, or any; variables filled in with clean values; then the layout that the brand's jurisdiction asks for.
// The error is a *TextError. locale is the one the text was found in.
func Render(sc Scene) (text Text, locale string, err error) {
	text, locale, fault := sc.render()
	if fault != nil {
		return Text{}, "", fault
	}
	return text, locale, nil
}

func (sc *Scene) render() (Text, string, *TextError) {
	chosen, locale, ok := pick(sc.Campaign.Texts, sc.Locale, sc.Brand.Settings.Locale)
	if !ok {
		return Text{}, "", &TextError{Why: "no_text"}
	}
	value := func(variable string) string { return sc.value(variable, locale) }
	title, fault := expand(chosen.Title, value)
	if fault != nil {
		return Text{}, "", fault
	}
	body, fault := expand(chosen.Body, value)
	if fault != nil {
		return Text{}, "", fault
	}
	title, body, fault = layOut(tidy(title), lines(body), &sc.Brand.Settings, locale)
	if fault != nil {
		return Text{}, "", fault
	}
	return Text{Title: title, Body: body}, locale, nil
}

// value is what a variable stands for, in the locale of the text if there is one; "": nothing.
func (sc *Scene) value(variable, locale string) string {
	switch variable {
	case varBrand:
		return sc.Brand.Name
	case varStore:
		if sc.Store != nil {
			name, _, _ := pick(sc.Store.Names, locale, sc.Locale)
			return name
		}
	case varOffer:
		if sc.Campaign.Offer != nil {
			title, _, _ := pick(sc.Campaign.Offer.Titles, locale, sc.Locale, sc.Brand.Settings.Locale)
			return title
		}
	case varCouponCode:
		if sc.Coupon != nil {
			return sc.Coupon.Code
		}
	case varExpires:
		if sc.Coupon != nil {
			return formatExpiry(sc.Coupon.ExpiresAt, sc.Now, sc.Zone, locale)
		}
	}
	return ""
}

// expiryLayouts are the ways to write a day and a minute, without and with the year.
var expiryLayouts = map[string][2]string{
	"ko": {"1월 2일 15:04", "2006년 1월 2일 15:04"},
	"en": {"Jan 2, 15:04", "Jan 2, 2006, 15:04"},
	"ja": {"1月2日 15:04", "2006年1月2日 15:04"},
	"zh": {"1月2日 15:04", "2006年1月2日 15:04"},
}

// formatExpiry writes when a coupon ends by the person's wall clock; the year only when it is another one.
func formatExpiry(ends, now time.Time, loc *time.Location, locale string) string {
	if loc == nil {
		loc = time.UTC
	}
	layouts, ok := expiryLayouts[language(canonical(locale))]
	if !ok {
		layouts = [2]string{"01-02 15:04", "2006-01-02 15:04"}
	}
	ends = ends.In(loc)
	if ends.Year() == now.In(loc).Year() {
		return ends.Format(layouts[0])
	}
	return ends.Format(layouts[1])
}

// previewCode stands for a coupon's code in a preview.
const previewCode = "000000000000"

// Preview renders a campaign's text as a person of this locale would read it at a store (nil: of no store), with a
// made-up coupon. Nothing is issued. The error is a *TextError.
func Preview(c *Campaign, s *store.Store, b *brand.Brand, locale string, now time.Time) (Text, error) {
	sc := Scene{Campaign: c, Brand: b, Store: s, Locale: locale, Now: now, Zone: firstZone(b.Settings.TimeZone)}
	if s != nil {
		sc.Zone = firstZone(s.TimeZone, b.Settings.TimeZone)
	}
	if c.Offer != nil {
		sc.Coupon = &Coupon{Code: previewCode, ExpiresAt: c.Offer.expiry(now)}
	}
	text, _, err := Render(sc)
	return text, err
}
