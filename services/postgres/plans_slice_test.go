package postgres_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// decide writes n moments of a brand over some hours until a time, a place at one of 50 stores and a row of three decisions
// each, without going through the program.
func decideMany(t testing.TB, s *postgres.Store, b uuid.UUID, n int, hours int, until time.Time) {
	t.Helper()
	for at := until.Add(-time.Duration(hours) * time.Hour); !at.After(until); at = at.Add(time.Hour) {
		_, err := s.KeepHouse(t.Context(), at)
		require.NoError(t, err)
	}
	id := func(c string) string {
		return `(lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5('` + c + `' || i), 1, 3) || '8' || substr(md5('` + c + `' || i), 4, 15))::uuid`
	}
	for _, sql := range []string{
		`CREATE TEMP TABLE decided AS SELECT i, $2::timestamptz - ($1::int - i) * ($3::float8 * interval '1 hour' / $1::int) AS at FROM generate_series(1, $1::int) i`,
		`INSERT INTO place SELECT md5('p' || i % 10000)::uuid, $1, ` + id("m") + `, at, at, 1, md5('d' || i)::uuid, md5('f' || i % 50)::uuid, md5('s' || i % 50)::uuid, NULL, 'entered', 'moved' FROM decided ORDER BY i`,
		`INSERT INTO trace (person_id, brand_id, id, at, campaign_rev, moment_id, device_id, campaign_id, kind, reason, channel, others)
			SELECT md5('p' || i % 10000)::uuid, $1, ` + id("t") + `, at, 1, ` + id("m") + `, md5('d' || i)::uuid, md5('c1')::uuid, 'entered', 'CAP_REACHED', '',
			'[{"i":1,"c":"' || md5('c2') || '","r":"OUTRANKED","v":{"at":"' || i % 100 || '"}},{"i":2,"c":"' || md5('c3') || '","r":"OUTSIDE_HOURS"}]' FROM decided ORDER BY i`,
		`DROP TABLE decided`, `VACUUM ANALYZE trace`, `VACUUM ANALYZE place`,
	} {
		var args []any
		switch {
		case strings.HasPrefix(sql, "CREATE"):
			args = []any{n, until, hours}
		case strings.HasPrefix(sql, "INSERT"):
			args = []any{b}
		}
		_, err := postgres.Pool(s).Exec(t.Context(), sql, args...)
		require.NoError(t, err, sql)
	}
}

// The decisions of a slice and the places of its moments are found by their BRIN indexes, joined and grouped by hashing, by
// one process.
func TestSlicesAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("fills tables: not with -short")
	}
	url := postgrestest.URL(t)
	s := postgrestest.Open(t, url, postgres.Options{MaxConns: 1, StatementTimeout: time.Minute})
	b, until := newBrand(t, s), time.Now().UTC().Truncate(time.Hour).Add(-time.Second)
	decideMany(t, s, b, 30_000, 3, until)
	for name, types := range postgres.SlicePlans(t, s, b, until.Add(-10*time.Minute)) {
		var nodes []string
		var plans []struct{ Plan planNode }
		require.NoError(t, json.Unmarshal(types, &plans))
		var walk func(n *planNode)
		walk = func(n *planNode) {
			nodes = append(nodes, strings.TrimSpace(n.Type+" "+n.Relation+n.Index))
			for i := range n.Plans {
				walk(&n.Plans[i])
			}
		}
		walk(&plans[0].Plan)
		plan := strings.Join(nodes, ", ")
		require.Contains(t, plan, "Bitmap Index Scan trace_at", name)
		require.NotContains(t, plan, "Seq Scan trace", name)
		require.NotContains(t, plan, "Sort", name)
		require.NotContains(t, plan, "Gather", name)
		if name == "decided" {
			require.Regexp(t, `Bitmap Index Scan place_h\d+_id_idx`, plan)
			require.Contains(t, plan, "Hash Join")
		}
	}
}
