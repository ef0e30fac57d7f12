package fcm_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/semaphore"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/pusher/fcm"
)

// clock stands still until a test moves it.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

type bench struct {
	clock  *clock
	fcm    *emulator.FCM
	sender *fcm.Sender
}

func start(t *testing.T, change ...func(*fcm.Options)) *bench {
	t.Helper()
	b := &bench{clock: newClock()}
	var err error
	b.fcm, err = emulator.NewFCM(emulator.FCMOptions{Now: b.clock.now})
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.fcm.Close() })
	o := fcm.Options{Endpoint: b.fcm.URL(), Now: b.clock.now}
	for _, f := range change {
		f(&o)
	}
	b.sender, err = fcm.New(b.fcm.ServiceAccountJSON(), o)
	require.NoError(t, err)
	return b
}

func delivery(now time.Time) *pusher.Delivery {
	return &pusher.Delivery{
		ID: uuid.New(), CampaignID: uuid.New(), HighPriority: true, Deadline: now.Add(10 * time.Minute),
		Notification: pusher.Notification{ID: uuid.New(), Title: "t", Body: "b", Category: "ad", CollapseKey: "k"},
	}
}

func address(value string) pusher.Address {
	return pusher.Address{Provider: pusher.FCM, Kind: "token", Value: value}
}

func TestAcceptedByTheEmulator(t *testing.T) {
	b := start(t)
	for _, kind := range []string{"token", "fid"} {
		b.fcm.Forget()
		d := delivery(b.clock.now())
		r := b.sender.Send(t.Context(), pusher.Address{Kind: kind, Value: "device-1"}, d)
		require.Equal(t, pusher.OutcomeAccepted, r.Outcome, "%+v", r)
		accepted := b.fcm.Accepted(0)
		require.Len(t, accepted, 1)
		require.Equal(t, "device-1", accepted[0].Address)
		require.Equal(t, r.ProviderID, accepted[0].ProviderID)
		require.Equal(t, d.Notification.ID.String(), accepted[0].Notification)
		require.Equal(t, d.ID.String(), accepted[0].Delivery)
		require.Equal(t, "k", accepted[0].CollapseKey)
		require.Equal(t, "high", accepted[0].Priority)
		require.Equal(t, d.Deadline, accepted[0].Expires)
	}
	require.Equal(t, 0, b.fcm.Counts().Tokens, "forgotten with the record; the second send bought none")
}

