package postgres

import "github.com/jackc/pgx/v5/pgxpool"

// Pool lets tests look at tables directly.
func Pool(s *Store) *pgxpool.Pool { return s.pool }

var (
	FirstID      = firstID
	KindByName   = kindByName
	ReasonByName = reasonByName
	KnownVersion = knownVersion
)
