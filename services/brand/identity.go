package brand

import (
	"crypto/elliptic"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// Identity is what a brand's backend says of a person.
type Identity struct {
	ExternalID string // the token's sub: the brand's own id
	Name       string
	Locale     string // empty where missing or malformed
}

// IdentityRules are what a token is checked against.
type IdentityRules struct {
	Keys   []IdentifyKey
	Device uuid.UUID // who shows the token
	Now    time.Time
	// AllowUnsigned takes tokens with algorithm "none": a demo without a backend. Never for real people.
	AllowUnsigned bool
}

// ErrIdentity refuses a token; the text after it says why, without a word of the token.
var ErrIdentity = errors.New("identity token refused")

const (
	maxToken      = 8 << 10
	maxExternalID = 200
	leeway        = time.Minute
)

// algorithms read a public key of their kind.
var algorithms = map[string]func([]byte) (any, error){
	"RS256": func(text []byte) (any, error) {
		key, err := jwt.ParseRSAPublicKeyFromPEM(text)
		if err == nil && key.N.BitLen() < 2048 {
			err = errors.New("an RSA key of under 2048 bits")
		}
		return key, err
	},
	"ES256": func(text []byte) (any, error) {
		key, err := jwt.ParseECPublicKeyFromPEM(text)
		if err == nil && key.Curve != elliptic.P256() {
			err = errors.New("not on the curve P-256")
		}
		return key, err
	},
	"EdDSA": func(text []byte) (any, error) { return jwt.ParseEdPublicKeyFromPEM(text) },
}

func (k *IdentifyKey) publicKey() (any, error) {
	key, err := algorithms[k.Algorithm]([]byte(k.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("not a PEM public key for %s", k.Algorithm)
	}
	return key, nil
}

type identityClaims struct {
	jwt.RegisteredClaims
	Name   string  `json:"name"`
	Locale string  `json:"locale"`
	Device *string `json:"wantgo_device"`
}

// VerifyIdentity checks the JWT by which a brand's backend says who the person at a device is, and reads it.
//
// The token must be signed by one of the brand's keys (found by kid; without a kid only a single key will do) with that
// key's algorithm and issuer, carry exp (60 s of leeway, as for nbf and iat) and the own id as sub. A claim
// wantgo_device binds it to one device: a token that leaks is then worth nothing elsewhere. Every refusal is an
// ErrIdentity.
func VerifyIdentity(token string, rules IdentityRules) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, fmt.Errorf("%w: too long", ErrIdentity)
	}
	var claims identityClaims
	parser := jwt.NewParser(
		jwt.WithValidMethods(rules.methods()), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(func() time.Time { return rules.Now }), jwt.WithStrictDecoding(),
	)
	var issuer string
	_, err := parser.ParseWithClaims(token, &claims, func(t *jwt.Token) (any, error) {
		if t.Method == jwt.SigningMethodNone {
			issuer = claims.Issuer
			return jwt.UnsafeAllowNoneSignatureType, nil
		}
		key, err := rules.find(t)
		if err != nil {
			return nil, err
		}
		issuer = key.Issuer
		return key.publicKey()
	})
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %s", ErrIdentity, tokenFault(err))
	}
	return claims.identity(issuer, rules.Device)
}

func (r *IdentityRules) methods() []string {
	methods := make([]string, 0, len(algorithms)+1)
	for _, k := range r.Keys {
		if _, known := algorithms[k.Algorithm]; known {
			methods = append(methods, k.Algorithm)
		}
	}
	if r.AllowUnsigned {
		methods = append(methods, jwt.SigningMethodNone.Alg())
	}
	if len(methods) == 0 {
		methods = append(methods, "no algorithm") // an empty list would allow every one
	}
	return methods
}

var errUnknownKey = errors.New("signed by a key that the brand has not entered")

// find picks the key that a token names. The algorithm is the key's, never the token's choice.
func (r *IdentityRules) find(t *jwt.Token) (*IdentifyKey, error) {
	kid, named := t.Header["kid"].(string)
	for i := range r.Keys {
		k := &r.Keys[i]
		if (named && kid == k.KeyID || !named && len(r.Keys) == 1) && k.Algorithm == t.Method.Alg() {
			return k, nil
		}
	}
	return nil, errUnknownKey
}

func (c *identityClaims) identity(issuer string, device uuid.UUID) (Identity, error) {
	switch {
	case c.Issuer != issuer:
		return Identity{}, fmt.Errorf("%w: iss is not the key's issuer", ErrIdentity)
	case c.Subject == "" || !PlainText(c.Subject, maxExternalID):
		return Identity{}, fmt.Errorf("%w: sub must be the own id, plain text of 1 to %d characters", ErrIdentity, maxExternalID)
	case c.Device != nil && *c.Device != device.String():
		return Identity{}, fmt.Errorf("%w: wantgo_device is another device", ErrIdentity)
	}
	id := Identity{ExternalID: c.Subject}
	if PlainText(c.Name, 100) {
		id.Name = c.Name
	}
	if ValidLocale(c.Locale) {
		id.Locale = c.Locale
	}
	return id, nil
}

// tokenFault puts a parser's error into words that repeat nothing of the token.
func tokenFault(err error) string {
	for _, fault := range []struct {
		err  error
		text string
	}{
		{errUnknownKey, errUnknownKey.Error()},
		{jwt.ErrTokenExpired, "expired"},
		{jwt.ErrTokenNotValidYet, "not valid yet"},
		{jwt.ErrTokenUsedBeforeIssued, "issued in the future"},
		{jwt.ErrTokenRequiredClaimMissing, "exp is missing"},
		{jwt.ErrTokenSignatureInvalid, "signature or algorithm is not the key's"},
		{jwt.ErrTokenMalformed, "not a JWT"},
	} {
		if errors.Is(err, fault.err) {
			return fault.text
		}
	}
	return "not valid"
}
