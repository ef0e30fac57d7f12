package audience

import (
	"time"

	"github.com/google/uuid"
)

// What becomes of a push address.
const (
	ChangeDropped     = "dropped"     // a provider says that it is dead
	ChangeQuarantined = "quarantined" // a provider says what may mean that it is malformed
	ChangeWithdrawn   = "withdrawn"   // the app took it back
	ChangeReplaced    = "replaced"    // the device has another, or another device has it
	ChangeRestored    = "restored"    // a drop was wrong
)

// The codes of what no provider said.
const (
	CodeNewAddress = "NEW_ADDRESS"
	CodeMoved      = "MOVED_TO_ANOTHER_DEVICE"
	CodeWithdrawn  = "WITHDRAWN"
)

// AddressEvent is one change of a device's address. The address itself is not in it.
type AddressEvent struct {
	DeviceID     uuid.UUID
	At           time.Time // by the database's clock
	Change       string
	Code         string // the provider's, or one of ours
	Provider     string
	RegisteredAt time.Time
	LastSeenAt   time.Time // when the device was last heard of; zero: never
}

// AddressCount is how often something became of addresses.
type AddressCount struct {
	Provider string `json:"provider"`
	Change   string `json:"change"`
	Code     string `json:"code"`
	Count    int64  `json:"count"`
}

// WrongDrops names the drops and quarantines that were wrong: of a stretch of time, and by code, provider and device where
// these are not empty. Why is noted with each address that is live again.
type WrongDrops struct {
	From, Until    time.Time
	Code, Provider string
	DeviceID       uuid.UUID
	Why            string
}
