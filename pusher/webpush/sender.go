package webpush

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	library "github.com/SherClockHolmes/webpush-go"
	"golang.org/x/sync/semaphore"

	"github.com/wantgo/wantgo/pusher"
)

// Options are what a sender needs beside its credential. The zero value goes to the known push services.
type Options struct {
	Services pusher.PushServices // nil: KnownPushServices
	// Transport carries requests; share one among the senders of a process. nil: NewTransport(Services, nil).
	Transport http.RoundTripper
	// InFlight bounds the requests under way; share one among the senders of a process. nil: no bound.
	InFlight *semaphore.Weighted
	Now      func() time.Time // nil: time.Now
}

// Sender hands deliveries to browsers' push services with one VAPID key. It is safe for concurrent use.
type Sender struct {
	key key
	o   Options

	mu      sync.Mutex
	refused map[[32]byte]struct{} // subscriptions for which our key was refused since one was accepted
}

var _ pusher.Sender = (*Sender)(nil)

// enoughRefused is how many subscriptions in a row must be refused before the key is to blame.
const enoughRefused = 5

// New checks a credential and makes its sender, without calling anybody. A refusal is a *CredentialError, which names
// the field.
func New(credentialJSON []byte, o Options) (*Sender, error) {
	k, err := parseKey(credentialJSON)
	if err != nil {
		return nil, err
	}
	if o.Services == nil {
		o.Services = pusher.KnownPushServices()
	}
	if err := o.Services.Check(); err != nil {
		return nil, err
	}
	if o.Transport == nil {
		o.Transport = NewTransport(o.Services, nil)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Sender{key: k, o: o, refused: make(map[[32]byte]struct{})}, nil
}

// PublicKey is what a web app gives as applicationServerKey, in base64url.
func (s *Sender) PublicKey() string { return s.key.public }

// Send makes one attempt. See pusher.Sender.
func (s *Sender) Send(ctx context.Context, to pusher.Address, d *pusher.Delivery) pusher.Result {
	now := s.o.Now()
	subscription, body, refused := s.prepare(to, d, now)
	if refused.Code != "" {
		return refused
	}
	if s.o.InFlight != nil {
		if err := s.o.InFlight.Acquire(ctx, 1); err != nil {
			return pusher.Result{Outcome: pusher.OutcomeRetry, Code: "NO_ROOM"}
		}
		defer s.o.InFlight.Release(1)
	}
	a := &attempt{transport: s.o.Transport}
	// The library's error says less than the attempt, which holds the whole answer.
	_, _ = library.SendNotificationWithContext(ctx, body, &library.Subscription{
		Endpoint: subscription.Endpoint,
		Keys: library.Keys{
			Auth:   base64.RawURLEncoding.EncodeToString(subscription.Auth),
			P256dh: base64.RawURLEncoding.EncodeToString(subscription.P256DH),
		},
	}, &library.Options{
		HTTPClient: a, RecordSize: recordSize(len(body)), Subscriber: s.key.subject, Topic: topic(&d.Notification),
		TTL: ttl(d, now), Urgency: urgency(d), VAPIDPublicKey: s.key.public, VAPIDPrivateKey: s.key.private,
	})
	return s.believe(classify(a, now, s.o.Now()), to)
}

func (s *Sender) prepare(to pusher.Address, d *pusher.Delivery, now time.Time) (pusher.Subscription, []byte, pusher.Result) {
	none := func(r pusher.Result) (pusher.Subscription, []byte, pusher.Result) {
		return pusher.Subscription{}, nil, r
	}
	if to.Kind != pusher.KindSubscription {
		return none(pusher.Result{Outcome: pusher.OutcomeRejected, Code: "ADDRESS_KIND_UNKNOWN"})
	}
	subscription, err := pusher.ParseSubscription(to.Value)
	if err != nil {
		return none(pusher.Result{Outcome: pusher.OutcomeRejected, Code: "ADDRESS_MALFORMED", Quarantine: true})
	}
	if !s.o.Services.Allow(subscription) {
		return none(pusher.Result{Outcome: pusher.OutcomeRejected, Code: "PUSH_SERVICE_NOT_ALLOWED", Quarantine: true})
	}
	if !now.Before(d.Deadline) {
		return none(pusher.Result{Outcome: pusher.OutcomeRetry, Code: "DEADLINE_PASSED"})
	}
	body, err := Payload(d)
	if err != nil || len(body) > maxPayloadBytes {
		return none(pusher.Result{Outcome: pusher.OutcomeRejected, Code: "PAYLOAD_TOO_LARGE"})
	}
	return subscription, body, pusher.Result{}
}

// believe keeps one phone's subscription, which may lead to anything that refuses, from stopping a whole brand: until
// enough different ones were refused in a row, a refusal of the key is that subscription's alone.
func (s *Sender) believe(r pusher.Result, to pusher.Address) pusher.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Outcome {
	case pusher.OutcomeAccepted:
		clear(s.refused)
	case pusher.OutcomeMisconfigured:
		if len(s.refused) < enoughRefused {
			s.refused[sha256.Sum256([]byte(to.Value))] = struct{}{}
		}
		if len(s.refused) < enoughRefused {
			r.Outcome, r.Scope, r.FirstWait = pusher.OutcomeRetry, pusher.ScopeDevice, quotaWait
		}
	}
	return r
}
