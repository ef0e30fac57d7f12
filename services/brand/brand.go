package brand

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher/cap"
)

// Brand is the tenant: it owns everything else. Storage takes a Brand's id only from authentication.
type Brand struct {
	ID       uuid.UUID
	Name     string
	Settings Settings
	// Stopped is the brand-wide stop: nothing is decided in the brand's favour and nothing waiting is handed out.
	Stopped   bool
	Version   int64 // the catalogue version of the last change to this row; its etag
	CreatedAt time.Time
}

// Settings are a brand's own choices, within the floors of its jurisdiction.
type Settings struct {
	Jurisdiction  string            `json:"jurisdiction"` // "KR", "EU", "US"
	Filing        Filing            `json:"filing"`
	TimeZone      string            `json:"time_zone"`      // IANA; where nothing nearer is known
	Locale        string            `json:"locale"`         // BCP 47; the last fallback of texts
	SenderName    string            `json:"sender_name"`    // shown in every advertisement
	SenderContact string            `json:"sender_contact"` // phone or address a person can answer to
	OptOutText    map[string]string `json:"opt_out_text,omitempty"`

	Caps             []cap.Cap     `json:"caps,omitempty"` // brand-wide
	MinGap           time.Duration `json:"min_gap"`        // least time between two notifications of one person
	LongestCapWindow time.Duration `json:"longest_cap_window"`

	Presence presence.Rules       `json:"presence"` // defaults of every fence
	Device   presence.DeviceRules `json:"device"`

	Identify       []IdentifyKey `json:"identify,omitempty"` // whose JWTs IdentifyPerson accepts
	PlaceRetention time.Duration `json:"place_retention"`    // 1 to 72 h

	QuietCloseMargin time.Duration `json:"quiet_close_margin"` // how long before the quiet hours sending stops; 0 to 2 h
	QuietOpenMargin  time.Duration `json:"quiet_open_margin"`  // how long after them it begins; 0 to 2 h

	EventTypes []EventType `json:"event_types,omitempty"` // what AppEvents of kind did may tell
	Attributes []Attribute `json:"attributes,omitempty"`  // what is known of people, by name and type
	StoreSets  []StoreSet  `json:"store_sets,omitempty"`
	Topics     []string    `json:"topics,omitempty"` // campaign tags that a person may mute
	// Holdout is the share of people, 0 to 0.5, whom no campaign tells anything.
	Holdout float64 `json:"holdout,omitempty"`
	// Holidays add to or take from what is known of a country's public holidays, by its ISO 3166 code.
	Holidays map[string]Holidays `json:"holidays,omitempty"`
	// Digest joins offers that would compete at one moment into one notification, from two on.
	Digest bool `json:"digest,omitempty"`
	// Review asks that somebody else than its writer approves a campaign before it goes live.
	Review bool `json:"review,omitempty"`
}

// The types of a property or attribute.
const (
	TypeString = "string"
	TypeNumber = "number"
	TypeBool   = "bool"
	TypeDate   = "date" // YYYY-MM-DD
	TypeList   = "list" // of strings
)

// The kinds of declared AppEvents.
const (
	EventTask    = "task"
	EventContent = "content"
)

// EventType declares what a brand's own AppEvents are called and may carry.
type EventType struct {
	Name       string      `json:"name"`
	Kind       string      `json:"kind"` // one of the kinds above
	Properties []Attribute `json:"properties,omitempty"`
}

// Attribute declares a property by name and type.
type Attribute struct {
	Name string `json:"name"`
	Type string `json:"type"` // one of the types above
}

// StoreSet is a saved choice of stores: those that fit any of its parts.
type StoreSet struct {
	Name      string          `json:"name"`
	Stores    []uuid.UUID     `json:"stores,omitempty"`
	Tags      []string        `json:"tags,omitempty"`
	Districts []string        `json:"districts,omitempty"`
	Inside    json.RawMessage `json:"inside,omitempty"` // a GeoJSON polygon
}

// Holidays are changes to the public holidays of a country, as days YYYY-MM-DD.
type Holidays struct {
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
}

// FilingMode is how the brand stands under Korea's location law (LIA 5, 9, 9-2).
type FilingMode string

// The filing modes. The empty mode refuses every ping of a Korean brand.
const (
	FilingRegistered    FilingMode = "registered"
	FilingSmallBusiness FilingMode = "small_business" // ends one month after Date
	FilingOnDeviceOnly  FilingMode = "on_device_only" // the server takes no ping
)

// Filing is the brand's location-business filing.
type Filing struct {
	Mode   FilingMode `json:"mode"`
	Number string     `json:"number,omitempty"`
	Date   time.Time  `json:"date"`
}

// IdentifyKey verifies the JWTs by which a brand's backend says who a person is.
type IdentifyKey struct {
	KeyID     string `json:"key_id"`
	Issuer    string `json:"issuer"`
	Algorithm string `json:"algorithm"`  // RS256, ES256 or EdDSA
	PublicKey string `json:"public_key"` // PEM
}
