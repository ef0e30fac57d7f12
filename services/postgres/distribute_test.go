package postgres_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// Every table has a place on a distributed database that its class and its unique keys allow.
func TestDistribution(t *testing.T) {
	s := postgrestest.New(t)
	for _, table := range readSchema(t, s) {
		group, known := postgres.ShardsOf(table.Name)
		require.True(t, known, "%s: say in distribution where its rows stand on a distributed database", table.Name)
		column := postgres.DistributionColumn(table.Name)
		if column != "" {
			require.Contains(t, table.Columns, column, table.Name)
			for _, key := range table.UniqueKeys {
				require.Contains(t, strings.Split(key, ","), column, "%s: the unique key (%s) cannot be kept across shards", table.Name, key)
			}
		}
		person := strings.HasPrefix(table.Comment, "class=person.")
		require.Equal(t, person, column == "person_id", "%s: what is of class person, and nothing else, stands by person_id", table.Name)
		require.Equal(t, person, group == "person_profile", "%s: persons' tables share their shards", table.Name)
		if strings.HasPrefix(table.Comment, "class=directory.") {
			require.NotEmpty(t, column, "%s: a directory is not copied", table.Name)
		}
	}
	tables, first := postgres.DistributedTables(), map[string]bool{}
	require.Equal(t, "person", tables[len(tables)-1], "what tells a node how to write comes last")
	for _, name := range tables {
		require.False(t, first[name], "%s twice", name)
		group, _ := postgres.ShardsOf(name)
		require.True(t, group == "" || group == name || first[group], "%s comes before the table whose shards it shares", name)
		first[name] = true
	}
}

func TestDistributeNeedsCitus(t *testing.T) {
	url := postgrestest.URL(t)
	_, err := postgres.Distribute(t.Context(), url)
	require.ErrorIs(t, err, postgres.ErrNoCitus)
	require.ErrorContains(t, err, "CREATE EXTENSION citus")
}

// sham is what Citus keeps and offers, as far as distributing asks for it: it moves no row. It cannot tell whether Citus
// takes the statements, only that the right ones come in the right order.
const sham = `SET allow_system_table_mods = on;
	CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod "char", partkey text, colocationid int, repmodel "char");
	CREATE TABLE pg_catalog.pg_dist_node (groupid int, nodename text, nodeport int);
	INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) VALUES (99999, 'citus', 10, 11, false, '13.0-1');
	CREATE TABLE public.sham_call (n int GENERATED ALWAYS AS IDENTITY, what text);
	CREATE FUNCTION create_reference_table(t regclass) RETURNS void LANGUAGE sql AS $$ INSERT INTO sham_call (what) VALUES ('reference ' || t);
		INSERT INTO pg_dist_partition VALUES (t, 'n', NULL, 1, 't') $$;
	CREATE FUNCTION create_distributed_table(t regclass, by_column text, colocate_with text) RETURNS void LANGUAGE sql AS $$
		INSERT INTO sham_call (what) VALUES ('distributed ' || t || ' ' || by_column || ' ' || colocate_with);
		INSERT INTO pg_dist_partition VALUES (t, 'h', by_column, CASE colocate_with WHEN 'none' THEN (SELECT count(*) + 10 FROM pg_dist_partition)
			ELSE (SELECT colocationid FROM pg_dist_partition WHERE logicalrelid = colocate_with::regclass) END, 's') $$;
	CREATE FUNCTION column_to_column_name(t regclass, k text) RETURNS text LANGUAGE sql AS $$ SELECT k $$;
	CREATE FUNCTION truncate_local_data_after_distributing_table(t regclass) RETURNS void LANGUAGE sql AS $$ INSERT INTO sham_call (what) VALUES ('truncate ' || t) $$;
	CREATE TABLE sham_worker (nodename text, nodeport int, success boolean, result text);
	CREATE FUNCTION run_command_on_workers(command text) RETURNS SETOF sham_worker LANGUAGE sql AS $$ SELECT * FROM sham_worker $$;
	CREATE VIEW citus_stat_activity AS SELECT * FROM pg_stat_activity`

