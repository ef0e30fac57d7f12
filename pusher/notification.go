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
}

// Provider names a push provider.
type Provider string

// The providers known to the engine.
const (
	FCM  Provider = "fcm"
	APNs Provider = "apns"
)

// Address is where a provider reaches one installation. Value is a secret: it is never logged.
type Address struct {
	Provider     Provider
	Kind         string // "token" or "fid" (FCM), "apns" (APNs device token, hex)
	Value        string
	Sandbox      bool   // APNs development environment
	Topic        string // APNs bundle id; empty: the credential's own
	RegisteredAt time.Time
}
