package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/geojson"
	"github.com/wantgo/wantgo/services/store"
)

// readFences reads fences into one piece of memory, as there may be millions of them: they are counted first. A body that
// says nothing is not even brought over.
func (r catalogueReader) readFences() (fences []store.Fence, err error) {
	const which = ` FROM fence WHERE brand_id = $1 AND version > $2`
	var count int
	if err := r.tx.QueryRow(r.ctx, `SELECT count(*)`+which, r.brand, r.after).Scan(&count); err != nil || count == 0 {
		return nil, err
	}
	rows, err := r.tx.Query(r.ctx, `SELECT id, external_id, store_id, purpose, version, deleted_at, latitude, longitude, radius, area,
		NULLIF(body, '{}'::jsonb)`+which, r.brand, r.after)
	if err != nil {
		return nil, err
	}
	fences = make([]store.Fence, 0, count)
	var row fenceRow
	_, err = pgx.ForEachRow(rows, row.columns(), func() error {
		f, err := row.fence()
		if err != nil {
			return fmt.Errorf("fence %s: %w", uuid.UUID(row.id.Bytes), err)
		}
		fences = append(fences, f)
		return nil
	})
	return fences, err
}

// fenceRow is a fence as its table has it.
type fenceRow struct {
	id, store        pgtype.UUID
	external, area   pgtype.Text
	purpose          pgtype.Text
	version          int64
	deleted          pgtype.Timestamptz
	lat, lng, radius pgtype.Float8
	body             []byte
}

func (r *fenceRow) columns() []any {
	return []any{&r.id, &r.external, &r.store, &r.purpose, &r.version, &r.deleted, &r.lat, &r.lng, &r.radius, &r.area, &r.body}
}

func (r *fenceRow) fence() (f store.Fence, err error) {
	f = store.Fence{ID: r.id.Bytes, ExternalID: r.external.String, StoreID: r.store.Bytes, Purpose: store.Purpose(r.purpose.String), Version: r.version}
	if r.deleted.Valid {
		f.DeletedAt = r.deleted.Time.UTC()
	}
	if r.body != nil {
		var body fenceBody
		if err := json.Unmarshal(r.body, &body); err != nil {
			return f, err
		}
		f.Tags, f.Rules = body.Tags, body.Rules
	}
	if r.area.Valid {
		f.Area, err = readArea(r.area.String)
		return f, err
	}
	circle, err := geo.NewCircle(geo.Point{Lat: r.lat.Float64, Lng: r.lng.Float64}, r.radius.Float64)
	f.Circle = &circle
	return f, err
}

func readArea(text string) (*geo.Area, error) {
	result, err := geojson.Read(strings.NewReader(text), false)
	if err != nil {
		return nil, err
	}
	if len(result.Features) != 1 {
		return nil, errors.New("a stored area cannot be read")
	}
	area, ok := result.Features[0].Shape.(*geo.Area)
	if !ok {
		return nil, errors.New("a stored area is not one")
	}
	return area, nil
}
