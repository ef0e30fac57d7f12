package engine

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/store"
)

// Ping is one reported position.
type Ping struct {
	ID       uuid.UUID
	Place    geo.Point
	Accuracy float64 // metres; NaN or <= 0: unknown
	Speed    float64 // m/s; NaN or < 0: unknown
	At       int64   // observed, Unix ms, by the phone's clock
	Mock     bool
}

// Report is what one device tells in one call.
type Report struct {
	DeviceID   uuid.UUID
	Pings      []Ping
	Foreground bool
	Token      []byte    // what the last answer gave; empty: none
	SentAt     time.Time // the phone's clock when it sent; zero: pings are taken as observed
	Received   time.Time // engine time
	// Import marks a trusted backend's report: every ping is a chance of its own instead of the report as a whole.
	Import bool
	// Slots is how many fences the phone can watch, up to MaxSlots; 0: it wants no safe zone. ZoneVersion is the Version
	// of the zone it holds; empty: none. WantZone asks for a zone even if its own still holds.
	Slots       int
	ZoneVersion []byte
	WantZone    bool
}

// Verdict says what became of one ping.
type Verdict string

// The verdicts. All but Taken and Repeated leave no trace of the ping.
const (
	Taken           Verdict = "TAKEN"
	Repeated        Verdict = "REPEATED"          // this id was applied before; the answer is the first one's
	InvalidPlace    Verdict = "INVALID_PLACE"     // not finite or out of range
	InvalidAccuracy Verdict = "INVALID_ACCURACY"  // negative or not finite
	InvalidSpeed    Verdict = "INVALID_SPEED"     // negative or not finite
	InvalidTime     Verdict = "INVALID_TIME"      // missing or before 2000
	FromTheFuture   Verdict = "TIME_IN_FUTURE"    // further ahead than the permitted skew
	NotInOrder      Verdict = "OUT_OF_ORDER"      // older than the last applied
	Inaccurate      Verdict = "ACCURACY_TOO_POOR" // for any fence here
	Teleported      Verdict = "TELEPORT"          // further than anything travels
	Mocked          Verdict = "MOCK"              // and the brand takes none
)

// PingAnswer is the verdict on one ping. Gate refusals carry the gate's code (FILING_MISSING, LOCATION_PAUSED, …).
type PingAnswer struct {
	ID      uuid.UUID
	Verdict Verdict
	Late    bool // older than the brand's freshness: transitions yes, moments no
}

// TransitionAnswer is a transition as told to the caller.
type TransitionAnswer struct {
	ID              uuid.UUID
	FenceID         uuid.UUID
	FenceExternalID string
	StoreID         uuid.UUID
	StoreExternalID string
	Purpose         store.Purpose // of the fence; none: it is gone
	Kind            presence.Kind
	Reason          presence.Reason
	At              int64 // Unix ms
	PingID          uuid.UUID
}

// OfferAnswer is what the app may show at once, in front of the person.
type OfferAnswer struct {
	NotificationID uuid.UUID
	CampaignID     uuid.UUID
	CouponID       uuid.UUID
	Code           string
	Title, Body    string
	DeepLink       string
	ImageURL       string
	Category       string // a campaign.Category
	ExpiresAt      time.Time
}

// Answer is what a report brought about, all of it committed.
type Answer struct {
	Pings       []PingAnswer
	Transitions []TransitionAnswer
	Offers      []OfferAnswer
	Decisions   []DecisionAnswer  // for imports and replays
	Deliveries  []pusher.Delivery // likewise
	// NextReport is how soon the phone is asked to report again.
	NextReport time.Duration
	Token      []byte
	// Zone replaces the phone's; nil: it wants none, has one that still holds, or no ping was used.
	Zone *ZoneAnswer
	// Err refuses the report as a whole: ErrNotFound (unknown device), ErrGone (person erased or moved).
	Err error
}

// DecisionAnswer is a decision as told to a trusted caller.
type DecisionAnswer struct {
	ID             uuid.UUID
	CampaignID     uuid.UUID
	MomentID       uuid.UUID
	DeviceID       uuid.UUID
	Kind           string
	Reason         string
	Values         map[string]string
	At             int64
	NotificationID uuid.UUID
	CouponID       uuid.UUID
}
