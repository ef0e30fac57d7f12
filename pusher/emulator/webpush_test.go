package emulator_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	webpush "github.com/SherClockHolmes/webpush-go"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/emulator"
)

// tap is the client that the library sends with; it may change a request on its way.
type tap struct {
	client *http.Client
	change func(*http.Request)
}

func (t *tap) Do(r *http.Request) (*http.Response, error) {
	t.change(r)
	return t.client.Do(r)
}

// The library as shipped, and what a push service says to requests that are not quite right.
func TestWebPushRefuses(t *testing.T) {
	w, err := emulator.NewWebPush(emulator.WebPushOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.Close() })
	private, public, err := webpush.GenerateVAPIDKeys()
	require.NoError(t, err)
	_, stranger, err := webpush.GenerateVAPIDKeys()
	require.NoError(t, err)
	text, err := w.Subscribe("phone", public)
	require.NoError(t, err)
	_, err = w.Subscribe("x", "nonsense")
	require.Error(t, err)
	var s webpush.Subscription
	require.NoError(t, json.Unmarshal([]byte(text), &s))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.CertPool()}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	body := func(b []byte) func(*http.Request) {
		return func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b)) }
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, c := range []struct {
		change func(*http.Request)
		status int
		says   string
	}{
		{func(*http.Request) {}, 201, ""},
		{func(r *http.Request) { r.URL.Path = "/push/nobody" }, 404, "no such"},
		{func(r *http.Request) { r.Method = http.MethodGet; body(nil)(r) }, 405, "method"},
		{func(r *http.Request) { r.Header.Del("TTL") }, 400, "TTL"},
		{set("TTL", "-1"), 400, "TTL"},
		{set("Urgency", "now"), 400, "urgency"},
		{set("Topic", strings.Repeat("x", 33)), 400, "topic"},
		{set("Content-Encoding", "aesgcm"), 400, "encoding"},
		{set("Authorization", "Bearer x"), 401, "no VAPID"},
		{func(r *http.Request) {
			token, _, _ := strings.Cut(r.Header.Get("Authorization"), ",")
			r.Header.Set("Authorization", token+", k="+stranger)
		}, 403, "token refused"},
		{body([]byte("short")), 400, "cannot open"},
		{body(make([]byte, 4097)), 413, "too large"},
		{func(r *http.Request) {
			whole, _ := io.ReadAll(r.Body)
			whole[len(whole)-1] ^= 1
			body(whole)(r)
		}, 400, "not for this browser"},
	} {
		resp, err := webpush.SendNotificationWithContext(context.Background(), []byte(`{"notification":{"title":"t"}}`), &s, &webpush.Options{
			HTTPClient: &tap{&http.Client{Transport: transport}, c.change}, Subscriber: "a@example.com", TTL: 60, Topic: "k",
			VAPIDPublicKey: public, VAPIDPrivateKey: private})
		require.NoError(t, err)
		said, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, c.status, resp.StatusCode, "%s", said)
		require.Contains(t, string(said), c.says)
	}
	require.Equal(t, "t", w.Accepted(0)[0].Title)
	require.Equal(t, 1, w.Counts().Accepted)
}

func TestSubscribeOverHTTP(t *testing.T) {
	e, err := emulator.Start(emulator.Config{})
	require.NoError(t, err)
	defer e.Close()
	resp, err := http.Post(e.Addresses.Control+"/webpush/control/subscribe", "application/json", strings.NewReader(`{"name":"phone"}`))
	require.NoError(t, err)
	defer resp.Body.Close()
	var s webpush.Subscription
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&s))
	require.Equal(t, "https://"+e.Addresses.WebPush+"/push/phone", s.Endpoint)
	require.Contains(t, string(e.VAPID()), "private_key")
}
