package brand

import (
	"time"

	"github.com/google/uuid"
)

// KeyKind tells who holds a key.
type KeyKind string

// App keys ship inside apps and are not secret; they only let a phone register. API keys are for servers and tills.
const (
	AppKey KeyKind = "app"
	APIKey KeyKind = "api"
)

// Scope is one thing an API key may do.
type Scope string

// The scopes. ScopeAll is the owner's.
const (
	ScopeAll            Scope = "all"
	ScopePingsImport    Scope = "pings:import"
	ScopeStoresRead     Scope = "stores:read"
	ScopeStoresWrite    Scope = "stores:write"
	ScopeCampaignsRead  Scope = "campaigns:read"
	ScopeCampaignsWrite Scope = "campaigns:write"
	ScopeCouponsRedeem  Scope = "coupons:redeem"
	ScopePersonsRead    Scope = "persons:read"
	ScopeBrandWrite     Scope = "brand:write" // settings, keys, credentials
)

// Key is an app key or an API key. The secret is shown once, at birth; only its hash is kept.
type Key struct {
	ID       uuid.UUID
	BrandID  uuid.UUID
	Kind     KeyKind
	Name     string
	Hash     []byte // SHA-256 of the secret, which has 256 random bits
	Scopes   []Scope
	StoreIDs []uuid.UUID // when not empty the key acts only for these stores
	// PreviousHash stays valid until PreviousUntil after a rotation.
	PreviousHash  []byte
	PreviousUntil time.Time
	CreatedAt     time.Time
	RevokedAt     time.Time // zero: live
}