// Every row of FCM's answers: what the provider says, and what it means to us.
func TestAnswers(t *testing.T) {
	b := start(t)
	now := b.clock.now()
	project := pusher.Result{Outcome: pusher.OutcomeMisconfigured, Scope: pusher.ScopeProject}
	gone := pusher.Result{Outcome: pusher.OutcomeAddressGone, GoneSince: now}
	retry := func(scope pusher.Scope, first, after time.Duration) pusher.Result {
		return pusher.Result{Outcome: pusher.OutcomeRetry, Scope: scope, FirstWait: first, RetryAfter: after}
	}
	rejected := pusher.Result{Outcome: pusher.OutcomeRejected}
	quarantine := pusher.Result{Outcome: pusher.OutcomeRejected, Quarantine: true}
	maybe := pusher.Result{Outcome: pusher.OutcomeRetry, MaybeReceived: true}
	maybeLater := pusher.Result{Outcome: pusher.OutcomeRetry, MaybeReceived: true, FirstWait: 10 * time.Second}

	for _, c := range []struct {
		name   string
		answer emulator.Outcome
		code   string
		want   pusher.Result
	}{
		{"our json", emulator.Outcome{Status: 400, Shape: emulator.BadRequest, Field: "message.x"}, "BAD_REQUEST", rejected},
		{"argument", emulator.Outcome{Status: 400, Code: "INVALID_ARGUMENT"}, "INVALID_ARGUMENT", quarantine},
		{"argument: the token", emulator.Outcome{Status: 400, Code: "INVALID_ARGUMENT", Field: "message.token"}, "INVALID_ARGUMENT", quarantine},
		{"argument: another field", emulator.Outcome{Status: 400, Code: "INVALID_ARGUMENT", Field: "message.android.ttl"}, "INVALID_ARGUMENT", rejected},
		{"argument: status only", emulator.Outcome{Status: 400, Shape: emulator.Plain}, "INVALID_ARGUMENT", rejected},
		{"400 html", emulator.Outcome{Status: 400, Shape: emulator.HTML}, "HTTP_400", rejected},
		{"401 json", emulator.Outcome{Status: 401, Shape: emulator.Plain, Times: 2}, "UNAUTHENTICATED", project},
		{"401 html", emulator.Outcome{Status: 401, Shape: emulator.HTML, Times: 2}, "HTTP_401", project},
		{"third party", emulator.Outcome{Status: 401, Code: "THIRD_PARTY_AUTH_ERROR"}, "THIRD_PARTY_AUTH_ERROR", project},
		{"third party, old name", emulator.Outcome{Status: 401, Code: "APNS_AUTH_ERROR"}, "APNS_AUTH_ERROR", project},
		{"sender id", emulator.Outcome{Status: 403, Code: "SENDER_ID_MISMATCH"}, "SENDER_ID_MISMATCH", gone},
		{"permission", emulator.Outcome{Status: 403, Shape: emulator.Plain}, "PERMISSION_DENIED", project},
		{"unregistered", emulator.Outcome{Status: 404, Code: "UNREGISTERED"}, "UNREGISTERED", gone},
		{"404 json", emulator.Outcome{Status: 404, Shape: emulator.Plain}, "NOT_FOUND", project},
		{"404 html", emulator.Outcome{Status: 404, Shape: emulator.HTML}, "HTTP_404", project},
		{"device quota", emulator.Outcome{Status: 429, Code: "QUOTA_EXCEEDED", Shape: emulator.Quota, Field: "device"}, "QUOTA_EXCEEDED", retry(pusher.ScopeDevice, time.Minute, 0)},
		{"device quota without FcmError", emulator.Outcome{Status: 429, Shape: emulator.Quota, Field: "device:x"}, "RESOURCE_EXHAUSTED", retry(pusher.ScopeDevice, time.Minute, 0)},
		{"quota, FcmError only, seconds", emulator.Outcome{Status: 429, Code: "QUOTA_EXCEEDED", RetryAfter: "7"}, "QUOTA_EXCEEDED", retry(pusher.ScopeDevice, time.Minute, 7*time.Second)},
		{"quota of a topic", emulator.Outcome{Status: 429, Code: "QUOTA_EXCEEDED", Shape: emulator.Quota, Field: "topic:news"}, "QUOTA_EXCEEDED", retry(pusher.ScopeTopic, time.Minute, 0)},
		{"quota that says nothing", emulator.Outcome{Status: 429, Shape: emulator.Plain}, "RESOURCE_EXHAUSTED", retry(pusher.ScopeProject, time.Minute, 0)},
		{"quota of the project", emulator.Outcome{Status: 429, Code: "QUOTA_EXCEEDED", Shape: emulator.Quota, Field: "project:1"}, "QUOTA_EXCEEDED", retry(pusher.ScopeProject, time.Minute, 0)},
		{"project minute", emulator.Outcome{Status: 429, Shape: emulator.RateLimit, RetryAfter: "date:40s"}, "RATE_LIMIT_EXCEEDED", retry(pusher.ScopeProject, time.Minute, 40*time.Second)},
		{"429 html", emulator.Outcome{Status: 429, Shape: emulator.HTML}, "HTTP_429", retry(pusher.ScopeProject, time.Minute, 0)},
		{"internal", emulator.Outcome{Status: 500, Code: "INTERNAL"}, "INTERNAL", retry(pusher.ScopeDelivery, 10*time.Second, 0)},
		{"unavailable", emulator.Outcome{Status: 503, Code: "UNAVAILABLE"}, "UNAVAILABLE", retry(pusher.ScopeDelivery, 10*time.Second, 0)},
		{"unavailable, date", emulator.Outcome{Status: 503, Code: "UNAVAILABLE", RetryAfter: "date:3m"}, "UNAVAILABLE", retry(pusher.ScopeProject, 10*time.Second, 3*time.Minute)},
		{"retry after in the past", emulator.Outcome{Status: 500, Shape: emulator.Plain, RetryAfter: "date:-5m"}, "INTERNAL", retry(pusher.ScopeDelivery, 10*time.Second, 0)},
		{"retry after nonsense", emulator.Outcome{Status: 500, Shape: emulator.Plain, RetryAfter: "soon"}, "INTERNAL", retry(pusher.ScopeDelivery, 10*time.Second, 0)},
		{"unspecified 500", emulator.Outcome{Status: 500, Code: "UNSPECIFIED_ERROR"}, "UNSPECIFIED_ERROR", retry(pusher.ScopeDelivery, 10*time.Second, 0)},
		{"unspecified 409", emulator.Outcome{Status: 409, Code: "UNSPECIFIED_ERROR"}, "UNSPECIFIED_ERROR", rejected},
		{"503 without body", emulator.Outcome{Status: 503, Shape: emulator.Empty}, "HTTP_503", retry(pusher.ScopeDelivery, 10*time.Second, 0)},
		{"gateway", emulator.Outcome{Status: 502, Shape: emulator.HTML}, "HTTP_502", maybeLater},
		{"gateway timeout", emulator.Outcome{Status: 504, Shape: emulator.HTML}, "HTTP_504", maybeLater},
		{"a code that is none", emulator.Outcome{Status: 400, Code: "x y\n"}, "INVALID_ARGUMENT", rejected},
		{"reset before", emulator.Outcome{Reset: emulator.Before}, "CONNECTION", maybe},
		{"reset after", emulator.Outcome{Reset: emulator.After}, "CONNECTION", maybe},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.fcm.Forget()
			require.NoError(t, b.fcm.On("device", c.answer))
			got := b.sender.Send(t.Context(), address("device"), delivery(now))
			c.want.Code = c.code
			require.Equal(t, c.want, got)
			requests := max(c.answer.Times, 1)
			require.Equal(t, requests, b.fcm.Counts().Requests, "the library repeats nothing by itself")
			accepted := 0
			if c.answer.Reset == emulator.After {
				accepted = 1
			}
			require.Equal(t, accepted, b.fcm.Counts().Accepted)
		})
	}
}

