package campaign

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/store"
)

// Moment is a chance to act: here, a transition at a store's fence.
type Moment struct {
	ID         uuid.UUID // the transition's fact id
	Kind       presence.Kind
	Fence      *store.Fence
	Store      *store.Store // nil: a free fence
	DeviceID   uuid.UUID
	At         time.Time     // observed
	Received   time.Time     // engine time at which the ping came; deadlines count from here
	Stayed     time.Duration // for dwelled and exited
	Dwell      time.Duration // for dwelled: the dwell time that was reached; 0: Stayed is that
	FenceDwell time.Duration // for dwelled: the fence's own dwell time, the brand's default included; 0: the fence's rules say
	Distance   float64       // metres from the ping to the store; orders the candidates
	Late       bool          // an old ping: transitions yes, moments no
	Foreground bool          // the app was in front of the person
}

// Decision is what the engine did about one moment and one campaign, and why.
type Decision struct {
	ID           uuid.UUID
	MomentID     uuid.UUID
	CampaignID   uuid.UUID
	StoreID      uuid.UUID // for the place row only
	FenceID      uuid.UUID // for the place row only
	DeviceID     uuid.UUID
	Kind         presence.Kind
	Reason       Reason
	Values       map[string]string // what the reason carries, e.g. cap, count, free_at; never a place
	At           time.Time
	Notification uuid.UUID // of a won decision
	Coupon       uuid.UUID // of a won decision with an offer
	Channel      string    // "push" or "in_app", of a won decision
}
