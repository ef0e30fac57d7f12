package pusher

import (
	"time"

	"github.com/google/uuid"
)

// Notification is what a person would read, before any provider is involved.
// One notification may become several deliveries, one per device; caps count it once.
type Notification struct {
	ID       uuid.UUID         `json:"id"`
	Title    string            `json:"title"`
	Body     string            `json:"body"`
	ImageURL string            `json:"image_url,omitempty"`
	DeepLink string            `json:"deep_link,omitempty"`
	Category string            `json:"category"`       // "ad" or "informational"
	Data     map[string]string `json:"data,omitempty"` // keys under "wantgo_"; never a place
	// CollapseKey is FCM's collapse key and tag and APNs' collapse id (at most 64 bytes):
	// a phone that receives the same notification twice shows it once.
	CollapseKey string `json:"collapse_key"`
	// Rank says what goes first where not everything can go at once.
	Rank Rank `json:"rank,omitempty"`
	// NowOrNever asks the provider to try once and to store nothing for a phone that is away (FCM ttl 0, APNs
	// expiration 0, web push TTL 0). Our own attempts go on until the deadline all the same.
	NowOrNever bool `json:"now_or_never,omitempty"`
	// Batch names what many notifications were made by together, so that those that wait can be withdrawn together. It
	// goes to no provider. Zero: this one was made alone.
	Batch uuid.UUID `json:"batch,omitzero"`
}

// Rank orders deliveries that wait for the same place or pace. Lower goes first.
type Rank uint8

// The ranks. The zero value is the most urgent: nothing waits because somebody forgot to say.
const (
	RankMoment   Rank = iota // a person is there now
	RankReminder             // a person asked for it, or it ends soon
	RankBulk                 // many people at once, none of them waiting
	ranks        int  = iota
)

// String is the rank's name, for counters.
func (r Rank) String() string {
	return [ranks]string{"moment", "reminder", "bulk"}[min(int(r), ranks-1)]
}

// Provider names a push provider.
type Provider string

// The providers known to the engine.
const (
	FCM     Provider = "fcm"
	APNs    Provider = "apns"
	WebPush Provider = "webpush"
)

// Address is where a provider reaches one installation. Value is a secret: it is never logged.
type Address struct {
	Provider     Provider
	Kind         string // "token" or "fid" (FCM), "apns" (device token, hex), "subscription" (web push, JSON)
	Value        string
	Sandbox      bool   // APNs development environment
	Topic        string // APNs bundle id; empty: the credential's own
	RegisteredAt time.Time
}
