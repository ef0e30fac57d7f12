package brand

import (
	"strings"
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

// The scopes. ScopeAll is the owner's and never given to another key; the others are those of the contract.
const (
	ScopeAll              Scope = "all"
	ScopeBrandRead        Scope = "brand:read"
	ScopeBrandWrite       Scope = "brand:write"
	ScopeKeysRead         Scope = "keys:read"
	ScopeKeysWrite        Scope = "keys:write"
	ScopeCredentialsRead  Scope = "credentials:read"
	ScopeCredentialsWrite Scope = "credentials:write"
	ScopeAddressesRead    Scope = "addresses:read"
	ScopeAddressesWrite   Scope = "addresses:write"
	ScopeStoresRead       Scope = "stores:read"
	ScopeStoresWrite      Scope = "stores:write"
	ScopeFencesRead       Scope = "fences:read"
	ScopeFencesWrite      Scope = "fences:write"
	ScopeCampaignsRead    Scope = "campaigns:read"
	ScopeCampaignsWrite   Scope = "campaigns:write"
	ScopePingsImport      Scope = "pings:import"
	ScopeCouponsRead      Scope = "coupons:read"
	ScopeCouponsRedeem    Scope = "coupons:redeem"
	ScopeEventsWrite      Scope = "events:write"
	ScopeItemsRead        Scope = "items:read"
	ScopeItemsWrite       Scope = "items:write"
	ScopePersonsRead      Scope = "persons:read"
	ScopePersonsWrite     Scope = "persons:write"
	ScopeResultsRead      Scope = "results:read"
	ScopeSegmentsRead     Scope = "segments:read"
	ScopeSegmentsWrite    Scope = "segments:write"
	ScopeWebhooksRead     Scope = "webhooks:read"
	ScopeWebhooksWrite    Scope = "webhooks:write"
)

// Scopes are all scopes that a key can be given.
func Scopes() []Scope {
	return []Scope{
		ScopeBrandRead, ScopeBrandWrite, ScopeKeysRead, ScopeKeysWrite, ScopeCredentialsRead, ScopeCredentialsWrite,
		ScopeAddressesRead, ScopeAddressesWrite,
		ScopeStoresRead, ScopeStoresWrite, ScopeFencesRead, ScopeFencesWrite, ScopeCampaignsRead, ScopeCampaignsWrite,
		ScopePingsImport, ScopeCouponsRead, ScopeCouponsRedeem, ScopeEventsWrite, ScopeItemsRead, ScopeItemsWrite, ScopePersonsRead, ScopePersonsWrite, ScopeResultsRead, ScopeSegmentsRead, ScopeSegmentsWrite,
		ScopeWebhooksRead, ScopeWebhooksWrite,
	}
}

// PerStore tells the scopes that a key limited to stores can use. All others are about the brand as a whole: with some
// of them such a key could lift its own limit.
func (s Scope) PerStore() bool {
	noun, _, _ := strings.Cut(string(s), ":")
	return noun == "stores" || noun == "fences" || noun == "coupons" || noun == "events" || noun == "results"
}

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
