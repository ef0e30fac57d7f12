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

// Reason is a gate's code.
type Reason string

// The reasons, in the order the gates stand.
const (
	Won                  Reason = "WON"
	FilingMissing        Reason = "FILING_MISSING"         // gate 1
	AgeUnknown           Reason = "AGE_UNKNOWN"            // gate 2
	GuardianMissing      Reason = "GUARDIAN_MISSING"       // gate 2
	LocationPaused       Reason = "LOCATION_PAUSED"        // gate 3
	LocationNotConsented Reason = "LOCATION_NOT_CONSENTED" // gate 4
	RecordNotWritten     Reason = "RECORD_NOT_WRITTEN"     // gate 5
	SensitivePlace       Reason = "SENSITIVE_PLACE"        // gate 6
	NotFresh             Reason = "NOT_FRESH"              // gate 7
	CampaignNotLive      Reason = "CAMPAIGN_NOT_LIVE"      // gate 8
	OutsideDates         Reason = "OUTSIDE_DATES"          // gate 8
	OutsideHours         Reason = "OUTSIDE_HOURS"          // gate 8
	StoreClosed          Reason = "STORE_CLOSED"           // gate 8
	BrandStopped         Reason = "BRAND_STOPPED"          // gate 8
	Cooldown             Reason = "COOLDOWN"               // gate 11
	CapReached           Reason = "CAP_REACHED"            // gate 11: scope, limit, window, count, free_at
	MinimumGap           Reason = "MINIMUM_GAP"            // gate 11: gap, free_at
	PersonLimit          Reason = "PERSON_LIMIT"           // gate 12: per-person limit of the offer
	StockGone            Reason = "STOCK_GONE"             // gate 12
	AdNotConsented       Reason = "AD_NOT_CONSENTED"       // gate 13
	QuietHours           Reason = "QUIET_HOURS"            // gate 14: zone, until
	Unreachable          Reason = "UNREACHABLE"            // gate 15: why
	TextRefused          Reason = "TEXT_REFUSED"           // gate 16: why
	Outranked            Reason = "OUTRANKED"              // by
)
