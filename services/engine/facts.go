package engine

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
)

// Place is the half of a fact that says where: a transition. Its row lives in a partition of the hour in its
// UUIDv7 and is dropped, after being added to sums without persons, when the brand's retention has passed.
type Place struct {
	ID        uuid.UUID // UUIDv7 at engine time
	DeviceID  uuid.UUID
	FenceID   uuid.UUID
	StoreID   uuid.UUID // zero: a free fence
	Kind      presence.Kind
	Reason    presence.Reason
	At        time.Time // observed
	DecidedAt time.Time // observed time of the ping (or engine time of the timer) that settled it
	PingID    uuid.UUID // zero: a timer
	Cell      uint64    // H3 resolution 7; 0: none
}

// Trace is the half of a fact that says what was decided and why, without a place. It is kept. Traces about one moment
// that were decided together have ids of one round (see [RoundID]) and may be one row.
type Trace struct {
	ID             uuid.UUID // UUIDv7 at engine time
	MomentID       uuid.UUID // the Place row of the moment, while that lives
	DeviceID       uuid.UUID
	CampaignID     uuid.UUID // zero: the ping itself was refused (gates 1 to 6)
	CampaignRev    int64     // version of the campaign that was judged
	Kind           string    // the moment's kind: entered, dwelled, exited
	Reason         string    // campaign.Reason
	Values         map[string]string
	At             time.Time
	NotificationID uuid.UUID
	CouponID       uuid.UUID
	Channel        string
	Arm            string    // what chance gave: "", a variant's name, or campaign.ArmHeldOut
	SendID         uuid.UUID // zero: of no sending
	Test           bool      // about a test person: it stays out of results
}

// LocationUse is the record that a person's location was used, which Korea's location law asks for (LIA 16(2)).
// It never says where. One covers a person, a purpose and at most 15 minutes.
type LocationUse struct {
	ID        uuid.UUID
	Purpose   string // "loc_use", or "loc_third_party" where a third party was told
	Method    string // "ping", "search", "flash", "import" or "webhook"
	Path      string // how the location was acquired: "os_api", "app" (told in a search) or "import"
	Recipient string // the brand's name, or the webhook's recipient
	ConsentID uuid.UUID
	From      time.Time
	Until     time.Time
}

// OpenVisit is a stay that has not ended, kept by (brand, fence) so that a campaign's start or a fence's change
// finds everyone inside.
type OpenVisit struct {
	DeviceID uuid.UUID
	FenceID  uuid.UUID
	Since    time.Time
}

// PersonKey names a person: a brand and an id within it.
type PersonKey struct {
	BrandID  uuid.UUID
	PersonID uuid.UUID
}

// PersonStatus says whether a person's row may still be decided on.
type PersonStatus int16

// The statuses of a person's row.
const (
	PersonActive   PersonStatus = 0
	PersonGiving   PersonStatus = 1 // handing everything over to another person of the brand; decides nothing more
	PersonSignpost PersonStatus = 2 // handed over; SuccessorID says to whom
	PersonErasing  PersonStatus = 3 // being erased; every other write fails
)

// PersonRow is a person as stored.
type PersonRow struct {
	Key         PersonKey
	Version     int64
	Status      PersonStatus
	SuccessorID uuid.UUID
	MinWriter   int32  // the oldest writer that understands State
	State       []byte // wantgo.state.v1.PersonState
	Profile     audience.Profile
	Devices     []audience.Device // most recently seen first
	// Fault tells that the row cannot be read: nothing but Key, Version, Status, SuccessorID, MinWriter and Devices holds.
	Fault error
}

// PersonWrite is everything one decision writes about one person, in one compare-and-set on Version.
type PersonWrite struct {
	Key         PersonKey
	Version     int64     // the version decided on; the row gets Version+1
	WriteID     uuid.UUID // random; tells after a lost connection whether this very write was committed
	Status      PersonStatus
	SuccessorID uuid.UUID
	MinWriter   int32
	State       []byte
	DueAt       time.Time // lower bound of the next timer; zero: none
	// At is the engine time of the write. A stored due time after At and before DueAt stays: it is a lower bound, and
	// moving it later only dirties its index. Zero: DueAt is stored as it is.
	At time.Time
	// LeasedUntil is when the first of the leases ends that this write relies on, by the database's clock: those of the
	// blocks its coupons are from. A statement that begins later than that finds the write lost. Zero: it relies on none.
	LeasedUntil time.Time
	Profile     *audience.Profile // nil: unchanged
	Revoke      string            // not empty: also append to the revocation table ("paused", "consent", "erased", "moved")
	Consents    []audience.ConsentEvent
	Uses        []LocationUse
	Places      []Place
	Traces      []Trace
	Opened      []OpenVisit
	Closed      []OpenVisit // Since is not looked at
	Coupons     []CouponWrite
	Deliveries  []DeliveryWrite
	// CancelDeliveries cancels every delivery of the person that is still Pending, with this reason.
	CancelDeliveries string
	// Letters are what the brand's webhooks are to be told of this write; Receipts what a phone told of notifications.
	Letters  []Letter
	Receipts []Receipt
	// Purchases are sales that were not known: one that is there already fails the write.
	Purchases []audience.Purchase
	// CancelNotification cancels the Pending deliveries of these notifications (shown in the app first).
	CancelNotifications []uuid.UUID
}
