package brand_test

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/brand"
)

func TestCheckVAPIDKey(t *testing.T) {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	key, err := pair.ECDH()
	require.NoError(t, err)
	raw := base64.RawURLEncoding.EncodeToString(key.Bytes())
	pkcs8, err := x509.MarshalPKCS8PrivateKey(pair)
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(pair)
	require.NoError(t, err)
	var secrets []string
	for _, form := range []string{
		raw, raw + "=", " " + raw + "\n",
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})),
	} {
		c, secret, err := brand.CheckVAPIDKey(form, "mailto:push@example.com")
		require.NoError(t, err)
		require.Equal(t, pusher.WebPush, c.Provider)
		public, err := base64.RawURLEncoding.DecodeString(c.KeyID)
		require.NoError(t, err)
		parsed, err := ecdh.P256().NewPublicKey(public)
		require.NoError(t, err)
		require.True(t, parsed.Equal(key.PublicKey()))
		secrets = append(secrets, string(secret))
	}
	for _, s := range secrets {
		require.Equal(t, secrets[0], s, "one key in whatever form is one secret")
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	wrong, err := x509.MarshalPKCS8PrivateKey(other)
	require.NoError(t, err)
	for _, c := range []struct{ key, subject, field string }{
		{"", "https://example.com", "private_key"}, {"%%", "https://example.com", "private_key"},
		{base64.RawURLEncoding.EncodeToString(make([]byte, 32)), "https://example.com", "private_key"},
		{string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: wrong})), "https://example.com", "private_key"},
		{raw, "", "subject"}, {raw, "push@example.com", "subject"}, {raw, "mailto:x", "subject"}, {raw, "http://example.com", "subject"},
		{raw, "https://u:p@example.com", "subject"},
	} {
		_, _, err := brand.CheckVAPIDKey(c.key, c.subject)
		var vs brand.Violations
		require.ErrorAs(t, err, &vs)
		require.Equal(t, c.field, vs[0].Field)
		require.NotContains(t, err.Error(), raw)
	}
}
