package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// Changes returns everything of a brand that changed after a version, as of one moment. ErrNotFound: no such brand.
func (s *Store) Changes(ctx context.Context, brandID uuid.UUID, after int64) (change engine.CatalogueChange, err error) {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.pool, snapshot, func(tx pgx.Tx) error {
		r := catalogueReader{ctx, tx, brandID, after}
		return r.read(&change)
	})
	if err != nil {
		return engine.CatalogueChange{}, fmt.Errorf("catalogue: %w", err)
	}
	return change, nil
}

type catalogueReader struct {
	ctx   context.Context
	tx    pgx.Tx
	brand uuid.UUID
	after int64
}

func (r catalogueReader) read(c *engine.CatalogueChange) (err error) {
	if err := r.tx.QueryRow(r.ctx, `SELECT version FROM brand_version WHERE brand_id = $1`, r.brand).Scan(&c.Version); err != nil {
		return notFound(err)
	}
	if c.Version <= r.after {
		return nil
	}
	brands, err := readAll(r, `SELECT brand_id, version, created_at, stopped, name, settings FROM brand`, scanBrand)
	if err != nil {
		return err
	}
	if len(brands) == 1 {
		c.Brand = &brands[0]
	}
	if c.Keys, err = readAll(r, `SELECT id, brand_id, kind, name, hash, scopes, store_ids, previous_hash, previous_until, created_at, revoked_at FROM key`, scanKeyRow); err != nil {
		return err
	}
	if c.Credentials, err = readAll(r, `SELECT id, brand_id, provider, fingerprint, sealed, project_id, key_id, team_id, topic, sandbox, version, updated_at, deleted_at FROM credential`, scanCredential); err != nil {
		return err
	}
	if c.Stores, err = readAll(r, `SELECT body, version, deleted_at FROM store`, scanStore); err != nil {
		return err
	}
	if c.Fences, err = r.readFences(); err != nil {
		return err
	}
	if c.Webhooks, err = readAll(r, `SELECT body, version, deleted_at, sealed, previous, previous_until FROM webhook`, scanWebhook); err != nil {
		return err
	}
	if c.Items, err = readAll(r, `SELECT body, version, deleted_at FROM item`, scanItem); err != nil {
		return err
	}
	if c.Segments, err = readAll(r, `SELECT body, version, deleted_at FROM segment`, scanSegment); err != nil {
		return err
	}
	c.Campaigns, err = readAll(r, `SELECT body, version, deleted_at FROM campaign`, scanCampaign)
	return err
}

func readAll[T any](r catalogueReader, sql string, scan pgx.RowToFunc[T]) ([]T, error) {
	rows, err := r.tx.Query(r.ctx, sql+` WHERE brand_id = $1 AND version > $2`, r.brand, r.after)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

func scanBrand(row pgx.CollectableRow) (b brand.Brand, err error) {
	var settings []byte
	if err = row.Scan(&b.ID, &b.Version, &b.CreatedAt, &b.Stopped, &b.Name, &settings); err == nil {
		err = json.Unmarshal(settings, &b.Settings)
	}
	return b, err
}

func scanKeyRow(row pgx.CollectableRow) (k brand.Key, err error) {
	var scopes []string
	var previous, revoked timeOrZero
	err = row.Scan(&k.ID, &k.BrandID, &k.Kind, &k.Name, &k.Hash, &scopes, &k.StoreIDs, &k.PreviousHash, &previous, &k.CreatedAt, &revoked)
	for _, s := range scopes {
		k.Scopes = append(k.Scopes, brand.Scope(s))
	}
	if len(k.StoreIDs) == 0 {
		k.StoreIDs = nil
	}
	k.PreviousUntil, k.RevokedAt = previous.Time, revoked.Time
	return k, err
}

func scanCredential(row pgx.CollectableRow) (c brand.Credential, err error) {
	var deleted timeOrZero
	var provider string
	err = row.Scan(&c.ID, &c.BrandID, &provider, &c.Fingerprint, &c.Sealed, &c.ProjectID, &c.KeyID, &c.TeamID, &c.Topic, &c.Sandbox, &c.Version, &c.UpdatedAt, &deleted)
	c.Provider, c.DeletedAt = pusher.Provider(provider), deleted.Time
	return c, err
}

func scanStore(row pgx.CollectableRow) (s store.Store, err error) {
	var body []byte
	var version int64
	var deleted timeOrZero
	if err = row.Scan(&body, &version, &deleted); err == nil {
		err = json.Unmarshal(body, &s)
	}
	s.Version, s.DeletedAt = version, deleted.Time
	return s, err
}

func scanCampaign(row pgx.CollectableRow) (c campaign.Campaign, err error) {
	var body []byte
	var version int64
	var deleted timeOrZero
	if err = row.Scan(&body, &version, &deleted); err == nil {
		err = json.Unmarshal(body, &c)
	}
	c.Version, c.DeletedAt = version, deleted.Time
	return c, err
}
