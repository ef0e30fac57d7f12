package postgres

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Pool lets tests look at tables directly.
func Pool(s *Store) *pgxpool.Pool { return s.pool }

// SetLargePartition lowers the size, in blocks, from which a partition is taken out of its table to be summed.
func SetLargePartition(s *Store, blocks int64) { s.house.largeFor = blocks }

// SlicePlans are the plans, as JSON, of the statements that read five minutes of decisions.
func SlicePlans(t testing.TB, s *Store, brand uuid.UUID, from time.Time) map[string][]byte {
	t.Helper()
	c := &sliceCount{h: resultHour{brand, from}}
	about := c.about(from, from.Add(sliceSpan))
	plans := map[string][]byte{}
	err := s.counting(t.Context(), "1s", func(tx pgx.Tx) error {
		for name, sql := range map[string]string{"marks": marksSQL, "decided": decidedSQL} {
			var plan []byte
			if err := tx.QueryRow(t.Context(), `EXPLAIN (FORMAT JSON) `+sql, about[:strings.Count(sql, "$4")*2+3]...).Scan(&plan); err != nil {
				return err
			}
			plans[name] = plan
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return plans
}

// CountFreely lets results be counted as if an hour had gone by since the last count.
func CountFreely(s *Store) {
	var hours atomic.Int64
	s.results.budget.now = func() time.Time { return time.Unix(hours.Add(1)*3600, 0) }
}

var (
	MonthsBefore = monthsBefore
	FirstID      = firstID
	KindByName   = kindByName
	ReasonByName = reasonByName
	KnownVersion = knownVersion
)

// ShardsOf is the group of shards a table stands on; "": it is on every node.
func ShardsOf(table string) (group string, known bool) {
	for _, p := range distribution {
		if p.table == table {
			if p.by == "" {
				return "", true
			}
			return p.first(), true
		}
	}
	return "", false
}

// DistributionColumn is what a table is distributed by; "": it is on every node.
func DistributionColumn(table string) string {
	for _, p := range distribution {
		if p.table == table {
			return p.by
		}
	}
	return ""
}

// DistributedTables are the tables in the order in which they are distributed.
func DistributedTables() (names []string) {
	for _, p := range distribution {
		names = append(names, p.table)
	}
	return names
}
