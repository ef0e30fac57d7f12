package audience

import (
	"time"

	"github.com/wantgo/wantgo/services/brand"
)

// MayRecord tells whether what a person does in an app or shop may be looked at: gate 2 alone, the person's age. It says
// nothing of a place, so the gates of location law are not asked: neither the brand's filing for location services nor
// the person's pause of location, nor the consent to its use.
func MayRecord(p *Profile, b *brand.Brand, now time.Time) (ok bool, why LocateRefusal) {
	switch p.age(&b.Settings, now) {
	case tooYoung:
		why = GuardianMissing
	case ageUnknown:
		why = AgeUnknown
	}
	return why == MayBeLocated, why
}

// retainedFor is for how long visits may be kept on one consent to keeping them (LIA-D 26-2): it does not renew itself.
const retainedFor = 365 * 24 * time.Hour

// VisitsKeptUntil is until when visits may be kept by the consent loc_retain; zero: they may not be. Without the consent
// to the use of location there is nothing that may be kept.
func (p *Profile) VisitsKeptUntil(now time.Time) time.Time {
	s := p.Consents[LocRetain]
	until := s.At.Add(retainedFor)
	if !s.Granted || !p.Consented(LocUse) || !now.Before(until) {
		return time.Time{}
	}
	return until
}
