package node

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// dataDir is one that the database server's own user can reach, too.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wantgo-node-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o711))
	return filepath.Join(dir, "data")
}

// certificate writes a certificate for 127.0.0.1 and its key, and returns a client that trusts it.
func certificate(t *testing.T) (cert, key string, client *http.Client) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	pair := server.TLS.Certificates[0]
	secret, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key, server.Client()
}

func get(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	r, err := client.Get(url)
	require.NoError(t, err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(text)
}

func TestServesUntilToldToStop(t *testing.T) {
	cert, key, client := certificate(t)
	n, err := Open(t.Context(), Config{DataDir: dataDir(t), Tied: true, Listen: "127.0.0.1:0", InternalListen: "127.0.0.1:0",
		TLSCert: cert, TLSKey: key, Dispatch: true})
	require.NoError(t, err)
	secret, err := os.Stat(n.config.secretFile())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), secret.Mode().Perm(), "the root secret is its owner's alone")

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	answer, err := client.Post("https://"+n.Address()+"/wantgo.v1.StoreService/ListStores", "application/json", strings.NewReader("{}"))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode, "the door is locked, and speaks TLS")
	internal := "http://" + n.InternalAddress()
	status, text := get(t, http.DefaultClient, internal+"/readyz")
	require.Equal(t, http.StatusOK, status, text)
	n.engine.Drain()
	status, text = get(t, http.DefaultClient, internal+"/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, text, "draining")
	status, _ = get(t, http.DefaultClient, internal+"/livez")
	require.Equal(t, http.StatusOK, status, "a node that drains is alive")
	_, text = get(t, http.DefaultClient, internal+"/metrics")
	require.Contains(t, text, "wantgo_database_connections_open")
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, n.Close(t.Context()), "a second close does nothing")
}

func TestOpenLeavesNothingBehind(t *testing.T) {
	dir := dataDir(t)
	busy, err := Open(t.Context(), Config{DataDir: dir, Tied: true, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	_, err = Open(t.Context(), Config{DataDir: dir, Tied: true, Listen: busy.Address()})
	require.ErrorContains(t, err, "listen: ", "the address is taken")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, busy.Close(ctx))
	_, err = os.Stat(filepath.Join(dir, "postgres", "postmaster.pid"))
	require.ErrorIs(t, err, os.ErrNotExist, "the database server has stopped with its last user")
}
