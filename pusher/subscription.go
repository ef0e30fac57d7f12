package pusher

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// KindSubscription is the kind of a web push address: its value is a browser's PushSubscription as JSON.
const KindSubscription = "subscription"

// Subscription is a browser's PushSubscription (W3C Push API). All of it is a secret: who has it can send.
type Subscription struct {
	Endpoint string
	P256DH   []byte // the browser's public key on P-256, uncompressed
	Auth     []byte // 16 bytes
	host     string // of the endpoint, with the port where it is not 443
}

// MaxSubscription bounds a subscription as text.
const MaxSubscription = 4096

// ParseSubscription reads what PushSubscription.toJSON gives. The endpoint must be https on a host with a name, without
// user, fragment or control characters. Whether we may go there is PushServices' to say. No error repeats a value.
func ParseSubscription(text string) (Subscription, error) {
	var raw struct {
		Endpoint string `json:"endpoint"`
		Keys     struct {
			P256DH string `json:"p256dh"`
			Auth   string `json:"auth"`
		} `json:"keys"`
	}
	if len(text) > MaxSubscription || json.Unmarshal([]byte(text), &raw) != nil {
		return Subscription{}, errors.New("not the JSON of a push subscription")
	}
	s := Subscription{Endpoint: raw.Endpoint}
	u, err := url.Parse(raw.Endpoint)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return Subscription{}, errors.New("endpoint: not an https address")
	}
	s.host = strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if port := u.Port(); port != "" && port != "443" {
		s.host = net.JoinHostPort(s.host, port)
	}
	if s.P256DH, err = decodeKey(raw.Keys.P256DH); err == nil {
		_, err = ecdh.P256().NewPublicKey(s.P256DH)
	}
	if err != nil {
		return Subscription{}, errors.New("keys.p256dh: not a public key on P-256")
	}
	if s.Auth, err = decodeKey(raw.Keys.Auth); err != nil || len(s.Auth) != 16 {
		return Subscription{}, errors.New("keys.auth: not 16 bytes")
	}
	return s, nil
}

// decodeKey takes base64 in either alphabet, with or without padding, as browsers and libraries give it.
func decodeKey(text string) ([]byte, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	return base64.RawURLEncoding.DecodeString(text)
}

// PushServices are the hosts that web push may go to: an endpoint comes from a phone, and without a list it could name
// anything. An entry is a host ("push.example.com"), every host below one ("*.example.com"), or a host with a port, which
// is the operator's word that it may also be reached on a private address (an emulator, a push service of one's own).
type PushServices []string

// KnownPushServices are those of Chrome and what is built on it, Firefox, Safari and Edge.
func KnownPushServices() PushServices {
	return PushServices{
		"fcm.googleapis.com", "*.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com",
	}
}

// Allow tells whether s may be sent to.
func (p PushServices) Allow(s Subscription) bool {
	return slices.ContainsFunc(p, func(entry string) bool {
		if below, ok := strings.CutPrefix(entry, "*."); ok {
			return strings.HasSuffix(s.host, "."+below)
		}
		return s.host == entry || s.host+":443" == entry
	})
}

// Private tells whether an address (host:port) may be on a private network.
func (p PushServices) Private(address string) bool { return slices.Contains(p, address) }

// Check refuses what is no entry, naming it.
func (p PushServices) Check() error {
	for _, entry := range p {
		host := strings.TrimPrefix(entry, "*.")
		if name, port, err := net.SplitHostPort(host); err == nil && host == entry {
			if _, err := strconv.ParseUint(port, 10, 16); err == nil {
				host = name
			}
		}
		if host == "" || host != strings.ToLower(host) || strings.ContainsAny(host, "*/@ ?#:") && net.ParseIP(host) == nil || strings.HasPrefix(host, ".") {
			return fmt.Errorf("%q is not a host, *.host or host:port", entry)
		}
	}
	return nil
}
