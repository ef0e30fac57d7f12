package demo

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
)

// testSteps is how many reports each phone makes in a test: two seconds apart, all observed before the test began, as
// from phones that were out of reach. So a walk takes as long as the server needs for it.
const testSteps = 42

func recollected() rhythm {
	at, left := time.Now().Add(-testSteps*2*time.Second), testSteps
	return func(ctx context.Context) (time.Time, time.Duration, bool) {
		if left == 0 || ctx.Err() != nil {
			return time.Time{}, 0, false
		}
		left--
		at = at.Add(2 * time.Second)
		return at, 2 * time.Second, true
	}
}

// testDir is a directory that a database server of another user can reach.
func testDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wantgo-demo-test-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "demo")
}

func testCommand(t *testing.T) *Command {
	return &Command{JSON: true, Walkers: 24, Seed: 1, Every: 2 * time.Second, DataDir: testDir(t), Listen: "127.0.0.1:0",
		InternalListen: "127.0.0.1:0", tied: true, rhythm: recollected, aside: io.Discard}
}

// skipWithout skips where no PostgreSQL can be had.
func skipWithout(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, postgres.ErrNoBinaries) && os.Getenv("WANTGO_REQUIRE_POSTGRES") == "" {
		t.Skipf("needs PostgreSQL: %v", err)
	}
}

func TestDemoTellsTheTruth(t *testing.T) {
	c := testCommand(t)
	var out bytes.Buffer
	recorded := map[string]map[string]bool{"fcm": {}, "apns": {}}
	samples := 0
	c.after = func(s *stage) {
		for _, a := range s.emulators.Accepted() {
			recorded[a.Provider][a.Notification] = true
			samples++
			require.NotEmpty(t, a.Title+a.Body)
		}
	}
	err := c.Run(t.Context(), &out, slog.New(slog.DiscardHandler))
	skipWithout(t, err)
	require.NoError(t, err)

	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 1, "with --json nothing else stands on the standard output")
	var s Summary
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &s))
	var keys map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &keys))
	for _, key := range []string{"pings", "transitions", "decisions", "coupons_issued", "deliveries", "accepted", "p50_ms", "p99_ms"} {
		require.Contains(t, keys, key)
	}
	t.Logf("summary: %s", lines[0])

	require.Zero(t, s.CallsFailed)
	require.Equal(t, 24, s.People)
	require.Equal(t, 24*testSteps, s.Pings, "every ping was acknowledged once")
	require.Equal(t, map[string]int{"fcm": len(recorded["fcm"]), "apns": len(recorded["apns"])}, s.Accepted)
	require.Positive(t, s.Accepted["fcm"])
	require.Positive(t, s.Accepted["apns"])
	require.Equal(t, samples, s.Deliveries["accepted"], "a delivery is accepted when the provider recorded it")
	require.Equal(t, samples, s.Samples, "the latency of every accepted delivery was measured")
	require.Positive(t, s.P50)
	require.GreaterOrEqual(t, s.P99, s.P50)
	require.Positive(t, s.CouponsIssued)
	require.Positive(t, s.Visits)
	require.Greater(t, s.TransitionsByKind["exited"], 0)
	require.Greater(t, s.TransitionsByKind["dwelled"], 0)

	stored := explained(t, c)
	require.Equal(t, stored.reasons, s.Decisions)
	require.Equal(t, stored.coupons, s.CouponsIssued)
	require.Equal(t, stored.states, s.Deliveries)
	require.Equal(t, total(stored.states), s.Decisions["WON"], "one delivery for each notification here: everybody has one phone")
	require.Contains(t, stored.won, personOf(t, s.WhyWon))
	require.Contains(t, stored.refused, personOf(t, s.WhyRefused))
}

// personOf is the person in a ready command line.
func personOf(t *testing.T, line string) string {
	t.Helper()
	words := strings.Fields(line)
	require.NotEmpty(t, words, "no example was found")
	return words[len(words)-1]
}

type storedFacts struct {
	reasons, states map[string]int
	coupons         int
	won, refused    map[string]bool // people
}

