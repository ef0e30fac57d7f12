package emulator_test

import (
	"crypto/tls"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/sideshow/apns2"
	"github.com/sideshow/apns2/payload"
	"github.com/sideshow/apns2/token"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"github.com/wantgo/wantgo/pusher/emulator"
)

// sideshow is apns2 as shipped, but for the authority it trusts: a client whose author is not ours.
func sideshow(t *testing.T, a *emulator.APNs) *apns2.Client {
	t.Helper()
	key, err := token.AuthKeyFromBytes(a.P8())
	require.NoError(t, err)
	client := apns2.NewTokenClient(&token.Token{AuthKey: key, KeyID: a.KeyID(), TeamID: a.TeamID()})
	client.Host = a.URL()
	client.HTTPClient.Transport = &http2.Transport{TLSClientConfig: &tls.Config{RootCAs: a.CertPool()}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func note(a *emulator.APNs, device string) *apns2.Notification {
	return &apns2.Notification{
		DeviceToken: device, Topic: a.Topic(), ApnsID: uuid.NewString(), CollapseID: "k", Priority: apns2.PriorityHigh,
		PushType: apns2.PushTypeAlert, Expiration: time.Now().Add(time.Minute),
		Payload: payload.NewPayload().AlertTitle("t").AlertBody("b").Custom("wantgo_delivery", uuid.NewString()),
	}
}

func newAPNs(t *testing.T, o emulator.APNsOptions) *emulator.APNs {
	t.Helper()
	a, err := emulator.NewAPNs(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func TestAPNs2Sends(t *testing.T) {
	a := newAPNs(t, emulator.APNsOptions{Streams: 100})
	client := sideshow(t, a)
	first := note(a, "ab01")
	resp, err := client.Push(first)
	require.NoError(t, err)
	require.True(t, resp.Sent(), "%+v", resp)
	require.Equal(t, first.ApnsID, resp.ApnsID)
	got := a.Accepted(0)[0]
	require.Equal(t, []string{"ab01", "t", "b", "k", "10", a.Topic()}, []string{got.Address, got.Title, got.Body, got.CollapseKey, got.Priority, got.Topic})
	require.Equal(t, first.Expiration.Unix(), got.Expires.Unix())

	// After the first answer the limit is 100, and so are these.
	var wait sync.WaitGroup
	var accepted atomic.Int32
	for range 90 {
		wait.Go(func() {
			if resp, err := client.Push(note(a, "ab01")); err == nil && resp.Sent() {
				accepted.Add(1)
			}
		})
	}
	wait.Wait()
	require.EqualValues(t, 90, accepted.Load())
	n := a.Counts()
	require.Equal(t, 91, n.DistinctDeliveries)
	require.Equal(t, 1, n.Connections)
	require.Equal(t, 1, n.ProviderTokens)
	require.Zero(t, n.OverLimit)
}

// The library understands the emulator's refusals as it understands Apple's: each by its own constant.
func TestAPNs2ReadsReasons(t *testing.T) {
	a := newAPNs(t, emulator.APNsOptions{})
	client := sideshow(t, a)
	for _, c := range []struct {
		status int
		reason string
	}{
		{400, apns2.ReasonBadCollapseID}, {400, apns2.ReasonBadDeviceToken}, {400, apns2.ReasonBadExpirationDate},
		{400, apns2.ReasonBadMessageID}, {400, apns2.ReasonBadPriority}, {400, apns2.ReasonBadTopic},
		{400, apns2.ReasonDeviceTokenNotForTopic}, {400, apns2.ReasonDuplicateHeaders}, {400, apns2.ReasonIdleTimeout},
		{400, apns2.ReasonInvalidPushType}, {400, apns2.ReasonMissingDeviceToken}, {400, apns2.ReasonMissingTopic},
		{400, apns2.ReasonPayloadEmpty}, {400, apns2.ReasonTopicDisallowed}, {403, apns2.ReasonBadCertificate},
		{403, apns2.ReasonBadCertificateEnvironment}, {403, apns2.ReasonExpiredProviderToken}, {403, apns2.ReasonForbidden},
		{403, apns2.ReasonInvalidProviderToken}, {403, apns2.ReasonMissingProviderToken}, {404, apns2.ReasonBadPath},
		{405, apns2.ReasonMethodNotAllowed}, {410, apns2.ReasonUnregistered}, {413, apns2.ReasonPayloadTooLarge},
		{429, apns2.ReasonTooManyProviderTokenUpdates}, {429, apns2.ReasonTooManyRequests}, {500, apns2.ReasonInternalServerError},
		{503, apns2.ReasonServiceUnavailable}, {503, apns2.ReasonShutdown},
		{403, "UnrelatedKeyIdInToken"}, {403, "BadEnvironmentKeyIdInToken"}, {403, "BadEnvironmentKeyInToken"}, {410, "ExpiredToken"},
	} {
		require.NoError(t, a.On("dead", emulator.Outcome{Status: c.status, Code: c.reason, TimestampMillis: 1_700_000_000_000}))
		resp, err := client.Push(note(a, "dead"))
		require.NoError(t, err)
		require.False(t, resp.Sent())
		require.Equal(t, []any{c.status, c.reason}, []any{resp.StatusCode, resp.Reason})
		if c.status == http.StatusGone {
			require.Equal(t, int64(1_700_000_000_000), resp.Timestamp.UnixMilli())
		}
	}
}

func TestAPNs2IsRefusedForWhatItGetsWrong(t *testing.T) {
	a := newAPNs(t, emulator.APNsOptions{Topics: []string{"dev.wantgo.demo", "dev.wantgo.other"}})
	client := sideshow(t, a)
	for _, c := range []struct {
		change func(*apns2.Notification)
		reason string
	}{
		{func(n *apns2.Notification) { n.Topic = "com.example" }, apns2.ReasonTopicDisallowed},
		{func(n *apns2.Notification) { n.DeviceToken = "xyz" }, apns2.ReasonBadDeviceToken},
		{func(n *apns2.Notification) { n.ApnsID = "1" }, apns2.ReasonBadMessageID},
		{func(n *apns2.Notification) { n.PushType = apns2.PushTypeBackground }, apns2.ReasonBadPriority},
		{func(n *apns2.Notification) {}, ""},
		{func(n *apns2.Notification) { n.Topic = "dev.wantgo.other" }, apns2.ReasonTopicDisallowed}, // a connection has one topic
	} {
		n := note(a, "ab")
		c.change(n)
		resp, err := client.Push(n)
		require.NoError(t, err)
		require.Equal(t, c.reason, resp.Reason)
	}
	other := newAPNs(t, emulator.APNsOptions{})
	stranger := sideshow(t, other)
	stranger.Host = a.URL()
	stranger.HTTPClient = sideshow(t, a).HTTPClient
	resp, err := stranger.Push(note(a, "ab"))
	require.NoError(t, err)
	require.Equal(t, apns2.ReasonInvalidProviderToken, resp.Reason)
}
