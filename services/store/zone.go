package store

import (
	"strings"

	"github.com/wantgo/wantgo/geo"
)

// korea is a box round the Republic of Korea. It holds a strip of Japan and of the North too, which keep the same time.
var korea = geo.Box{South: 33.0, West: 124.5, North: 38.7, East: 132.0}

// oneZone are countries that have a single time zone, as far as anyone has a store there.
var oneZone = map[string]string{
	"KR": "Asia/Seoul", "JP": "Asia/Tokyo", "CN": "Asia/Shanghai", "TW": "Asia/Taipei", "HK": "Asia/Hong_Kong",
	"MO": "Asia/Macau", "SG": "Asia/Singapore", "TH": "Asia/Bangkok", "VN": "Asia/Ho_Chi_Minh", "PH": "Asia/Manila",
	"MY": "Asia/Kuala_Lumpur", "IN": "Asia/Kolkata", "AE": "Asia/Dubai", "SA": "Asia/Riyadh", "QA": "Asia/Qatar",
	"KW": "Asia/Kuwait", "BH": "Asia/Bahrain", "IL": "Asia/Jerusalem", "TR": "Europe/Istanbul", "GB": "Europe/London",
	"IE": "Europe/Dublin", "FR": "Europe/Paris", "DE": "Europe/Berlin", "AT": "Europe/Vienna", "CH": "Europe/Zurich",
	"NL": "Europe/Amsterdam", "BE": "Europe/Brussels", "LU": "Europe/Luxembourg", "IT": "Europe/Rome", "DK": "Europe/Copenhagen",
	"SE": "Europe/Stockholm", "NO": "Europe/Oslo", "FI": "Europe/Helsinki", "PL": "Europe/Warsaw", "CZ": "Europe/Prague",
	"SK": "Europe/Bratislava", "HU": "Europe/Budapest", "RO": "Europe/Bucharest", "BG": "Europe/Sofia", "GR": "Europe/Athens",
}

// ZoneFor is the time zone of a place where the country (two letters; may be empty) or the place itself leaves no doubt,
// else fallback. A country with several zones leaves doubt.
func ZoneFor(place geo.Point, country, fallback string) string {
	country = strings.ToUpper(strings.TrimSpace(country))
	if zone, ok := oneZone[country]; ok {
		return zone
	}
	if country == "" && korea.Contains(place) {
		return oneZone["KR"]
	}
	return fallback
}
