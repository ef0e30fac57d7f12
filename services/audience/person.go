package audience

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
)

// Profile is the cold part of a person: what changes seldom and is read with every decision.
type Profile struct {
	ExternalID string               `json:"external_id,omitempty"` // the brand's own id, once identified
	Attributes map[string]any       `json:"attributes,omitempty"`
	TimeZone   string               `json:"time_zone,omitempty"` // IANA; empty: unknown
	Locale     string               `json:"locale,omitempty"`
	BirthDate  string               `json:"birth_date,omitempty"` // YYYY-MM-DD; empty: see OfAge
	OfAge      bool                 `json:"of_age,omitempty"`     // confirmed 14 or over (KR), at ConfirmedAt
	Consents   map[Purpose]Standing `json:"consents,omitempty"`
	// ThirdParties is where the consents to LocThirdParty stand, each by the name of its recipient. A recipient that is
	// missing is denied.
	ThirdParties map[string]Standing `json:"third_parties,omitempty"`
	PausedUntil  time.Time           `json:"paused_until,omitzero"` // location paused; the far future: until resumed
	PausedFrom   time.Time           `json:"paused_from,omitzero"`  // when the last pause began
	ResumedAt    time.Time           `json:"resumed_at,omitzero"`   // when the last pause ended, if by being resumed
	Test         bool                `json:"test,omitempty"`
	Staff        bool                `json:"staff,omitempty"`
	Tier         string              `json:"tier,omitempty"`
	// FavouriteStore is the brand's own id of a store.
	FavouriteStore string      `json:"favourite_store,omitempty"`
	Segments       []uuid.UUID `json:"segments,omitempty"` // uploaded lists that name the person
	Purchases      *Purchases  `json:"purchases,omitempty"`
	Limits         *Limits     `json:"limits,omitempty"`
	LastOpenedAt   time.Time   `json:"last_opened_at,omitzero"` // a notification or the app
}

// Purchases is what is kept of what a person bought.
type Purchases struct {
	Count  int                `json:"count"`
	First  time.Time          `json:"first"`
	Last   time.Time          `json:"last"`
	Amount map[string]float64 `json:"amount,omitempty"` // by currency (ISO 4217)
}

// Limits are a person's own; they only tighten what the brand and the law allow.
type Limits struct {
	PerDay      int         `json:"per_day,omitempty"`  // 0: no limit of the person's own
	PerWeek     int         `json:"per_week,omitempty"` // likewise
	MutedTopics []string    `json:"muted_topics,omitempty"`
	MutedStores []uuid.UUID `json:"muted_stores,omitempty"`
	// QuietFrom and QuietUntil are minutes after midnight in the person's zone; equal: no quiet hours of the person's own.
	QuietFrom  int `json:"quiet_from,omitempty"`
	QuietUntil int `json:"quiet_until,omitempty"`
}

// Purpose is one thing a person may agree to, each independent of the others.
type Purpose string

// The purposes. A missing purpose is a denial.
const (
	AdPush           Purpose = "ad_push"
	AdPushNight      Purpose = "ad_push_night"
	LocUse           Purpose = "loc_use"
	LocThirdParty    Purpose = "loc_third_party"
	LocBatchNotice   Purpose = "loc_batch_notice"
	LocRetain        Purpose = "loc_retain"
	MarketingProfile Purpose = "marketing_profile"
	XBorder          Purpose = "xborder"
	// The phone's own permissions, mirrored: never a consent, but a known refusal makes a device unreachable.
	OSPush     Purpose = "os_push_permission"
	OSLocation Purpose = "os_location_permission"
)

// Standing is where one consent stands.
type Standing struct {
	Granted bool      `json:"granted"`
	EventID uuid.UUID `json:"event_id"` // the ConsentEvent that made it so
	At      time.Time `json:"at"`
	// For is, of a consent to a recipient, what it may have the location for, as the person was told.
	For string `json:"for,omitempty"`
}

// ConsentEvent is one entry of the append-only ledger of consents.
type ConsentEvent struct {
	ID            uuid.UUID `json:"id"`
	Purpose       Purpose   `json:"purpose"`
	Granted       bool      `json:"granted"`
	OccurredAt    time.Time `json:"occurred_at"`
	TimeZone      string    `json:"time_zone,omitempty"`
	NoticeVersion string    `json:"notice_version,omitempty"`
	NoticeHash    string    `json:"notice_hash,omitempty"`
	Locale        string    `json:"locale,omitempty"`
	Screen        string    `json:"screen,omitempty"`
	AppVersion    string    `json:"app_version,omitempty"`
	Actor         string    `json:"actor,omitempty"` // "self" or "guardian"
	DeviceID      uuid.UUID `json:"device_id,omitzero"`
	// Recipient is, of LocThirdParty, to whom, and RecipientPurpose what for. Consents to several recipients do not touch
	// each other.
	Recipient        string `json:"recipient,omitempty"`
	RecipientPurpose string `json:"recipient_purpose,omitempty"`
}

// Device is one installation of the app. It belongs to one person at a time.
type Device struct {
	ID         uuid.UUID
	BrandID    uuid.UUID
	PersonID   uuid.UUID
	ExternalID string // for imports: the backend's name of the device
	Platform   string // "android", "ios", "web", "other"
	AppBuild   string
	Locale     string
	TimeZone   string
	// Address is where it can be reached; nil: nowhere.
	Address       *pusher.Address
	AddressState  string // "live", "quarantined", "gone"
	OSPushRefused bool   // the phone said its owner refused notifications
	LastSeenAt    time.Time
	TokenSerial   int64 // device tokens of an older serial are refused
	Version       int64
}
