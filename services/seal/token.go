package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
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
	return tokenPrefix + tokenText.EncodeToString(keys.sign(body, body)), nil
}

// Parse reads a device token. ErrInvalid and ErrUnknownRoot: no word of it may be believed. ErrExpired: it was
// genuine, and is returned with the error so that its device can be named.
func (k *Keeper) Parse(token string, now time.Time) (DeviceToken, error) {
	text, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok || len(text) != tokenText.EncodedLen(tokenSize) || strings.ContainsAny(text, "\r\n") {
		return DeviceToken{}, ErrInvalid
	}
	var raw [tokenSize]byte
	if n, err := tokenText.Decode(raw[:], []byte(text)); err != nil || n != tokenSize {
		return DeviceToken{}, ErrInvalid
	}
	keys, err := k.find(deviceToken, raw[:])
	if err != nil {
		return DeviceToken{}, err
	}
	body := raw[:tokenBody]
	var mac [sha256.Size]byte
	if !hmac.Equal(raw[tokenBody:], keys.sign(mac[:0], body)) {
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

// sign appends the signature of a body.
func (k *keys) sign(to, body []byte) []byte {
	mac, ok := k.macs.Get().(hash.Hash)
	if !ok {
		mac = hmac.New(sha256.New, k.mac)
	}
	mac.Write(body)
	to = mac.Sum(to)
	mac.Reset()
	k.macs.Put(mac)
	return to
}
