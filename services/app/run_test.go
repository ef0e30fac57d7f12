package app_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/app"
)

// typed runs a command line in this process.
func typed(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	code = app.Main(context.Background(), args, &o, &e)
	return code, o.String(), e.String()
}

func TestHelpNamesEveryCommand(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {}} {
		code, out, _ := typed(t, args...)
		require.Equal(t, app.ExitOK, code)
		for _, command := range []string{"demo", "init", "serve", "replay", "why", "emulator", "backup", "restore", "erasures", "doctor", "migrate", "version"} {
			require.Contains(t, out, "\n  "+command+" ")
			code, help, _ := typed(t, command, "--help")
			require.Equal(t, app.ExitOK, code)
			require.Contains(t, help, "Usage: wantgo "+command)
		}
	}
}

func TestFaultsAreReportedTogether(t *testing.T) {
	t.Setenv("WANTGO_PEOPLE_IN_MEMORY", "many")
	code, out, errs := typed(t, "serve", "--data-dir", t.TempDir(), "--log-level", "loud", "--grace", "soon", "--database-connections", "0",
		"--listen", "nowhere", "--tls-cert", "/does/not/exist.pem", "--fcm-endpoint", "ftp://x", "--database-url", "mysql://root:hunter2@db/x")
	require.Equal(t, app.ExitUsage, code)
	require.Empty(t, out)
	for _, flag := range []string{"log-level", "grace", "people-in-memory", "database-connections", "listen", "tls-cert", "fcm-endpoint", "database-url"} {
		require.Contains(t, errs, "wantgo: --"+flag+": ")
	}
	require.NotContains(t, errs, "hunter2")

	code, _, errs = typed(t, "init", "--data-dir", t.TempDir(), "--name", " ", "--jurisdiction", "XX", "--filing", "registered", "--filing-date", "soon", "--locale", "!")
	require.Equal(t, app.ExitUsage, code)
	for _, flag := range []string{"name", "jurisdiction", "filing-number", "filing-date", "locale"} {
		require.Contains(t, errs, "wantgo: --"+flag+": ")
	}
}

func TestExitCodes(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"version":         {[]string{"version", "--json"}, app.ExitOK},
		"unknown command": {[]string{"walk"}, app.ExitUsage},
		"unknown flag":    {[]string{"version", "--loud"}, app.ExitUsage},
		"nobody named":    {[]string{"why"}, app.ExitUsage},
		"log of version":  {[]string{"version", "--log-format", "xml"}, app.ExitUsage},
		"no database":     {[]string{"migrate", "--database-url", "postgres://nobody@127.0.0.1:1/x"}, app.ExitFault},
	} {
		code, _, errs := typed(t, c.args...)
		require.Equal(t, c.code, code, "%s: %s", name, errs)
		require.Equal(t, c.code != app.ExitOK, errs != "", name)
	}
}

func TestSettingsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "wantgo.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	serve := func(more ...string) string {
		code, _, errs := typed(t, append([]string{"serve", "--config", file, "--data-dir", t.TempDir()}, more...)...)
		require.Equal(t, app.ExitUsage, code)
		return errs
	}
	write("listen: top\ngrace: never\nserve:\n  listen: below\n")
	errs := serve()
	require.Contains(t, errs, `--listen: "below" is not`, "a command's own setting goes first")
	require.Contains(t, errs, `--grace: "never" is not`, "a shared setting stands at the top")
	t.Setenv("WANTGO_LISTEN", "variable")
	require.Contains(t, serve(), `--listen: "variable" is not`, "the variable goes before the file")
	require.Contains(t, serve("--listen", "flag"), `--listen: "flag" is not`, "and the flag before the variable")

	write("lissten: x\nserve:\n  graze: 1s\nreplay:\n  listen: x\n")
	errs = serve()
	for _, key := range []string{"lissten", "graze", "replay has no such setting"} {
		require.Contains(t, errs, key, "a misspelt setting is refused")
	}
	write("grace: [")
	require.Contains(t, serve(), "configuration file")
}

func TestSecretsFromFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "url")
	require.NoError(t, os.WriteFile(file, []byte("mysql://root:hunter2@db/x\n"), 0o600))
	code, _, errs := typed(t, "serve", "--grace", "x", "--data-dir", t.TempDir(), "--database-url-file", file)
	require.Equal(t, app.ExitUsage, code)
	require.Contains(t, errs, "--database-url: must be postgres://", "the file was read")
	require.NotContains(t, errs, "hunter2")
	_, _, errs = typed(t, "serve", "--database-url-file", file, "--database-url", "postgres://x@y/z")
	require.Contains(t, errs, "--database-url-file: given beside")
	t.Setenv("WANTGO_SECRET", "aa")
	_, _, errs = typed(t, "serve", "--secret-file", file, "--data-dir", t.TempDir())
	require.Contains(t, errs, "--secret-file: given twice")
}
