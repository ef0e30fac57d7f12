package apns_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/apns"
	"github.com/wantgo/wantgo/pusher/emulator"
)

// tokenTwin is the TokenStore contract in its plainest form.
type tokenTwin struct {
	mu     sync.Mutex
	kept   map[pusher.TokenKey]pusher.ProviderToken
	away   bool
	asked  int
	signed int // replacements that were taken
}

var errAway = errors.New("storage is away")

func newTokenTwin() *tokenTwin { return &tokenTwin{kept: map[pusher.TokenKey]pusher.ProviderToken{}} }

func (s *tokenTwin) ProviderToken(_ context.Context, key pusher.TokenKey) (pusher.ProviderToken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.away {
		return pusher.ProviderToken{}, errAway
	}
	return s.kept[key], nil
}

func (s *tokenTwin) ReplaceProviderToken(_ context.Context, key pusher.TokenKey, previous time.Time, fresh pusher.ProviderToken) (pusher.ProviderToken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return pusher.ProviderToken{}, errAway
	}
	if s.kept[key].SignedAt.Equal(previous) {
		s.kept[key] = fresh
		s.signed++
	}
	return s.kept[key], nil
}

// nodes are several processes with one key and one store.
func nodes(t *testing.T, n int, store pusher.TokenStore) (b *bench, senders []*apns.Sender) {
	b = start(t, emulator.APNsOptions{})
	for range n {
		s, err := apns.New(b.apns.P8(), b.apns.KeyID(), b.apns.TeamID(), b.apns.Topic(), apns.Options{
			Endpoint: b.apns.Addr(), RootCAs: b.apns.CertPool(), Now: b.clock.now, Tokens: apns.NewTokens(store, b.clock.now)})
		require.NoError(t, err)
		t.Cleanup(s.Close)
		senders = append(senders, s)
	}
	return b, senders
}

func (b *bench) all(t *testing.T, senders []*apns.Sender) {
	t.Helper()
	var wait sync.WaitGroup
	for _, s := range senders {
		for range 10 {
			wait.Go(func() {
				if r := s.Send(t.Context(), address("ab"), delivery(b.clock.now())); r.Outcome != pusher.OutcomeAccepted {
					t.Errorf("%+v", r)
				}
			})
		}
	}
	wait.Wait()
}

// Four nodes over three hours: Apple sees one token at a time, and a new one each 50 minutes or later.
func TestNodesShareOneProviderToken(t *testing.T) {
	store := newTokenTwin()
	b, senders := nodes(t, 4, store)
	const rounds = 20
	for range rounds {
		b.all(t, senders)
		b.advance(10 * time.Minute)
	}
	require.Len(t, store.kept, 1)
	require.Equal(t, rounds/5, store.signed)
	require.Equal(t, rounds/5, b.apns.Counts().ProviderTokens)
	require.Equal(t, map[string]int{"OK": rounds * 40}, b.apns.Counts().ByOutcome)
}

// A store that does not answer costs nothing while the token is good, and a token a node when it is over.
func TestTokenStoreAway(t *testing.T) {
	store := newTokenTwin()
	b, senders := nodes(t, 2, store)
	b.all(t, senders)
	store.away = true
	b.advance(52 * time.Minute)
	before := store.asked
	b.all(t, senders)
	require.Equal(t, 1, b.apns.Counts().ProviderTokens)
	require.Equal(t, before+2, store.asked, "each node asks once, not each request")
	b.advance(10 * time.Minute)
	b.all(t, senders)
	require.Equal(t, 3, b.apns.Counts().ProviderTokens)
	store.away = false
	b.advance(51 * time.Minute)
	b.all(t, senders)
	require.Equal(t, 4, b.apns.Counts().ProviderTokens, "together again")
}

func TestTokenThatCannotBeReadIsReplaced(t *testing.T) {
	store := newTokenTwin()
	b, senders := nodes(t, 1, store)
	b.all(t, senders)
	for key := range store.kept {
		store.kept[key] = pusher.ProviderToken{SignedAt: b.clock.now().Add(-time.Minute)}
	}
	second, err := apns.New(b.apns.P8(), b.apns.KeyID(), b.apns.TeamID(), b.apns.Topic(), apns.Options{
		Endpoint: b.apns.Addr(), RootCAs: b.apns.CertPool(), Now: b.clock.now, Tokens: apns.NewTokens(store, b.clock.now)})
	require.NoError(t, err)
	t.Cleanup(second.Close)
	b.all(t, []*apns.Sender{second})
	require.Equal(t, 2, store.signed)
}

// Naming somebody else's key id and team gets nobody that key's token.
func TestTokenBelongsToTheKey(t *testing.T) {
	store := newTokenTwin()
	b, senders := nodes(t, 1, store)
	b.all(t, senders)
	other, err := emulator.NewAPNs(emulator.APNsOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = other.Close() })
	thief, err := apns.New(other.P8(), b.apns.KeyID(), b.apns.TeamID(), b.apns.Topic(), apns.Options{
		Endpoint: b.apns.Addr(), RootCAs: b.apns.CertPool(), Now: b.clock.now, Tokens: apns.NewTokens(store, b.clock.now)})
	require.NoError(t, err)
	t.Cleanup(thief.Close)
	r := thief.Send(t.Context(), address("ab"), delivery(b.clock.now()))
	require.Equal(t, "InvalidProviderToken", r.Code)
	require.Len(t, store.kept, 2)
}

// However many requests find the token expired, one new one is signed and all of them go on with it.
func TestExpiredForManyAtOnce(t *testing.T) {
	store := newTokenTwin()
	b, senders := nodes(t, 2, store)
	b.all(t, senders)
	b.clock.advance(45 * time.Minute)
	b.server.advance(61 * time.Minute)
	b.all(t, senders)
	require.Equal(t, 2, store.signed)
}

func TestNowOrNever(t *testing.T) {
	b := start(t, emulator.APNsOptions{})
	d := delivery(b.clock.now())
	d.Notification.NowOrNever = true
	require.Equal(t, "0", apns.Header(d, "x").Get("apns-expiration"))
	require.Equal(t, "OK", b.sender.Send(t.Context(), address("ab"), d).Code)
	require.Equal(t, b.clock.now(), b.apns.Accepted(0)[0].Expires)
}
