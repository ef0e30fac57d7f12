package chaos

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// TestCatalogueIsSeenEverywhere changes the catalogue on one node and asks the others when they know of it.
func TestCatalogueIsSeenEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	var slowest time.Duration
	changes := pick(5, 50)
	for i := range changes {
		name := fmt.Sprintf("change-%d", i)
		from := w.nodes[i%len(w.nodes)]
		from.campaign(name, 1, nil)
		began := time.Now()
		for _, n := range w.nodes {
			w.eventually(func() bool {
				c, err := v1.NewCampaignServiceClient(n.conn).GetCampaign(w.owner(context.Background()),
					&v1.GetCampaignRequest{Key: &v1.GetCampaignRequest_ExternalId{ExternalId: name}})
				return err == nil && c.GetCampaign().GetState() == v1.Campaign_LIVE
			}, "node %d knows the campaign", n.name)
		}
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("%d changes were seen on %d nodes after at most %s", changes, len(w.nodes), slowest.Round(time.Millisecond))
	table.note("a change of the catalogue was seen on %d nodes after at most %s (%d changes)", len(w.nodes), slowest.Round(time.Millisecond), changes)
}

// TestRollingRestart replaces one node after the other, as an operator would, while phones walk: no error reaches a
// client that repeats.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.tried(t, "a rolling restart", pick(12, 200), func(w *world) int {
		for range pick(1, 5) {
			for _, n := range w.nodes {
				w.pause(300*time.Millisecond, time.Second)
				n.stop()
				n.start()
				n.ready()
			}
		}
		return pick(1, 5) * len(w.nodes)
	})
}

// TestLoginWhoseAnswerWasLost repeats a login with the only token that the phone has: the one from before.
func TestLoginWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	f := w.fleet(2, false)
	person := newID()
	for _, h := range f.phones {
		r, err := h.login(person)
		require.NoError(t, err)
		for i := range 4 {
			answer, err := v1.NewDeviceServiceClient(w.nodes[i%2].conn).IdentifyPerson(h.context(t.Context()), r)
			require.NoError(t, err)
			if i == 3 {
				h.token = answer.GetDeviceToken()
			}
		}
		require.NoError(t, h.report(-1))
	}
}

// TestRollingUpgrade begins with nodes of the previous release, on a database that it made, and replaces one after the
// other by this one.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	from := os.Getenv("WANTGO_CHAOS_FROM")
	if from == "" {
		out, _ := exec.Command("git", "describe", "--tags", "--abbrev=0", "HEAD^").Output()
		from = string(bytes.TrimSpace(out))
	}
	if from == "" {
		t.Skip("there is no release before this one: no tag, and no WANTGO_CHAOS_FROM that names a commit")
	}
	w := newWorld(t, 0)
	old := w.release(t, from)
	require.NoError(t, w.database.try(`DROP SCHEMA public CASCADE; CREATE SCHEMA public`))
	before, this := *w.furniture, w.program
	before.program = old
	w.furniture = &before
	require.NoError(t, before.init(w.url), "the previous release makes the brand")
	first := w.node()
	first.furnish()
	w.node()
	w.tried(t, "a rolling upgrade from "+from, pick(12, 200), func(w *world) int {
		for _, n := range w.nodes {
			w.pause(500*time.Millisecond, 2*time.Second)
			n.stop()
			n.program = this
			n.start()
			n.ready()
		}
		return len(w.nodes)
	})
}

// release builds the program of another commit.
func (w *world) release(t *testing.T, commit string) (program string) {
	t.Helper()
	source := filepath.Join(w.dir, "source")
	require.NoError(t, os.Mkdir(source, 0o700))
	top, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	require.NoError(t, err)
	script := exec.Command("sh", "-c", `git archive "$1" | tar -x -C "$2"`, "sh", commit, source)
	script.Dir = string(bytes.TrimSpace(top))
	out, err := script.CombinedOutput()
	require.NoError(t, err, "%s", out)
	program, err = build(source, source)
	require.NoError(t, err)
	return program
}

// TestPooled runs the nodes as behind a transaction pooler: nothing prepared, nothing set for a session. Where there is a
// pgbouncer, it is behind one.
func TestPooled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	w.node("--database-pooled")
	w.node("--database-pooled")
	w.tried(t, "as behind a pooler, connections cut", pick(12, 100), func(w *world) int {
		for range pick(3, 20) {
			w.pause(200*time.Millisecond, 500*time.Millisecond)
			w.proxy.cut()
		}
		return w.proxy.cuts
	})
}

