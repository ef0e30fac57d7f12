package fcm

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"firebase.google.com/go/v4/messaging"
	"golang.org/x/sync/semaphore"
	"google.golang.org/api/option"

	"github.com/wantgo/wantgo/pusher"
)

// libraryVersion is the release of firebase-admin-go that go.mod names; the library says it in its headers.
const libraryVersion = "4.19.0"

// Options are what a sender needs beside its credential. The zero value talks to Google.
type Options struct {
	// Endpoint replaces Google's, for an emulator: http://127.0.0.1:port/v1, with the version and without
	// "/projects". Access tokens still come from the credential's token_uri.
	Endpoint string
	// InFlight bounds the requests under way; share one among the senders of a process. nil: no bound.
	InFlight *semaphore.Weighted
	// Transport carries requests; share one among the senders of a process. nil: NewTransport's defaults.
	Transport http.RoundTripper
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Sender hands deliveries to FCM with one service account. It is safe for concurrent use.
type Sender struct {
	client   *messaging.Client
	tokens   *accessTokens
	inFlight *semaphore.Weighted
	now      func() time.Time
	project  string
}

var _ pusher.Sender = (*Sender)(nil)

// New checks a service account's JSON and makes its sender, without calling anybody. A refusal is a
// *CredentialError, which names the field.
func New(credentialJSON []byte, o Options) (*Sender, error) {
	if err := checkEndpoint(o.Endpoint); err != nil {
		return nil, err
	}
	cred, err := parseCredential(credentialJSON, o.Endpoint)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Transport == nil {
		o.Transport = NewTransport(TransportOptions{})
	}
	s := &Sender{
		tokens: newAccessTokens(cred, o.Transport, o.Now), inFlight: o.InFlight, now: o.Now, project: cred.ProjectID,
	}
	if s.client, err = newClient(cred.ProjectID, o.Endpoint, &wire{base: o.Transport, tokens: s.tokens}); err != nil {
		return nil, fmt.Errorf("fcm: %w", err)
	}
	return s, nil
}

// newClient makes the library's client without firebase.NewApp: the package of NewApp links Firestore, Cloud
// Storage and everything below them. Its argument has a type of an internal package, which the compiler
// infers here.
func newClient(project, endpoint string, rt http.RoundTripper) (*messaging.Client, error) {
	config := argumentOf(messaging.NewClient)
	config.ProjectID, config.Version = project, libraryVersion
	config.Opts = []option.ClientOption{option.WithHTTPClient(&http.Client{Transport: rt})}
	if endpoint != "" {
		config.Opts = append(config.Opts, option.WithEndpoint(endpoint))
	}
	return messaging.NewClient(context.Background(), config)
}

func argumentOf[C, R any](func(context.Context, *C) (R, error)) *C { return new(C) }

// Project returns the Firebase project's id.
func (s *Sender) Project() string { return s.project }

// Verify asks for an access token, and so tells whether Google (or the emulator) knows this credential and
// this machine's clock is right enough.
func (s *Sender) Verify(ctx context.Context) error {
	_, err := s.tokens.get(ctx)
	return err
}

// Send makes one attempt. See pusher.Sender.
func (s *Sender) Send(ctx context.Context, to pusher.Address, d *pusher.Delivery) pusher.Result {
	now := s.now()
	m := ProviderMessage(to, d, now)
	if r, refused := refuse(to, d, m, now); refused {
		return r
	}
	if s.inFlight != nil {
		if err := s.inFlight.Acquire(ctx, 1); err != nil {
			return pusher.Result{Outcome: pusher.OutcomeRetry, Code: "NO_ROOM"}
		}
		defer s.inFlight.Release(1)
	}
	body := encode(m, to.Kind == kindFID)
	a := s.attempt(ctx, m, body)
	if a.refusedToken() {
		s.tokens.discard(a.bearer)
		a = s.attempt(ctx, m, body)
	}
	return classify(a, now, s.now())
}

// attempt has the library make the request, of which the wire replaces the body: the library is shown only what it may
// find fault with.
func (s *Sender) attempt(ctx context.Context, m *messaging.Message, body []byte) *attempt {
	a := &attempt{body: body}
	shown := messaging.Message{Token: m.Token}
	if m.Notification.ImageURL != "" {
		shown.Notification = &messaging.Notification{ImageURL: m.Notification.ImageURL}
	}
	// The library's error says less than the attempt, which holds the whole answer.
	_, _ = s.client.Send(withAttempt(ctx, a), &shown)
	return a
}

// refuse says no to what the provider would refuse: its answer to these could be mistaken for a bad address.
func refuse(to pusher.Address, d *pusher.Delivery, m *messaging.Message, now time.Time) (pusher.Result, bool) {
	switch {
	case to.Value == "" || !knownKind(to):
		return pusher.Result{Outcome: pusher.OutcomeRejected, Code: "ADDRESS_KIND_UNKNOWN"}, true
	case !now.Before(d.Deadline):
		return pusher.Result{Outcome: pusher.OutcomeRetry, Code: "DEADLINE_PASSED"}, true
	case payloadBytes(m) > maxPayloadBytes:
		return pusher.Result{Outcome: pusher.OutcomeRejected, Code: "PAYLOAD_TOO_LARGE"}, true
	}
	return pusher.Result{}, false
}
