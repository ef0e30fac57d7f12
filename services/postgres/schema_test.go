package postgres_test

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

type schemaTable struct {
	Name, Comment string
	Columns       []string
	UniqueKeys    []string // "a,b,c"
	PrimaryKey    []string
}

func readSchema(t *testing.T, s *postgres.Store) []schemaTable {
	rows, err := postgres.Pool(s).Query(t.Context(), `SELECT c.relname::text, coalesce(obj_description(c.oid), ''),
		ARRAY(SELECT attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum),
		ARRAY(SELECT array_to_string(ARRAY(SELECT a.attname FROM unnest(i.indkey) WITH ORDINALITY k(n, o) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.n ORDER BY k.o), ',')
			FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique),
		ARRAY(SELECT a.attname::text FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(n, o), pg_attribute a
			WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.n ORDER BY k.o)
		FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'goose_db_version'`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[schemaTable])
	require.NoError(t, err)
	require.Greater(t, len(tables), 20)
	return tables
}

// The rules of the three classes of table, and that no person's coordinate has a column.
func TestSchemaRules(t *testing.T) {
	s := postgrestest.New(t)
	class := regexp.MustCompile(`^class=(person|directory|own)\. `)
	coordinate := regexp.MustCompile(`(?i)^(lat|lng|lon|longitude|latitude|position|point|geom.*|.*_(lat|lng|lon))$`)
	for _, table := range readSchema(t, s) {
		m := class.FindStringSubmatch(table.Comment)
		require.NotNil(t, m, "%s: the comment names no class", table.Name)
		require.Contains(t, table.Columns, "brand_id", table.Name)
		for _, key := range table.UniqueKeys {
			require.Contains(t, strings.Split(key, ","), "brand_id", "%s: unique key (%s)", table.Name, key)
		}
		if m[1] == "person" {
			require.Equal(t, []string{"person_id", "brand_id"}, table.PrimaryKey[:2], table.Name)
			require.Len(t, table.UniqueKeys, 1, "%s: a unique key besides the primary", table.Name)
		} else {
			require.Equal(t, "brand_id", table.PrimaryKey[0], table.Name)
		}
		if table.Name != "store" && table.Name != "fence" {
			require.False(t, slices.ContainsFunc(table.Columns, coordinate.MatchString), "%s has a coordinate", table.Name)
		}
	}
	var n int
	require.NoError(t, postgres.Pool(s).QueryRow(t.Context(), `SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace`).Scan(&n))
	require.Zero(t, n, "foreign keys")
	require.NoError(t, postgres.Pool(s).QueryRow(t.Context(), `SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal`).Scan(&n))
	require.Zero(t, n, "triggers")
	require.NoError(t, postgres.Pool(s).QueryRow(t.Context(), `SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relname NOT LIKE 'goose%'`).Scan(&n))
	require.Zero(t, n, "sequences")
}

func TestMigrateTogether(t *testing.T) {
	url := postgrestest.EmptyURL(t)
	_, err := postgres.Open(t.Context(), url, postgres.Options{})
	require.ErrorIs(t, err, postgres.ErrOlderSchema)
	status, err := postgres.MigrationStatus(t.Context(), url)
	require.NoError(t, err)
	require.NotEmpty(t, status)
	require.True(t, status[0].AppliedAt.IsZero())

	steps := make([][]postgres.Migration, 3)
	errs := make([]error, len(steps))
	var wg sync.WaitGroup
	for i := range steps {
		wg.Go(func() { steps[i], errs[i] = postgres.Migrate(t.Context(), url) })
	}
	wg.Wait()
	total := 0
	for i := range steps {
		require.NoError(t, errs[i])
		total += len(steps[i])
	}
	require.Equal(t, len(status), total, "each step is taken once")
	status, err = postgres.MigrationStatus(t.Context(), url)
	require.NoError(t, err)
	require.False(t, status[0].AppliedAt.IsZero())
	postgrestest.Open(t, url, postgres.Options{})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	url := postgrestest.URL(t)
	s := postgrestest.Open(t, url, postgres.Options{})
	known, err := postgres.KnownVersion()
	require.NoError(t, err)
	_, err = postgres.Pool(s).Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`, known+1)
	require.NoError(t, err)
	_, err = postgres.Open(t.Context(), url, postgres.Options{})
	require.ErrorIs(t, err, postgres.ErrNewerSchema)
	_, err = postgres.Migrate(t.Context(), url)
	require.ErrorIs(t, err, postgres.ErrNewerSchema)
	_, err = postgres.MigrationStatus(t.Context(), url)
	require.ErrorIs(t, err, postgres.ErrNewerSchema)
}

func TestPasswordStaysOutOfErrors(t *testing.T) {
	_, err := postgres.Open(t.Context(), "postgres://u:hunter2@127.0.0.1:1/x", postgres.Options{})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
	_, err = postgres.Migrate(t.Context(), "postgres://u:hunter2@127.0.0.1:port/x")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}
