package campaign

import (
	"golang.org/x/text/currency"
	bcp47 "golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

// priceWords stand behind an amount where a language has a word of its own for its money.
var priceWords = map[[2]string]string{{"ko", "KRW"}: "원", {"ja", "JPY"}: "円", {"zh", "CNY"}: "元"}

// priceSigns stand before an amount; a currency without one is named behind it.
var priceSigns = map[string]string{"KRW": "₩", "JPY": "¥", "CNY": "CN¥", "USD": "$", "EUR": "€", "GBP": "£", "INR": "₹", "VND": "₫"}

// formatPrice writes a price as people of a locale write it, with the currency's own number of decimals (ISO 4217); "": there
// is none.
func formatPrice(price float64, code, locale string) string {
	unit, err := currency.ParseISO(code)
	if err != nil || price <= 0 {
		return ""
	}
	scale, _ := currency.Standard.Rounding(unit)
	tag := bcp47.Make(locale)
	amount := message.NewPrinter(tag).Sprint(number.Decimal(price, number.Scale(scale)))
	base, _ := tag.Base()
	if word, ok := priceWords[[2]string{base.String(), code}]; ok {
		return amount + word
	}
	if sign, ok := priceSigns[code]; ok {
		return sign + amount
	}
	return amount + " " + code
}