func TestRefusedAccessTokenIsReplacedOnce(t *testing.T) {
	b := start(t)
	require.Equal(t, pusher.OutcomeAccepted, b.sender.Send(t.Context(), address("a"), delivery(b.clock.now())).Outcome)
	b.fcm.Revoke()
	require.Equal(t, pusher.OutcomeAccepted, b.sender.Send(t.Context(), address("a"), delivery(b.clock.now())).Outcome)
	n := b.fcm.Counts()
	require.Equal(t, 2, n.Tokens)
	require.Equal(t, 3, n.Requests)
	require.Equal(t, 2, n.Accepted)
}

func TestAccessTokenIsRenewedBeforeItEnds(t *testing.T) {
	b := start(t)
	for _, c := range []struct {
		after  time.Duration
		tokens int
	}{{0, 1}, {57 * time.Minute, 1}, {2 * time.Minute, 2}} {
		b.clock.advance(c.after)
		require.Equal(t, pusher.OutcomeAccepted, b.sender.Send(t.Context(), address("a"), delivery(b.clock.now())).Outcome)
		require.Equal(t, c.tokens, b.fcm.Counts().Tokens)
	}
	require.Zero(t, b.fcm.Counts().ByOutcome["HTTP_401"])
}

func TestTokenEndpoint(t *testing.T) {
	for _, c := range []struct {
		answer emulator.Outcome
		want   pusher.Result
	}{
		{emulator.Outcome{Status: 400, Code: "invalid_grant"}, pusher.Result{Outcome: pusher.OutcomeMisconfigured, Scope: pusher.ScopeProject, Code: "TOKEN_INVALID_GRANT"}},
		{emulator.Outcome{Status: 401, Code: "<script>"}, pusher.Result{Outcome: pusher.OutcomeMisconfigured, Scope: pusher.ScopeProject, Code: "TOKEN_REFUSED"}},
		{emulator.Outcome{Status: 503}, pusher.Result{Outcome: pusher.OutcomeRetry, Scope: pusher.ScopeProject, Code: "TOKEN_UNAVAILABLE"}},
		{emulator.Outcome{Status: 429}, pusher.Result{Outcome: pusher.OutcomeRetry, Scope: pusher.ScopeProject, Code: "TOKEN_UNAVAILABLE"}},
		{emulator.Outcome{Reset: emulator.Before}, pusher.Result{Outcome: pusher.OutcomeRetry, Scope: pusher.ScopeProject, Code: "TOKEN_UNAVAILABLE"}},
	} {
		b := start(t)
		require.NoError(t, b.fcm.On("@token", c.answer))
		require.Equal(t, c.want, b.sender.Send(t.Context(), address("a"), delivery(b.clock.now())))
		require.Zero(t, b.fcm.Counts().Requests)
		require.NoError(t, b.sender.Verify(t.Context()))
		require.Equal(t, pusher.OutcomeAccepted, b.sender.Send(t.Context(), address("a"), delivery(b.clock.now())).Outcome)
	}
}

