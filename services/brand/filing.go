package brand

import (
	"time"
	_ "time/tzdata" // the law's clock is Seoul's: it must not depend on what the machine has installed
)

// Seoul is the zone in which Korean law counts days.
var Seoul = mustZone("Asia/Seoul")

func mustZone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

func (f *Filing) validate(vs *Violations) {
	switch f.Mode {
	case "", FilingOnDeviceOnly:
	case FilingRegistered:
		vs.Check(f.Number != "", "filing.number", "missing for a registered business")
		vs.Check(!f.Date.IsZero(), "filing.date", "missing for a registered business")
	case FilingSmallBusiness:
		vs.Check(!f.Date.IsZero(), "filing.date", "missing: a small business is exempt for one month from its start")
	default:
		vs.Add("filing.mode", "must be registered, small_business, on_device_only or empty")
	}
	vs.Check(PlainText(f.Number, 100), "filing.number", "must be plain text of at most 100 characters")
}

// Until is the first instant at which the filing no longer allows a ping; zero: it has no end. A small business has one
// month from the day it started (LIA 9-2): through the same date of the next month, or through its last day where there
// is no such date.
func (f *Filing) Until() time.Time {
	if f.Mode != FilingSmallBusiness {
		return time.Time{}
	}
	year, month, day := f.Date.In(Seoul).Date()
	last := time.Date(year, month+2, 0, 0, 0, 0, 0, Seoul).Day()
	return time.Date(year, month+1, min(day, last)+1, 0, 0, 0, 0, Seoul)
}

// FilingAllows tells whether the brand may receive locations at now. Only Korea asks for a filing; a mode of
// on_device_only is respected everywhere.
func (s *Settings) FilingAllows(now time.Time) bool {
	f := &s.Filing
	switch f.Mode {
	case FilingRegistered:
		return f.Number != "" && !f.Date.IsZero() && !now.Before(f.Date)
	case FilingSmallBusiness:
		return !f.Date.IsZero() && !now.Before(f.Date) && now.Before(f.Until())
	case "":
		return s.Jurisdiction == EU || s.Jurisdiction == US
	}
	return false
}

// MinAge is the age from which a person may agree to be located without a guardian: 14 in Korea (LIA 25), 16 in the EU
// (GDPR 8, the strictest of its members), 13 in the US (COPPA).
func (s *Settings) MinAge() int {
	switch s.Jurisdiction {
	case EU:
		return 16
	case US:
		return 13
	}
	return 14
}

// Zone is the time zone in which the brand's law counts days: Seoul in Korea, elsewhere the brand's own.
func (s *Settings) Zone() *time.Location {
	if s.Jurisdiction != EU && s.Jurisdiction != US {
		return Seoul
	}
	loc, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return time.UTC
	}
	return loc
}
