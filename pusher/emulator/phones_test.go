package emulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/emulator"
)

func (p *apple) send(id, topic string, expiration time.Time) {
	p.t.Helper()
	if p.signed == "" {
		p.signed = p.token(nil)
	}
	req := p.request(p.signed)
	req.Header.Set("apns-id", id)
	req.Header.Set("apns-topic", topic)
	if !expiration.IsZero() {
		req.Header.Set("apns-expiration", strconv.FormatInt(expiration.Unix(), 10))
	}
	status, reason, _ := p.do(req)
	require.Equal(p.t, 200, status, reason)
}

func ids(list []emulator.Accepted) (ids []string) {
	for _, a := range list {
		ids = append(ids, a.ProviderID[len(a.ProviderID)-1:])
	}
	return ids
}

const idBase = "123e4567-e89b-12d3-a456-42661417400"

// For a phone that is away APNs keeps one notification an app, and not for longer than it was told to.
func TestOneSlotForAPhoneThatIsAway(t *testing.T) {
	p := newApple(t, emulator.APNsOptions{})
	later := p.clock.now().Add(time.Hour)
	send := func(n string, expiration time.Time) { p.send(idBase+n, p.a.Topic(), expiration) }
	send("1", later)
	p.a.SetOnline("ab01", false)
	send("2", later)
	send("3", later)
	send("4", time.Unix(0, 0)) // now or never
	require.Equal(t, []string{"1"}, ids(p.a.Arrived(0)))
	p.a.SetOnline("ab01", true)
	require.Equal(t, []string{"1", "3"}, ids(p.a.Arrived(0)), "several that wait become one")
	p.a.SetOnline("ab01", false)
	send("5", p.clock.now().Add(time.Minute))
	p.clock.advance(2 * time.Minute)
	p.a.SetOnline("ab01", true)
	require.Equal(t, []string{"1", "3"}, ids(p.a.Arrived(0)), "what expired does not come")
	send("6", later)
	require.Equal(t, []string{"6"}, ids(p.a.Arrived(2)))
	require.Equal(t, 6, p.a.Counts().Accepted)
}

// FCM keeps one for each collapse key.
func TestFCMKeepsByCollapseKey(t *testing.T) {
	a := newAccount(t, emulator.FCMOptions{})
	a.f.SetOnline("p", false)
	for _, m := range []string{`"k"`, `"k"`, `"l"`, `""`, `""`} {
		status, body := a.send(`{"token":"p","android":{"ttl":"60s","collapse_key":` + m + `}}`)
		require.Equal(t, 200, status, body)
	}
	require.Empty(t, a.f.Arrived(0))
	a.f.SetOnline("p", true)
	require.Equal(t, []string{"2", "3", "4", "5"}, ids(a.f.Arrived(0)))
}

func TestQueries(t *testing.T) {
	a := newAccount(t, emulator.FCMOptions{})
	for i, token := range []string{"a", "b", "a", "a"} {
		a.send(`{"token":"` + token + `","data":{"wantgo_delivery":"d` + strconv.Itoa(i) + `","wantgo_notification":"n"}}`)
		a.clock.advance(time.Second)
	}
	from := a.clock.now().Add(-2 * time.Second)
	for query, want := range map[string]int{
		"": 4, "since=1": 3, "address=a": 3, "address=a&since=1": 2, "delivery=d2": 1, "notification=n&limit=2": 2, "notification=x": 0,
		"from=" + url.QueryEscape(from.Format(time.RFC3339)):  2,
		"until=" + url.QueryEscape(from.Format(time.RFC3339)): 2, "since=-1": 4, "since=99": 0,
	} {
		resp, err := http.Get(a.f.ControlURL() + "/accepted?" + query)
		require.NoError(t, err)
		var list []emulator.Accepted
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&list))
		require.NoError(t, resp.Body.Close())
		require.Len(t, list, want, query)
	}
	resp, err := http.Get(a.f.ControlURL() + "/accepted?from=noon")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Equal(t, []int{1, 1, 1, 1}, a.f.Rate())
}

func TestPhonesOverHTTP(t *testing.T) {
	p := newApple(t, emulator.APNsOptions{})
	control := httptest.NewServer(p.a.ControlHandler())
	defer control.Close()
	do := func(method, path string) {
		req, err := http.NewRequest(method, control.URL+path, strings.NewReader(""))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusNoContent, resp.StatusCode)
	}
	do("PUT", "/control/offline/ab01")
	p.send(idBase+"1", p.a.Topic(), p.clock.now().Add(time.Hour))
	require.Empty(t, p.a.Arrived(0))
	do("DELETE", "/control/offline/ab01")
	require.Len(t, p.a.Arrived(0), 1)
}

// The script switches the stream limit while requests come: announced on every connection, and kept to.
func TestScriptSwitchesStreams(t *testing.T) {
	a := newAPNs(t, emulator.APNsOptions{})
	require.Error(t, a.SetScript(emulator.Script{Streams: []emulator.StreamSwitch{{AtRequest: 1}}}))
	require.NoError(t, a.SetScript(emulator.Script{Streams: []emulator.StreamSwitch{{AtRequest: 3, Limit: 1}, {AtRequest: 6, Limit: 500}}}))
	client := sideshow(t, a)
	for range 10 {
		resp, err := client.Push(note(a, "ab"))
		require.NoError(t, err)
		require.True(t, resp.Sent())
	}
	require.Equal(t, 10, a.Counts().Accepted)
}

func TestQuotaOfADeviceWithoutFcmError(t *testing.T) {
	a := newAccount(t, emulator.FCMOptions{Quotas: emulator.Quotas{DevicePerMinute: 1, BareDevice: true}})
	a.send(`{"token":"a"}`)
	status, body := a.send(`{"token":"a"}`)
	require.Equal(t, http.StatusTooManyRequests, status)
	require.NotContains(t, body, "FcmError")
	require.Contains(t, body, "QuotaFailure")
}