// TestPgbouncer runs the nodes behind pgbouncer in transaction mode.
func TestPgbouncer(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		t.Skip("no pgbouncer on the PATH")
	}
	w := newWorld(t, 0)
	port := w.pgbouncer(t, program)
	w.url = databaseURL(w.password, port)
	w.node("--database-pooled")
	w.node("--database-pooled")
	w.tried(t, "behind pgbouncer, connections cut", pick(12, 100), func(w *world) int {
		for range pick(3, 20) {
			w.pause(200*time.Millisecond, 500*time.Millisecond)
			w.proxy.cut()
		}
		return w.proxy.cuts
	})
}

// pgbouncer starts a pooler between nodes and the proxy.
func (w *world) pgbouncer(t *testing.T, program string) (port int) {
	t.Helper()
	port = freePort(t)
	dir, err := os.MkdirTemp(w.dir, "bouncer-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	users, settings := filepath.Join(dir, "users.txt"), filepath.Join(dir, "pgbouncer.ini")
	require.NoError(t, os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", "wantgo", w.password), 0o644))
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, `[databases]
wantgo = host=127.0.0.1 port=%d dbname=wantgo
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = 8
max_client_conn = 200
server_tls_sslmode = disable
`, w.proxy.port(), port, users), 0o644))
	w.keepUp(t, program, settings)
	probe := &cluster{t: t, password: w.password, port: port}
	w.eventually(probe.answers, "pgbouncer answers on port %d", port)
	return port
}

// keepUp runs a pooler until the test ends. As a machine's own keeper of services would, it starts one that ended by itself
// again: that is a fault of the pooler's, and told.
func (w *world) keepUp(t *testing.T, program, settings string) {
	ctx, cancel := context.WithCancel(context.Background())
	log, ended := &logFile{}, make(chan struct{})
	go func() {
		runtime.LockOSThread() // the kernel ties the process to the thread that made it
		defer runtime.UnlockOSThread()
		defer close(ended)
		for ctx.Err() == nil {
			cmd := exec.CommandContext(ctx, program, settings)
			cmd.SysProcAttr, cmd.Stderr = tied(w.user), log
			if err := cmd.Run(); ctx.Err() == nil {
				t.Logf("the pooler ended by itself (%v) and is started again:\n%s", err, lastLines(log.String(), 10))
				select {
				case <-ctx.Done():
				case <-time.After(200 * time.Millisecond):
				}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("log of the pooler:\n%s", lastLines(log.String(), 40))
		}
	})
}

// walker is the way of one phone past one store: where it is and when, to be told in reports of a few pings. It is drawn
// once, and walked by phones of several fleets.
type walker struct{ pings []*v1.Ping }

// newWalker walks past a store, in through the edge and out again, at two metres a second and a ping every ten seconds,
// with an error of some metres. The last ping was just now.
func (w *world) newWalker(store int) walker {
	const pings = 24
	latitude, longitude := place(store)
	aside := (w.random.Float64() - 0.5) * 1.4 * radius
	var walk walker
	began := time.Now().Add(-pings * 10 * time.Second)
	for i := range pings {
		along := float64(i-pings/2)*20 + w.random.NormFloat64()*6
		walk.pings = append(walk.pings, &v1.Ping{AccuracyMeters: 8, ObservedTime: timestamppb.New(began.Add(time.Duration(i) * 10 * time.Second)),
			Latitude: latitude + (aside+w.random.NormFloat64()*6)/111_195, Longitude: longitude + along/88_300})
	}
	return walk
}

// past is a transition as the walk has it.
type past struct {
	phone, ping int
	kind        string
}

// TestHopping lets phones walk the same ways three times, under the policy that keeps evidence in memory and token: on
// one node, hopping between nodes at random with their tokens, and imported over connections that stay. All three are
// told the same, and the same is won.
func TestHopping(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	w.nodes[0].settings(func(s *v1.BrandSettings) { s.Presence = &v1.PresenceRules{Policy: v1.PresenceRules_STANDARD} })
	n := pick(20, 400)
	one, hopping, imported := w.fleet(n, false), w.fleet(n, false), w.fleet(n, false)
	one.pinned, hopping.pinned, imported.pinned = true, false, true
	for _, h := range one.phones {
		h.node = 0
	}
	w.settled() // the settings and the consents
	walks := make([]walker, n)
	for i := range walks {
		walks[i] = w.newWalker(i % stores)
	}
	alone := one.follow(walks)
	require.NotEmpty(t, alone)
	require.Equal(t, alone, hopping.follow(walks), "hopping phones are told what phones of one node are")
	require.Equal(t, alone, imported.imports(walks), "imported pings that stay on their connections make the same")
	w.dispatched(t)
	want := one.won()
	require.NotEmpty(t, want)
	require.Equal(t, want, hopping.won())
	require.Equal(t, want, imported.won())
	for _, f := range []*fleet{one, hopping, imported} {
		require.Empty(t, f.fatal.list())
	}
	table.note("%d phones that hop between %d nodes, and as many imported ones, got the %d transitions and %d notifications of one node",
		n, len(w.nodes), len(alone), total(want))
}

