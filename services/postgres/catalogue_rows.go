package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/geo/geojson"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// rowsAtOnce bounds one statement of a large import.
const rowsAtOnce = 5000

func putRows(ctx context.Context, tx pgx.Tx, version int64, w *engine.CatalogueWrite) error {
	if w.Brand != nil {
		if err := putBrand(ctx, tx, version, w.Brand); err != nil {
			return err
		}
	}
	p := catalogueWriter{ctx, tx, w.BrandID, version}
	if err := putAll(p, storeRows, w.Stores, func(s *store.Store) time.Time { return s.DeletedAt }, addStore); err != nil {
		return err
	}
	if err := putAll(p, fenceRows, w.Fences, func(f *store.Fence) time.Time { return f.DeletedAt }, addFence); err != nil {
		return err
	}
	if err := putAll(p, campaignRows, w.Campaigns, func(c *campaign.Campaign) time.Time { return c.DeletedAt }, addCampaign); err != nil {
		return err
	}
	if err := putAll(p, itemRows, w.Items, func(i *item.Item) time.Time { return i.DeletedAt }, addItem); err != nil {
		return err
	}
	if err := putAll(p, segmentRows, w.Segments, func(s *audience.Segment) time.Time { return s.DeletedAt }, addSegment); err != nil {
		return err
	}
	if err := putAll(p, keyRows, w.Keys, func(k *brand.Key) time.Time { return k.RevokedAt }, addKey); err != nil {
		return err
	}
	if err := putAll(p, webhookRows, w.Webhooks, func(h *brand.Webhook) time.Time { return h.DeletedAt }, addWebhook); err != nil {
		return err
	}
	return putAll(p, credentialRows, w.Credentials, func(c *brand.Credential) time.Time { return c.DeletedAt }, addCredential)
}

// rowShape is how a catalogue table is written: after brand_id and version come these columns.
type rowShape struct {
	table string
	names string
	kinds []columnKind
	casts map[string]string // columns that travel as text
}

var (
	storeRows    = rowShape{"store", "id, deleted_at, external_id, latitude, longitude, body", []columnKind{uuids, times, texts, floats, floats, jsons}, nil}
	fenceRows    = rowShape{"fence", "id, deleted_at, external_id, store_id, purpose, latitude, longitude, radius, area, body", []columnKind{uuids, times, texts, uuids, texts, floats, floats, floats, texts, jsons}, nil}
	campaignRows = rowShape{"campaign", "id, deleted_at, external_id, body", []columnKind{uuids, times, texts, jsons}, nil}
	keyRows      = rowShape{"key", "id, created_at, revoked_at, previous_until, kind, name, hash, previous_hash, scopes, store_ids",
		[]columnKind{uuids, times, times, times, texts, texts, blobs, blobs, jsons, texts},
		map[string]string{"scopes": "ARRAY(SELECT jsonb_array_elements_text(f.scopes))", "store_ids": "f.store_ids::uuid[]"}}
	webhookRows    = rowShape{"webhook", "id, deleted_at, previous_until, sealed, previous, body", []columnKind{uuids, times, times, blobs, blobs, jsons}, nil}
	credentialRows = rowShape{"credential", "id, updated_at, deleted_at, sandbox, provider, fingerprint, sealed, project_id, key_id, team_id, topic",
		[]columnKind{uuids, times, times, bools, texts, texts, blobs, texts, texts, texts, texts}, nil}
)

type catalogueWriter struct {
	ctx     context.Context
	tx      pgx.Tx
	brand   uuid.UUID
	version int64
}

// putAll upserts rows by id, in statements of bounded size, ended rows first.
func putAll[T any](p catalogueWriter, shape rowShape, rows []T, ended func(*T) time.Time, add func(table, *T) error) error {
	for _, wantEnded := range []bool{true, false} {
		t := newTable(shape.kinds...)
		for i := range rows {
			if ended(&rows[i]).IsZero() == wantEnded {
				continue
			}
			if err := add(t, &rows[i]); err != nil {
				return fmt.Errorf("%s: %w", shape.table, err)
			}
			if t.rows() == rowsAtOnce {
				if err := p.put(shape, t); err != nil {
					return err
				}
				t = newTable(shape.kinds...)
			}
		}
		if err := p.put(shape, t); err != nil {
			return err
		}
	}
	return nil
}

