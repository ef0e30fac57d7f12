package pusher

import (
	"context"
	"time"
)

// ProviderToken is a signed token that names us to a provider. Its Value is a secret while it is good.
type ProviderToken struct {
	Value    string
	SignedAt time.Time // whole seconds, as in the token
}

// TokenKey names a signing key at a provider and where its tokens are used. It is derived from the key itself: only who
// holds the key can name it, so that nobody is handed a token of somebody else's key.
type TokenKey [32]byte

// TokenStore keeps one provider token per key where every node sees it. Providers that limit how often a key's token may
// change then see one token, however many nodes there are.
type TokenStore interface {
	// ProviderToken returns the token kept for key; the zero value: none. A token that can no longer be read has no
	// Value, but its SignedAt.
	ProviderToken(ctx context.Context, key TokenKey) (ProviderToken, error)
	// ReplaceProviderToken keeps fresh in place of the token signed at previous (zero: of none), unless another one is
	// kept meanwhile, and returns the one that is kept then.
	ReplaceProviderToken(ctx context.Context, key TokenKey, previous time.Time, fresh ProviderToken) (ProviderToken, error)
}
