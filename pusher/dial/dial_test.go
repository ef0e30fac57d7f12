package dial

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPublicAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8:443": true, "[2a00:1450:4001:81b::200a]:443": true, "172.32.0.1:443": true,
		"127.0.0.1:443": false, "10.1.2.3:443": false, "172.16.0.1:443": false, "192.168.1.1:443": false, "169.254.169.254:80": false,
		"0.0.0.0:443": false, "100.64.0.1:443": false, "198.18.0.1:443": false, "224.0.0.1:443": false, "255.255.255.255:443": false,
		"240.0.0.1:443": false, "[::1]:443": false, "[::]:443": false, "[fe80::1]:443": false, "[fc00::1]:443": false, "[ff02::1]:443": false,
		"[::ffff:127.0.0.1]:443": false, "[::ffff:10.0.0.1]:443": false, "[64:ff9b::7f00:1]:443": false, "[2002:7f00:1::]:443": false,
		"[fe80::1%eth0]:443": false, "[fec0::1]:443": false, "[::7f00:1]:443": false, "nonsense": false,
	} {
		require.Equal(t, want, Public("tcp", text, nil) == nil, text)
	}
	require.False(t, IsPublic(netip.Addr{}))
}

func TestTransportRefusesPrivateAddresses(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	defer server.Close()
	get := func(o Options) error {
		transport := NewTransport(o)
		defer transport.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		resp, err := transport.RoundTrip(req)
		if err == nil {
			require.NoError(t, resp.Body.Close())
		}
		return err
	}
	require.ErrorIs(t, get(Options{}), ErrPrivate)
	require.ErrorIs(t, get(Options{Allow: func(string) bool { return false }}), ErrPrivate)
	require.NoError(t, get(Options{Allow: func(a string) bool { return "http://"+a == server.URL }}))
}