func TestOneExchangeHoweverManyWait(t *testing.T) {
	b := start(t)
	require.NoError(t, b.fcm.On("@token", emulator.Outcome{Delay: emulator.Duration(50 * time.Millisecond)}))
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() { b.sender.Send(t.Context(), address("a"), delivery(b.clock.now())) })
	}
	wait.Wait()
	require.Equal(t, 1, b.fcm.Counts().Tokens)
	require.Equal(t, 50, b.fcm.Counts().Accepted)
}

// Of two requests that a stalled provider holds, one is under way and may be taken; the other never left.
func TestNoAnswer(t *testing.T) {
	b := start(t, func(o *fcm.Options) { o.InFlight = semaphore.NewWeighted(1) })
	require.NoError(t, b.sender.Verify(t.Context()))
	b.fcm.Stall()
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan pusher.Result, 2)
	for range 2 {
		go func() { results <- b.sender.Send(ctx, address("a"), delivery(b.clock.now())) }()
	}
	require.Eventually(t, func() bool { return b.fcm.Counts().Held == 1 }, 10*time.Second, time.Millisecond)
	cancel()
	var codes []string
	for range 2 {
		r := <-results
		require.Equal(t, pusher.OutcomeRetry, r.Outcome)
		require.Equal(t, r.Code == "CANCELLED", r.MaybeReceived, "%+v", r)
		codes = append(codes, r.Code)
	}
	require.ElementsMatch(t, []string{"CANCELLED", "NO_ROOM"}, codes)
	require.Equal(t, 1, b.fcm.Counts().Requests)
	require.Eventually(t, func() bool { return b.fcm.Counts().ByOutcome["CLIENT_GONE"] == 1 }, 10*time.Second, time.Millisecond)
	b.fcm.Release()
	require.Zero(t, b.fcm.Counts().Accepted, "nobody waited for it any more")
}

// timeUp is a context whose deadline passes when the test says so.
type timeUp struct {
	context.Context
	passed chan struct{}
}

func (c timeUp) Done() <-chan struct{} { return c.passed }

