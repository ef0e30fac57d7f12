package brand

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
)

// Credential lets the brand's deliveries reach a provider. Its secret is sealed at rest and never read back by the API.
type Credential struct {
	ID          uuid.UUID
	BrandID     uuid.UUID
	Provider    pusher.Provider
	Fingerprint string // SHA-256 of the secret, first 16 hex digits
	Sealed      []byte // the secret (service-account JSON, or .p8 PEM) under the node's root secret
	// Facts beside the secret.
	ProjectID string // FCM
	KeyID     string // APNs
	TeamID    string // APNs
	Topic     string // APNs bundle id
	Sandbox   bool   // APNs development environment
	Version   int64
	UpdatedAt time.Time
	DeletedAt time.Time
}
