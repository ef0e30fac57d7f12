package emulator_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"firebase.google.com/go/v4/errorutils"
	"firebase.google.com/go/v4/messaging"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/wantgo/wantgo/pusher/emulator"
)

// shipped is firebase-admin-go with its own transport, credentials and retries: a client whose author is not ours.
func shipped(t *testing.T, f *emulator.FCM) *messaging.Client {
	t.Helper()
	config := argumentOf(messaging.NewClient)
	config.ProjectID, config.Version = f.ProjectID(), "test"
	config.Opts = []option.ClientOption{
		option.WithCredentialsJSON(f.ServiceAccountJSON()),
		option.WithScopes("https://www.googleapis.com/auth/firebase.messaging"),
		option.WithEndpoint(f.URL()),
	}
	client, err := messaging.NewClient(t.Context(), config)
	require.NoError(t, err)
	return client
}

func argumentOf[C, R any](func(context.Context, *C) (R, error)) *C { return new(C) }

func newFCM(t *testing.T, o emulator.FCMOptions) *emulator.FCM {
	t.Helper()
	f, err := emulator.NewFCM(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestFirebaseAdminSends(t *testing.T) {
	f := newFCM(t, emulator.FCMOptions{})
	client := shipped(t, f)
	ttl := 90 * time.Second
	name, err := client.Send(t.Context(), &messaging.Message{
		Token: "one", Data: map[string]string{"wantgo_notification": "n1"},
		Notification: &messaging.Notification{Title: "t", Body: "b"},
		Android:      &messaging.AndroidConfig{TTL: &ttl, Priority: "high", CollapseKey: "k"},
		APNS:         &messaging.APNSConfig{Headers: map[string]string{"apns-priority": "10"}},
		Webpush:      &messaging.WebpushConfig{Headers: map[string]string{"TTL": "1"}},
		FCMOptions:   &messaging.FCMOptions{AnalyticsLabel: "x"},
	})
	require.NoError(t, err)
	require.Equal(t, name, f.Accepted(0)[0].ProviderID)

	batch, err := client.SendEach(t.Context(), []*messaging.Message{
		{Token: "two", Data: map[string]string{"wantgo_notification": "n2"}}, {Topic: "news"}, {Condition: "'a' in topics"},
	})
	require.NoError(t, err)
	require.Equal(t, 3, batch.SuccessCount)

	_, err = client.SendDryRun(t.Context(), &messaging.Message{Token: "one"})
	require.NoError(t, err)
	n := f.Counts()
	require.Equal(t, 4, n.Accepted)
	require.Equal(t, 2, n.DistinctNotifications)
	require.Equal(t, 1, n.Validated)
	require.Equal(t, 5, n.Requests)
	require.Equal(t, 1, n.Tokens)
}

// The library understands the emulator's error bodies as it understands Google's.
func TestFirebaseAdminReadsErrors(t *testing.T) {
	f := newFCM(t, emulator.FCMOptions{})
	client := shipped(t, f)
	for _, c := range []struct {
		status int
		code   string
		is     func(error) bool
	}{
		{404, "UNREGISTERED", messaging.IsUnregistered},
		{400, "INVALID_ARGUMENT", messaging.IsInvalidArgument},
		{403, "SENDER_ID_MISMATCH", messaging.IsSenderIDMismatch},
		{429, "QUOTA_EXCEEDED", messaging.IsQuotaExceeded},
		{500, "INTERNAL", messaging.IsInternal},
		{401, "THIRD_PARTY_AUTH_ERROR", messaging.IsThirdPartyAuthError},
		{401, "APNS_AUTH_ERROR", messaging.IsThirdPartyAuthError},
		{404, "", errorutils.IsNotFound},
		{403, "", errorutils.IsPermissionDenied},
		{429, "", errorutils.IsResourceExhausted},
	} {
		t.Run(c.code, func(t *testing.T) {
			require.NoError(t, f.On("dead-*", emulator.Outcome{Status: c.status, Code: c.code, RetryAfter: "30"}))
			_, err := client.Send(t.Context(), &messaging.Message{Token: "dead-1"})
			require.True(t, c.is(err), "%v", err)
			require.Equal(t, "30", errorutils.HTTPResponse(err).Header.Get("Retry-After"))
		})
	}
	require.NoError(t, f.On("dead-*", emulator.Outcome{Status: http.StatusBadGateway, Shape: emulator.HTML}))
	_, err := client.Send(t.Context(), &messaging.Message{Token: "dead-1"})
	require.Equal(t, http.StatusBadGateway, errorutils.HTTPResponse(err).StatusCode)
}

// As shipped the library repeats a 503 at once: this is what our sender keeps it from.
func TestFirebaseAdminRepeats503(t *testing.T) {
	f := newFCM(t, emulator.FCMOptions{})
	require.NoError(t, f.On("busy", emulator.Outcome{Status: 503, Code: "UNAVAILABLE"}))
	_, err := shipped(t, f).Send(t.Context(), &messaging.Message{Token: "busy"})
	require.NoError(t, err)
	require.Equal(t, 2, f.Counts().Requests)
}
