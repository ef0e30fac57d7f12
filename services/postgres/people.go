package postgres

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/engine"
)

// queryTable runs a query whose parameters are the columns of a table.
func (s *Store) queryTable(ctx context.Context, sql string, t table, more ...any) (pgx.Rows, error) {
	return s.pool.Query(ctx, sql, append(t.arguments(), more...)...)
}

// Load reads rows with profile and devices, in the order of keys. Who does not exist is left out.
func (s *Store) Load(ctx context.Context, keys []engine.PersonKey) ([]engine.PersonRow, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	if s.routed {
		return s.loadRouted(ctx, keys)
	}
	t := keyTable(keys)
	rows, err := s.queryTable(ctx, loadSQL, t)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	people, err := collectRaw(rows, len(keys), readPerson, scanPerson)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	rows, err = s.queryTable(ctx, `SELECT `+deviceColumns+` FROM unnest($1::int4[], $2::uuid[], $3::uuid[]) AS f(i, person_id, brand_id)
		JOIN device d ON d.brand_id = f.brand_id AND d.person_id = f.person_id `+deviceJoin+`
		ORDER BY d.last_seen_at DESC NULLS LAST, d.id`, t)
	if err != nil {
		return nil, fmt.Errorf("load devices: %w", err)
	}
	devices, err := collectRaw(rows, len(keys), readDevice, scanDevice)
	if err != nil {
		return nil, fmt.Errorf("load devices: %w", err)
	}
	of := make(map[engine.PersonKey][]audience.Device, len(people))
	for _, d := range devices {
		k := engine.PersonKey{BrandID: d.BrandID, PersonID: d.PersonID}
		of[k] = append(of[k], d)
	}
	for i := range people {
		people[i].Devices = of[people[i].Key]
	}
	return people, nil
}

const loadSQL = `SELECT p.brand_id, p.person_id, p.version, p.status, p.successor_id, p.min_writer, p.state, c.body
	FROM unnest($1::int4[], $2::uuid[], $3::uuid[]) AS f(i, person_id, brand_id)
	JOIN person p ON p.person_id = f.person_id AND p.brand_id = f.brand_id
	LEFT JOIN person_profile c ON c.person_id = p.person_id AND c.brand_id = p.brand_id
	ORDER BY f.i`

func scanPerson(row pgx.CollectableRow) (p engine.PersonRow, err error) {
	var profile []byte
	err = row.Scan(&p.Key.BrandID, &p.Key.PersonID, &p.Version, &p.Status, uuidOrZero{&p.SuccessorID}, &p.MinWriter, &p.State, &profile)
	if err == nil && profile != nil {
		p.Profile, p.Fault = readProfile(profile) // one row that makes no sense costs no other
	}
	return p, err
}

// readPerson is scanPerson of a raw row.
func readPerson(r *rawRow) (p engine.PersonRow, _ error) {
	p.Key = engine.PersonKey{BrandID: r.uuid(), PersonID: r.uuid()}
	p.Version, p.Status, p.SuccessorID, p.MinWriter = r.int(), engine.PersonStatus(r.int()), r.uuid(), int32(r.int())
	p.State = bytes.Clone(r.bytes())
	if profile := r.bytes(); profile != nil {
		p.Profile, p.Fault = readProfile(profile)
	}
	return p, nil
}

// keyTable lists keys without repeats.
func keyTable(keys []engine.PersonKey) table {
	t := newTable(int4s, uuids, uuids)
	seen := make(map[engine.PersonKey]struct{}, len(keys))
	for _, k := range keys {
		if _, again := seen[k]; again {
			continue
		}
		seen[k] = struct{}{}
		t[0].int4(int32(len(seen)))
		t[1].uuid(k.PersonID)
		t[2].uuid(k.BrandID)
	}
	return t
}

// Due returns up to limit active people whose due time is at or before t, a random choice of those longest due.
func (s *Store) Due(ctx context.Context, t time.Time, limit int) ([]engine.PersonKey, error) {
	rows, err := s.pool.Query(ctx, `SELECT brand_id, person_id FROM person WHERE due_at <= $1 AND status = 0 ORDER BY due_at LIMIT $2`, t, 4*limit)
	if err != nil {
		return nil, fmt.Errorf("due: %w", err)
	}
	keys, err := pgx.CollectRows(rows, scanKey)
	rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys[:min(limit, len(keys))], err
}

// Inside returns people with an open visit of a fence, after a cursor, in person order.
func (s *Store) Inside(ctx context.Context, brandID, fenceID, after uuid.UUID, limit int) ([]engine.PersonKey, error) {
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT brand_id, person_id FROM open_visit
		WHERE brand_id = $1 AND fence_id = $2 AND person_id > $3 ORDER BY person_id LIMIT $4`, brandID, fenceID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("inside: %w", err)
	}
	return pgx.CollectRows(rows, scanKey)
}

// Visited tells which of the fences have an open visit, each once.
func (s *Store) Visited(ctx context.Context, brandID uuid.UUID, fences []uuid.UUID) ([]uuid.UUID, error) {
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT fence_id FROM open_visit WHERE brand_id = $1 AND fence_id = ANY($2)`, brandID, fences)
	if err != nil {
		return nil, fmt.Errorf("visited: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

func scanKey(row pgx.CollectableRow) (k engine.PersonKey, err error) {
	return k, row.Scan(&k.BrandID, &k.PersonID)
}

// GivenTo returns the people whose successor a person is.
func (s *Store) GivenTo(ctx context.Context, key engine.PersonKey) ([]uuid.UUID, error) {
	rows, err := s.pool.Query(ctx, `SELECT person_id FROM person WHERE brand_id = $1 AND successor_id = $2 ORDER BY person_id`, key.BrandID, key.PersonID)
	if err != nil {
		return nil, fmt.Errorf("given to: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}