func (c timeUp) Err() error {
	select {
	case <-c.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestTimeoutMayHaveBeenReceived(t *testing.T) {
	b := start(t)
	require.NoError(t, b.sender.Verify(t.Context()))
	require.NoError(t, b.fcm.SetDefault(emulator.Outcome{Delay: emulator.Duration(time.Hour)}))
	ctx := timeUp{t.Context(), make(chan struct{})}
	ended := make(chan pusher.Result, 1)
	go func() { ended <- b.sender.Send(ctx, address("a"), delivery(b.clock.now())) }()
	require.Eventually(t, func() bool { return b.fcm.Counts().Accepted == 1 }, time.Minute, time.Millisecond)
	close(ctx.passed)
	r := <-ended
	require.Equal(t, pusher.Result{Outcome: pusher.OutcomeRetry, Code: "TIMEOUT", MaybeReceived: true}, r)
	require.Equal(t, 1, b.fcm.Counts().Accepted)
}

func TestNobodyListens(t *testing.T) {
	transport := fcm.NewPlainTransport(1)
	transport.DisableKeepAlives = true // on a kept connection the request might have left
	b := start(t, func(o *fcm.Options) { o.Transport = transport })
	require.NoError(t, b.sender.Verify(t.Context()))
	require.NoError(t, b.fcm.Close())
	r := b.sender.Send(t.Context(), address("a"), delivery(b.clock.now()))
	require.Equal(t, pusher.OutcomeRetry, r.Outcome)
	require.Equal(t, "CONNECTION", r.Code)
	require.False(t, r.MaybeReceived)
}

func TestRefusedBeforeTheProviderIsAsked(t *testing.T) {
	b := start(t)
	now := b.clock.now()
	for _, c := range []struct {
		name    string
		to      pusher.Address
		change  func(*pusher.Delivery)
		outcome pusher.Outcome
		code    string
	}{
		{"no address", address(""), nil, pusher.OutcomeRejected, "ADDRESS_KIND_UNKNOWN"},
		{"another provider's", pusher.Address{Kind: "apns", Value: "ab"}, nil, pusher.OutcomeRejected, "ADDRESS_KIND_UNKNOWN"},
		{"too late", address("a"), func(d *pusher.Delivery) { d.Deadline = now }, pusher.OutcomeRetry, "DEADLINE_PASSED"},
		{"too long", address("a"), func(d *pusher.Delivery) { d.Notification.Body = strings.Repeat("가", 1400) }, pusher.OutcomeRejected, "PAYLOAD_TOO_LARGE"},
		{"image", address("a"), func(d *pusher.Delivery) { d.Notification.ImageURL = "no url" }, pusher.OutcomeRejected, "INVALID_NOTIFICATION"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := delivery(now)
			if c.change != nil {
				c.change(d)
			}
			r := b.sender.Send(t.Context(), c.to, d)
			require.Equal(t, c.outcome, r.Outcome)
			require.Equal(t, c.code, r.Code)
			require.False(t, r.Quarantine)
		})
	}
	require.Zero(t, b.fcm.Counts().Requests)
}

func TestCredentials(t *testing.T) {
	b := start(t)
	for _, c := range []struct {
		field  string
		change func(map[string]string)
	}{
		{"type", func(m map[string]string) { m["type"] = "authorized_user" }},
		{"project_id", func(m map[string]string) { delete(m, "project_id") }},
		{"project_id", func(m map[string]string) { m["project_id"] = "../other" }},
		{"client_email", func(m map[string]string) { m["client_email"] = "" }},
		{"private_key", func(m map[string]string) { m["private_key"] = "secret" }},
		{"private_key", func(m map[string]string) { m["private_key"] = m["private_key"][:200] }},
		{"token_uri", func(m map[string]string) { m["token_uri"] = "" }},
		{"token_uri", func(m map[string]string) { m["token_uri"] = "http://169.254.169.254/token" }},
		{"token_uri", func(m map[string]string) { m["token_uri"] = "https://oauth2.googleapis.com.evil.example/token" }},
		{"token_uri", func(m map[string]string) { m["token_uri"] = "http://oauth2.googleapis.com/token" }},
	} {
		m := map[string]string{}
		require.NoError(t, json.Unmarshal(b.fcm.ServiceAccountJSON(), &m))
		key := m["private_key"]
		c.change(m)
		text, err := json.Marshal(m)
		require.NoError(t, err)
		_, err = fcm.New(text, fcm.Options{Endpoint: b.fcm.URL()})
		var refused *fcm.CredentialError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, c.field, refused.Field)
		require.NotContains(t, err.Error(), key)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := fcm.New([]byte("{"), fcm.Options{})
	require.Error(t, err)
	_, err = fcm.New(b.fcm.ServiceAccountJSON(), fcm.Options{})
	require.ErrorContains(t, err, "token_uri", "without an endpoint only Google's own hosts are asked for tokens")
}

// Without an endpoint requests go to Google's host, and so do tokens. Nothing leaves this machine: the
// transport only says where it was asked to go.
func TestGoogleIsWhereRequestsGoByDefault(t *testing.T) {
	b := start(t)
	m := map[string]string{}
	require.NoError(t, json.Unmarshal(b.fcm.ServiceAccountJSON(), &m))
	m["token_uri"] = "https://oauth2.googleapis.com/token"
	text, err := json.Marshal(m)
	require.NoError(t, err)
	var asked []string
	transport := transportFunc(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("X-Firebase-Client"))
		if r.URL.Path == "/token" {
			return answer(`{"access_token":"x","expires_in":3600}`), nil
		}
		return nil, &net.OpError{Op: "dial", Err: errors.New("no route")}
	})
	s, err := fcm.New(text, fcm.Options{Transport: transport, Now: b.clock.now})
	require.NoError(t, err)
	r := s.Send(t.Context(), address("a"), delivery(b.clock.now()))
	require.Equal(t, pusher.Result{Outcome: pusher.OutcomeRetry, Code: "CONNECTION"}, r)
	require.Equal(t, []string{
		"POST https://oauth2.googleapis.com/token ",
		"POST https://fcm.googleapis.com/v1/projects/wantgo-emulator/messages:send fire-admin-go/4.19.0",
	}, asked)
}

