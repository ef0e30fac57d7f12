package emulator_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/emulator"
)

// An emulator that starts again in the same directory is trusted by whoever trusted it before.
func TestRunKeepsItsKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "emulator")
	run := func() (files map[string]string) {
		ctx, cancel := context.WithCancel(t.Context())
		ready := make(chan emulator.Addresses, 1)
		done := make(chan error)
		go func() {
			done <- emulator.Run(ctx, emulator.Config{Dir: dir, Ready: func(a emulator.Addresses) { ready <- a }},
				slog.New(slog.NewTextHandler(io.Discard, nil)))
		}()
		a := <-ready
		files = map[string]string{}
		for _, file := range []string{a.P8, a.CA, a.VAPID} {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			files[filepath.Base(file)] = string(text)
		}
		text, err := os.ReadFile(a.ServiceAccount)
		require.NoError(t, err)
		account := map[string]string{}
		require.NoError(t, json.Unmarshal(text, &account))
		require.Contains(t, a.FCMEndpoint, "http://127.0.0.1:")
		files["key"] = account["private_key"]
		resp, err := http.Get(a.Control + "/counts")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
		cancel()
		require.NoError(t, <-done)
		return files
	}
	first := run()
	require.Equal(t, first, run())
	info, err := os.Stat(filepath.Join(dir, "apns.p8"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestScriptFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "script.json")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(`{"fcm":{"default":{"status":503,"code":"UNAVAILABLE","retry_after":"date:30s"}},"apns":{"addresses":{"ab":[{"status":410,"code":"Unregistered"}]}}}`)
	e, err := emulator.Start(emulator.Config{Script: file})
	require.NoError(t, err)
	defer e.Close()
	require.Equal(t, 503, e.FCM.Script().Default.Status)
	require.Len(t, e.APNs.Script().Addresses["ab"], 1)
	for _, bad := range []string{`{`, `{"web":{}}`, `{"fcm":{"default":{"status":1}}}`} {
		write(bad)
		_, err := emulator.Start(emulator.Config{Script: file})
		require.ErrorContains(t, err, file)
	}
}
