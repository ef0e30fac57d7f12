package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// catalogueTables are the tables whose rows carry the catalogue's version, for checks by id.
var catalogueTables = []string{"store", "fence", "item", "campaign", "key", "credential", "webhook", "segment"}

// CreateBrand inserts a brand with catalogue version 1. ErrAlreadyExists: the id is taken.
func (s *Store) CreateBrand(ctx context.Context, b brand.Brand) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO brand_version (brand_id, version) VALUES ($1, $2)`, b.ID, firstVersion); err != nil {
			return err
		}
		return putBrand(ctx, tx, firstVersion, &b)
	})
	if err != nil {
		return fmt.Errorf("create brand: %w", taken(err))
	}
	return nil
}

func putBrand(ctx context.Context, tx pgx.Tx, version int64, b *brand.Brand) error {
	settings, err := json.Marshal(&b.Settings)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO brand (brand_id, version, created_at, stopped, name, settings) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (brand_id) DO UPDATE SET version = excluded.version, stopped = excluded.stopped, name = excluded.name, settings = excluded.settings`,
		b.ID, version, b.CreatedAt, b.Stopped, b.Name, settings)
	return err
}

// Versions is the catalogue version of every brand.
func (s *Store) Versions(ctx context.Context) (map[uuid.UUID]int64, error) {
	rows, err := s.pool.Query(ctx, `SELECT brand_id, version FROM brand_version`)
	if err != nil {
		return nil, fmt.Errorf("versions: %w", err)
	}
	versions := map[uuid.UUID]int64{}
	var id uuid.UUID
	var version int64
	_, err = pgx.ForEachRow(rows, []any{&id, &version}, func() error {
		versions[id] = version
		return nil
	})
	return versions, err
}

// Write applies a change in one transaction: the brand's version first, which also puts all writers of a brand in a
// row; then the checks; then the rows, deleted ones before others so that an own id can change hands. ErrNotFound: no
// such brand. ErrStale: a row is not at its expected version (an expected 0: it exists). ErrAlreadyExists: an own id
// is taken, or a store has a visit fence already.
func (s *Store) Write(ctx context.Context, w engine.CatalogueWrite) (version int64, err error) {
	if w.Brand != nil && w.Brand.ID != w.BrandID {
		return 0, errors.New("write catalogue: the brand's row is another brand's")
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `UPDATE brand_version SET version = version + 1 WHERE brand_id = $1 RETURNING version`, w.BrandID).Scan(&version)
		if err != nil {
			return notFound(err)
		}
		if err := checkExpected(ctx, tx, &w); err != nil {
			return err
		}
		changes, err := campaignChanges(ctx, tx, &w)
		if err != nil {
			return err
		}
		if err := putRows(ctx, tx, version, &w); err != nil {
			return err
		}
		return putAudit(ctx, tx, version, &w, changes)
	})
	if err != nil {
		return 0, fmt.Errorf("write catalogue: %w", taken(err))
	}
	return version, nil
}

// checkExpected compares the versions of rows with those their writer has seen. The brand's own row goes by its id.
func checkExpected(ctx context.Context, tx pgx.Tx, w *engine.CatalogueWrite) error {
	if len(w.Expect) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, 0, len(w.Expect))
	for id := range w.Expect {
		ids = append(ids, id)
	}
	sql := `SELECT brand_id, version FROM brand WHERE brand_id = $1 AND brand_id = ANY($2)`
	for _, name := range catalogueTables {
		sql += ` UNION ALL SELECT id, version FROM ` + name + ` WHERE brand_id = $1 AND id = ANY($2)`
	}
	rows, err := tx.Query(ctx, sql, w.BrandID, ids)
	if err != nil {
		return err
	}
	found := make(map[uuid.UUID]int64, len(ids))
	var id uuid.UUID
	var version int64
	if _, err := pgx.ForEachRow(rows, []any{&id, &version}, func() error { found[id] = version; return nil }); err != nil {
		return err
	}
	for id, expected := range w.Expect {
		if found[id] != expected {
			return fmt.Errorf("%w: %s is at version %d, not %d", engine.ErrStale, id, found[id], expected)
		}
	}
	return nil
}

// auditedIDs bounds the ids that one audit row names.
const auditedIDs = 100

func putAudit(ctx context.Context, tx pgx.Tx, version int64, w *engine.CatalogueWrite, changes map[uuid.UUID]campaignDiff) error {
	what := map[string]any{}
	for name, said := range map[string]string{"action": w.Action, "note": w.Note} {
		if said != "" {
			what[name] = said
		}
	}
	if len(changes) > 0 {
		what["changes"] = changes
	}
	note := func(name string, n int, id func(int) uuid.UUID) {
		if n == 0 {
			return
		}
		ids := make([]uuid.UUID, 0, min(n, auditedIDs))
		for i := range min(n, auditedIDs) {
			ids = append(ids, id(i))
		}
		what[name] = map[string]any{"count": n, "ids": ids}
	}
	if w.Brand != nil {
		what["brand"] = true
	}
	note("keys", len(w.Keys), func(i int) uuid.UUID { return w.Keys[i].ID })
	note("credentials", len(w.Credentials), func(i int) uuid.UUID { return w.Credentials[i].ID })
	note("stores", len(w.Stores), func(i int) uuid.UUID { return w.Stores[i].ID })
	note("fences", len(w.Fences), func(i int) uuid.UUID { return w.Fences[i].ID })
	note("webhooks", len(w.Webhooks), func(i int) uuid.UUID { return w.Webhooks[i].ID })
	note("items", len(w.Items), func(i int) uuid.UUID { return w.Items[i].ID })
	note("segments", len(w.Segments), func(i int) uuid.UUID { return w.Segments[i].ID })
	note("campaigns", len(w.Campaigns), func(i int) uuid.UUID { return w.Campaigns[i].ID })
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO audit (brand_id, id, at, version, actor, what) VALUES ($1, $2, clock_timestamp(), $3, $4, $5)`,
		w.BrandID, uuid.New(), version, w.Actor, body)
	return err
}
