package postgres

import "github.com/jackc/pgx/v5/pgxpool"

// Pool lets tests look at tables directly.
func Pool(s *Store) *pgxpool.Pool { return s.pool }

// SetLargePartition lowers the size, in blocks, from which a partition is taken out of its table to be summed.
func SetLargePartition(s *Store, blocks int64) { s.house.largeFor = blocks }

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
