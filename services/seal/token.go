package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"github.com/google/uuid"
)

// DeviceToken is what a phone shows to prove which installation it is. It is authenticated, not hidden.
type DeviceToken struct {
	Brand  uuid.UUID
	Device uuid.UUID
	// Serial must be the device's own; raising that turns every earlier token away.
	Serial int64
	// Expires, whole seconds: from this instant on the token no longer holds.
	Expires time.Time
}

const (
	tokenPrefix = "wgdev_"
	tokenBody   = headerSize + 16 + 16 + 8 + 8
	tokenSize   = tokenBody + sha256.Size
)

// Base64 without the last character's spare bits would let two texts mean one token; Strict refuses them.
var tokenText = base64.RawURLEncoding.Strict()

// Mint writes a device token: "wgdev_" and 114 characters fit for a header.
func (k *Keeper) Mint(t DeviceToken) (string, error) {
	keys, err := k.rings[0].of(deviceToken)
	if err != nil {
		return "", err
	}
	body := k.header(tokenSize)
	body = append(body, t.Brand[:]...)
	body = append(body, t.Device[:]...)
	body = binary.BigEndian.AppendUint64(body, uint64(t.Serial))
	body = binary.BigEndian.AppendUint64(body, uint64(t.Expires.Unix()))
	return tokenPrefix + tokenText.EncodeToString(append(body, sign(keys.mac, body)...)), nil
}

// Parse reads a device token. ErrInvalid and ErrUnknownRoot: no word of it may be believed. ErrExpired: it was
// genuine, and is returned with the error so that its device can be named.
func (k *Keeper) Parse(token string, now time.Time) (DeviceToken, error) {
	text, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok || len(text) != tokenText.EncodedLen(tokenSize) || strings.ContainsAny(text, "\r\n") {
		return DeviceToken{}, ErrInvalid
	}
	raw, err := tokenText.DecodeString(text)
	if err != nil || len(raw) != tokenSize {
		return DeviceToken{}, ErrInvalid
	}
	keys, err := k.find(deviceToken, raw)
	if err != nil {
		return DeviceToken{}, err
	}
	body := raw[:tokenBody]
	if !hmac.Equal(raw[tokenBody:], sign(keys.mac, body)) {
		return DeviceToken{}, ErrInvalid
	}
	ids := body[headerSize:]
	t := DeviceToken{
		Brand:   uuid.UUID(ids[:16]),
		Device:  uuid.UUID(ids[16:32]),
		Serial:  int64(binary.BigEndian.Uint64(ids[32:])),
		Expires: time.Unix(int64(binary.BigEndian.Uint64(ids[40:])), 0).UTC(),
	}
	if !now.Before(t.Expires) {
		return t, ErrExpired
	}
	return t, nil
}

func sign(key, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return mac.Sum(nil)
}
