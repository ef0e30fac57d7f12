package campaign

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// Moment is a chance to act: a transition at a fence, a search, what an AppEvent tells, or a time that has come.
type Moment struct {
	ID         uuid.UUID // the transition's fact id, or the AppEvent's own
	Kind       Kind
	Fence      *store.Fence // nil: of no fence
	Store      *store.Store // nil: of no store, or a free fence
	DeviceID   uuid.UUID
	At         time.Time     // observed
	Received   time.Time     // engine time at which the ping came; deadlines count from here
	Stayed     time.Duration // for dwelled and exited
	Dwell      time.Duration // for dwelled: the dwell time that was reached; 0: Stayed is that
	FenceDwell time.Duration // for dwelled: the fence's own dwell time, the brand's default included; 0: the fence's rules say
	Distance   float64       // metres from the ping to the store; orders the candidates
	Late       bool          // an old ping: transitions yes, moments no
	Foreground bool          // the app was in front of the person
	Event      *Event        // what was told; nil: no AppEvent
	Item       *item.Item    // what it is about; nil: nothing, or nothing the brand has
	Visits     *Visits       // for entered at a visit fence; nil: not known
	// Campaign is the only campaign that it may start: a reminder's, a sending's. Nil: whichever match.
	Campaign uuid.UUID
	// Send is the sending it is of.
	Send uuid.UUID
}

// Event is what an AppEvent says a person did.
type Event struct {
	ID         uuid.UUID
	Type       string // of a declared type: its name; else as the kind
	At         time.Time
	ItemID     string // the brand's own id
	Keyword    string
	Lingered   time.Duration
	Quantity   int
	Amount     float64 // in units of Currency
	Currency   string  // ISO 4217
	Properties map[string]any
}

// Visits answers how often a person was at stores, as far as that is kept with consent.
type Visits struct {
	// Consented: the history may be read at all.
	Consented bool
	// Count is the number of visits since, at a store (nil: any of the brand's), the present one included.
	Count func(storeID uuid.UUID, since time.Time) int
}

// distance is how far away the moment's place is, metres; negative: there is none, or it is not known.
func (m *Moment) distance() float64 {
	if m.Distance == 0 && m.Store == nil && !m.Kind.ByFence() {
		return -1
	}
	return m.Distance
}

// ArmHeldOut is the arm of those who are told nothing.
const ArmHeldOut = "held_out"

// Decision is what the engine did about one moment and one campaign, and why.
type Decision struct {
	ID           uuid.UUID
	MomentID     uuid.UUID
	CampaignID   uuid.UUID
	StoreID      uuid.UUID // for the place row only
	FenceID      uuid.UUID // for the place row only
	DeviceID     uuid.UUID
	Kind         Kind
	Reason       Reason
	Values       map[string]string // what the reason carries, e.g. cap, count, free_at; never a place
	At           time.Time
	Notification uuid.UUID // of a won decision
	Coupon       uuid.UUID // of a won decision with an offer
	Channel      string    // "push" or "in_app", of a won decision
	Arm          string    // what the person was given by chance: "", a variant's name, or ArmHeldOut
	Send         uuid.UUID // the sending it is of
	Test         bool      // of a test person: no result counts it
}
