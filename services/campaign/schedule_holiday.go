package campaign

import (
	"slices"
	"time"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/holiday"
)

// calendar is which days are public holidays at a place: what is known of its country, with the brand's changes.
type calendar struct {
	country string
	changes brand.Holidays
}

// calendarOf is that of a zone's country, for a schedule that asks for one.
func calendarOf(s *Schedule, loc *time.Location, changes map[string]brand.Holidays) (c calendar) {
	if s.Holidays != "" {
		c.country = holiday.Country(loc.String())
		c.changes = changes[c.country]
	}
	return c
}

// on tells whether a day is a public holiday. A day that the brand added or removed is known, whatever the year.
func (c *calendar) on(day time.Time) (is, known bool) {
	if len(c.changes.Added)+len(c.changes.Removed) > 0 {
		date := day.Format(time.DateOnly)
		switch {
		case slices.Contains(c.changes.Removed, date):
			return false, true
		case slices.Contains(c.changes.Added, date):
			return true, true
		}
	}
	year, month, date := day.Date()
	return holiday.On(c.country, year, month, date)
}
