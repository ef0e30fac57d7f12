package campaign

import "github.com/wantgo/wantgo/services/audience"

// behaved is of gate 9: what somebody searched, looked at or bought may start an advertisement only with their consent to
// its use for that (audience.MarketingProfile). What is no advertisement follows from what was done, and needs none.
func (j *judged) behaved() (Reason, map[string]string) {
	if j.class == Ad && j.moment.Kind.ByEvent() && !j.granted(audience.MarketingProfile) {
		return profileRefused()
	}
	return "", nil
}
