package holiday

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"
)

//go:embed days.txt
var daysText string

//go:embed zones.txt
var zonesText string

// countryYear is one line of the list.
type countryYear struct {
	country string
	year    int
}

// months has a bit for each day of each month, the first day's the second lowest.
type months [13]uint32

var listed = sync.OnceValue(func() map[countryYear]*months {
	all, err := readDays(daysText)
	if err != nil {
		panic(err) // it is embedded
	}
	return all
})

func readDays(text string) (map[countryYear]*months, error) {
	all := map[countryYear]*months{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if len(fields) < 3 || len(fields[0]) != 2 {
			return nil, fmt.Errorf("holidays: %q is no line of a country, a year and days", line)
		}
		for _, day := range fields[2:] {
			at, err := time.Parse(time.DateOnly, fields[1]+"-"+day)
			if err != nil {
				return nil, fmt.Errorf("holidays: %w", err)
			}
			key := countryYear{fields[0], at.Year()}
			if all[key] == nil {
				all[key] = &months{}
			}
			all[key][at.Month()] |= 1 << at.Day()
		}
	}
	return all, nil
}

var zones = sync.OnceValue(func() map[string]string {
	countries := map[string]string{}
	for line := range strings.Lines(zonesText) {
		if fields := strings.Fields(line); len(fields) > 1 && !strings.HasPrefix(line, "#") {
			for _, zone := range fields[1:] {
				countries[zone] = fields[0]
			}
		}
	}
	return countries
})

// Country is the ISO 3166 code of the country that an IANA time zone is of; "" where that is not known, as of UTC and of the
// old names of zones.
func Country(zone string) string { return zones()[zone] }

// On tells whether a day is a public holiday of a country (ISO 3166). known is false where that is not listed.
func On(country string, year int, month time.Month, day int) (is, known bool) {
	listed, known := listed()[countryYear{country, year}]
	if !known || month < time.January || month > time.December || day < 1 || day > 31 {
		return false, known
	}
	return listed[month]&(1<<day) != 0, true
}

// Years are the first and the last year that is listed of a country; 0: none is.
func Years(country string) (first, last int) {
	for key := range listed() {
		if key.country != country {
			continue
		}
		if first == 0 || key.year < first {
			first = key.year
		}
		last = max(last, key.year)
	}
	return first, last
}
