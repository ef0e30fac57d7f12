package apns_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/pusher/apns"
	"github.com/wantgo/wantgo/pusher/emulator"
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
	server *clock // the provider's
	apns   *emulator.APNs
	sender *apns.Sender
}

func start(t *testing.T, o emulator.APNsOptions, change ...func(*apns.Options)) *bench {
	t.Helper()
	b := &bench{clock: newClock(), server: newClock()}
	o.Now = b.server.now
	var err error
	b.apns, err = emulator.NewAPNs(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.apns.Close() })
	options := apns.Options{Endpoint: b.apns.Addr(), RootCAs: b.apns.CertPool(), Now: b.clock.now}
	for _, f := range change {
		f(&options)
	}
	b.sender, err = apns.New(b.apns.P8(), b.apns.KeyID(), b.apns.TeamID(), b.apns.Topic(), options)
	require.NoError(t, err)
	t.Cleanup(b.sender.Close)
	return b
}

func connections(n int) func(*apns.Options) { return func(o *apns.Options) { o.Connections = n } }

func (b *bench) advance(d time.Duration) {
	b.clock.advance(d)
	b.server.advance(d)
}

func (b *bench) send(t *testing.T, device string) pusher.Result {
	t.Helper()
	return b.sender.Send(t.Context(), address(device), delivery(b.clock.now()))
}

// burst sends n notifications at once and returns how they ended.
func (b *bench) burst(t *testing.T, n int, device string) map[string]int {
	t.Helper()
	var wait sync.WaitGroup
	var mu sync.Mutex
	ended := map[string]int{}
	for range n {
		wait.Go(func() {
			r := b.sender.Send(t.Context(), address(device), delivery(b.clock.now()))
			mu.Lock()
			defer mu.Unlock()
			ended[r.Code]++
		})
	}
	wait.Wait()
	return ended
}

func delivery(now time.Time) *pusher.Delivery {
	return &pusher.Delivery{
		ID: uuid.New(), CampaignID: uuid.New(), HighPriority: true, Deadline: now.Add(10 * time.Minute),
		Notification: pusher.Notification{ID: uuid.New(), Title: "t", Body: "b", Category: "ad", CollapseKey: "k"},
	}
}

func address(value string) pusher.Address {
	return pusher.Address{Provider: pusher.APNs, Kind: "apns", Value: value}
}

func TestAcceptedByTheEmulator(t *testing.T) {
	b := start(t, emulator.APNsOptions{})
	d := delivery(b.clock.now())
	r := b.sender.Send(t.Context(), address("ab01"), d)
	require.Equal(t, pusher.Result{Outcome: pusher.OutcomeAccepted, Code: "OK", ProviderID: d.ID.String()}, r)
	accepted := b.apns.Accepted(0)
	require.Len(t, accepted, 1)
	require.Equal(t, "ab01", accepted[0].Address)
	require.Equal(t, "t", accepted[0].Title)
	require.Equal(t, d.Notification.ID.String(), accepted[0].Notification)
	require.Equal(t, d.ID.String(), accepted[0].Delivery)
	require.Equal(t, "k", accepted[0].CollapseKey)
	require.Equal(t, "10", accepted[0].Priority)
	require.Equal(t, d.Deadline, accepted[0].Expires)
}