// Over TLS requests share HTTP/2 connections, few whatever the stream limit, and nothing is lost. How many are open at once
// is package dial's to keep, and to test; what is counted here is all that were opened, and one may have been replaced.
func TestHTTP2(t *testing.T) {
	const sends = 600
	for _, c := range []struct{ streams, connections, most int }{{100, 0, 3}, {20, 0, 3}, {1, 2, 2}} {
		server, err := emulator.NewFCM(emulator.FCMOptions{TLS: true, Streams: c.streams})
		require.NoError(t, err)
		t.Cleanup(func() { _ = server.Close() })
		transport := fcm.NewTransport(fcm.TransportOptions{InFlight: 128, Connections: c.connections, Roots: server.CertPool()})
		t.Cleanup(transport.CloseIdleConnections)
		s, err := fcm.New(server.ServiceAccountJSON(), fcm.Options{Endpoint: server.URL(), Transport: transport, InFlight: semaphore.NewWeighted(128)})
		require.NoError(t, err)
		require.NoError(t, s.Verify(t.Context()))
		var wait sync.WaitGroup
		var lost atomic.Int32
		for range sends {
			wait.Go(func() {
				if r := s.Send(t.Context(), address("a"), delivery(time.Now())); r.Outcome != pusher.OutcomeAccepted {
					lost.Add(1)
				}
			})
		}
		wait.Wait()
		n := server.Counts()
		require.Zero(t, lost.Load())
		require.Equal(t, sends, n.DistinctDeliveries)
		require.Equal(t, sends, n.Requests)
		require.Equal(t, n.Requests, n.HTTP2)
		require.LessOrEqual(t, n.Connections, 2*c.most)
	}
}

// A request that finds no room ends with its time, and nothing of it has left.
func TestNoRoom(t *testing.T) {
	server, err := emulator.NewFCM(emulator.FCMOptions{TLS: true, Streams: 1})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	transport := fcm.NewTransport(fcm.TransportOptions{Connections: 1, Roots: server.CertPool()})
	s, err := fcm.New(server.ServiceAccountJSON(), fcm.Options{Endpoint: server.URL(), Transport: transport})
	require.NoError(t, err)
	require.NoError(t, s.Verify(t.Context()))
	require.NoError(t, server.SetDefault(emulator.Outcome{Delay: emulator.Duration(time.Hour)}))
	first, stop := context.WithCancel(t.Context())
	ended := make(chan pusher.Result, 2)
	go func() { ended <- s.Send(first, address("a"), delivery(time.Now())) }()
	require.Eventually(t, func() bool { return server.Counts().Accepted == 1 }, time.Minute, time.Millisecond)
	second, cancel := context.WithCancel(t.Context())
	go func() { ended <- s.Send(second, address("a"), delivery(time.Now())) }()
	cancel()
	require.Equal(t, pusher.Result{Outcome: pusher.OutcomeRetry, Code: "CANCELLED"}, <-ended)
	stop()
	require.True(t, (<-ended).MaybeReceived)
	require.Equal(t, 1, server.Counts().Requests)
}
