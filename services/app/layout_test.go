package app_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/wantgo/wantgo"

// rule forbids imports. from and to are package paths below the module, or foreign paths; a trailing /... takes what
// is below, too. except are packages that may all the same.
type rule struct {
	from, to string
	except   []string
	reason   string
}

var rules = []rule{
	{from: "geo/...", to: "pusher/...", reason: "positions know nothing of notifications: the engine joins them"},
	{from: "geo/...", to: "services/...", reason: "positions know nothing of people and shops"},
	{from: "geo/...", to: "proto/...", reason: "the contract may change without geometry changing"},
	{from: "pusher/...", to: "geo/...", reason: "a notification carries no position, and can carry none by mistake"},
	{from: "pusher/...", to: "services/...", reason: "sending is of use without any of our services"},
	{from: "pusher/...", to: "proto/...", reason: "providers have contracts of their own"},
	{from: "pusher/cap", to: "pusher", reason: "caps are arithmetic on a history and a time"},
	{from: "geo", to: "golang.org/x/...", reason: "geometry needs the standard library alone"},
	{from: "geo", to: "github.com/...", reason: "geometry needs the standard library alone"},

	{from: "...", to: "github.com/jackc/pgx/v5/...", except: []string{"services/postgres/..."},
		reason: "SQL stands in one package, where statements can be reviewed for coordinates and for brand_id"},
	{from: "...", to: "github.com/uber/h3-go/v4/...", except: []string{"geo/cell/..."},
		reason: "what goes into the C library is validated in one place: it crashes on bad input"},
	{from: "...", to: "proto/wantgo/v1", except: []string{
		"services/api/...", "proto/...", "services/app/...",
	}, reason: "the contract's messages meet the domain in the api only; the command line speaks the API as a client"},
	{from: "...", to: "proto/wantgo/state/v1", except: []string{"services/engine/...", "proto/..."},
		reason: "what a person's row holds is the engine's affair"},
	{from: "...", to: "pusher/fcm", except: []string{"services/app/..."}, reason: "providers are adapters: only assembly names them"},
	{from: "...", to: "pusher/apns", except: []string{"services/app/..."}, reason: "providers are adapters: only assembly names them"},
	{from: "...", to: "pusher/webpush", except: []string{"services/app/..."}, reason: "providers are adapters: only assembly names them"},
	{from: "...", to: "pusher/emulator", except: []string{"services/app/..."},
		reason: "stand-ins belong into the demo, the command line and tests"},

	{from: "services/engine/...", to: "services/postgres/...", reason: "storage hangs off the engine's contracts, not the other way"},
	{from: "services/engine/...", to: "services/api/...", reason: "the API hangs off the engine"},
	{from: "services/engine/...", to: "services/webhook/...", reason: "what happens is written down by the engine, and told by whoever reads it"},
	{from: "services/webhook/...", to: "services/postgres/...", reason: "storage hangs off the contracts, not the other way"},
	{from: "services/webhook/...", to: "services/api/...", reason: "a webhook's body is put together from the facts, not from answers"},
	{from: "pusher/dial", to: "pusher", reason: "who may be reached is decided for webhooks, too, which are no notifications"},
	{from: "services/api/admit", to: "services/engine", reason: "who is let in is decided before anything is known but how much comes"},
	{from: "services/api/admit", to: "google.golang.org/grpc", reason: "the arithmetic of admission runs in simulated time, without a server"},
	{from: "services/postgres/...", to: "services/api/...", reason: "adapters do not know each other"},
	{from: "services/api/...", to: "services/postgres/...", reason: "adapters do not know each other"},
	{from: "services/audience/...", to: "services/engine/...", reason: "rules have no storage and no loops"},
	{from: "services/brand/...", to: "services/engine/...", reason: "rules have no storage and no loops"},
	{from: "services/campaign/...", to: "services/engine/...", reason: "rules have no storage and no loops"},
	{from: "services/store/...", to: "services/engine/...", reason: "rules have no storage and no loops"},
	{from: "...", to: "services/app/...", except: []string{"services/app/...", "."}, reason: "only the program itself stands above assembly"},
}

func TestLayout(t *testing.T) {
	imports := imported(t)
	require.Contains(t, imports, "services/engine")
	for _, r := range rules {
		used := false
		for from, list := range imports {
			used = used || matches(r.from, from)
			if !matches(r.from, from) || slices.ContainsFunc(r.except, func(e string) bool { return matches(e, from) }) {
				continue
			}
			for _, to := range list {
				local, _ := strings.CutPrefix(to, module+"/")
				foreign := local == to
				if matches(r.to, local) && !(foreign && !strings.Contains(r.to, ".")) && !(!foreign && strings.HasPrefix(r.to, "github.com/")) {
					t.Errorf("%s imports %s: %s", from, to, r.reason)
				}
			}
		}
		require.True(t, used, "the rule about %s is about no package", r.from)
	}
}

func TestLayoutRulesCanFail(t *testing.T) {
	require.True(t, matches("geo/...", "geo/cell"))
	require.True(t, matches("geo/...", "geo"))
	require.False(t, matches("geo/...", "geology"))
	require.True(t, matches("github.com/jackc/pgx/v5/...", "github.com/jackc/pgx/v5/pgxpool"))
	require.False(t, matches("pusher", "pusher/cap"))
	require.True(t, matches("...", "anything"))
}

func matches(pattern, path string) bool {
	below, wide := strings.CutSuffix(pattern, "...")
	if !wide {
		return pattern == path
	}
	return below == "" || strings.HasPrefix(path+"/", below)
}

// imported lists what every package of the module imports, tests not included. "." is the module's root.
func imported(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	list.Dir = root(t)
	out, err := list.Output()
	require.NoError(t, err)
	packages := map[string][]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		require.NoError(t, decoder.Decode(&p))
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if path == "" {
			path = "."
		}
		packages[path] = p.Imports
	}
	return packages
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}
