package chaos

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher/emulator"
)

// TestFailover kills the database for good and promotes its synchronous replica: another timeline, with everything that
// was acknowledged. Notifications that waited for another attempt then get it: none is lost, and none expires.
func TestFailover(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	replica := w.database.replica(t, w.dir)
	w.node()
	w.node()
	c := w.tried(t, "failover to a replica", pick(12, 150), func(w *world) int {
		w.eventually(func() bool {
			return w.database.number(`SELECT count(*) FROM delivery WHERE state = 'pending' AND code IS NOT NULL`) > 0
		}, "a delivery waits for its second attempt")
		w.database.crash()
		w.proxy.cut()
		require.NoError(t, replica.try("SELECT pg_promote()"))
		w.database = replica
		w.proxy.pointTo(replica.port)
		w.pause(time.Second, 2*time.Second)
		return 1
	}, func(f *fleet) {
		for _, h := range f.phones {
			require.NoError(t, w.emulators.FCM.On(h.address, emulator.Outcome{Status: http.StatusServiceUnavailable, Code: "UNAVAILABLE", Times: 1}))
		}
	})
	require.Zero(t, c.expiry)
	for _, n := range w.nodes {
		w.eventually(func() bool { return strings.Contains(n.log.String(), "another history") }, "a node notices that the history is another")
	}
}

// replica makes a running copy of the server that every commit waits for.
func (c *cluster) replica(t *testing.T, dir string) *cluster {
	t.Helper()
	rules := filepath.Join(c.data, "pg_hba.conf")
	text, err := os.ReadFile(rules)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(rules, append(text, "host replication wantgo 127.0.0.1/32 scram-sha-256\n"...), 0o600))
	require.NoError(t, c.try("SELECT pg_reload_conf()"))
	r := &cluster{t: t, data: filepath.Join(dir, "replica"), bin: c.bin, user: c.user, password: c.password, port: freePort(t), log: &logFile{}}
	require.NoError(t, os.Mkdir(r.data, 0o700))
	if c.user != nil {
		require.NoError(t, os.Chown(r.data, int(c.user.Uid), int(c.user.Gid)))
	}
	copying := exec.Command(filepath.Join(c.bin, "pg_basebackup"), "-D", r.data, "-h", "127.0.0.1", "-p", strconv.Itoa(c.port), "-U", "wantgo",
		"-X", "stream", "-R", "--checkpoint=fast")
	if _, err := os.Stat(copying.Path); err != nil {
		t.Skip("a replica needs pg_basebackup")
	}
	copying.Dir, copying.Env = r.data, append(os.Environ(), "PGPASSWORD="+c.password)
	copying.SysProcAttr = &syscall.SysProcAttr{Credential: c.user}
	out, err := copying.CombinedOutput()
	require.NoError(t, err, "%s", out)
	r.begin()
	// After the copy, so that it is not in the copy: once promoted it has nobody to wait for.
	require.NoError(t, c.try("ALTER SYSTEM SET synchronous_standby_names = '*'"))
	require.NoError(t, c.try("SELECT pg_reload_conf()"))
	return r
}
