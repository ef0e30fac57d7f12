package node

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
	"github.com/wantgo/wantgo/services/seal"
)

// states notes what is to be kept of credentials.
type states struct {
	mu   sync.Mutex
	kept []brand.CredentialState
}

func (s *states) NoteCredential(_ context.Context, _, _ uuid.UUID, n brand.CredentialState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, n)
	return nil
}

func TestNewsOfACredentialIsKeptOnce(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	keeper := &states{}
	n := &credentialNotes{keeper: keeper, now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler), last: map[uuid.UUID]note{}}
	id := uuid.New()
	take := func(o pusher.Outcome, code string) {
		n.take(uuid.New(), id, pusher.Result{Outcome: o, Code: code})
		n.close()
	}
	for range 5 {
		take(pusher.OutcomeAccepted, "OK")
	}
	take(pusher.OutcomeRetry, "UNAVAILABLE")
	take(pusher.OutcomeMisconfigured, "A")
	take(pusher.OutcomeMisconfigured, "A")
	take(pusher.OutcomeMisconfigured, "B")
	take(pusher.OutcomeAccepted, "OK")
	now = now.Add(time.Minute)
	take(pusher.OutcomeAccepted, "OK")
	var codes []string
	for _, s := range keeper.kept {
		codes = append(codes, s.RefusedCode)
	}
	require.Equal(t, []string{"", "A", "B", "", ""}, codes)
}

func TestBrowserIsReachedWithTheBrandsKey(t *testing.T) {
	e, err := emulator.Start(emulator.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Close() })
	var vapid map[string]string
	require.NoError(t, json.Unmarshal(e.VAPID(), &vapid))
	c, secret, err := brand.CheckVAPIDKey(vapid["private_key"], vapid["subject"])
	require.NoError(t, err)
	require.Equal(t, vapid["public_key"], c.KeyID)
	c.ID, c.BrandID, c.Sealed, c.Version = uuid.New(), uuid.New(), secret, 1
	s := newSenders(Providers{WebPushServices: pusher.PushServices{e.Addresses.WebPush}}, e.WebPush.CertPool(), time.Now, slog.New(slog.DiscardHandler))
	t.Cleanup(s.close)
	keeper := &states{}
	s.share(nil, keeper)
	s.follow(&safe{[]brand.Credential{c}})
	subscription, err := e.WebPush.Subscribe("phone", c.KeyID)
	require.NoError(t, err)
	to := pusher.Address{Provider: pusher.WebPush, Kind: pusher.KindSubscription, Value: subscription}
	r := s.For(c.BrandID, pusher.WebPush).Send(t.Context(), to, delivery())
	require.Equal(t, pusher.OutcomeAccepted, r.Outcome, "%+v", r)
	require.Equal(t, "t", e.WebPush.Accepted(0)[0].Title)
	s.notes.close()
	require.Len(t, keeper.kept, 1)
}

// What one node signed another opens; under another root secret it cannot, and says only when it was signed.
func TestProviderTokensAreSealed(t *testing.T) {
	store := postgrestest.New(t)
	root := seal.NewRoot()
	keeper := func(r seal.Root) *seal.Keeper {
		k, err := seal.New(r)
		require.NoError(t, err)
		return k
	}
	one, two, stranger := sealedTokens{store, keeper(root)}, sealedTokens{store, keeper(root)}, sealedTokens{store, keeper(seal.NewRoot())}
	key, other := pusher.TokenKey{1}, pusher.TokenKey{2}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	none, err := one.ProviderToken(t.Context(), key)
	require.NoError(t, err)
	require.Zero(t, none)
	fresh := pusher.ProviderToken{Value: "secret.jwt.here", SignedAt: at}
	kept, err := one.ReplaceProviderToken(t.Context(), key, time.Time{}, fresh)
	require.NoError(t, err)
	require.Equal(t, fresh, kept)
	kept, err = two.ReplaceProviderToken(t.Context(), key, time.Time{}, pusher.ProviderToken{Value: "mine", SignedAt: at.Add(time.Second)})
	require.NoError(t, err)
	require.Equal(t, fresh, kept, "the first to sign wins")
	box, _, err := store.ProviderToken(t.Context(), key[:])
	require.NoError(t, err)
	require.NotContains(t, string(box), "secret")
	unread, err := stranger.ProviderToken(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, pusher.ProviderToken{SignedAt: at}, unread)
	taken, err := stranger.ReplaceProviderToken(t.Context(), key, unread.SignedAt, pusher.ProviderToken{Value: "new", SignedAt: at.Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, "new", taken.Value)
	_, _, err = store.ReplaceProviderToken(t.Context(), other[:], time.Time{}, box, at)
	require.NoError(t, err)
	moved, err := one.ProviderToken(t.Context(), other)
	require.NoError(t, err)
	require.Empty(t, moved.Value, "a box moved to another key does not open")
}
