package node

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/apns"
	"github.com/wantgo/wantgo/pusher/fcm"
	"github.com/wantgo/wantgo/pusher/webpush"
	"github.com/wantgo/wantgo/services/brand"
)

// mostInFlight bounds requests to FCM and to browsers' push services under way in this process, over all brands.
const mostInFlight = 1024

// retireAfter is how long a replaced credential's sender is kept for the attempts that began with it.
const retireAfter = 30 * time.Second

// vault is where credentials come from: the engine, which knows the newest within two seconds.
type vault interface {
	Credentials(brand uuid.UUID) []brand.Credential
	OpenCredential(c *brand.Credential) ([]byte, error)
}

// senders finds or makes the sender of each credential. A replaced credential gets a new one at its next attempt; a
// missing or broken one answers Misconfigured, which pauses that brand's project and nothing else.
type senders struct {
	providers Providers
	roots     *x509.CertPool
	now       func() time.Time
	log       *slog.Logger
	transport http.RoundTripper // FCM's
	browsers  http.RoundTripper // web push
	tokens    *apns.Tokens
	notes     *credentialNotes
	inFlight  *semaphore.Weighted
	vault     atomic.Pointer[vault]

	mu   sync.Mutex
	made map[uuid.UUID]made
}

// made is a sender and the version of the credential it was made of.
type made struct {
	version int64
	sender  pusher.Sender
	close   func()
}

func newSenders(p Providers, roots *x509.CertPool, now func() time.Time, log *slog.Logger) *senders {
	return &senders{
		providers: p, roots: roots, now: now, log: log, transport: fcmTransport(p, roots), tokens: apns.NewTokens(nil, now),
		browsers: webpush.NewTransport(p.pushServices(), roots), notes: &credentialNotes{now: now, log: log, last: map[uuid.UUID]note{}},
		inFlight: semaphore.NewWeighted(mostInFlight), made: map[uuid.UUID]made{},
	}
}

func fcmTransport(p Providers, roots *x509.CertPool) http.RoundTripper {
	if strings.HasPrefix(p.FCMEndpoint, "http:") {
		return fcm.NewPlainTransport(mostInFlight)
	}
	o := fcm.TransportOptions{InFlight: mostInFlight, Connections: p.FCMConnections}
	if p.FCMEndpoint != "" {
		o.Roots = roots
	}
	return fcm.NewTransport(o)
}

// share keeps provider tokens and the states of credentials where every node sees them.
func (s *senders) share(tokens pusher.TokenStore, states stateKeeper) {
	s.tokens, s.notes.keeper = apns.NewTokens(tokens, s.now), states
}

// follow says where credentials come from. Until then every attempt is misconfigured.
func (s *senders) follow(v vault) { s.vault.Store(&v) }

// For is the brand's sender for a provider; which of the brand's credentials an attempt takes depends on its address.
func (s *senders) For(brandID uuid.UUID, provider pusher.Provider) pusher.Sender {
	return brandSender{s, brandID, provider}
}

type brandSender struct {
	*senders
	brand    uuid.UUID
	provider pusher.Provider
}

// Send makes one attempt with the credential that fits the address.
func (b brandSender) Send(ctx context.Context, to pusher.Address, d *pusher.Delivery) pusher.Result {
	credential := b.choose(to)
	if credential == nil {
		return misconfigured("CREDENTIAL_MISSING")
	}
	r := b.sender(credential).Send(ctx, to, d)
	b.notes.take(b.brand, credential.ID, r)
	return r
}

// choose finds the credential for an address: of the provider, for APNs of the address's app and environment where
// there is one, and the one written last.
func (b brandSender) choose(to pusher.Address) *brand.Credential {
	from := b.vault.Load()
	if from == nil {
		return nil
	}
	var best *brand.Credential
	all := (*from).Credentials(b.brand)
	for i := range all {
		c := &all[i]
		if c.Provider != b.provider || !c.DeletedAt.IsZero() || to.Topic != "" && c.Topic != to.Topic {
			continue
		}
		if best == nil || better(c, best, to) {
			best = c
		}
	}
	return best
}

func better(c, than *brand.Credential, to pusher.Address) bool {
	if fits, other := c.Sandbox == to.Sandbox, than.Sandbox == to.Sandbox; fits != other {
		return fits
	}
	return c.Version > than.Version
}

// sender is the credential's sender, made again when the credential was replaced.
func (s *senders) sender(c *brand.Credential) pusher.Sender {
	s.mu.Lock()
	defer s.mu.Unlock()
	have, ok := s.made[c.ID]
	if ok && have.version >= c.Version {
		return have.sender
	}
	fresh := s.make(c)
	s.made[c.ID] = fresh
	if ok && have.close != nil {
		time.AfterFunc(retireAfter, have.close)
	}
	return fresh.sender
}

func (s *senders) make(c *brand.Credential) made {
	broken := func(err error) made {
		s.log.Error("a credential cannot be used", "brand", c.BrandID, "provider", c.Provider, "fingerprint", c.Fingerprint, "error", err)
		return made{version: c.Version, sender: refusing("CREDENTIAL_BROKEN")}
	}
	secret, err := (*s.vault.Load()).OpenCredential(c)
	if err != nil {
		return broken(err)
	}
	switch c.Provider {
	case pusher.FCM:
		sender, err := fcm.New(secret, fcm.Options{Endpoint: s.providers.FCMEndpoint, InFlight: s.inFlight, Transport: s.transport, Now: s.now})
		if err != nil {
			return broken(err)
		}
		return made{version: c.Version, sender: sender}
	case pusher.APNs:
		sender, err := apns.New(secret, c.KeyID, c.TeamID, c.Topic, apns.Options{
			Endpoint: s.providers.APNsEndpoint, SandboxEndpoint: s.providers.APNsSandboxEndpoint, RootCAs: s.roots,
			Sandbox: c.Sandbox, Tokens: s.tokens, Now: s.now})
		if err != nil {
			return broken(err)
		}
		return made{c.Version, sender, sender.Close}
	}
	if c.Provider == pusher.WebPush {
		sender, err := webpush.New(secret, webpush.Options{
			Services: s.providers.pushServices(), Transport: s.browsers, InFlight: s.inFlight, Now: s.now})
		if err != nil {
			return broken(err)
		}
		return made{version: c.Version, sender: sender}
	}
	return made{version: c.Version, sender: refusing("PROVIDER_UNKNOWN")}
}

// close ends the connections of every sender.
func (s *senders) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.made {
		if m.close != nil {
			m.close()
		}
	}
	s.notes.close()
}

// refusing is a sender that cannot: its code says why.
type refusing string

func (r refusing) Send(context.Context, pusher.Address, *pusher.Delivery) pusher.Result {
	return misconfigured(string(r))
}

func misconfigured(code string) pusher.Result {
	return pusher.Result{Outcome: pusher.OutcomeMisconfigured, Scope: pusher.ScopeProject, Code: code}
}
