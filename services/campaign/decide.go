package campaign

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
)

// Candidate is one campaign that a moment may start.
type Candidate struct {
	Campaign *Campaign
	Moment   *Moment
}

// View is all that a decision may know. It is read, never changed: a decision is a value, and the caller
// makes it true or throws it away.
type View struct {
	Brand    *brand.Brand
	PersonID uuid.UUID
	Profile  *audience.Profile
	Devices  []audience.Device // of the person, most recently seen first
	History  cap.History
	// Issued counts the person's coupons by offer, ever.
	Issued map[uuid.UUID]int
	Now    time.Time // engine time
	// Campaigns is the index that the candidates come from, which has their expressions compiled, and the segments. nil: no
	// expression is true, and nobody is in any segment.
	Campaigns *Index
	// Stock answers for an offer with a limit; see Stock.
	Stock   Stock
	NewID   func() uuid.UUID // UUIDv7 at engine time
	NewCode func() string    // a coupon code
}

// Stock answers whether one coupon of an offer may be issued from a block held by this node.
type Stock interface {
	// Peek is Take without taking: whether one is there.
	Peek(offer uuid.UUID) (ok, known bool)
	// Take reserves one and names its block. ok=false with known=true: the pool says there is none left.
	// known=false: this node must first ask the pool; the decision is given back as NeedsStock.
	Take(offer uuid.UUID) (block uuid.UUID, ok, known bool)
}

// Result is what became of the moments that were decided together.
type Result struct {
	Decisions []Decision
	// Of the winner; nil where nobody won.
	Winner       *Candidate
	Coupon       *Coupon
	Notification *pusher.Notification
	Entry        *cap.Entry        // what the ledger must take; nil: it counts nothing of this class
	Joined       []Joined          // of a digest: who won with the winner
	Deliveries   []pusher.Delivery // one, to the device of the moment
	// NeedsStock names an offer whose stock must be asked for before this can be decided. Nothing else is set then.
	NeedsStock uuid.UUID
}
