package audience

import (
	"maps"
	"strings"
	"time"

	"github.com/wantgo/wantgo/services/brand"
)

// MostRecipients bounds the third parties that one person can have said anything about.
const MostRecipients = 50

// checkRecipient: a consent to a third party names it, and what for; no other names any.
func (s *Submission) checkRecipient(vs *Violations) {
	if s.Purpose != LocThirdParty {
		vs.Check(s.Recipient == "", "recipient", "only loc_third_party names one")
		vs.Check(s.RecipientPurpose == "", "recipient_purpose", "only loc_third_party names one")
		return
	}
	vs.Check(s.Recipient != "", "recipient", "missing: a consent to nobody in particular is none")
	vs.Check(brand.ValidRecipient(s.Recipient), "recipient", brand.RecipientRule)
	vs.Check(brand.ValidRecipient(s.RecipientPurpose), "recipient_purpose", brand.RecipientRule)
	if s.Granted {
		vs.Check(s.RecipientPurpose != "", "recipient_purpose", "missing: what may the recipient have the location for?")
	}
}

// applyTo is Apply for what was said about one recipient; the others stand as they were. The consent is to what the
// latest act names: it replaces an earlier one to the same recipient for something else.
func (p *Profile) applyTo(e ConsentEvent) error {
	if strings.TrimSpace(e.Recipient) == "" {
		return Violations{{Field: "recipient", Reason: "missing: a consent to nobody in particular is none"}}
	}
	before, known := p.ThirdParties[e.Recipient]
	if !known && len(p.ThirdParties) >= MostRecipients {
		return Violations{{Field: "recipient", Reason: "more recipients than one person can have said anything about"}}
	}
	stands := Standing{Granted: e.Granted, EventID: e.ID, At: e.OccurredAt}
	if e.Granted {
		stands.For = e.RecipientPurpose
	}
	if !stands.overrides(before) {
		return nil
	}
	next := make(map[string]Standing, len(p.ThirdParties)+1)
	maps.Copy(next, p.ThirdParties)
	next[e.Recipient] = stands
	p.ThirdParties = next
	return nil
}

// MayProvide tells whether a third party may be told now where and when this person was, for a purpose: the location may
// be used at all (see MayLocate), and the consent that stands names exactly this recipient and this purpose. consent is
// that one.
func MayProvide(p *Profile, b *brand.Brand, recipient, purpose string, now time.Time) (consent Standing, ok bool) {
	consent = p.ThirdParties[recipient]
	if !consent.Granted || recipient == "" || purpose == "" || consent.For != purpose {
		return Standing{}, false
	}
	if ok, _ := MayLocate(p, b, now); !ok {
		return Standing{}, false
	}
	return consent, true
}