func (p catalogueWriter) put(shape rowShape, t table) error {
	if t.rows() == 0 {
		return nil
	}
	var values, updates []string
	for _, name := range strings.Split(shape.names, ", ") {
		value := "f." + name
		if cast, ok := shape.casts[name]; ok {
			value = cast
		}
		values = append(values, value)
		if name != "id" {
			updates = append(updates, name+" = excluded."+name)
		}
	}
	sql := fmt.Sprintf(`INSERT INTO %s (brand_id, version, %s) SELECT $%d::uuid, $%d::bigint, %s FROM %s
		ON CONFLICT (brand_id, id) DO UPDATE SET version = excluded.version, %s`, shape.table, shape.names, len(t)+1, len(t)+2,
		strings.Join(values, ", "), t.from(shape.names), strings.Join(updates, ", "))
	_, err := p.tx.Exec(p.ctx, sql, append(t.arguments(), p.brand, p.version)...)
	return err
}

func addStore(t table, s *store.Store) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	t[0].uuid(s.ID)
	t[1].timeOrNull(s.DeletedAt)
	t[2].textOrNull(s.ExternalID)
	t[3].float(s.Place.Lat)
	t[4].float(s.Place.Lng)
	t[5].json(body)
	return nil
}

// fenceBody is what of a fence has no column of its own.
type fenceBody struct {
	Tags  []string        `json:"tags,omitempty"`
	Rules *presence.Rules `json:"rules,omitempty"`
}

var emptyBody = []byte("{}")

func bodyOf(f *store.Fence) ([]byte, error) {
	if len(f.Tags) == 0 && f.Rules == nil {
		return emptyBody, nil
	}
	return json.Marshal(fenceBody{f.Tags, f.Rules})
}

func addFence(t table, f *store.Fence) error {
	body, err := bodyOf(f)
	if err != nil {
		return err
	}
	t[0].uuid(f.ID)
	t[1].timeOrNull(f.DeletedAt)
	t[2].textOrNull(f.ExternalID)
	t[3].uuidOrNull(f.StoreID)
	t[4].text(string(f.Purpose))
	switch {
	case f.Circle != nil && f.Area == nil:
		t[5].float(f.Circle.Center().Lat)
		t[6].float(f.Circle.Center().Lng)
		t[7].float(f.Circle.Radius)
		t[8].addNull()
	case f.Area != nil && f.Circle == nil:
		area, err := geojson.Write(f.Area)
		if err != nil {
			return err
		}
		for i := 5; i < 8; i++ {
			t[i].addNull()
		}
		t[8].text(string(area))
	default:
		return fmt.Errorf("fence %s needs a circle or an area, and not both", f.ID)
	}
	t[9].json(body)
	return nil
}

func addCampaign(t table, c *campaign.Campaign) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	t[0].uuid(c.ID)
	t[1].timeOrNull(c.DeletedAt)
	t[2].textOrNull(c.ExternalID)
	t[3].json(body)
	return nil
}

func addKey(t table, k *brand.Key) error {
	scopes := k.Scopes
	if scopes == nil {
		scopes = []brand.Scope{}
	}
	list, err := json.Marshal(scopes)
	if err != nil {
		return err
	}
	t[0].uuid(k.ID)
	t[1].time(k.CreatedAt)
	t[2].timeOrNull(k.RevokedAt)
	t[3].timeOrNull(k.PreviousUntil)
	t[4].text(string(k.Kind))
	t[5].text(k.Name)
	t[6].blob(k.Hash)
	if k.PreviousHash == nil {
		t[7].addNull()
	} else {
		t[7].blob(k.PreviousHash)
	}
	t[8].json(list)
	t[9].text(arrayText(k.StoreIDs))
	return nil
}

func addCredential(t table, c *brand.Credential) error {
	t[0].uuid(c.ID)
	t[1].time(c.UpdatedAt)
	t[2].timeOrNull(c.DeletedAt)
	t[3].bool(c.Sandbox)
	t[4].text(string(c.Provider))
	t[5].text(c.Fingerprint)
	t[6].blob(c.Sealed)
	t[7].text(c.ProjectID)
	t[8].text(c.KeyID)
	t[9].text(c.TeamID)
	t[10].text(c.Topic)
	return nil
}
