package emulator

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	maxWebPushBytes = 4096
	longestVAPID    = 24 * time.Hour
)

var topicPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// check goes through everything a push service looks at, and then opens the body as the browser would.
func (w *WebPush) check(r *http.Request, s *subscription, body []byte) (Accepted, *Outcome) {
	now := w.now()
	ttl, ttlFault := strconv.Atoi(r.Header.Get("TTL"))
	urgency, topic := r.Header.Get("Urgency"), r.Header.Get("Topic")
	switch {
	case r.Method != http.MethodPost:
		return Accepted{}, reason(http.StatusMethodNotAllowed, "method not allowed")
	case s == nil:
		return Accepted{}, reason(http.StatusNotFound, "no such subscription")
	case len(body) > maxWebPushBytes:
		return Accepted{}, reason(http.StatusRequestEntityTooLarge, "payload too large")
	case ttlFault != nil || ttl < 0:
		return Accepted{}, reason(http.StatusBadRequest, "TTL missing or malformed")
	case !slices.Contains([]string{"", "very-low", "low", "normal", "high"}, urgency):
		return Accepted{}, reason(http.StatusBadRequest, "urgency unknown")
	case topic != "" && !topicPattern.MatchString(topic):
		return Accepted{}, reason(http.StatusBadRequest, "topic malformed")
	case r.Header.Get("Content-Encoding") != "aes128gcm":
		return Accepted{}, reason(http.StatusBadRequest, "content encoding unknown")
	}
	if refusal := w.checkVAPID(r.Header.Get("Authorization"), s, now); refusal != nil {
		return Accepted{}, refusal
	}
	plain, err := s.open(body)
	if err != nil {
		return Accepted{}, reason(http.StatusBadRequest, "the browser cannot open this: "+err.Error())
	}
	a := Accepted{CollapseKey: topic, Priority: urgency, Expires: now.Add(time.Duration(ttl) * time.Second).UTC()}
	var worker struct {
		Notification struct {
			Title, Body string
			Data        map[string]string
		}
	}
	if json.Unmarshal(plain, &worker) == nil {
		a.Title, a.Body = worker.Notification.Title, worker.Notification.Body
		a.readKeys(worker.Notification.Data)
	}
	return a, nil
}

// checkVAPID verifies "vapid t=JWT, k=key": signature, audience, life, subject, and that the subscription is of that key.
func (w *WebPush) checkVAPID(authorization string, s *subscription, now time.Time) *Outcome {
	text, ok := strings.CutPrefix(authorization, "vapid ")
	if !ok {
		return reason(http.StatusUnauthorized, "no VAPID authorization")
	}
	var token, app string
	for _, part := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			token = value
		case "k":
			app = value
		}
	}
	key, err := publicKey(app)
	if err != nil {
		return reason(http.StatusForbidden, "VAPID key malformed")
	}
	var claims jwt.RegisteredClaims
	_, err = jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return key, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience("https://"+w.Addr()), jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(func() time.Time { return now }))
	switch {
	case err != nil || claims.ExpiresAt.Sub(now) > longestVAPID:
		return reason(http.StatusForbidden, "VAPID token refused")
	case !strings.HasPrefix(claims.Subject, "mailto:") && !strings.HasPrefix(claims.Subject, "https://"):
		return reason(http.StatusForbidden, "VAPID subject refused")
	case s.app != "" && s.app != app:
		return reason(http.StatusForbidden, "the VAPID credentials in the authorization header do not correspond to the credentials used to create the subscription")
	}
	return nil
}

// publicKey reads an uncompressed point on P-256 in base64url.
func publicKey(text string) (*ecdsa.PublicKey, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64url")
	}
	if _, err := ecdh.P256().NewPublicKey(raw); err != nil {
		return nil, errors.New("not a point on P-256")
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
}

// open decrypts one aes128gcm record (RFC 8188) as RFC 8291 has a browser do it.
func (s *subscription) open(body []byte) ([]byte, error) {
	const saltSize, header = 16, 21
	if len(body) < header || len(body) < header+int(body[20]) {
		return nil, errors.New("no header")
	}
	salt, size := body[:saltSize], binary.BigEndian.Uint32(body[saltSize:])
	sender, record := body[header:header+int(body[20])], body[header+int(body[20]):]
	if size < 18 || uint32(len(record)) > size {
		return nil, errors.New("more than one record")
	}
	theirs, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, errors.New("sender's key")
	}
	shared, err := s.key.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	info := "WebPush: info\x00" + string(s.key.PublicKey().Bytes()) + string(sender)
	ikm, err := hkdf.Key(sha256.New, shared, s.auth, info, 32)
	if err != nil {
		return nil, err
	}
	cek, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(cek)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, record, nil)
	if err != nil {
		return nil, errors.New("not for this browser")
	}
	plain = []byte(strings.TrimRight(string(plain), "\x00"))
	if len(plain) == 0 || plain[len(plain)-1] != 2 {
		return nil, errors.New("padding")
	}
	return plain[:len(plain)-1], nil
}