func total(won map[int]int) (n int) {
	for _, k := range won {
		n += k
	}
	return n
}

// follow reports the walks, three pings a call.
func (f *fleet) follow(walks []walker) (all []past) {
	var mu sync.Mutex
	f.each(func(h *phone) error {
		walk := walks[h.name]
		for from := 0; from < len(walk.pings); from += 3 {
			r := &v1.ReportPingsRequest{AppState: v1.Ping_BACKGROUND, PresenceToken: h.presence}
			for _, p := range walk.pings[from : from+3] {
				r.Pings = append(r.Pings, again(p))
			}
			err := h.insist(func(ctx context.Context, n *node) error {
				answer, err := v1.NewLocationServiceClient(n.conn).ReportPings(h.context(ctx), r)
				if err == nil {
					h.presence = answer.GetPresenceToken()
					mu.Lock()
					all = append(all, pastOf(h.name, from, answer.GetResults())...)
					mu.Unlock()
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(all, comparePast)
	return all
}

// imports tells the walks by a trusted server: the pings of a phone always over the same node's connection.
func (f *fleet) imports(walks []walker) (all []past) {
	var mu sync.Mutex
	var nodes sync.WaitGroup
	for k, n := range f.w.nodes {
		var mine []*phone
		for _, h := range f.phones {
			if h.name%len(f.w.nodes) == k {
				mine = append(mine, h)
			}
		}
		nodes.Go(func() {
			for from := 0; from < len(walks[0].pings); from += 3 {
				r := &v1.ImportPingsRequest{RequestId: newID()}
				for _, h := range mine {
					for _, p := range walks[h.name].pings[from : from+3] {
						r.Pings = append(r.Pings, &v1.ImportedPing{Device: &v1.ImportedPing_DeviceId{DeviceId: h.id}, Ping: again(p)})
					}
				}
				_, err := f.insist(context.Background(), k, mine[0].random, func(ctx context.Context, _ *node) error {
					answer, err := v1.NewLocationServiceClient(n.conn).ImportPings(f.w.owner(ctx), r)
					mu.Lock()
					defer mu.Unlock()
					for i, h := range mine {
						if err == nil {
							all = append(all, pastOf(h.name, from, answer.GetResults()[3*i:3*i+3])...)
						}
					}
					return err
				})
				if err != nil {
					return
				}
			}
		})
	}
	nodes.Wait()
	slices.SortFunc(all, comparePast)
	return all
}

// again is a ping as another phone tells it.
func again(p *v1.Ping) *v1.Ping {
	p = proto.Clone(p).(*v1.Ping)
	p.Id = newID()
	return p
}

func pastOf(phone, from int, results []*v1.PingResult) (all []past) {
	for i, result := range results {
		for _, tr := range result.GetTransitions() {
			all = append(all, past{phone, from + i, kindName(tr.GetKind())})
		}
	}
	return all
}

func comparePast(a, b past) int {
	return cmp.Or(cmp.Compare(a.phone, b.phone), cmp.Compare(a.ping, b.ping), cmp.Compare(a.kind, b.kind))
}

// won is how many coupons each phone got.
func (f *fleet) won() map[int]int {
	won, byID := map[int]int{}, map[string]int{}
	for _, h := range f.phones {
		byID[h.id] = h.name
	}
	f.w.database.query(`SELECT t.device_id::text, count(DISTINCT c.id) FROM trace t JOIN coupon c ON c.id = t.coupon_id AND c.person_id = t.person_id
		WHERE t.reason = 'WON' AND t.device_id = ANY ($1::text[]::uuid[]) GROUP BY 1`, []any{f.ids()}, func(rows pgx.Rows) error {
		var id string
		var n int
		defer func() { won[byID[id]] = n }()
		return rows.Scan(&id, &n)
	})
	return won
}
