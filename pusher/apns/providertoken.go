package apns

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	rollAfter  = 50 * time.Minute // Apple refuses tokens older than an hour
	leastApart = 20 * time.Minute // and a new one sooner than this
	usableFor  = 59 * time.Minute
)

type signed struct {
	value string
	at    time.Time
}

// providerTokens signs the JWT that names us to Apple and keeps it as long as is allowed.
type providerTokens struct {
	key           *ecdsa.PrivateKey
	keyID, teamID string
	now           func() time.Time

	mu                sync.Mutex
	current, previous signed
	lastSigned        time.Time
}

// get returns the token to use now, signing a new one when the last is 50 minutes old.
func (t *providerTokens) get() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if t.current.value != "" && now.Sub(t.current.at) < rollAfter {
		return t.current.value, nil
	}
	if t.current.value != "" && now.Sub(t.lastSigned) < leastApart {
		return t.current.value, nil
	}
	return t.sign(now)
}

// expired replaces used, which Apple called expired. ok is false when that would come too soon: then the
// clocks disagree, and signing more often would only be refused in another way.
func (t *providerTokens) expired(used string) (token string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if used != t.current.value {
		return t.current.value, true
	}
	now := t.now()
	if now.Sub(t.lastSigned) < leastApart {
		return "", false
	}
	token, err := t.sign(now)
	return token, err == nil
}

// tooMany goes back to the token before used, if that is still good: Apple wants no new one yet.
func (t *providerTokens) tooMany(used string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if used == t.current.value && t.previous.value != "" && t.now().Sub(t.previous.at) < usableFor {
		t.current, t.previous = t.previous, signed{}
	}
}

func (t *providerTokens) sign(now time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": t.teamID, "iat": now.Unix()})
	token.Header["kid"] = t.keyID
	value, err := token.SignedString(t.key)
	if err != nil {
		return "", err
	}
	t.previous, t.current, t.lastSigned = t.current, signed{value, now}, now
	return value, nil
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
