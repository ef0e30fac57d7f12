package audience

import (
	"time"

	"github.com/wantgo/wantgo/services/brand"
)

// LocateRefusal is why a person's position may not be looked at.
type LocateRefusal uint8

// The refusals, in the order in which they are asked.
const (
	MayBeLocated LocateRefusal = iota
	FilingMissing
	AgeUnknown
	GuardianMissing
	LocationPaused
	LocationNotConsented
)

var locateNames = [...]string{
	"", "FILING_MISSING", "AGE_UNKNOWN", "GUARDIAN_MISSING", "LOCATION_PAUSED", "LOCATION_NOT_CONSENTED",
}

// String is the reason code; empty for MayBeLocated.
func (r LocateRefusal) String() string {
	if int(r) < len(locateNames) {
		return locateNames[r]
	}
	return "UNKNOWN"
}

// MayLocate tells whether a position of this person may be looked at now: the brand's filing, the person's age, a
// pause, the consent, in this order. It is asked before anything is looked up.
//
// Nobody under the brand's age limit is located, with a guardian's consent or without: GUARDIAN_MISSING.
func MayLocate(p *Profile, b *brand.Brand, now time.Time) (ok bool, why LocateRefusal) {
	switch age := p.age(&b.Settings, now); {
	case !b.Settings.FilingAllows(now):
		why = FilingMissing
	case age == tooYoung:
		why = GuardianMissing
	case age != oldEnough:
		why = AgeUnknown
	case p.Paused(now):
		why = LocationPaused
	case !p.Consented(LocUse):
		why = LocationNotConsented
	}
	return why == MayBeLocated, why
}

// Forever is a pause until it is ended.
var Forever = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// Paused tells whether the person paused location at now; a pause ends by itself at PausedUntil.
func (p *Profile) Paused(now time.Time) bool { return now.Before(p.PausedUntil) }

// Pause pauses location until a time, or until resumed for the zero time. A pause may never be refused (LIA 24(2)):
// an end that has passed is the only fault.
func (p *Profile) Pause(until, now time.Time) error {
	if until.IsZero() {
		until = Forever
	}
	if !until.After(now) {
		return Violations{{Field: "until", Reason: "has passed"}}
	}
	if until.After(Forever) {
		until = Forever
	}
	if !p.Paused(now) { // else it is the same pause with another end
		p.PausedFrom = now
	}
	p.PausedUntil, p.ResumedAt = until, time.Time{}
	return nil
}

// Resume ends a pause. One that has ended by itself is remembered with that end.
func (p *Profile) Resume(now time.Time) {
	if p.Paused(now) {
		p.ResumedAt = now
	} else if !p.PausedUntil.IsZero() {
		p.ResumedAt = p.PausedUntil
	}
	p.PausedUntil = time.Time{}
}

// WasPaused tells whether a time lies in the last pause: what was observed then is not looked at afterwards either.
func (p *Profile) WasPaused(at time.Time) bool {
	ended := p.PausedUntil
	if ended.IsZero() {
		ended = p.ResumedAt
	}
	return !p.PausedFrom.IsZero() && !at.Before(p.PausedFrom) && at.Before(ended)
}

type maturity uint8

const (
	ageUnknown maturity = iota
	tooYoung
	oldEnough
)

// age judges by the birth date where there is one, even against a confirmation.
func (p *Profile) age(s *brand.Settings, now time.Time) maturity {
	if p.BirthDate == "" {
		if p.OfAge {
			return oldEnough
		}
		return ageUnknown
	}
	years, ok := AgeAt(p.BirthDate, now, s.Zone())
	switch {
	case !ok:
		return ageUnknown
	case years < s.MinAge():
		return tooYoung
	}
	return oldEnough
}

// maxAge is beyond any person's.
const maxAge = 130

// AgeAt is how old someone born on a date (YYYY-MM-DD) is at a time, by the calendar of a zone. Someone born on 29
// February turns a year older on 1 March where there is no such day. ok is false for what is no date, or no birth date of
// anyone alive.
func AgeAt(birthDate string, at time.Time, loc *time.Location) (years int, ok bool) {
	born, err := time.Parse(time.DateOnly, birthDate)
	if err != nil {
		return 0, false
	}
	year, month, day := at.In(loc).Date()
	years = year - born.Year()
	if month < born.Month() || month == born.Month() && day < born.Day() {
		years--
	}
	return years, years >= 0 && years <= maxAge
}
