package emulator_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/emulator"
)

// apple is a bare client: Go's own HTTP/2 and a signed token.
type apple struct {
	t      *testing.T
	a      *emulator.APNs
	clock  *clock
	client *http.Client
	signed string // the token that send goes on with
}

func newApple(t *testing.T, o emulator.APNsOptions) *apple {
	c := newClock()
	o.Now = c.now
	a, err := emulator.NewAPNs(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close() })
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.CertPool()}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &apple{t: t, a: a, clock: c, client: &http.Client{Transport: transport}}
}

func (p *apple) token(change func(*jwt.Token)) string {
	key, err := jwt.ParseECPrivateKeyFromPEM(p.a.P8())
	require.NoError(p.t, err)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": p.a.TeamID(), "iat": p.clock.now().Unix()})
	token.Header["kid"] = p.a.KeyID()
	if change != nil {
		change(token)
	}
	text, err := token.SignedString(key)
	require.NoError(p.t, err)
	return text
}

const goodBody = `{"aps":{"alert":{"title":"t","body":"b"}},"wantgo_notification":"n"}`

func (p *apple) request(token string) *http.Request {
	req, err := http.NewRequest(http.MethodPost, p.a.URL()+"/3/device/ab01", strings.NewReader(goodBody))
	require.NoError(p.t, err)
	req.Header.Set("authorization", "bearer "+token)
	req.Header.Set("apns-topic", p.a.Topic())
	return req
}

func (p *apple) do(req *http.Request) (status int, reason string, header http.Header) {
	p.t.Helper()
	resp, err := p.client.Do(req)
	require.NoError(p.t, err)
	defer resp.Body.Close()
	require.Equal(p.t, 2, resp.ProtoMajor)
	text, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	var answer struct{ Reason string }
	if len(text) > 0 {
		require.NoError(p.t, json.Unmarshal(text, &answer))
	}
	return resp.StatusCode, answer.Reason, resp.Header
}

func TestAPNsAccepts(t *testing.T) {
	p := newApple(t, emulator.APNsOptions{Sandbox: true})
	token := p.token(nil)
	id := uuid.NewString()
	req := p.request(token)
	req.Header.Set("apns-id", id)
	status, reason, header := p.do(req)
	require.Equal(t, 200, status, reason)
	require.Equal(t, id, header.Get("apns-id"))
	require.NotEmpty(t, header.Get("apns-unique-id"))
	status, _, header = p.do(p.request(token))
	require.Equal(t, 200, status)
	require.NoError(t, uuid.Validate(header.Get("apns-id")), "minted where there was none")
	require.Equal(t, "t", p.a.Accepted(0)[0].Title)
	require.Equal(t, 1, p.a.Counts().DistinctNotifications)
}

func TestAPNsRefuses(t *testing.T) {
	p := newApple(t, emulator.APNsOptions{})
	token := p.token(nil)
	body := func(size int) func(*http.Request) {
		return func(r *http.Request) {
			text := append([]byte(`{"aps":{},"k":"`), bytes.Repeat([]byte("x"), size-17)...)
			text = append(text, `"}`...)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		}
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	path := func(path string) func(*http.Request) { return func(r *http.Request) { r.URL.Path = path } }
	for _, c := range []struct {
		change func(*http.Request)
		status int
		reason string
	}{
		{func(r *http.Request) { r.Method = http.MethodGet }, 405, "MethodNotAllowed"},
		{path("/2/device/ab"), 404, "BadPath"},
		{path("/3/device/"), 400, "MissingDeviceToken"},
		{path("/3/device/xyz"), 400, "BadDeviceToken"},
		{set("apns-id", "1234"), 400, "BadMessageId"},
		{set("apns-expiration", "tomorrow"), 400, "BadExpirationDate"},
		{set("apns-priority", "7"), 400, "BadPriority"},
		{func(r *http.Request) {
			r.Header.Set("apns-push-type", "background")
			r.Header.Set("apns-priority", "10")
		}, 400, "BadPriority"},
		{set("apns-push-type", "loud"), 400, "InvalidPushType"},
		{set("apns-collapse-id", strings.Repeat("x", 65)), 400, "BadCollapseId"},
		{set("apns-collapse-id", strings.Repeat("x", 64)), 200, ""},
		{func(r *http.Request) { r.Header.Del("apns-topic") }, 400, "MissingTopic"},
		{set("apns-topic", "com.other"), 400, "TopicDisallowed"},
		{func(r *http.Request) { r.Header["Apns-Topic"] = []string{"a", "b"} }, 400, "DuplicateHeaders"},
		{func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 }, 400, "PayloadEmpty"},
		{body(4096), 200, ""},
		{body(4097), 413, "PayloadTooLarge"},
		{body(100_000), 413, "PayloadTooLarge"},
		{func(r *http.Request) { body(4097)(r); set("apns-push-type", "voip")(r) }, 200, ""},
		{func(r *http.Request) { r.Header.Del("authorization") }, 403, "MissingProviderToken"},
		{set("authorization", "bearer x.y.z"), 403, "InvalidProviderToken"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			req := p.request(token)
			c.change(req)
			status, reason, _ := p.do(req)
			require.Equal(t, c.reason, reason)
			require.Equal(t, c.status, status)
		})
	}
	require.Equal(t, 1, p.a.Counts().Connections)
}

