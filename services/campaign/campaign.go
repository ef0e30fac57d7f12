package campaign

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/store"
)

// Campaign says which moments, which hours, which offer or notice, under which caps.
type Campaign struct {
	ID         uuid.UUID       `json:"id"`
	ExternalID string          `json:"external_id"`
	Name       string          `json:"name"`
	State      State           `json:"state"`
	Trigger    Trigger         `json:"trigger"`
	Schedule   Schedule        `json:"schedule"`
	Priority   int             `json:"priority"` // larger first
	Caps       []cap.Cap       `json:"caps,omitempty"`
	Cooldown   time.Duration   `json:"cooldown,omitempty"` // least time between two of this campaign for one person
	Deadline   time.Duration   `json:"deadline,omitempty"` // 1 to 60 min from the ping; 0: by the moment's kind
	Category   Category        `json:"category"`
	Offer      *Offer          `json:"offer,omitempty"` // nil: a notice without a coupon
	Texts      map[string]Text `json:"texts"`           // by locale
	DeepLink   string          `json:"deep_link,omitempty"`
	ImageURL   string          `json:"image_url,omitempty"`
	Tags       []string        `json:"tags,omitempty"`      // for caps by tag
	OpenOnly   bool            `json:"open_only,omitempty"` // only while the store is open
	Version    int64           `json:"-"`                   // catalogue version of the last change; its etag
	DeletedAt  time.Time       `json:"-"`
}

// State is where a campaign is in its life.
type State string

// The states of a campaign.
const (
	Draft  State = "draft"
	Live   State = "live"
	Paused State = "paused"
	Ended  State = "ended"
)

// Category tells advertisements from information. Whatever carries an offer, and whatever a fence triggers, is an advertisement.
type Category string

// The categories. The empty one is Ad.
const (
	Ad            Category = "ad"
	Informational Category = "informational"
)

// Trigger names the moments that start the campaign.
type Trigger struct {
	Kinds []presence.Kind `json:"kinds"` // entered, dwelled, exited, approached; any of these, each once
	// Dwell is the least stay for dwelled; 0: the fence's own dwell time.
	Dwell    time.Duration   `json:"dwell,omitempty"`
	Stores   []uuid.UUID     `json:"stores,omitempty"` // any of these stores
	Tags     []string        `json:"tags,omitempty"`   // or any store with one of these tags; both empty: every store
	Purposes []store.Purpose `json:"purposes"`         // fence purposes; empty: visit and near
}

// Schedule says when the campaign may act, in the store's zone.
type Schedule struct {
	StartDate string       `json:"start_date,omitempty"` // YYYY-MM-DD, first day; empty: at once
	EndDate   string       `json:"end_date,omitempty"`   // YYYY-MM-DD, last day; empty: no end
	Weekly    []store.Span `json:"weekly,omitempty"`     // empty: at all hours
}

// Offer is the promise: what a coupon of this campaign is worth, how many there are and how long each lives.
type Offer struct {
	ID         uuid.UUID         `json:"id"`
	Titles     map[string]string `json:"titles"`          // by locale
	Stock      int64             `json:"stock,omitempty"` // coupons in all; 0: without limit
	PerPerson  int               `json:"per_person"`      // coupons a person may ever get; 0: without limit
	Validity   time.Duration     `json:"validity,omitempty"`
	ValidUntil time.Time         `json:"valid_until,omitzero"` // the earlier of the two ends a coupon
	// AnyStore lets the coupon be redeemed in every store of the brand; else only in those of the trigger.
	AnyStore bool `json:"any_store,omitempty"`
}

// Text is what is said in one locale. Variables: {store} {offer} {brand} {coupon_code} {expires}.
type Text struct {
	Title string `json:"title"`
	Body  string `json:"body"`
}
