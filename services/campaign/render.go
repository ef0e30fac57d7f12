package campaign

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// Scene is what a text is rendered for.
type Scene struct {
	Campaign *Campaign
	Variant  *Variant // nil: none, the campaign's own fields
	Brand    *brand.Brand
	Store    *store.Store      // nil: none; {store} then has no value
	Item     *item.Item        // nil: none
	Keyword  string            // that was searched for
	Profile  *audience.Profile // nil: nothing is known of the person
	Coupon   *Coupon           // nil: none
	Locale   string            // the person's; empty: unknown
	Zone     *time.Location    // the person's, for {expires}; nil: UTC
	Now      time.Time
	Test     bool // a test: the title says so
}

// Shown is what a person reads, and where it leads.
type Shown struct {
	Text
	Locale   string // of the text that was chosen
	DeepLink string
	ImageURL string
}

// TestMark begins what only test people see, behind the label of an advertisement.
const TestMark = "[test]"

// Render makes what is shown: the text in the person's locale, its language, the brand's locale, or any; variables filled
// in with clean values; then, of an advertisement, the layout that the brand's jurisdiction asks for. A link that the
// campaign does not have is the item's. The error is a *TextError.
func Render(sc Scene) (Shown, error) {
	shown, fault := sc.render()
	if fault != nil {
		return Shown{}, fault
	}
	return shown, nil
}

func (sc *Scene) render() (Shown, *TextError) {
	chosen, locale, ok := pick(sc.texts(), sc.Locale, sc.Brand.Settings.Locale)
	if !ok {
		return Shown{}, &TextError{Why: "no_text"}
	}
	value := func(variable string) string { return sc.value(variable, locale) }
	title, fault := expand(chosen.Title, value)
	if fault != nil {
		return Shown{}, fault
	}
	body, fault := expand(chosen.Body, value)
	if fault != nil {
		return Shown{}, fault
	}
	title, body, fault = sc.layOut(tidy(title), lines(body), locale)
	if fault != nil {
		return Shown{}, fault
	}
	shown := Shown{Text: Text{Title: title, Body: body}, Locale: locale}
	shown.DeepLink, shown.ImageURL, fault = sc.links(value)
	return shown, fault
}

// layOut puts the mark of a test before the text, and then what the law asks for round an advertisement.
func (sc *Scene) layOut(title, body, locale string) (string, string, *TextError) {
	switch {
	case !sc.Test:
	case title != "":
		title = TestMark + " " + unlabelled(title)
	default:
		body = TestMark + " " + unlabelled(body)
	}
	if sc.Campaign.Advertises() {
		return layOut(title, body, &sc.Brand.Settings, locale)
	}
	body, fault := closed("", body, "")
	return clip(title, MaxTitle), body, fault
}

// texts are the variant's, and the campaign's in locales that the variant has none in.
func (sc *Scene) texts() map[string]Text {
	if sc.Variant == nil || len(sc.Variant.Texts) == 0 {
		return sc.Campaign.Texts
	}
	texts := maps.Clone(sc.Campaign.Texts)
	if texts == nil {
		return sc.Variant.Texts
	}
	maps.Copy(texts, sc.Variant.Texts)
	return texts
}

// links are where the notification leads and the picture it shows.
func (sc *Scene) links(value func(string) string) (deepLink, imageURL string, fault *TextError) {
	deepLink, imageURL = sc.Campaign.DeepLink, sc.Campaign.ImageURL
	if v := sc.Variant; v != nil {
		deepLink, imageURL = cmp.Or(v.DeepLink, deepLink), cmp.Or(v.ImageURL, imageURL)
	}
	if deepLink, fault = expandLink(deepLink, value); fault != nil {
		return "", "", fault
	}
	if imageURL, fault = expandLink(imageURL, value); fault != nil {
		return "", "", fault
	}
	if sc.Item != nil {
		deepLink, imageURL = cmp.Or(deepLink, sc.Item.Link), cmp.Or(imageURL, sc.Item.ImageURL)
	}
	return deepLink, imageURL, nil
}

// value is what a variable stands for, in the locale of the text if there is one; "": nothing.
func (sc *Scene) value(variable, locale string) string {
	switch variable {
	case varBrand:
		return sc.Brand.Name
	case varKeyword:
		return sc.Keyword
	case varStore, varStoreID:
		return sc.storeValue(variable, locale)
	case varItem, varItemID, varPrice:
		return sc.itemValue(variable, locale)
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
	if attribute, person := strings.CutPrefix(variable, varPerson); person {
		return sc.personValue(attribute)
	}
	return ""
}

func (sc *Scene) storeValue(variable, locale string) string {
	switch {
	case sc.Store == nil:
		return ""
	case variable == varStoreID:
		return sc.Store.ExternalID
	}
	name, _, _ := pick(sc.Store.Names, locale, sc.Locale)
	return name
}

func (sc *Scene) itemValue(variable, locale string) string {
	switch {
	case sc.Item == nil:
		return ""
	case variable == varItemID:
		return sc.Item.ExternalID
	case variable == varPrice:
		return formatPrice(sc.Item.Price, sc.Item.Currency, locale)
	}
	name, _, _ := pick(sc.Item.Names, locale, sc.Locale, sc.Brand.Settings.Locale)
	return name
}

// personValue is what the brand knows of a person who agrees to being spoken to by it.
func (sc *Scene) personValue(attribute string) string {
	declared := func(a brand.Attribute) bool { return a.Name == attribute }
	if sc.Profile == nil || !sc.Profile.Consents[audience.MarketingProfile].Granted ||
		!slices.ContainsFunc(sc.Brand.Settings.Attributes, declared) {
		return ""
	}
	switch v := sc.Profile.Attributes[attribute].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
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
