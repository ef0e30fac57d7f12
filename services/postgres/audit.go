package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// campaignDiff is what a write changed of one campaign: its fields, as the row keeps them, and the version before.
type campaignDiff struct {
	From   int64                      `json:"from"`
	Before map[string]json.RawMessage `json:"before,omitempty"`
	After  map[string]json.RawMessage `json:"after,omitempty"`
}

// undiffed are fields that every write changes.
var undiffed = []string{"updated_at", "revision"}

// campaignChanges compares the campaigns of a write with their rows. Of a write of very many only the first are compared.
func campaignChanges(ctx context.Context, tx pgx.Tx, w *engine.CatalogueWrite) (map[uuid.UUID]campaignDiff, error) {
	if len(w.Campaigns) == 0 {
		return nil, nil
	}
	some := w.Campaigns[:min(len(w.Campaigns), auditedIDs)]
	ids := make([]uuid.UUID, len(some))
	for i := range some {
		ids[i] = some[i].ID
	}
	rows, err := tx.Query(ctx, `SELECT id, version, body FROM campaign WHERE brand_id = $1 AND id = ANY($2)`, w.BrandID, ids)
	if err != nil {
		return nil, err
	}
	diffs := make(map[uuid.UUID]campaignDiff, len(some))
	var id uuid.UUID
	var version int64
	var body []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &version, &body}, func() error {
		d := campaignDiff{From: version}
		err := json.Unmarshal(body, &d.Before)
		diffs[id] = d
		return err
	})
	for i := range some {
		if err == nil {
			d := diffs[some[i].ID]
			err = d.become(&some[i])
			diffs[some[i].ID] = d
		}
	}
	return diffs, err
}

// become leaves the fields that are otherwise after.
func (d *campaignDiff) become(after *campaign.Campaign) error {
	text, err := json.Marshal(after)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &d.After); err != nil {
		return err
	}
	for _, name := range undiffed {
		delete(d.Before, name)
		delete(d.After, name)
	}
	for name, was := range d.Before {
		if is, there := d.After[name]; there && sameJSON(was, is) {
			delete(d.Before, name)
			delete(d.After, name)
		}
	}
	return nil
}

// sameJSON compares values, whatever the order of their keys.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// CampaignChanges returns what was written of a campaign, the latest first, from the write on that made it the version. Each
// record names the version before it, so that no other record is read.
func (s *Store) CampaignChanges(ctx context.Context, brandID, campaignID uuid.UUID, version int64, limit int) ([]engine.CampaignChange, error) {
	var changes []engine.CampaignChange
	for len(changes) < limit {
		c, err := s.campaignChange(ctx, brandID, campaignID, version)
		if errors.Is(err, pgx.ErrNoRows) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("changes of a campaign: %w", err)
		}
		changes, version = append(changes, c), c.From
	}
	return changes, nil
}

// campaignChange is the one of a version.
func (s *Store) campaignChange(ctx context.Context, brandID, campaignID uuid.UUID, version int64) (c engine.CampaignChange, err error) {
	var body []byte
	err = s.pool.QueryRow(ctx, `SELECT at, version, actor, coalesce(what ->> 'action', ''), coalesce(what ->> 'note', ''), what -> 'changes' -> $3::text
		FROM audit WHERE brand_id = $1 AND version = $2 AND what -> 'changes' -> $3::text IS NOT NULL`,
		brandID, version, campaignID.String()).Scan(&c.At, &c.Version, &c.Actor, &c.Action, &c.Note, &body)
	if err != nil {
		return c, err
	}
	var d campaignDiff
	err = json.Unmarshal(body, &d)
	c.From, c.Before, c.After = d.From, d.Before, d.After
	return c, err
}
