package audience

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/brand"
)

// Violation and Violations are the faults of a request.
type (
	Violation  = brand.Violation
	Violations = brand.Violations
)

// Purposes are all that exist.
var Purposes = []Purpose{
	AdPush, AdPushNight, LocUse, LocThirdParty, LocBatchNotice, LocRetain, MarketingProfile, XBorder, OSPush, OSLocation,
}

// Who may decide.
const (
	ActorSelf     = "self"
	ActorGuardian = "guardian"
)

// MaxSkew is how far in the future a phone's clock may put a consent.
const MaxSkew = 5 * time.Minute

// IsPermission tells the phone's own permissions, which are mirrored, from consents.
func (p Purpose) IsPermission() bool { return p == OSPush || p == OSLocation }

// Submission is a consent event as an app hands it in, with how it was asked for.
type Submission struct {
	ConsentEvent
	// PreTicked: the answer was filled in beforehand. Bundled: it came with the terms of service or another consent.
	// Neither is a consent (PIPA 22(5)); a refusal or withdrawal is taken however it was asked for.
	PreTicked bool
	Bundled   bool
}

// Validate returns every fault of the submission. Whether it may follow what stands is for Apply to say.
func (s *Submission) Validate(now time.Time) error {
	var vs Violations
	vs.Check(s.ID != uuid.Nil, "id", "missing")
	vs.Check(slices.Contains(Purposes, s.Purpose), "purpose", "unknown")
	vs.Check(!s.OccurredAt.IsZero() && s.OccurredAt.Unix() > 0, "occurred_at", "missing")
	vs.Check(!s.OccurredAt.After(now.Add(MaxSkew)), "occurred_at", "in the future by more than %v", MaxSkew)
	vs.Check(s.TimeZone == "" || brand.ValidTimeZone(s.TimeZone), "time_zone", "not an IANA time zone")
	vs.Check(s.Locale == "" || brand.ValidLocale(s.Locale), "locale", "not a BCP 47 locale")
	vs.Check(s.Actor == ActorSelf || s.Actor == ActorGuardian, "actor", "must be self or guardian")
	if s.Granted && !s.Purpose.IsPermission() {
		vs.Check(!s.PreTicked, "pre_ticked", "a pre-ticked answer is no consent")
		vs.Check(!s.Bundled, "bundled", "an answer bundled with something else is no consent")
		vs.Check(strings.TrimSpace(s.NoticeVersion) != "", "notice_version", "missing: what was agreed to?")
	}
	for _, f := range []struct{ field, text string }{
		{"notice_version", s.NoticeVersion}, {"notice_hash", s.NoticeHash}, {"screen", s.Screen}, {"app_version", s.AppVersion},
	} {
		vs.Check(len(f.text) <= 200 && utf8.ValidString(f.text), f.field, "must be text of at most 200 bytes")
	}
	s.checkRecipient(&vs)
	return vs.Err()
}

// Consented tells whether a purpose is granted; missing is denied.
func (p *Profile) Consented(purpose Purpose) bool { return p.Consents[purpose].Granted }

// Apply lets an event change where the profile's consents stand.
//
// The latest act counts, by OccurredAt; of two at one instant the denial. An older event changes nothing and is no
// error: it still belongs in the ledger. Advertising by night depends on advertising: granting it alone, or as of a time
// before advertising was granted, is refused, and withdrawing ad_push withdraws it by the same event. Events that
// arrive together go through ApplyAll.
func (p *Profile) Apply(e ConsentEvent) error {
	if !slices.Contains(Purposes, e.Purpose) {
		return Violations{{Field: "purpose", Reason: "unknown"}}
	}
	if e.OccurredAt.IsZero() {
		return Violations{{Field: "occurred_at", Reason: "missing"}}
	}
	if e.Purpose == LocThirdParty {
		return p.applyTo(e)
	}
	stands := Standing{Granted: e.Granted, EventID: e.ID, At: e.OccurredAt}
	if e.Purpose == AdPushNight && e.Granted && stands.overrides(p.Consents[AdPushNight]) {
		if day := p.Consents[AdPush]; !day.Granted || e.OccurredAt.Before(day.At) {
			return Violations{{Field: "purpose", Reason: "ad_push_night needs ad_push, granted before or together with it"}}
		}
	}
	p.stand(e.Purpose, stands)
	if e.Purpose == AdPush && !e.Granted {
		p.withdrawNight(stands)
	}
	return nil
}

// withdrawNight lets a withdrawal of ad_push end ad_push_night. One that arrives late also ends a night consent given
// after it, unless ad_push is known to have been granted again in between: otherwise it would not have been taken.
func (p *Profile) withdrawNight(withdrawal Standing) {
	p.stand(AdPushNight, withdrawal)
	night, day := p.Consents[AdPushNight], p.Consents[AdPush]
	if night.Granted && !(day.Granted && day.At.After(withdrawal.At) && !day.At.After(night.At)) {
		p.Consents[AdPushNight] = Standing{EventID: withdrawal.EventID, At: night.At}
	}
}

// Apply is Profile.Apply.
func Apply(p *Profile, e ConsentEvent) error { return p.Apply(e) }

// ApplyAll applies events that arrived together, in the order in which they happened. It applies what it can; the
// errors stand at the positions of their events, nil where there was none.
func (p *Profile) ApplyAll(events []ConsentEvent) []error {
	order := make([]int, len(events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if c := events[a].OccurredAt.Compare(events[b].OccurredAt); c != 0 {
			return c
		}
		return slices.Index(Purposes, events[a].Purpose) - slices.Index(Purposes, events[b].Purpose)
	})
	errs := make([]error, len(events))
	for _, i := range order {
		errs[i] = p.Apply(events[i])
	}
	return errs
}

// overrides tells whether s replaces what stood before.
func (s Standing) overrides(before Standing) bool {
	if before.At.IsZero() || s.At.After(before.At) {
		return true
	}
	return s.At.Equal(before.At) && before.Granted && !s.Granted
}

func (p *Profile) stand(purpose Purpose, s Standing) {
	if !s.overrides(p.Consents[purpose]) {
		return
	}
	if p.Consents == nil {
		p.Consents = map[Purpose]Standing{}
	}
	p.Consents[purpose] = s
}
