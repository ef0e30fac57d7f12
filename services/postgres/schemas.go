package postgres

import (
	"context"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// CreateSchema makes a schema in a database and returns a URL whose connections see only that one, and, on a Citus
// cluster, make few shards: tests share one cluster so, where no database can be cloned.
func CreateSchema(ctx context.Context, database, name string) (string, error) {
	u, err := url.Parse(database)
	if err != nil {
		return "", hideURL(err)
	}
	if err := onServer(ctx, database, `CREATE SCHEMA `+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	q := u.Query()
	q.Set("search_path", name)
	q.Set("citus.shard_count", "4")
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// DropSchema removes a schema with everything in it.
func DropSchema(ctx context.Context, database, name string) error {
	return onServer(ctx, database, `DROP SCHEMA `+pgx.Identifier{name}.Sanitize()+` CASCADE`)
}
