package engine

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
)

const (
	// idleReport is how soon a phone outside every fence is asked to report again.
	idleReport = 5 * time.Minute
	// leastReport is the least that is asked for.
	leastReport = 15 * time.Second
	// promiseGrace is how much longer than asked a phone may take and still keep its promise.
	promiseGrace = 30 * time.Second
)

// knownFor is for how long it is taken as known that a person may be looked at, while profile and catalogue stay as they
// are: what time alone changes of it (a filing that ends, a birthday) is seen that late.
const knownFor = time.Second

// mayLook asks gates 1 to 4 once for a report: filing, age or guardian, pause, location consent. "" lets it pass.
func (r *reporting) mayLook() Verdict {
	may := &r.p.may
	if may.view == r.v && r.now < may.until {
		return ""
	}
	*may = locatable{}
	ok, why := audience.MayLocate(&r.p.profile, r.v.brand, time.UnixMilli(r.now).UTC())
	if ok {
		*may = locatable{r.v, r.now + knownFor.Milliseconds()}
		return ""
	}
	return Verdict(why.String())
}

// consentOfUse is the consent event that the location-use record names.
func (t *turn) consentOfUse() uuid.UUID {
	return t.p.profile.Consents[audience.LocUse].EventID
}

// promise settles when the phone shall report next, and seals what it must bring back. While a visit is open that is
// never later than half of its silence time.
func (r *reporting) promise() error {
	if r.report.Import {
		return nil
	}
	next := idleReport
	if quiet := r.zone(); quiet > 0 {
		next = quiet
	}
	rules := r.rulesOf(r.device)
	for i := range r.device.presence.Stays {
		s := &r.device.presence.Stays[i]
		fence := rules(s.Fence)
		if fence == nil || fence.Policy == presence.Exact {
			continue
		}
		if fence.Silence > 0 {
			next = min(next, fence.Silence/2)
		}
	}
	if due := r.device.presence.NextDue(rules); due > r.now {
		next = min(next, time.Duration(due-r.now)*time.Millisecond)
	}
	next = max(next, leastReport)
	r.answer.NextReport = next
	r.device.presence.PromisedBy = r.now + (next + promiseGrace).Milliseconds()
	// A longer promise may let a dwell fall due by timer: that must outlive this node.
	if due := r.due(); !due.IsZero() && (r.p.dueWritten.IsZero() || due.Before(r.p.dueWritten)) {
		r.dirty = true
	}
	token, err := r.sealToken()
	r.answer.Token = token
	return err
}