// Every reason of APNs: what the provider says, and what it means to us.
func TestReasons(t *testing.T) {
	b := start(t, emulator.APNsOptions{})
	rejected := pusher.Result{Outcome: pusher.OutcomeRejected}
	gone := pusher.Result{Outcome: pusher.OutcomeAddressGone}
	goneSince := pusher.Result{Outcome: pusher.OutcomeAddressGone, GoneSince: time.UnixMilli(1_700_000_000_123).UTC()}
	misconfigured := pusher.Result{Outcome: pusher.OutcomeMisconfigured, Scope: pusher.ScopeProject}
	again := pusher.Result{Outcome: pusher.OutcomeRetry}
	later := pusher.Result{Outcome: pusher.OutcomeRetry, FirstWait: 15 * time.Minute}
	for _, c := range []struct {
		status int
		reason string
		want   pusher.Result
		twice  bool
	}{
		{400, "BadDeviceToken", gone, false},
		{400, "DeviceTokenNotForTopic", gone, false},
		{400, "BadCollapseId", rejected, false},
		{400, "BadExpirationDate", rejected, false},
		{400, "BadMessageId", rejected, false},
		{400, "BadPriority", rejected, false},
		{400, "BadTopic", misconfigured, false},
		{400, "DuplicateHeaders", rejected, false},
		{400, "InvalidPushType", rejected, false},
		{400, "MissingDeviceToken", rejected, false},
		{400, "MissingTopic", misconfigured, false},
		{400, "PayloadEmpty", rejected, false},
		{400, "TopicDisallowed", misconfigured, false},
		{400, "IdleTimeout", again, false},
		{403, "ExpiredProviderToken", misconfigured, false}, // ours is new: the clocks disagree
		{403, "InvalidProviderToken", misconfigured, false},
		{403, "MissingProviderToken", misconfigured, false},
		{403, "BadCertificate", misconfigured, false},
		{403, "BadCertificateEnvironment", misconfigured, false},
		{403, "Forbidden", misconfigured, false},
		{403, "UnrelatedKeyIdInToken", misconfigured, true},
		{403, "BadEnvironmentKeyIdInToken", misconfigured, false},
		{403, "BadEnvironmentKeyInToken", misconfigured, false},
		{404, "BadPath", rejected, false},
		{405, "MethodNotAllowed", rejected, false},
		{410, "Unregistered", goneSince, false},
		{410, "ExpiredToken", goneSince, false},
		{413, "PayloadTooLarge", rejected, false},
		{429, "TooManyRequests", pusher.Result{Outcome: pusher.OutcomeRetry, Scope: pusher.ScopeDevice}, false},
		{429, "TooManyProviderTokenUpdates", pusher.Result{Outcome: pusher.OutcomeRetry, Scope: pusher.ScopeProject, RetryAfter: time.Minute}, false},
		{500, "InternalServerError", later, false},
		{503, "ServiceUnavailable", later, false},
		{503, "Shutdown", again, false},
		{400, "", pusher.Result{Outcome: pusher.OutcomeRejected, Code: "HTTP_400"}, false},
		{403, "SomethingNew", pusher.Result{Outcome: pusher.OutcomeMisconfigured, Scope: pusher.ScopeProject, Code: "HTTP_403"}, false},
		{500, "SomethingNew", pusher.Result{Outcome: pusher.OutcomeRetry, Code: "HTTP_500"}, false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			b.apns.Forget()
			o := emulator.Outcome{Status: c.status, Code: c.reason, Times: 2, TimestampMillis: 1_700_000_000_123}
			require.NoError(t, b.apns.On("ab", o))
			if c.want.Code == "" {
				c.want.Code = c.reason
			}
			require.Equal(t, c.want, b.send(t, "ab"))
			requests := 1
			if c.twice {
				requests = 2
			}
			require.Equal(t, requests, b.apns.Counts().Requests)
			require.Zero(t, b.apns.Counts().Accepted)
			require.NoError(t, b.apns.On("ab"))
			require.Equal(t, "OK", b.send(t, "ab").Code, "the sender works on")
		})
	}
}

func TestUnrelatedKeyIsRepeatedOnANewConnection(t *testing.T) {
	b := start(t, emulator.APNsOptions{}, connections(1))
	require.NoError(t, b.apns.On("ab", emulator.Outcome{Status: 403, Code: "UnrelatedKeyIdInToken"}))
	require.Equal(t, "OK", b.send(t, "ab").Code)
	require.Equal(t, 2, b.apns.Counts().Connections)
}

func TestEnvironmentUnknown(t *testing.T) {
	b := start(t, emulator.APNsOptions{}, func(o *apns.Options) { o.Sandbox = true })
	require.NoError(t, b.apns.On("ab", emulator.Outcome{Status: 400, Code: "BadDeviceToken", Times: 2}))
	r := b.send(t, "ab")
	require.Equal(t, pusher.Result{Outcome: pusher.OutcomeRejected, Code: "BadDeviceToken", Quarantine: true}, r)
	to := address("ab")
	to.Sandbox = true
	r = b.sender.Send(t.Context(), to, delivery(b.clock.now()))
	require.Equal(t, pusher.Result{Outcome: pusher.OutcomeAddressGone, Code: "BadDeviceToken"}, r)
}

