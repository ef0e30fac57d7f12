package pusher

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func subscriptionText(t *testing.T, endpoint string) string {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	require.NoError(t, err)
	return fmt.Sprintf(`{"endpoint":%q,"expirationTime":null,"keys":{"p256dh":%q,"auth":%q}}`, endpoint,
		base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), base64.StdEncoding.EncodeToString(make([]byte, 16)))
}

func TestParseSubscription(t *testing.T) {
	for endpoint, ok := range map[string]bool{
		"https://fcm.googleapis.com/fcm/send/abc": true, "https://fcm.googleapis.com:443/x": true, "https://FCM.googleapis.com./x": true,
		"http://fcm.googleapis.com/x": false, "https://u:p@fcm.googleapis.com/x": false, "https:///x": false, "": false,
		"https://fcm.googleapis.com/x#y": false, "ftp://x/": false, "https:fcm.googleapis.com": false, "https://a\u0000b/": false,
	} {
		s, err := ParseSubscription(subscriptionText(t, endpoint))
		require.Equal(t, ok, err == nil, "%s: %v", endpoint, err)
		if ok {
			require.True(t, KnownPushServices().Allow(s), endpoint)
		}
	}
	good := subscriptionText(t, "https://web.push.apple.com/x")
	for _, bad := range []string{"", "[]", "{}", good[:40], strings.Replace(good, `"p256dh":"B`, `"p256dh":"C`, 1),
		strings.Replace(good, "AAAAAAAAAAAAAAAAAAAAAA==", "AAAA", 1), strings.Replace(good, "x\"", strings.Repeat("x", 5000)+`"`, 1)} {
		_, err := ParseSubscription(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "web.push.apple.com")
	}
}

func TestPushServices(t *testing.T) {
	list := PushServices{"a.example", "*.b.example", "c.example:8443"}
	require.NoError(t, list.Check())
	require.NoError(t, KnownPushServices().Check())
	for host, want := range map[string]bool{
		"a.example": true, "x.a.example": false, "xa.example": false, "x.b.example": true, "x.y.b.example": true, "b.example": false,
		"xb.example": false, "c.example:8443": true, "c.example": false, "a.example:8443": false, "127.0.0.1": false,
	} {
		s, err := ParseSubscription(subscriptionText(t, "https://"+host+"/x"))
		require.NoError(t, err)
		require.Equal(t, want, list.Allow(s), host)
	}
	for _, bad := range []string{"", "*", "*.", "https://x", "a/b", "A.example", "*.x:1", "a*b"} {
		require.Error(t, PushServices{bad}.Check(), bad)
	}
}

func FuzzParseSubscription(f *testing.F) {
	f.Add(`{"endpoint":"https://[::1]:443/x","keys":{"p256dh":"","auth":""}}`)
	f.Add(`{"endpoint":"https://fcm.googleapis.com\\@evil/x"}`)
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseSubscription(text); err == nil {
			require.True(t, strings.HasPrefix(s.Endpoint, "https:") || strings.HasPrefix(s.Endpoint, "HTTPS:"), s.Endpoint)
		}
	})
}
