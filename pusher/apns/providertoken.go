package apns

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/wantgo/wantgo/pusher"
)

const (
	rollAfter  = 50 * time.Minute // Apple refuses tokens older than an hour
	leastApart = 20 * time.Minute // and a new one sooner than this
	usableFor  = 59 * time.Minute
	// storeTimeout bounds one roll: a store that does not answer must not hold up what can be sent without it.
	storeTimeout = 2 * time.Second
	// askAgain is how long after a roll that brought nothing the next may be tried while the present token is good.
	askAgain = 10 * time.Second
)

// Tokens keeps the provider tokens of a process, one for each key and environment, whichever senders use them. With a
// store all nodes use the same. It is safe for concurrent use.
type Tokens struct {
	store pusher.TokenStore
	now   func() time.Time

	mu   sync.Mutex
	kept map[pusher.TokenKey]*providerTokens
}

// NewTokens keeps tokens in store too; nil: in this process only. now is the clock; nil: time.Now.
func NewTokens(store pusher.TokenStore, now func() time.Time) *Tokens {
	if now == nil {
		now = time.Now
	}
	return &Tokens{store: store, now: now, kept: make(map[pusher.TokenKey]*providerTokens)}
}

// of returns the tokens of one key in one environment.
func (t *Tokens) of(key *ecdsa.PrivateKey, keyID, teamID string, sandbox bool) (*providerTokens, error) {
	name, err := tokenKey(key, keyID, teamID, sandbox)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept[name] == nil {
		t.kept[name] = &providerTokens{name: name, key: key, keyID: keyID, teamID: teamID, now: t.now, store: t.store}
	}
	return t.kept[name], nil
}

func tokenKey(key *ecdsa.PrivateKey, keyID, teamID string, sandbox bool) (pusher.TokenKey, error) {
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return pusher.TokenKey{}, err
	}
	text := "apns\x00" + keyID + "\x00" + teamID + "\x00production\x00"
	if sandbox {
		text = "apns\x00" + keyID + "\x00" + teamID + "\x00sandbox\x00"
	}
	return sha256.Sum256(append([]byte(text), public...)), nil
}

// providerTokens signs the JWT that names us to Apple and keeps it as long as is allowed.
type providerTokens struct {
	name          pusher.TokenKey
	key           *ecdsa.PrivateKey
	keyID, teamID string
	now           func() time.Time
	store         pusher.TokenStore // nil: nobody shares

	mu                sync.Mutex
	current, previous pusher.ProviderToken
	tried             time.Time     // when a roll last brought nothing
	rolling           chan struct{} // closed when the roll under way ends; nil: none is
}

// get returns the token to use now, rolling it when the last is 50 minutes old. One caller rolls; the others go on with
// the present token while it is good.
func (t *providerTokens) get(ctx context.Context) (string, error) {
	for {
		t.mu.Lock()
		now := t.now()
		age := now.Sub(t.current.SignedAt)
		good := t.current.Value != "" && age < usableFor
		switch {
		case good && (age < rollAfter || t.rolling != nil || now.Sub(t.tried) < askAgain && now.Sub(t.tried) >= 0):
			defer t.mu.Unlock()
			return t.current.Value, nil
		case t.rolling == nil:
			return t.roll(ctx, now, "")
		}
		rolling := t.rolling
		t.mu.Unlock()
		select {
		case <-rolling:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// roll takes over the token that is kept for all, or signs a new one, and returns what is the current one then. refused is
// not good any more, whatever its age. t.mu is held when it is called and let go when it returns.
func (t *providerTokens) roll(ctx context.Context, now time.Time, refused string) (string, error) {
	t.rolling = make(chan struct{})
	known := t.current
	t.mu.Unlock()
	fresh, err := t.next(ctx, now, known, refused)
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.rolling)
	t.rolling = nil
	if err != nil || fresh.Value == known.Value {
		t.tried = now
	} else {
		t.previous, t.current = known, fresh
	}
	if t.current.Value == "" {
		return "", err
	}
	return t.current.Value, nil
}

// next is the token after known. Without an answer of the store each node signs its own: Apple may take offence at that,
// but nothing would be accepted with an expired one.
func (t *providerTokens) next(ctx context.Context, now time.Time, known pusher.ProviderToken, refused string) (pusher.ProviderToken, error) {
	if t.store == nil {
		return t.after(known, now, refused)
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	kept, err := t.store.ProviderToken(ctx, t.name)
	if err != nil {
		if now.Sub(known.SignedAt) < usableFor && known.Value != refused {
			return known, err
		}
		return t.after(known, now, refused)
	}
	fresh, err := t.after(kept, now, refused)
	if err != nil || fresh == kept {
		return fresh, err
	}
	if winner, err := t.store.ReplaceProviderToken(ctx, t.name, kept.SignedAt, fresh); err == nil && winner.Value != "" {
		return winner, nil
	}
	return fresh, nil
}

var errTooSoon = errors.New("apns: a new provider token would come too soon")

// after is last while that may be used, else a new token, unless that would come too soon after last.
func (t *providerTokens) after(last pusher.ProviderToken, now time.Time, refused string) (pusher.ProviderToken, error) {
	age := now.Sub(last.SignedAt)
	if last.Value != "" && last.Value != refused && age < rollAfter && age > -time.Minute {
		return last, nil
	}
	if last.Value != "" && last.Value == refused && age < leastApart && age > -leastApart {
		return last, errTooSoon
	}
	return t.sign(now)
}

// expired replaces used, which Apple called expired. ok is false when that would come too soon: then the clocks
// disagree, and signing more often would only be refused in another way.
func (t *providerTokens) expired(ctx context.Context, used string) (token string, ok bool) {
	for ctx.Err() == nil {
		t.mu.Lock()
		rolling := t.rolling
		switch {
		case t.current.Value != used:
			defer t.mu.Unlock()
			return t.current.Value, true
		case rolling == nil:
			token, err := t.roll(ctx, t.now(), used)
			return token, err == nil && token != used
		}
		t.mu.Unlock()
		select {
		case <-rolling:
		case <-ctx.Done():
		}
	}
	return "", false
}

// tooMany finds what to use instead of used, where Apple wants no new token yet: the one that is kept for all, or the
// one before, while that is still good. It signs nothing.
func (t *providerTokens) tooMany(ctx context.Context, used string) {
	var kept pusher.ProviderToken
	if t.store != nil {
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		kept, _ = t.store.ProviderToken(ctx, t.name)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current.Value != used {
		return
	}
	for _, other := range []pusher.ProviderToken{kept, t.previous} {
		if other.Value != "" && other.Value != used && t.now().Sub(other.SignedAt) < usableFor {
			t.current, t.previous = other, pusher.ProviderToken{}
			return
		}
	}
}

func (t *providerTokens) sign(now time.Time) (pusher.ProviderToken, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": t.teamID, "iat": now.Unix()})
	token.Header["kid"] = t.keyID
	value, err := token.SignedString(t.key)
	return pusher.ProviderToken{Value: value, SignedAt: now.Truncate(time.Second).UTC()}, err
}

func parseKey(p8 []byte) (*ecdsa.PrivateKey, error) {
	if len(p8) > 16<<10 {
		return nil, errors.New("is too large for a key")
	}
	block, _ := pem.Decode(p8)
	if block == nil {
		return nil, errors.New("is missing or not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("is not PKCS #8")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("is not an ECDSA key on P-256")
	}
	return key, nil
}