func TestTopicOfTheAddress(t *testing.T) {
	b := start(t, emulator.APNsOptions{Topics: []string{"dev.wantgo.demo", "dev.wantgo.other"}})
	to := address("ab")
	for _, c := range []struct {
		topic string
		want  pusher.Outcome
		code  string
	}{
		{"dev.wantgo.other", pusher.OutcomeAccepted, "OK"},
		{"dev.wantgo.none", pusher.OutcomeRejected, "TopicDisallowed"},
		{"a b", pusher.OutcomeRejected, "TOPIC_MALFORMED"},
	} {
		to.Topic = c.topic
		r := b.sender.Send(t.Context(), to, delivery(b.clock.now()))
		require.Equal(t, c.code, r.Code)
		require.Equal(t, c.want, r.Outcome)
	}
	require.Equal(t, 2, b.apns.Counts().Connections, "a topic has connections of its own")
}

func TestSandboxAndProductionAreApart(t *testing.T) {
	sandbox, err := emulator.NewAPNs(emulator.APNsOptions{Sandbox: true, Now: newClock().now})
	require.NoError(t, err)
	t.Cleanup(func() { _ = sandbox.Close() })
	b := start(t, emulator.APNsOptions{}, func(o *apns.Options) {
		o.SandboxEndpoint = sandbox.Addr()
		o.RootCAs.AppendCertsFromPEM(sandbox.CAPEM())
	})
	to := address("ab")
	require.Equal(t, "OK", b.send(t, "ab").Code)
	to.Sandbox = true
	r := b.sender.Send(t.Context(), to, delivery(b.clock.now()))
	require.Equal(t, "InvalidProviderToken", r.Code, "the other emulator knows another key")
	require.Equal(t, 1, b.apns.Counts().Requests)
	require.Equal(t, 1, sandbox.Counts().Requests)
}

func TestProviderTokenRollsAtFiftyMinutes(t *testing.T) {
	b := start(t, emulator.APNsOptions{})
	for range 5 {
		require.Equal(t, "OK", b.send(t, "ab").Code)
		b.advance(25 * time.Minute)
	}
	require.Equal(t, 1, b.apns.Counts().Connections)
}

func TestExpiredProviderTokenIsReplaced(t *testing.T) {
	b := start(t, emulator.APNsOptions{})
	require.Equal(t, "OK", b.send(t, "ab").Code)
	b.clock.advance(45 * time.Minute)
	b.server.advance(61 * time.Minute) // the provider's clock is ahead
	require.Equal(t, "OK", b.send(t, "ab").Code)
	require.Equal(t, map[string]int{"OK": 2, "ExpiredProviderToken": 1}, b.apns.Counts().ByOutcome)
	b.server.advance(61 * time.Minute) // and now it is beyond help
	require.Equal(t, pusher.OutcomeMisconfigured, b.send(t, "ab").Outcome)
}

func TestTooManyUpdatesGoesBackToTheTokenBefore(t *testing.T) {
	b := start(t, emulator.APNsOptions{})
	require.Equal(t, "OK", b.send(t, "ab").Code)
	b.clock.advance(50 * time.Minute) // ours is ahead: by the provider's clock the next comes too soon
	b.server.advance(15 * time.Minute)
	require.Equal(t, "InvalidProviderToken", b.send(t, "ab").Code, "signed in the provider's future")
	b.server.advance(4*time.Minute + 30*time.Second + 30*time.Minute)
	require.Equal(t, "OK", b.send(t, "ab").Code)
}

