package item

import (
	"math"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/brand"
)

// What an item may hold. Lengths are in bytes where nothing else is said.
const (
	MaxExternalID = 128
	MaxName       = 200 // characters
	MaxNames      = 50
	MaxCategory   = 128
	MaxKeywords   = 50
	MaxKeyword    = 64 // characters
	MaxAddress    = 2000
	MaxStores     = 1000
	MaxPrice      = 1e12
)

// Validate returns every fault of the item as brand.Violations. Whether its stores exist is the caller's to ask.
func (i *Item) Validate() error {
	var vs brand.Violations
	vs.Check(strings.TrimSpace(i.ExternalID) != "" && isText(i.ExternalID, MaxExternalID), "external_id", "must be text of 1 to %d bytes", MaxExternalID)
	i.validateNames(&vs)
	vs.Check(i.Category == "" || isText(i.Category, MaxCategory), "category", "must be text of at most %d bytes", MaxCategory)
	vs.Check(len(i.Keywords) <= MaxKeywords, "keywords", "at most %d", MaxKeywords)
	for _, k := range i.Keywords {
		if n := utf8.RuneCountInString(k); n > MaxKeyword || !isText(k, 4*MaxKeyword) || Normalize(k) == "" {
			vs.Add("keywords", "each must have a letter or number, and at most %d characters", MaxKeyword)
			break
		}
	}
	vs.Check(!math.IsNaN(i.Price) && i.Price >= 0 && i.Price <= MaxPrice, "price", "must be a number of 0 to %g", MaxPrice)
	vs.Check(i.Currency == "" || IsCurrency(i.Currency), "currency", "must be three capital letters (ISO 4217)")
	vs.Check(i.Price == 0 || i.Currency != "", "currency", "a price needs one")
	vs.Check(i.ImageURL == "" || isAddress(i.ImageURL, "https"), "image_url", "must be an https address of at most %d bytes", MaxAddress)
	vs.Check(i.Link == "" || isAddress(i.Link, ""), "link", "must be an address of at most %d bytes", MaxAddress)
	i.validateStores(&vs)
	return vs.Err()
}

func (i *Item) validateNames(vs *brand.Violations) {
	vs.Check(len(i.Names) > 0 && len(i.Names) <= MaxNames, "names", "must be 1 to %d", MaxNames)
	for locale, name := range i.Names {
		field := "names." + locale
		vs.Check(brand.ValidLocale(locale), field, "not a BCP 47 locale")
		vs.Check(strings.TrimSpace(name) != "" && isText(name, 4*MaxName) && utf8.RuneCountInString(name) <= MaxName, field,
			"must be text of 1 to %d characters", MaxName)
	}
}

func (i *Item) validateStores(vs *brand.Violations) {
	vs.Check(len(i.Stores) <= MaxStores, "stores", "at most %d", MaxStores)
	seen := map[uuid.UUID]bool{}
	for _, id := range i.Stores {
		vs.Check(!seen[id], "stores", "the same store twice")
		seen[id] = true
	}
}

// IsCurrency tells a code of the form of ISO 4217.
func IsCurrency(code string) bool {
	return len(code) == 3 && strings.IndexFunc(code, func(r rune) bool { return r < 'A' || r > 'Z' }) < 0
}

func isText(text string, most int) bool {
	return len(text) <= most && utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

// isAddress tells an address with a scheme and something behind it; scheme "": any but those that run a program.
func isAddress(text, scheme string) bool {
	u, err := url.Parse(text)
	if err != nil || !isText(text, MaxAddress) || u.Scheme == "" || u.User != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "https":
		return u.Host != ""
	case "http", "javascript", "data", "file", "vbscript":
		return false
	}
	return scheme == "" && len(text) > len(u.Scheme)+1
}

// IsAt tells whether the item is to be had in a store; the zero store is no store in particular.
func (i *Item) IsAt(storeID uuid.UUID) bool {
	if storeID == uuid.Nil || len(i.Stores) == 0 {
		return true
	}
	for _, id := range i.Stores {
		if id == storeID {
			return true
		}
	}
	return false
}
