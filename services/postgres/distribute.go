package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// What may stand in the way of distributing a database.
var (
	ErrNoCitus = errors.New("the database has no Citus: on every node install Citus 12 or later, name it in shared_preload_libraries, " +
		"restart and CREATE EXTENSION citus; then add the workers by SELECT citus_add_node('host', 5432) on the coordinator")
	ErrOldCitus      = errors.New("the database's Citus is too old: 12 or later is needed")
	ErrNoCoordinator = errors.New("the cluster does not know its coordinator, which must hold a copy of the catalogue: on it, SELECT citus_set_coordinator_host('host')")
	ErrPlaced        = errors.New("a table is distributed in another way")
)

const leastCitus = 12

// Placed is a table of a distributed database.
type Placed struct {
	Table string `json:"table"`
	How   string `json:"how"` // "by person_id", "on every node"
	Now   bool   `json:"now"` // this call did it
}

// Distribute spreads the tables over the workers of a Citus cluster whose coordinator url names: what is about a person
// by the person, the catalogue on every node (see distribution). Rows that are there move along, and what is left of
// them on the coordinator is removed. Tables that are distributed already stay as they are, so it can be run again
// after a fault, or after workers or tables were added; one that is distributed otherwise is refused with [ErrPlaced].
//
// No node may be running when it is done for the first time: a node learns how to write when it starts.
func Distribute(ctx context.Context, url string) (all []Placed, err error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("distribute: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := checkCitus(ctx, conn); err != nil {
		return nil, fmt.Errorf("distribute: %w", err)
	}
	for _, sql := range []string{`SET statement_timeout = 0`, `SET citus.shard_replication_factor TO 1`, `SELECT pg_advisory_lock(7761746572)`} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return nil, fmt.Errorf("distribute: %w", err)
		}
	}
	for _, p := range distribution {
		now, err := place(ctx, conn, p)
		if err != nil {
			return all, fmt.Errorf("distribute %s: %w", p.table, err)
		}
		all = append(all, Placed{p.table, p.how(), now})
	}
	return all, nil
}

// checkCitus tells what a database lacks to be distributed.
func checkCitus(ctx context.Context, conn *pgx.Conn) error {
	var version string
	err := conn.QueryRow(ctx, `SELECT extversion FROM pg_extension WHERE extname = 'citus'`).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNoCitus
	}
	if err != nil {
		return err
	}
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < leastCitus {
		return fmt.Errorf("%w; this is %s", ErrOldCitus, version)
	}
	var workers, coordinators int
	err = conn.QueryRow(ctx, `SELECT count(*) FILTER (WHERE groupid <> 0), count(*) FILTER (WHERE groupid = 0) FROM pg_dist_node`).Scan(&workers, &coordinators)
	if err == nil && workers > 0 && coordinators == 0 {
		return ErrNoCoordinator
	}
	return err
}

// place distributes one table unless it is; now tells whether it was done.
func place(ctx context.Context, conn *pgx.Conn, p placement) (now bool, err error) {
	is, err := placementOf(ctx, conn, p)
	if err != nil {
		return false, err
	}
	switch {
	case is == "":
		if _, err := conn.Exec(ctx, p.sql()); err != nil {
			return false, err
		}
	case is != p.how():
		return false, fmt.Errorf("%w: %s, not %s", ErrPlaced, is, p.how())
	}
	return is == "", removeLeftovers(ctx, conn, p.table)
}

// sql distributes the table.
func (p placement) sql() string {
	if p.by == "" {
		return fmt.Sprintf(`SELECT create_reference_table('%s')`, p.table)
	}
	with := p.with
	if with == "" {
		with = "none"
	}
	return fmt.Sprintf(`SELECT create_distributed_table('%s', '%s', colocate_with => '%s')`, p.table, p.by, with)
}

// placementOf is how a table is distributed, as [placement.how] says it; "": it is not.
func placementOf(ctx context.Context, conn *pgx.Conn, p placement) (string, error) {
	var method, replication, column string
	var together bool
	err := conn.QueryRow(ctx, `SELECT d.partmethod::text, d.repmodel::text,
			CASE WHEN d.partkey IS NULL THEN '' ELSE column_to_column_name(d.logicalrelid, d.partkey) END,
			d.colocationid IS NOT DISTINCT FROM (SELECT w.colocationid FROM pg_dist_partition w WHERE w.logicalrelid = $2::text::regclass)
		FROM pg_dist_partition d WHERE d.logicalrelid = $1::text::regclass`, p.table, p.first()).Scan(&method, &replication, &column, &together)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", nil
	case err != nil:
		return "", err
	case method == "n" && replication == "t":
		return placement{}.how(), nil
	case method != "h":
		return "as a local table", nil
	case !together:
		return "by " + column + " on other shards than " + p.first(), nil
	}
	return "by " + column, nil
}

// first is the table whose shards the table is on.
func (p placement) first() string {
	if p.with == "" {
		return p.table
	}
	return p.with
}

// removeLeftovers removes the rows that stood in a table before it was distributed and still take up the coordinator's
// disk, unseen: nobody there may outlive an erasure.
func removeLeftovers(ctx context.Context, conn *pgx.Conn, name string) error {
	var bytes int64
	err := conn.QueryRow(ctx, `SELECT coalesce(sum(pg_relation_size(c.oid)), 0)::bigint FROM pg_class c
		WHERE c.oid = $1::text::regclass OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::text::regclass)`, name).Scan(&bytes)
	if err != nil || bytes == 0 {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf(`SELECT truncate_local_data_after_distributing_table('%s')`, name))
	return err
}

// isDistributed tells whether people stand on shards of a Citus cluster.
func isDistributed(ctx context.Context, q rowQuerier) (distributed bool, err error) {
	if err := q.QueryRow(ctx, `SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL`).Scan(&distributed); err != nil || !distributed {
		return false, err
	}
	return distributed, q.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass('person'))`).Scan(&distributed)
}
