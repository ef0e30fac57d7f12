package brand

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A key's secret is its kind's prefix, its id (22 characters) and 256 random bits (43 characters), both in base 62: it
// can be selected by a double click, found by a secret scanner, and looked up without storing it.
const (
	appPrefix    = "wgapp_"
	apiPrefix    = "wgapi_"
	idDigits     = 22
	secretDigits = 43
	secretBytes  = 32
)

// MaxOverlap is the longest time that an earlier secret may stay valid after a rotation.
const MaxOverlap = 30 * 24 * time.Hour

// ErrKey refuses a key: malformed, unknown, wrong or revoked. Which of these is not for the caller to know.
var ErrKey = errors.New("key is not valid")

// NewSecret draws a secret for a key of this kind and id. It is shown once; keep only HashSecret of it.
func NewSecret(kind KeyKind, id uuid.UUID) string {
	random := make([]byte, secretBytes)
	_, _ = rand.Read(random)
	return prefixOf(kind) + base62(id[:], idDigits) + base62(random, secretDigits)
}

func prefixOf(kind KeyKind) string {
	if kind == AppKey {
		return appPrefix
	}
	return apiPrefix
}

// ParseSecret finds the kind and id in a secret, so that its key can be looked up. It proves nothing: see Key.Verify.
func ParseSecret(secret string) (KeyKind, uuid.UUID, error) {
	kind := AppKey
	rest, ok := strings.CutPrefix(secret, appPrefix)
	if !ok {
		kind = APIKey
		rest, ok = strings.CutPrefix(secret, apiPrefix)
	}
	if !ok || len(rest) != idDigits+secretDigits {
		return "", uuid.UUID{}, ErrKey
	}
	var id uuid.UUID
	var random [secretBytes]byte
	if !unbase62(rest[:idDigits], id[:]) || !unbase62(rest[idDigits:], random[:]) {
		return "", uuid.UUID{}, ErrKey
	}
	return kind, id, nil
}

// HashSecret is what is kept of a secret. A plain SHA-256 is enough for 256 random bits: there is nothing to guess.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Verify returns ErrKey unless secret is the key's own, or its previous one inside the overlap, and the key is live.
func (k *Key) Verify(secret string, now time.Time) error {
	kind, id, err := ParseSecret(secret)
	if err != nil {
		return err
	}
	hash := HashSecret(secret)
	present := subtle.ConstantTimeCompare(hash, k.Hash) == 1
	previous := subtle.ConstantTimeCompare(hash, k.PreviousHash) == 1 && now.Before(k.PreviousUntil)
	if !(present || previous) || kind != k.Kind || id != k.ID || !k.Live(now) {
		return ErrKey
	}
	return nil
}

// Live tells whether the key is not revoked at now.
func (k *Key) Live(now time.Time) bool { return k.RevokedAt.IsZero() || now.Before(k.RevokedAt) }

// Rotate draws a new secret for a live key. The old one stays valid for overlap (0 to MaxOverlap); one before it ends.
func (k *Key) Rotate(now time.Time, overlap time.Duration) (secret string, err error) {
	if overlap < 0 || overlap > MaxOverlap {
		return "", Violations{{Field: "overlap", Reason: fmt.Sprintf("must be 0 to %v", MaxOverlap)}}
	}
	if !k.Live(now) {
		return "", Violations{{Field: "id", Reason: "the key is revoked"}}
	}
	k.PreviousHash, k.PreviousUntil = nil, time.Time{}
	if overlap > 0 {
		k.PreviousHash, k.PreviousUntil = k.Hash, now.Add(overlap)
	}
	secret = NewSecret(k.Kind, k.ID)
	k.Hash = HashSecret(secret)
	return secret, nil
}

// Validate returns every fault of a key that is to be made.
func (k *Key) Validate() error {
	var vs Violations
	vs.Check(k.Kind == AppKey || k.Kind == APIKey, "kind", "must be app or api")
	vs.Check(strings.TrimSpace(k.Name) != "" && PlainText(k.Name, 100), "name", "must be plain text of 1 to 100 characters")
	if k.Kind == AppKey {
		vs.Check(len(k.Scopes) == 0, "scopes", "an app key has none: it ships inside apps")
		vs.Check(len(k.StoreIDs) == 0, "store_ids", "an app key has none: it ships inside apps")
	} else {
		vs.Check(len(k.Scopes) > 0, "scopes", "missing")
	}
	for i, scope := range k.Scopes {
		field := fmt.Sprintf("scopes[%d]", i)
		vs.Check(scope == ScopeAll || slices.Contains(Scopes(), scope), field, "unknown scope %q", clip(string(scope)))
		vs.Check(len(k.StoreIDs) == 0 || scope.PerStore(), "store_ids", "a key limited to stores cannot hold %s, which is about the whole brand", clip(string(scope)))
	}
	vs.Check(len(k.StoreIDs) <= 1000, "store_ids", "more than 1000")
	return vs.Err()
}

// Has tells whether the key holds a scope. Writing includes reading the same; ScopeAll holds every one.
func (k *Key) Has(scope Scope) bool {
	if k.Kind != APIKey {
		return false
	}
	for _, held := range k.Scopes {
		noun, writes := strings.CutSuffix(string(held), ":write")
		if held == scope || held == ScopeAll || writes && string(scope) == noun+":read" {
			return true
		}
	}
	return false
}

// Allows tells whether the key may do scope for a store. The zero store means something of the whole brand, which a key
// limited to stores may not touch.
func (k *Key) Allows(scope Scope, store uuid.UUID) bool { return k.Has(scope) && k.AllowsStore(store) }

// AllowsStore tells whether the key may act for a store; see Allows.
func (k *Key) AllowsStore(store uuid.UUID) bool {
	return len(k.StoreIDs) == 0 || slices.Contains(k.StoreIDs, store)
}

// base62 writes bytes as a number of exactly width digits.
func base62(bytes []byte, width int) string {
	text := new(big.Int).SetBytes(bytes).Text(62)
	return strings.Repeat("0", width-len(text)) + text
}

// atOnce is how many digits of base 62 go into 64 bits.
const atOnce = 10

// unbase62 reads what base62 wrote; false for anything else. It is asked with every call of everybody.
func unbase62(text string, into []byte) bool {
	var words [secretBytes / 8]uint64 // the least significant first
	used := words[:len(into)/8]
	for len(text) > 0 {
		part := text[:min(len(text), atOnce)]
		text = text[len(part):]
		carry, scale := uint64(0), uint64(1)
		for i := range len(part) {
			digit, ok := digitOf(part[i])
			if !ok {
				return false
			}
			carry, scale = carry*62+digit, scale*62
		}
		for w := range used {
			high, low := bits.Mul64(used[w], scale)
			sum, over := bits.Add64(low, carry, 0)
			used[w], carry = sum, high+over
		}
		if carry != 0 {
			return false // larger than it can be
		}
	}
	for w, word := range used {
		binary.BigEndian.PutUint64(into[len(into)-8*(w+1):], word)
	}
	return true
}

func digitOf(c byte) (uint64, bool) {
	switch {
	case c >= '0' && c <= '9':
		return uint64(c - '0'), true
	case c >= 'a' && c <= 'z':
		return uint64(c-'a') + 10, true
	case c >= 'A' && c <= 'Z':
		return uint64(c-'A') + 36, true
	}
	return 0, false
}
