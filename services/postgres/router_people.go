package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/engine"
)

// routedConsents inserts events of one person's ledger.
func routedConsents(person, brand uuid.UUID, events []audience.ConsentEvent) (*builder, error) {
	b := insertInto(person, brand, "consent_event", "id, purpose, granted, occurred_at, body")
	for i := range events {
		e := &events[i]
		body, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		b.row(b.uuid(e.ID), b.text(string(e.Purpose)), b.bool(e.Granted), b.time(e.OccurredAt), b.json(body))
	}
	return b, nil
}

// The list of persons prunes the shards: of one person it is a router statement.
const routedLoadSQL = `SELECT p.brand_id, p.person_id, p.version, p.status, p.successor_id, p.min_writer, p.state, c.body
	FROM person p LEFT JOIN person_profile c ON c.person_id = p.person_id AND c.brand_id = p.brand_id
	WHERE p.person_id = ANY($1::uuid[]) AND p.brand_id = ANY($2::uuid[])`

// loadRouted is [Store.Load] on a distributed database.
func (s *Store) loadRouted(ctx context.Context, keys []engine.PersonKey) ([]engine.PersonRow, error) {
	persons, brands := make([]uuid.UUID, len(keys)), []uuid.UUID{}
	ofBrand := map[uuid.UUID][]uuid.UUID{}
	for i, k := range keys {
		if persons[i] = k.PersonID; ofBrand[k.BrandID] == nil {
			brands = append(brands, k.BrandID)
		}
		ofBrand[k.BrandID] = append(ofBrand[k.BrandID], k.PersonID)
	}
	rows, err := s.pool.Query(ctx, routedLoadSQL, persons, brands)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanPerson)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	people := make(map[engine.PersonKey]*engine.PersonRow, len(found))
	for i := range found {
		people[found[i].Key] = &found[i]
	}
	for brand, persons := range ofBrand {
		if err := s.loadDevices(ctx, brand, persons, people); err != nil {
			return nil, fmt.Errorf("load devices: %w", err)
		}
	}
	var inOrder []engine.PersonRow
	for _, k := range keys {
		if p := people[k]; p != nil {
			inOrder = append(inOrder, *p)
			delete(people, k)
		}
	}
	return inOrder, nil
}

// loadDevices adds devices to people: devices are found by their brand, not by their person's shard.
func (s *Store) loadDevices(ctx context.Context, brand uuid.UUID, persons []uuid.UUID, people map[engine.PersonKey]*engine.PersonRow) error {
	rows, err := s.pool.Query(ctx, `SELECT `+deviceColumns+` FROM device d `+deviceJoin+` WHERE d.brand_id = $1 AND d.person_id = ANY($2::uuid[])
		ORDER BY d.last_seen_at DESC NULLS LAST, d.id`, brand, persons)
	if err != nil {
		return err
	}
	devices, err := pgx.CollectRows(rows, scanDevice)
	for _, d := range devices {
		if p := people[engine.PersonKey{BrandID: d.BrandID, PersonID: d.PersonID}]; p != nil {
			p.Devices = append(p.Devices, d)
		}
	}
	return err
}

// committedRouted is [Store.Committed] on a distributed database.
func (s *Store) committedRouted(ctx context.Context, writes []engine.PersonWrite) ([]bool, error) {
	done, units := make([]bool, len(writes)), make([]unit, len(writes))
	for i := range writes {
		w := &writes[i]
		b := about(w.Key.PersonID, w.Key.BrandID)
		b.uuid(w.WriteID)
		b.uuidOrNull(someFact(w))
		units[i] = unit{b.end(routedCommittedSQL)}
	}
	outcomes, err := s.runUnits(ctx, units)
	if err := errors.Join(err, firstFault(outcomes)); err != nil {
		return nil, fmt.Errorf("committed: %w", err)
	}
	for i := range outcomes {
		done[i] = len(outcomes[i].rows) > 0
	}
	return done, nil
}

const routedCommittedSQL = `SELECT p.version FROM person p WHERE p.person_id = $1 AND p.brand_id = $2 AND (p.write_id = $3
	OR EXISTS (SELECT 1 FROM trace f WHERE f.person_id = $1 AND f.brand_id = $2 AND f.id = $4)
	OR EXISTS (SELECT 1 FROM place f WHERE f.person_id = $1 AND f.brand_id = $2 AND f.id = $4)
	OR EXISTS (SELECT 1 FROM delivery f WHERE f.person_id = $1 AND f.brand_id = $2 AND f.id = $4)
	OR EXISTS (SELECT 1 FROM coupon f WHERE f.person_id = $1 AND f.brand_id = $2 AND (f.id = $4 OR f.redemption_id = $4))
	OR EXISTS (SELECT 1 FROM consent_event f WHERE f.person_id = $1 AND f.brand_id = $2 AND f.id = $4)
	OR EXISTS (SELECT 1 FROM location_use f WHERE f.person_id = $1 AND f.brand_id = $2 AND f.id = $4))`

// seenRouted is [Store.Seen] on a distributed database: one row a statement, so that two calls cannot wait for each
// other.
func (s *Store) seenRouted(ctx context.Context, brandID uuid.UUID, deviceIDs []uuid.UUID, at time.Time) error {
	units := make([]unit, len(deviceIDs))
	for i, id := range deviceIDs {
		b := &builder{}
		b.sql.WriteString(`UPDATE device SET last_seen_at = ` + b.time(at) + ` WHERE brand_id = ` + b.uuid(brandID) + ` AND id = ` + b.uuid(id))
		b.sql.WriteString(` AND (last_seen_at IS NULL OR last_seen_at < $1)`)
		units[i] = unit{b.end("")}
	}
	outcomes, err := s.runUnits(ctx, units)
	if err := errors.Join(err, firstFault(outcomes)); err != nil {
		return fmt.Errorf("seen: %w", err)
	}
	return nil
}