func TestDistributeOnASham(t *testing.T) {
	url := postgrestest.URL(t)
	plain := postgrestest.Open(t, url, postgres.Options{})
	exec := func(sql string) {
		_, err := postgres.Pool(plain).Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	calls := func() (all []string) {
		require.NoError(t, postgres.Pool(plain).QueryRow(t.Context(), `SELECT coalesce(array_agg(what ORDER BY n), '{}') FROM sham_call`).Scan(&all))
		return all
	}
	b := newBrand(t, plain) // rows that move: what is left of them must go
	keys, _ := newPeople(t, plain, b, 2)
	exec(sham)
	exec(`INSERT INTO pg_dist_node VALUES (1, 'w1', 5432)`)
	_, err := postgres.Distribute(t.Context(), url)
	require.ErrorIs(t, err, postgres.ErrNoCoordinator)
	exec(`UPDATE pg_extension SET extversion = '11.3-2' WHERE extname = 'citus'`)
	_, err = postgres.Distribute(t.Context(), url)
	require.ErrorIs(t, err, postgres.ErrOldCitus)
	exec(`UPDATE pg_extension SET extversion = '12.1-1' WHERE extname = 'citus'`)
	exec(`INSERT INTO pg_dist_node VALUES (0, 'c', 5432)`)

	exec(`SELECT create_distributed_table('device', 'id', 'none')`)
	_, err = postgres.Distribute(t.Context(), url)
	require.ErrorIs(t, err, postgres.ErrPlaced)
	require.ErrorContains(t, err, "by id, not by brand_id")
	require.NotContains(t, calls(), "distributed person person_id person_profile", "a node still finds the database plain")
	exec(`DELETE FROM pg_dist_partition WHERE logicalrelid = 'device'::regclass; DELETE FROM sham_call`)

	placed, err := postgres.Distribute(t.Context(), url)
	require.NoError(t, err)
	require.Len(t, placed, len(postgres.DistributedTables()))
	require.Equal(t, postgres.Placed{Table: "person", How: "by person_id", Now: true}, placed[len(placed)-1])
	require.Contains(t, calls(), "distributed place person_id person_profile")
	require.Equal(t, []string{"truncate person_profile", "truncate person"}, slices.DeleteFunc(slices.Clone(calls()),
		func(c string) bool { return c != "truncate person_profile" && c != "truncate person" }))
	exec(`DELETE FROM sham_call; TRUNCATE sham_call`)
	placed, err = postgres.Distribute(t.Context(), url)
	require.NoError(t, err)
	require.False(t, slices.ContainsFunc(placed, func(p postgres.Placed) bool { return p.Now }), "again changes nothing")
	require.False(t, slices.ContainsFunc(calls(), func(c string) bool { return !strings.HasPrefix(c, "truncate ") }))

	// A node finds out by itself, plans with values, and goes by the epoch of every worker.
	var sent []string
	s := postgrestest.Open(t, url, postgres.Options{OnStatement: func(sql string) { sent = append(sent, normal(sql)) }})
	require.Equal(t, int64(1), load(t, s, keys[0]).Version)
	require.True(t, slices.ContainsFunc(sent, func(sql string) bool { return strings.Contains(sql, "p.person_id = ANY") }))
	var mode string
	require.NoError(t, postgres.Pool(s).QueryRow(t.Context(), `SHOW plan_cache_mode`).Scan(&mode))
	require.Equal(t, "auto", mode)
	epoch := func() string {
		e, err := s.Epoch(t.Context())
		require.NoError(t, err)
		return e
	}
	alone := epoch()
	exec(`INSERT INTO sham_worker VALUES ('w1', 5432, false, 'down')`)
	_, err = s.Epoch(t.Context())
	require.Error(t, err, "a worker of which nothing was ever heard")
	exec(`UPDATE sham_worker SET success = true, result = '7-00000001'`)
	healthy := epoch()
	require.NotEqual(t, alone, healthy)
	exec(`UPDATE sham_worker SET success = false, result = 'down'`)
	require.Equal(t, healthy, epoch(), "one that does not answer has no other history")
	exec(`UPDATE sham_worker SET success = true, result = '7-00000002'`)
	require.NotEqual(t, healthy, epoch(), "a worker failed over")
}
