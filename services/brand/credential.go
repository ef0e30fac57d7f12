package brand

import (
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
)

// CredentialState is what its provider last said of a credential, whichever node asked.
type CredentialState struct {
	RefusedAt   time.Time // zero: never
	RefusedCode string    // the provider's code
	AcceptedAt  time.Time // within a minute; zero: never
}

// Refused tells whether the provider refused it since it last accepted something.
func (s CredentialState) Refused() bool { return s.RefusedAt.After(s.AcceptedAt) }

// Credential lets the brand's deliveries reach a provider. Its secret is sealed at rest and never read back by the API.
type Credential struct {
	ID          uuid.UUID
	BrandID     uuid.UUID
	Provider    pusher.Provider
	Fingerprint string // SHA-256 of the secret, first 16 hex digits
	Sealed      []byte // the secret (service-account JSON, .p8 PEM, or VAPID key) under the node's root secret
	// Facts beside the secret.
	ProjectID string // FCM
	KeyID     string // APNs; web push: the public key, which is a web app's applicationServerKey
	TeamID    string // APNs
	Topic     string // APNs bundle id
	Sandbox   bool   // APNs development environment
	Version   int64
	UpdatedAt time.Time
	DeletedAt time.Time
}
