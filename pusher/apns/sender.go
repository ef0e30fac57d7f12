package apns

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/wantgo/wantgo/pusher"
)

// Apple's hosts.
const (
	productionHost = "api.push.apple.com:443"
	sandboxHost    = "api.sandbox.push.apple.com:443"
)

// mostTopics bounds the pools of a sender: the topic of an address comes from a phone.
const mostTopics = 16

var (
	idPattern    = regexp.MustCompile(`^[A-Z0-9]{10}$`)
	topicPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,154}$`)
)

// CredentialError says which part of an APNs credential is unusable, and why. It never quotes a secret.
type CredentialError struct{ Field, Reason string }

func (e *CredentialError) Error() string {
	return fmt.Sprintf("apns credential: %s: %s", e.Field, e.Reason)
}

// Options are what a sender needs beside its credential. The zero value talks to Apple.
type Options struct {
	// Endpoint (host:port) replaces Apple's production host, and the sandbox's too unless SandboxEndpoint is set.
	Endpoint        string
	SandboxEndpoint string
	// RootCAs replaces the system's certificate authorities.
	RootCAs *x509.CertPool
	// Sandbox sends every address to the development environment, whatever the address says. For an address
	// that does not say it itself, BadDeviceToken then only quarantines.
	Sandbox bool
	// Tokens are the provider tokens to share among senders; nil: the sender's own.
	Tokens *Tokens
	// Connections is the most at once per environment and topic; 0: 4.
	Connections int
	// ServerErrorWait replaces DefaultServerErrorWait.
	ServerErrorWait time.Duration
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

type poolKey struct {
	sandbox bool
	topic   string
}

// environment is what production and sandbox have each of their own.
type environment struct {
	dialer *dialer
	tokens *providerTokens
}

// Sender hands deliveries to APNs with one key. It is safe for concurrent use.
type Sender struct {
	topic       string
	options     Options
	environment map[bool]environment // by sandbox

	mu     sync.Mutex
	pools  map[poolKey]*pool
	closed bool
}

var _ pusher.Sender = (*Sender)(nil)

// New checks a credential and makes its sender, without calling anybody. p8 is the key file as Apple gives
// it, keyID and teamID are ten characters, topic is the app's bundle id. A refusal is a *CredentialError,
// which names the field.
func New(p8 []byte, keyID, teamID, topic string, o Options) (*Sender, error) {
	key, err := parseKey(p8)
	switch {
	case err != nil:
		return nil, &CredentialError{"p8", err.Error()}
	case !idPattern.MatchString(keyID):
		return nil, &CredentialError{"key_id", "must be ten letters and digits"}
	case !idPattern.MatchString(teamID):
		return nil, &CredentialError{"team_id", "must be ten letters and digits"}
	case !topicPattern.MatchString(topic):
		return nil, &CredentialError{"topic", "must be a bundle id"}
	}
	o = o.withDefaults()
	s := &Sender{topic: topic, options: o, pools: map[poolKey]*pool{}, environment: map[bool]environment{}}
	for sandbox, address := range map[bool]string{false: o.Endpoint, true: o.SandboxEndpoint} {
		tokens, err := o.Tokens.of(key, keyID, teamID, sandbox)
		if err != nil {
			return nil, &CredentialError{"p8", "cannot be named"}
		}
		s.environment[sandbox] = environment{dialer: newDialer(address, &tls.Config{RootCAs: o.RootCAs}), tokens: tokens}
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.SandboxEndpoint == "" {
		o.SandboxEndpoint = o.Endpoint
	}
	if o.Endpoint == "" {
		o.Endpoint = productionHost
	}
	if o.SandboxEndpoint == "" {
		o.SandboxEndpoint = sandboxHost
	}
	if o.Connections <= 0 {
		o.Connections = 4
	}
	if o.ServerErrorWait <= 0 {
		o.ServerErrorWait = DefaultServerErrorWait
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Tokens == nil {
		o.Tokens = NewTokens(nil, o.Now)
	}
	return o
}

// Close ends all connections; requests under way end without an answer.
func (s *Sender) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, p := range s.pools {
		p.close()
	}
}

var errTooManyTopics = errors.New("apns: too many topics")

func (s *Sender) pool(key poolKey) (*pool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if p := s.pools[key]; p != nil {
		return p, nil
	}
	if key.topic != s.topic && len(s.pools) >= mostTopics {
		return nil, errTooManyTopics
	}
	p := newPool(s.environment[key.sandbox].dialer, s.options.Connections)
	s.pools[key] = p
	return p, nil
}