// peopleWithDecisions lists them by plain SQL.
func peopleWithDecisions(t *testing.T, url string) (people []string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT DISTINCT person_id::text FROM trace WHERE brand_id = $1`, demoBrand.String())
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var person string
		require.NoError(t, rows.Scan(&person))
		people = append(people, person)
	}
	require.NoError(t, rows.Err())
	return people
}

// explained asks a second node on the directory that the demo left, as `wantgo why` does, about everybody.
func explained(t *testing.T, c *Command) storedFacts {
	t.Helper()
	ctx := t.Context()
	n, err := node.Open(ctx, node.Config{DataDir: c.DataDir, Tied: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, n.Close(context.WithoutCancel(ctx))) }()
	people := peopleWithDecisions(t, n.DatabaseURL())
	f := storedFacts{reasons: map[string]int{}, states: map[string]int{}, won: map[string]bool{}, refused: map[string]bool{}}
	for _, person := range people {
		rows, deliveries, err := n.Engine().Explain(ctx, demoBrand, uuid.MustParse(person), engine.TraceFilter{Limit: 1000})
		require.NoError(t, err)
		for _, r := range rows {
			f.reasons[r.Reason]++
			if r.CouponID != uuid.Nil {
				f.coupons++
			}
			if r.Reason == "WON" {
				f.won[person] = true
			} else {
				f.refused[person] = true
			}
		}
		for _, list := range deliveries {
			for _, d := range list {
				f.states[string(d.State)]++
			}
		}
	}
	return f
}

// TestStopAndKeep: a demo that is stopped from outside says what happened, and one that keeps goes on from there.
func TestStopAndKeep(t *testing.T) {
	c := testCommand(t)
	c.Walkers = 4
	ctx, stop := context.WithCancel(t.Context())
	c.rhythm = func() rhythm { // endless, until somebody stops it after a few reports
		step, n := recollected(), 0
		return func(ctx context.Context) (time.Time, time.Duration, bool) {
			if n++; n == 5 {
				stop()
			}
			return step(ctx)
		}
	}
	first, err := c.run(ctx, io.Discard, slog.New(slog.DiscardHandler))
	skipWithout(t, err)
	require.NoError(t, err)
	require.Positive(t, first.Pings)

	c.Keep, c.rhythm = true, recollected
	second, err := c.run(t.Context(), io.Discard, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Equal(t, 4*testSteps, second.Pings, "the second summary is about the second run")
	require.FileExists(t, filepath.Join(c.DataDir, keysFile))

	c.Keep = false
	third, err := c.run(t.Context(), io.Discard, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	all := explained(t, c)
	require.Equal(t, third.Decisions, all.reasons, "nothing of earlier runs is left")
}

func TestStoresOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stores.csv")
	require.NoError(t, os.WriteFile(file, []byte("id,name,lat,lng,tags\na,하나,37.5,127.0,x\nb,둘,95,127.0,\nc,셋,37.501,127.001,\n"), 0o600))
	c, refused, err := around(demoBrand, file)
	require.NoError(t, err)
	require.Len(t, c.stores, 2)
	require.Len(t, c.fences, 4)
	require.Len(t, refused, 1)
	require.Equal(t, "Asia/Seoul", c.stores[0].TimeZone)
	again, _, err := around(demoBrand, file)
	require.NoError(t, err)
	require.Equal(t, c, again, "ids follow from the stores' own")

	require.NoError(t, os.WriteFile(file, []byte("id,name,lat,lng\n"), 0o600))
	_, _, err = around(demoBrand, file)
	require.ErrorContains(t, err, "no usable store")
}

func TestGroundIsNobodyElses(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	require.NoError(t, os.WriteFile(precious, []byte("x"), 0o600))
	_, err := takeGround(t.Context(), dir, false, log)
	require.ErrorContains(t, err, "--data-dir")
	require.FileExists(t, precious)

	mine := filepath.Join(t.TempDir(), "deep", "demo")
	g, err := takeGround(t.Context(), mine, false, log)
	require.NoError(t, err)
	left := filepath.Join(mine, "left")
	require.NoError(t, os.WriteFile(left, []byte("x"), 0o600))
	_, err = takeGround(t.Context(), mine, false, log)
	require.ErrorContains(t, err, "another demo")
	require.FileExists(t, left)
	g.leave()
	g, err = takeGround(t.Context(), mine, true, log)
	require.NoError(t, err)
	require.FileExists(t, left)
	g.leave()
	g, err = takeGround(t.Context(), mine, false, log)
	require.NoError(t, err)
	require.NoFileExists(t, left)
	g.leave()
}

func TestFlagsThatMakeNoSense(t *testing.T) {
	c := Command{Walkers: 0, For: -1, Every: time.Millisecond}
	err := c.Run(t.Context(), io.Discard, nil)
	for _, flag := range []string{"--walkers", "--for", "--every"} {
		require.ErrorContains(t, err, flag)
	}
}
