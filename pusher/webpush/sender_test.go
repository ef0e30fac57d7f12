package webpush_test

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/pusher/webpush"
)

type bench struct {
	t      *testing.T
	server *emulator.WebPush
	sender *webpush.Sender
	o      webpush.Options
}

func credential(t *testing.T) []byte {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	require.NoError(t, err)
	text, err := json.Marshal(map[string]string{
		"private_key": base64.RawURLEncoding.EncodeToString(key.Bytes()), "subject": "mailto:push@example.com"})
	require.NoError(t, err)
	return text
}

func start(t *testing.T) *bench {
	server, err := emulator.NewWebPush(emulator.WebPushOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	services := pusher.PushServices{server.Addr()}
	transport := webpush.NewTransport(services, server.CertPool())
	t.Cleanup(transport.CloseIdleConnections)
	b := &bench{t: t, server: server, o: webpush.Options{Services: services, Transport: transport}}
	b.sender, err = webpush.New(credential(t), b.o)
	require.NoError(t, err)
	return b
}

func (b *bench) address(name string) pusher.Address {
	text, err := b.server.Subscribe(name, b.sender.PublicKey())
	require.NoError(b.t, err)
	return pusher.Address{Provider: pusher.WebPush, Kind: pusher.KindSubscription, Value: text}
}

func delivery() *pusher.Delivery {
	return &pusher.Delivery{
		ID: uuid.New(), CampaignID: uuid.New(), HighPriority: true, Deadline: time.Now().Add(10 * time.Minute),
		Notification: pusher.Notification{ID: uuid.New(), Title: "커피", Body: "오늘만", DeepLink: "https://example.com/c/7", Category: "ad", CollapseKey: "k"},
	}
}

// The browser's side is written from the RFCs alone, with another library's primitives: what it opens is right.
func TestAcceptedAndOpenedByTheBrowser(t *testing.T) {
	b := start(t)
	d := delivery()
	r := b.sender.Send(t.Context(), b.address("phone"), d)
	require.Equal(t, pusher.OutcomeAccepted, r.Outcome, "%+v", r)
	a := b.server.Accepted(0)[0]
	require.Equal(t, r.ProviderID, a.ProviderID)
	require.Equal(t, "커피", a.Title)
	require.Equal(t, d.ID.String(), a.Delivery)
	require.Equal(t, "high", a.Priority)
	require.Len(t, a.CollapseKey, 32)
	require.WithinDuration(t, d.Deadline, a.Expires, 2*time.Second)
	require.Equal(t, 1, b.server.Counts().HTTP2)

	again := delivery()
	again.Notification.CollapseKey, again.Notification.NowOrNever = "k", true
	require.Equal(t, pusher.OutcomeAccepted, b.sender.Send(t.Context(), b.address("phone"), again).Outcome)
	second := b.server.Accepted(1)[0]
	require.Equal(t, a.CollapseKey, second.CollapseKey, "one collapse key, one topic: the second replaces the first")
	require.False(t, second.Expires.After(second.Time), "now or never")
}

func TestAnswers(t *testing.T) {
	b := start(t)
	to := b.address("a")
	retry := func(first time.Duration) pusher.Result {
		return pusher.Result{Outcome: pusher.OutcomeRetry, FirstWait: first}
	}
	device := pusher.Result{Outcome: pusher.OutcomeRetry, Scope: pusher.ScopeDevice, FirstWait: time.Minute}
	later := device
	later.RetryAfter = 7 * time.Second
	maybe := retry(10 * time.Second)
	maybe.MaybeReceived = true
	for _, c := range []struct {
		answer emulator.Outcome
		code   string
		want   pusher.Result
	}{
		{emulator.Outcome{Status: 400, Code: "no"}, "HTTP_400", pusher.Result{Outcome: pusher.OutcomeRejected}},
		{emulator.Outcome{Status: 301}, "HTTP_301", pusher.Result{Outcome: pusher.OutcomeRejected}},
		{emulator.Outcome{Status: 404}, "HTTP_404", pusher.Result{Outcome: pusher.OutcomeAddressGone}},
		{emulator.Outcome{Status: 410, Shape: emulator.HTML}, "HTTP_410", pusher.Result{Outcome: pusher.OutcomeAddressGone}},
		{emulator.Outcome{Status: 413}, "PAYLOAD_TOO_LARGE", pusher.Result{Outcome: pusher.OutcomeRejected}},
		{emulator.Outcome{Status: 401}, "HTTP_401", device},
		{emulator.Outcome{Status: 403, Code: `{"reason":"VapidPkHashMismatch"}`}, "VAPID_KEY_MISMATCH", pusher.Result{Outcome: pusher.OutcomeRejected, Quarantine: true}},
		{emulator.Outcome{Status: 429}, "HTTP_429", device},
		{emulator.Outcome{Status: 429, RetryAfter: "7"}, "HTTP_429", later},
		{emulator.Outcome{Status: 500}, "HTTP_500", retry(10 * time.Second)},
		{emulator.Outcome{Status: 503, Shape: emulator.HTML}, "HTTP_503", retry(10 * time.Second)},
		{emulator.Outcome{Status: 502}, "HTTP_502", maybe},
		{emulator.Outcome{Reset: emulator.Before}, "CONNECTION", pusher.Result{Outcome: pusher.OutcomeRetry, MaybeReceived: true}},
		{emulator.Outcome{Reset: emulator.After}, "CONNECTION", pusher.Result{Outcome: pusher.OutcomeRetry, MaybeReceived: true}},
	} {
		t.Run(c.code, func(t *testing.T) {
			b.server.Forget()
			require.NoError(t, b.server.On("a", c.answer))
			r := b.sender.Send(t.Context(), to, delivery())
			r.GoneSince = time.Time{}
			c.want.Code = c.code
			require.Equal(t, c.want, r)
			require.Equal(t, 1, b.server.Counts().Requests, "one attempt, no redirects")
		})
	}
}

// A phone whose subscription leads to a refusal stops nobody but itself; a key that is refused everywhere is to blame.
func TestRefusalsOfTheKeyAreBelievedWhenManyAgree(t *testing.T) {
	b := start(t)
	require.NoError(t, b.server.On("bad*", emulator.Outcome{Status: 403, Times: -1}))
	bad := b.address("bad-0")
	for range 20 {
		require.Equal(t, pusher.OutcomeRetry, b.sender.Send(t.Context(), bad, delivery()).Outcome)
	}
	var last pusher.Result
	for _, name := range []string{"bad-1", "bad-2", "bad-3", "bad-4"} {
		last = b.sender.Send(t.Context(), b.address(name), delivery())
	}
	require.Equal(t, pusher.Result{Outcome: pusher.OutcomeMisconfigured, Scope: pusher.ScopeProject, Code: "HTTP_403"}, last)
	require.Equal(t, pusher.OutcomeAccepted, b.sender.Send(t.Context(), b.address("good"), delivery()).Outcome)
	require.Equal(t, pusher.OutcomeRetry, b.sender.Send(t.Context(), bad, delivery()).Outcome, "one acceptance clears the key")
}

func TestSubscriptionOfAnotherKeyIsQuarantined(t *testing.T) {
	b := start(t)
	other, err := webpush.New(credential(t), b.o)
	require.NoError(t, err)
	r := other.Send(t.Context(), b.address("a"), delivery())
	require.Equal(t, pusher.Result{Outcome: pusher.OutcomeRejected, Code: "VAPID_KEY_MISMATCH", Quarantine: true}, r)
}

// subscriptionAt is a well-formed subscription whose endpoint is somebody's choice.
func subscriptionAt(t *testing.T, b *bench, endpoint string) pusher.Address {
	to := b.address("x")
	var raw map[string]any
	require.NoError(t, json.Unmarshal([]byte(to.Value), &raw))
	raw["endpoint"] = endpoint
	text, err := json.Marshal(raw)
	require.NoError(t, err)
	to.Value = string(text)
	return to
}

func TestGoesNowhereElse(t *testing.T) {
	b := start(t)
	port := b.server.Addr()[strings.LastIndex(b.server.Addr(), ":"):]
	wide := b.o
	wide.Services = pusher.PushServices{"localhost", "169.254.169.254", "*.example.com"}
	wide.Transport = webpush.NewTransport(wide.Services, b.server.CertPool())
	sender, err := webpush.New(credential(t), wide)
	require.NoError(t, err)
	for _, c := range []struct{ endpoint, code string }{
		{"http://" + b.server.Addr() + "/push/x", "ADDRESS_MALFORMED"},
		{"https://user@localhost/push/x", "ADDRESS_MALFORMED"},
		{"https://" + b.server.Addr() + "/push/x", "PUSH_SERVICE_NOT_ALLOWED"},
		{"https://localhost" + port + "/push/x", "PUSH_SERVICE_NOT_ALLOWED"},
		{"https://evil.example.com.evil.net/", "PUSH_SERVICE_NOT_ALLOWED"},
		{"https://example.com/", "PUSH_SERVICE_NOT_ALLOWED"},
		{"https://localhost/push/x", "PUSH_SERVICE_NOT_PUBLIC"},
		{"https://169.254.169.254/latest", "PUSH_SERVICE_NOT_PUBLIC"},
	} {
		r := sender.Send(t.Context(), subscriptionAt(t, b, c.endpoint), delivery())
		require.Equal(t, pusher.Result{Outcome: pusher.OutcomeRejected, Code: c.code, Quarantine: true}, r, c.endpoint)
	}
	require.Zero(t, b.server.Counts().Requests)
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
	to := b.address("a")
	require.NoError(t, b.server.On("a", emulator.Outcome{Delay: emulator.Duration(time.Hour)}))
	ctx := timeUp{t.Context(), make(chan struct{})}
	ended := make(chan pusher.Result, 1)
	go func() { ended <- b.sender.Send(ctx, to, delivery()) }()
	require.Eventually(t, func() bool { return b.server.Counts().Accepted == 1 }, time.Minute, time.Millisecond)
	close(ctx.passed)
	r := <-ended
	require.Equal(t, pusher.Result{Outcome: pusher.OutcomeRetry, Code: "TIMEOUT", MaybeReceived: true}, r)
	require.Equal(t, 1, b.server.Counts().Accepted)
}

func TestRefusedBeforeTheProviderIsAsked(t *testing.T) {
	b := start(t)
	long, late, most := delivery(), delivery(), delivery()
	long.Notification.Body = strings.Repeat("a", 4000)
	late.Deadline = time.Now()
	to := b.address("a")
	require.Equal(t, "PAYLOAD_TOO_LARGE", b.sender.Send(t.Context(), to, long).Code)
	require.Equal(t, "DEADLINE_PASSED", b.sender.Send(t.Context(), to, late).Code)
	require.Equal(t, "ADDRESS_KIND_UNKNOWN", b.sender.Send(t.Context(), pusher.Address{Kind: "token"}, delivery()).Code)
	require.Zero(t, b.server.Counts().Requests)
	body, err := webpush.Payload(most)
	require.NoError(t, err)
	most.Notification.Body += strings.Repeat("a", 3993-len(body))
	require.Equal(t, "OK", b.sender.Send(t.Context(), to, most).Code, "the longest that fits")
}

func TestCredentials(t *testing.T) {
	good := map[string]string{}
	require.NoError(t, json.Unmarshal(credential(t), &good))
	for _, c := range []struct{ field, key, value string }{
		{"private_key", "private_key", ""}, {"private_key", "private_key", "%%"}, {"private_key", "private_key", "c2hvcnQ"},
		{"subject", "subject", ""}, {"subject", "subject", "mailto:nobody"}, {"subject", "subject", "http://example.com"},
	} {
		bad := map[string]string{"private_key": good["private_key"], "subject": good["subject"]}
		bad[c.key] = c.value
		text, err := json.Marshal(bad)
		require.NoError(t, err)
		_, err = webpush.New(text, webpush.Options{})
		var refused *webpush.CredentialError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, c.field, refused.Field)
		require.NotContains(t, err.Error(), good["private_key"])
	}
	_, err := webpush.New(credential(t), webpush.Options{Services: pusher.PushServices{"https://x"}, Transport: http.DefaultTransport})
	require.Error(t, err)
}
