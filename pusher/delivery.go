package pusher

import (
	"time"

	"github.com/google/uuid"
)

// State is where a delivery stands. Pending is the only state that is not an end.
type State string

// The states of a delivery.
const (
	Pending    State = "pending"
	Accepted   State = "accepted"   // a provider took it; whether a phone showed it is another question
	Failed     State = "failed"     // no provider took it, and none will
	Expired    State = "expired"    // its deadline passed first
	Suppressed State = "suppressed" // asked again at dispatch, a gate said no
	Cancelled  State = "cancelled"  // withdrawn before an attempt: shown in the app, campaign stopped, person gone
)

// Delivery is the intent to bring one notification to one device.
type Delivery struct {
	ID           uuid.UUID
	BrandID      uuid.UUID
	PersonID     uuid.UUID
	DeviceID     uuid.UUID
	CampaignID   uuid.UUID
	DecisionID   uuid.UUID
	Notification Notification
	Provider     Provider
	HighPriority bool
	CreatedAt    time.Time // when the ping that caused it was received
	NotBefore    time.Time // the first moment an attempt may start
	Deadline     time.Time // nothing is handed to a provider at or after it

	State      State
	Code       string    // why it ended or waits: the provider's code, or the gate's; empty: nothing was said
	Attempt    int       // how many attempts were begun, this one included
	LeaseNode  uuid.UUID // the node that may send it, until LeaseUntil
	LeaseUntil time.Time // the database's clock
	// To is where the last attempt went; the dispatcher fills it in. It is not stored with the delivery.
	To Address
	// Unsure is true once an attempt ended without an answer: the provider may have it.
	Unsure bool
}
