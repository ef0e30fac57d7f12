package pusher

import "time"

// Outcome is what a provider's answer means to us.
type Outcome uint8

// The outcomes. The zero value is Retry, so that an answer nobody classified is never taken for an end.
const (
	OutcomeRetry         Outcome = iota // try again inside the deadline
	OutcomeAccepted                     // the provider took it
	OutcomeAddressGone                  // the address is dead for this app
	OutcomeRejected                     // this notification will never be taken; the address stays
	OutcomeMisconfigured                // our credential or project is at fault; the address and the delivery stay
)

// String is the outcome's name, for counters.
func (o Outcome) String() string {
	switch o {
	case OutcomeAccepted:
		return "accepted"
	case OutcomeAddressGone:
		return "address_gone"
	case OutcomeRejected:
		return "rejected"
	case OutcomeMisconfigured:
		return "misconfigured"
	}
	return "retry"
}

// Scope says how far a Retry or Misconfigured reaches.
type Scope uint8

// The scopes of a back-off.
const (
	ScopeDelivery Scope = iota // this attempt only
	ScopeDevice                // everything for this address
	ScopeProject               // everything of this brand and provider
	ScopeTopic                 // everything for one of the provider's own topics: of ours, this delivery
)

// Result is one attempt's end.
type Result struct {
	Outcome    Outcome
	Scope      Scope
	Code       string        // the provider's own code, e.g. "UNREGISTERED"; for counters and the trace
	ProviderID string        // the provider's id of what it accepted
	RetryAfter time.Duration // what the provider asked for in this answer; 0: nothing
	// FirstWait is where the doubling of waits begins when the provider asked for nothing in this answer but its
	// documentation does; 0: RetryPolicy.First.
	FirstWait time.Duration
	// MaybeReceived is true when the attempt ended without an answer (timeout, reset after writing).
	MaybeReceived bool
	// GoneSince is APNs' 410 timestamp: drop the address only if it was registered before. Zero: unconditional.
	GoneSince time.Time
	// Quarantine marks an address that may be malformed (FCM INVALID_ARGUMENT): not used, not deleted.
	Quarantine bool
}
