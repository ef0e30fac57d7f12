package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// CloneDatabase makes a database as a copy of another, which nobody may be connected to. url reaches the server with
// a role that may create databases.
func CloneDatabase(ctx context.Context, url, from, name string) error {
	return onServer(ctx, url, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", pgx.Identifier{name}.Sanitize(), pgx.Identifier{from}.Sanitize()))
}

// DropDatabase removes a database and cuts its connections.
func DropDatabase(ctx context.Context, url, name string) error {
	return onServer(ctx, url, fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", pgx.Identifier{name}.Sanitize()))
}

func onServer(ctx context.Context, url, sql string) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, sql)
	return err
}