func TestResets(t *testing.T) {
	b := start(t, emulator.APNsOptions{})
	maybe := pusher.Result{Outcome: pusher.OutcomeRetry, Code: "CONNECTION", MaybeReceived: true}
	for _, c := range []struct {
		how      emulator.Reset
		want     pusher.Result
		requests int
		accepted int
	}{
		{emulator.Before, maybe, 1, 0},
		{emulator.After, maybe, 1, 1},
		{emulator.ConnectionBefore, maybe, 1, 0},
		{emulator.ConnectionAfter, maybe, 1, 1},
		{emulator.Refused, pusher.Result{Outcome: pusher.OutcomeAccepted, Code: "OK"}, 2, 1},
	} {
		t.Run(string(c.how), func(t *testing.T) {
			b.apns.Forget()
			require.NoError(t, b.apns.On("ab", emulator.Outcome{Reset: c.how}))
			r := b.send(t, "ab")
			r.ProviderID = ""
			require.Equal(t, c.want, r)
			require.Equal(t, c.requests, b.apns.Counts().Requests)
			require.Equal(t, c.accepted, b.apns.Counts().Accepted)
		})
	}
	require.Equal(t, "OK", b.send(t, "ab").Code)
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
	b := start(t, emulator.APNsOptions{}, connections(1))
	require.Equal(t, "OK", b.send(t, "ab").Code)
	require.NoError(t, b.apns.On("cd", emulator.Outcome{Delay: emulator.Duration(time.Hour), Times: -1}))
	for i := range 4 { // three in a row give the connection up
		ctx := timeUp{t.Context(), make(chan struct{})}
		ended := make(chan pusher.Result, 1)
		go func() { ended <- b.sender.Send(ctx, address("cd"), delivery(b.clock.now())) }()
		require.Eventually(t, func() bool { return b.apns.Counts().Requests == i+2 }, time.Minute, time.Millisecond)
		close(ctx.passed)
		r := <-ended
		require.Equal(t, pusher.Result{Outcome: pusher.OutcomeRetry, Code: "TIMEOUT", MaybeReceived: true}, r)
	}
	require.Equal(t, "OK", b.send(t, "ab").Code)
	require.Equal(t, 2, b.apns.Counts().Connections)
}

func TestNobodyListens(t *testing.T) {
	b := start(t, emulator.APNsOptions{})
	require.NoError(t, b.apns.Close())
	r := b.send(t, "ab")
	require.Equal(t, pusher.Result{Outcome: pusher.OutcomeRetry, Code: "CONNECTION"}, r)
}

func TestServerOfAnotherAuthorityIsNotTrusted(t *testing.T) {
	other, err := emulator.NewAPNs(emulator.APNsOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = other.Close() })
	b := start(t, emulator.APNsOptions{}, func(o *apns.Options) { o.RootCAs = other.CertPool() })
	require.Equal(t, "CONNECTION", b.send(t, "ab").Code)
	require.Zero(t, b.apns.Counts().Requests)
}

func TestRefusedBeforeTheProviderIsAsked(t *testing.T) {
	b := start(t, emulator.APNsOptions{})
	long := delivery(b.clock.now())
	long.Notification.Body = strings.Repeat("a", 4000)
	late := delivery(b.clock.now())
	late.Deadline = b.clock.now()
	require.Equal(t, pusher.Result{Outcome: pusher.OutcomeRejected, Code: "PayloadTooLarge"},
		b.sender.Send(t.Context(), address("ab"), long))
	require.Equal(t, pusher.Result{Outcome: pusher.OutcomeRetry, Code: "DEADLINE_PASSED"},
		b.sender.Send(t.Context(), address("ab"), late))
	for _, token := range []string{"", "xy", "abc", "../ab", "ab?x"} {
		require.Equal(t, pusher.Result{Outcome: pusher.OutcomeRejected, Code: "ADDRESS_MALFORMED", Quarantine: true}, b.send(t, token))
	}
	b.sender.Close()
	require.Equal(t, "CLOSED", b.send(t, "ab").Code)
	require.Zero(t, b.apns.Counts().Connections)
}

func TestCredentials(t *testing.T) {
	b := start(t, emulator.APNsOptions{})
	p8 := b.apns.P8()
	for _, c := range []struct {
		field                string
		p8                   []byte
		keyID, teamID, topic string
	}{
		{"p8", nil, "EMULATORK1", "WANTGOTEAM", "a.b"},
		{"p8", b.apns.CAPEM(), "EMULATORK1", "WANTGOTEAM", "a.b"},
		{"key_id", p8, "short", "WANTGOTEAM", "a.b"},
		{"team_id", p8, "EMULATORK1", "", "a.b"},
		{"topic", p8, "EMULATORK1", "WANTGOTEAM", "a b"},
	} {
		_, err := apns.New(c.p8, c.keyID, c.teamID, c.topic, apns.Options{})
		var refused *apns.CredentialError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, c.field, refused.Field)
	}
}
