package node

import (
	"context"
	"time"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/seal"
)

// providerToken is what tokens are sealed for.
const providerToken seal.Purpose = "provider-token"

// sealedTokens keeps provider tokens in the database, sealed and bound to their key and time: a pusher.TokenStore.
type sealedTokens struct {
	store  *postgres.Store
	keeper *seal.Keeper
}

var _ pusher.TokenStore = sealedTokens{}

// ProviderToken reads what is kept; a box that does not open (the root secret was replaced) is a token without a value.
func (s sealedTokens) ProviderToken(ctx context.Context, key pusher.TokenKey) (pusher.ProviderToken, error) {
	return s.open(key)(s.store.ProviderToken(ctx, key[:]))
}

// ReplaceProviderToken seals fresh and keeps it, if nobody was faster.
func (s sealedTokens) ReplaceProviderToken(ctx context.Context, key pusher.TokenKey, previous time.Time, fresh pusher.ProviderToken) (pusher.ProviderToken, error) {
	box, err := s.keeper.Seal(providerToken, []byte(fresh.Value), key[:], instant(fresh.SignedAt))
	if err != nil {
		return pusher.ProviderToken{}, err
	}
	return s.open(key)(s.store.ReplaceProviderToken(ctx, key[:], previous, box, fresh.SignedAt))
}

func (s sealedTokens) open(key pusher.TokenKey) func([]byte, time.Time, error) (pusher.ProviderToken, error) {
	return func(box []byte, signedAt time.Time, err error) (pusher.ProviderToken, error) {
		if err != nil || box == nil {
			return pusher.ProviderToken{}, err
		}
		value, err := s.keeper.Open(providerToken, box, key[:], instant(signedAt))
		if err != nil {
			return pusher.ProviderToken{SignedAt: signedAt}, nil
		}
		return pusher.ProviderToken{Value: string(value), SignedAt: signedAt}, nil
	}
}

func instant(t time.Time) []byte { return []byte(t.UTC().Format(time.RFC3339)) }
