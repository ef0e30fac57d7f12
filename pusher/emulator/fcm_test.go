package emulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

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

// account is a bare client: net/http and a signed assertion, nothing of Firebase's.
type account struct {
	t     *testing.T
	f     *emulator.FCM
	clock *clock
	file  map[string]string
	token string
}

func newAccount(t *testing.T, o emulator.FCMOptions) *account {
	c := newClock()
	o.Now = c.now
	a := &account{t: t, f: newFCM(t, o), clock: c}
	require.NoError(t, json.Unmarshal(a.f.ServiceAccountJSON(), &a.file))
	a.login()
	return a
}

func (a *account) claims() jwt.MapClaims {
	now := a.clock.now()
	return jwt.MapClaims{
		"iss": a.file["client_email"], "aud": a.file["token_uri"], "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"scope": "https://www.googleapis.com/auth/firebase.messaging",
	}
}

func (a *account) exchange(claims jwt.MapClaims, key string) (int, map[string]any) {
	private, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(key))
	require.NoError(a.t, err)
	assertion, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(private)
	require.NoError(a.t, err)
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
	resp, err := http.PostForm(a.file["token_uri"], form)
	require.NoError(a.t, err)
	defer resp.Body.Close()
	answer := map[string]any{}
	require.NoError(a.t, json.NewDecoder(resp.Body).Decode(&answer))
	return resp.StatusCode, answer
}

func (a *account) login() {
	status, answer := a.exchange(a.claims(), a.file["private_key"])
	require.Equal(a.t, http.StatusOK, status)
	a.token = answer["access_token"].(string)
}