func TestProviderTokens(t *testing.T) {
	p := newApple(t, emulator.APNsOptions{})
	expect := func(reason, token string) {
		t.Helper()
		_, got, _ := p.do(p.request(token))
		require.Equal(t, reason, got)
	}
	first := p.token(nil)
	expect("", first)
	expect("InvalidProviderToken", p.token(func(j *jwt.Token) { j.Header["kid"] = "OTHERKEY00" }))
	expect("InvalidProviderToken", p.token(func(j *jwt.Token) { j.Claims.(jwt.MapClaims)["iss"] = "OTHERTEAM0" }))
	expect("InvalidProviderToken", p.token(func(j *jwt.Token) { delete(j.Claims.(jwt.MapClaims), "iat") }))
	expect("ExpiredProviderToken", p.token(func(j *jwt.Token) {
		j.Claims.(jwt.MapClaims)["iat"] = p.clock.now().Add(-61 * time.Minute).Unix()
	}))
	p.clock.advance(19 * time.Minute)
	expect("TooManyProviderTokenUpdates", p.token(nil))
	expect("", first)
	p.clock.advance(time.Minute)
	second := p.token(nil)
	expect("", second)
	expect("", first)
	p.clock.advance(41 * time.Minute)
	expect("ExpiredProviderToken", first)
	expect("", second)
}

func TestTimestampOfTheGone(t *testing.T) {
	p := newApple(t, emulator.APNsOptions{})
	require.NoError(t, p.a.On("ab01", emulator.Outcome{Status: 410, Code: "Unregistered"}))
	resp, err := p.client.Do(p.request(p.token(nil)))
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.JSONEq(t, `{"reason":"Unregistered","timestamp":1772366400000}`, string(text))
}

func TestHTTP1IsNotSpoken(t *testing.T) {
	p := newApple(t, emulator.APNsOptions{})
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.a.CertPool(), NextProtos: []string{"http/1.1"}}}
	defer transport.CloseIdleConnections()
	_, err := (&http.Client{Transport: transport}).Do(p.request(p.token(nil)))
	require.Error(t, err)
}

func TestAPNsControlOverHTTP(t *testing.T) {
	p := newApple(t, emulator.APNsOptions{})
	control := httptest.NewServer(p.a.ControlHandler())
	defer control.Close()
	token := p.token(nil)
	_, _, _ = p.do(p.request(token))
	resp, err := http.Post(control.URL+"/control/goaway?reason=Shutdown", "", nil)
	require.NoError(t, err)
	require.Equal(t, 204, resp.StatusCode)
	req, err := http.NewRequest(http.MethodPut, control.URL+"/control/streams", strings.NewReader(`{"limit":3}`))
	require.NoError(t, err)
	resp, err = http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.Equal(t, 204, resp.StatusCode)
	_, _, _ = p.do(p.request(token))
	resp, err = http.Get(control.URL + "/counts")
	require.NoError(t, err)
	defer resp.Body.Close()
	var n emulator.Counts
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&n))
	require.Equal(t, 2, n.Accepted)
	require.Equal(t, 2, n.Connections)
}