func (a *account) post(path, body string) (int, string) {
	a.t.Helper()
	req, err := http.NewRequest(http.MethodPost, strings.TrimSuffix(a.f.URL(), "/v1")+path, strings.NewReader(body))
	require.NoError(a.t, err)
	req.Header.Set("Authorization", "Bearer "+a.token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(a.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(a.t, err)
	return resp.StatusCode, string(text)
}

func (a *account) send(message string) (int, string) {
	a.t.Helper()
	return a.post("/v1/projects/"+a.f.ProjectID()+"/messages:send", `{"message":`+message+`}`)
}

func TestTokenEndpointVerifiesTheAssertion(t *testing.T) {
	a := newAccount(t, emulator.FCMOptions{})
	for name, change := range map[string]func(jwt.MapClaims){
		"issuer":     func(c jwt.MapClaims) { c["iss"] = "somebody@else" },
		"audience":   func(c jwt.MapClaims) { c["aud"] = "https://oauth2.googleapis.com/token" },
		"expired":    func(c jwt.MapClaims) { c["iat"], c["exp"] = 1, 3601 },
		"too long":   func(c jwt.MapClaims) { c["exp"] = a.clock.now().Add(2 * time.Hour).Unix() },
		"the future": func(c jwt.MapClaims) { c["iat"] = a.clock.now().Add(time.Hour).Unix() },
		"scope":      func(c jwt.MapClaims) { c["scope"] = "https://www.googleapis.com/auth/drive" },
		"no end":     func(c jwt.MapClaims) { delete(c, "exp") },
		"no start":   func(c jwt.MapClaims) { delete(c, "iat") },
	} {
		t.Run(name, func(t *testing.T) {
			claims := a.claims()
			change(claims)
			status, answer := a.exchange(claims, a.file["private_key"])
			require.Equal(t, http.StatusBadRequest, status)
			require.Equal(t, "invalid_grant", answer["error"])
		})
	}
}

func TestBearerTokenEnds(t *testing.T) {
	a := newAccount(t, emulator.FCMOptions{})
	status, _ := a.send(`{"token":"a"}`)
	require.Equal(t, http.StatusOK, status)
	a.clock.advance(time.Hour)
	status, body := a.send(`{"token":"a"}`)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Contains(t, body, "UNAUTHENTICATED")
	a.login()
	status, _ = a.send(`{"token":"a"}`)
	require.Equal(t, http.StatusOK, status)
}

func TestPaths(t *testing.T) {
	a := newAccount(t, emulator.FCMOptions{})
	for path, html := range map[string]bool{
		"/v1/projects/other/messages:send": false, "/v2/x": true, "/v1/projects/wantgo-emulator/messages:sendAll": true,
		"/projects/wantgo-emulator/messages:send": true,
	} {
		status, body := a.post(path, `{"message":{"token":"a"}}`)
		require.Equal(t, http.StatusNotFound, status)
		require.Equal(t, html, strings.HasPrefix(body, "<!DOCTYPE"), path)
		require.NotContains(t, body, "FcmError")
	}
}

func TestRequestsThatFCMRefuses(t *testing.T) {
	a := newAccount(t, emulator.FCMOptions{})
	long := strings.Repeat("x", 4095)
	for _, c := range []struct{ name, message, want string }{
		{"no target", `{}`, "BadRequest"},
		{"two targets", `{"token":"a","topic":"b"}`, "BadRequest"},
		{"unknown field", `{"token":"a","colour":"red"}`, "BadRequest"},
		{"data is not text", `{"token":"a","data":{"n":1}}`, "BadRequest"},
		{"not json", `{`, "BadRequest"},
		{"reserved", `{"token":"a","data":{"from":"x"}}`, "INVALID_ARGUMENT"},
		{"reserved prefix", `{"token":"a","data":{"google.c.a":"x"}}`, "INVALID_ARGUMENT"},
		{"reserved for android", `{"token":"a","android":{"data":{"gcm":"x"}}}`, "INVALID_ARGUMENT"},
		{"4097 bytes", `{"token":"a","data":{"kk":"` + long + `"}}`, "INVALID_ARGUMENT"},
		{"2049 bytes to a topic", `{"topic":"a","data":{"k":"` + long[:2048] + `"}}`, "INVALID_ARGUMENT"},
		{"ttl too long", `{"token":"a","android":{"ttl":"2419201s"}}`, "INVALID_ARGUMENT"},
		{"ttl malformed", `{"token":"a","android":{"ttl":"5m"}}`, "BadRequest"},
		{"priority", `{"token":"a","android":{"priority":"urgent"}}`, "BadRequest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := a.send(c.message)
			require.Equal(t, http.StatusBadRequest, status)
			require.Contains(t, body, c.want)
		})
	}
	require.Zero(t, a.f.Counts().Accepted)
	for _, message := range []string{
		`{"token":"a","data":{"k":"` + long + `"}}`, `{"fid":"f"}`, `{"token":"a","android":{"ttl":"2419200s","priority":"HIGH"}}`,
		`{"token":"a","android":{"collapseKey":"k","restrictedPackageName":"p"},"fcmOptions":{"analyticsLabel":"l"}}`,
	} {
		status, body := a.send(message)
		require.Equal(t, http.StatusOK, status, body)
	}
}

func TestQuotas(t *testing.T) {
	a := newAccount(t, emulator.FCMOptions{Quotas: emulator.Quotas{ProjectPerMinute: 3}})
	for _, c := range []struct {
		message string
		status  int
		after   time.Duration
	}{
		{`{"token":"a"}`, 200, 0}, {`{"token":"b"}`, 200, 30 * time.Second}, {`{}`, 400, 0}, {`{"token":"c"}`, 429, 29 * time.Second},
		{`{"token":"c"}`, 429, time.Second}, {`{"token":"c"}`, 200, 0},
	} {
		status, body := a.send(c.message)
		require.Equal(t, c.status, status)
		require.Equal(t, c.status == 429, strings.Contains(body, "SendsPerMinutePerProject"))
		a.clock.advance(c.after)
	}
}

func TestQuotasOfADevice(t *testing.T) {
	a := newAccount(t, emulator.FCMOptions{Quotas: emulator.Quotas{DevicePerMinute: 30, Collapsible: true}})
	count := func(message string) (accepted int) {
		for range 40 {
			if status, body := a.send(message); status == http.StatusOK {
				accepted++
			} else {
				require.Contains(t, body, "QUOTA_EXCEEDED")
			}
		}
		return accepted
	}
	require.Equal(t, 30, count(`{"token":"a"}`))
	require.Equal(t, 30, count(`{"token":"b"}`), "another device")
	require.Equal(t, 20, count(`{"token":"c","android":{"collapse_key":"k"}}`))
	require.Equal(t, 30, count(`{"token":"d","android":{"collapse_key":"k","ttl":"0s"}}`), "now or never is not collapsible")
	a.clock.advance(3 * time.Minute)
	require.Equal(t, 1, count(`{"token":"c","android":{"collapse_key":"k"}}`))
}

func TestScriptOrder(t *testing.T) {
	a := newAccount(t, emulator.FCMOptions{})
	require.NoError(t, a.f.SetScript(emulator.Script{
		Default: emulator.Outcome{Status: 500},
		Addresses: map[string][]emulator.Outcome{
			"a":   {{Status: 400}, {Status: 404, Times: 2}, {}},
			"b*":  {{Status: 403, Times: -1}},
			"bb*": {{Status: 429}},
		},
	}))
	statuses := func(token string, n int) (list []int) {
		for range n {
			status, _ := a.send(`{"token":"` + token + `"}`)
			list = append(list, status)
		}
		return list
	}
	require.Equal(t, []int{400, 404, 404, 200, 500}, statuses("a", 5))
	require.Equal(t, []int{403, 403, 403}, statuses("b1", 3))
	require.Equal(t, []int{429, 500}, statuses("bb1", 2))
	require.Error(t, a.f.On("[", emulator.Outcome{}))
	require.Error(t, a.f.On("x", emulator.Outcome{Status: 7}))
	require.Error(t, a.f.SetDefault(emulator.Outcome{Shape: "round"}))
}

func TestControlOverHTTP(t *testing.T) {
	a := newAccount(t, emulator.FCMOptions{})
	do := func(method, path, body string) int {
		req, err := http.NewRequest(method, a.f.ControlURL()+path, strings.NewReader(body))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		return resp.StatusCode
	}
	require.Equal(t, 204, do("PUT", "/control/script/dead-%2A", `[{"status":404,"code":"UNREGISTERED","times":-1,"delay":"1ms"}]`))
	status, body := a.send(`{"token":"dead-7"}`)
	require.Equal(t, 404, status)
	require.Contains(t, body, "UNREGISTERED")
	require.Equal(t, 204, do("DELETE", "/control/script/dead-%2A", ""))
	require.Equal(t, 400, do("PUT", "/control/script/x", `[{"colour":1}]`))
	require.Equal(t, 400, do("PUT", "/control/default", `{"status":1}`))
	require.Equal(t, 204, do("PUT", "/control/latency", `{"p50":"1ms","p99":"2ms"}`))
	require.Equal(t, 204, do("PUT", "/control/quotas", `{"project_per_minute":1000}`))

	require.Equal(t, 204, do("POST", "/control/stall", ""))
	done := make(chan int)
	go func() {
		status, _ := a.send(`{"token":"dead-7","notification":{"title":"t"},"data":{"wantgo_notification":"n"}}`)
		done <- status
	}()
	require.Eventually(t, func() bool { return a.f.Counts().Held == 1 }, 10*time.Second, time.Millisecond)
	require.Zero(t, a.f.Counts().Accepted)
	require.Equal(t, 204, do("POST", "/control/release", ""))
	require.Equal(t, 200, <-done)

	resp, err := http.Get(a.f.ControlURL() + "/accepted?since=0")
	require.NoError(t, err)
	defer resp.Body.Close()
	var accepted []emulator.Accepted
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&accepted))
	require.Len(t, accepted, 1)
	require.Equal(t, "n", accepted[0].Notification)
	require.Equal(t, "t", accepted[0].Title)
	require.Equal(t, a.clock.now(), accepted[0].Time)

	require.Equal(t, 204, do("POST", "/control/revoke", ""))
	status, _ = a.send(`{"token":"a"}`)
	require.Equal(t, 401, status)
	require.Equal(t, 204, do("POST", "/control/forget", ""))
	require.Empty(t, a.f.Accepted(0))
}

func TestLatencyFollowsItsQuantiles(t *testing.T) {
	// 2,000 draws: the shares lie within five standard deviations of a half and of a hundredth.
	below, above := emulator.DrawLatency(emulator.Latency{
		P50: emulator.Duration(100 * time.Millisecond), P99: emulator.Duration(time.Second),
	}, 2000)
	require.InDelta(t, 1000, below, 112)
	require.InDelta(t, 20, above, 20)
}
