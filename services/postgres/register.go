package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/engine"
)

const firstVersion = 1

// Register creates devices, each with a new person. A device whose id or external id exists already is answered with
// the existing one. The person comes first, in a statement of its own; where another call wins the device meanwhile,
// the person made for nothing is taken away again.
func (s *Store) Register(ctx context.Context, regs []engine.Registration) ([]audience.Device, []bool, error) {
	devices, existing := make([]audience.Device, len(regs)), make([]bool, len(regs))
	known, err := s.registered(ctx, regs)
	if err != nil {
		return nil, nil, fmt.Errorf("register: %w", err)
	}
	var fresh []int
	claimed := map[externalKey]bool{}
	for i := range regs {
		d := &regs[i].Device
		k := externalKey{d.BrandID, d.ExternalID}
		if _, ok := known.of(d); !ok && !(d.ExternalID != "" && claimed[k]) {
			fresh = append(fresh, i)
			claimed[k] = true
		}
	}
	made, err := s.registerFresh(ctx, regs, fresh)
	if err != nil {
		return nil, nil, fmt.Errorf("register: %w", err)
	}
	if known, err = s.registered(ctx, regs); err != nil {
		return nil, nil, fmt.Errorf("register: %w", err)
	}
	for i := range regs {
		d, ok := known.of(&regs[i].Device)
		if !ok {
			return nil, nil, fmt.Errorf("register: device %s: %w", regs[i].Device.ID, engine.ErrNotFound)
		}
		devices[i], existing[i] = d, !made[i]
	}
	return devices, existing, nil
}

// registerFresh makes persons, then devices, and takes back the persons whose device another call has made.
func (s *Store) registerFresh(ctx context.Context, regs []engine.Registration, fresh []int) (made map[int]bool, err error) {
	made = map[int]bool{}
	if len(fresh) == 0 {
		return made, nil
	}
	// One order for all callers: rows that two of them insert at once must not wait for each other crosswise.
	slices.SortFunc(fresh, func(a, b int) int { return strings.Compare(regs[a].Device.ExternalID, regs[b].Device.ExternalID) })
	born, err := s.bear(ctx, regs, fresh)
	if err != nil {
		return nil, err
	}
	if made, err = s.insertDevices(ctx, regs, fresh); err != nil {
		return nil, err
	}
	var stillborn []engine.PersonKey
	for _, i := range fresh {
		if !made[i] && born[i] {
			stillborn = append(stillborn, engine.PersonKey{BrandID: regs[i].Device.BrandID, PersonID: regs[i].Device.PersonID})
		}
	}
	return made, s.unbear(ctx, stillborn)
}

// bear inserts persons with profile and consents.
func (s *Store) bear(ctx context.Context, regs []engine.Registration, fresh []int) (map[int]bool, error) {
	if s.routed {
		return s.bearRouted(ctx, regs, fresh)
	}
	people, consents := newTable(int4s, uuids, uuids, uuids, int4s, blobs, jsons), newTable(int4s, uuids, texts, bools, times, jsons)
	for _, i := range fresh {
		r := &regs[i]
		body, err := json.Marshal(&r.Profile)
		if err != nil {
			return nil, err
		}
		people[0].int4(int32(i))
		people[1].uuid(r.Device.PersonID)
		people[2].uuid(r.Device.BrandID)
		people[3].uuid(uuid.New())
		people[4].int4(r.MinWriter)
		people[5].blob(r.State)
		people[6].json(body)
		for j := range r.Consents {
			if err := addConsent(consents, int32(i), &r.Consents[j]); err != nil {
				return nil, err
			}
		}
	}
	rows, err := s.pool.Query(ctx, bearSQL, append(people.arguments(), consents.arguments()...)...)
	if err != nil {
		return nil, err
	}
	return collectPositions(rows)
}

const bearSQL = `WITH f AS MATERIALIZED (SELECT * FROM unnest($1::int4[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int4[], $6::bytea[], $7::jsonb[])
		AS f(i, person_id, brand_id, write_id, min_writer, state, body)),
	buried AS (SELECT f.i FROM f JOIN tombstone t ON t.brand_id = f.brand_id AND t.person_id = f.person_id),
	born AS (INSERT INTO person (person_id, brand_id, version, write_id, min_writer, state)
		SELECT person_id, brand_id, 1, write_id, min_writer, state FROM f WHERE i NOT IN (SELECT i FROM buried)
		ON CONFLICT (person_id, brand_id) DO NOTHING RETURNING person_id, brand_id),
	profile AS (INSERT INTO person_profile (person_id, brand_id, body)
		SELECT f.person_id, f.brand_id, f.body FROM f JOIN born USING (person_id, brand_id)),
	consents AS (INSERT INTO consent_event (person_id, brand_id, id, purpose, granted, occurred_at, body)
		SELECT f.person_id, f.brand_id, c.id, c.purpose, c.granted, c.occurred_at, c.body
		FROM unnest($8::int4[], $9::uuid[], $10::text[], $11::bool[], $12::timestamptz[], $13::jsonb[]) AS c(i, id, purpose, granted, occurred_at, body)
		JOIN f USING (i) JOIN born USING (person_id, brand_id))
	SELECT f.i FROM f JOIN born USING (person_id, brand_id)`

// NewPerson makes an anonymous person without a device. Making the same again changes nothing; an erased person cannot
// be made again (ErrAlreadyExists).
func (s *Store) NewPerson(ctx context.Context, key engine.PersonKey, profile audience.Profile, state []byte, minWriter int32) error {
	reg := engine.Registration{Device: audience.Device{BrandID: key.BrandID, PersonID: key.PersonID}, Profile: profile, State: state, MinWriter: minWriter}
	born, err := s.bear(ctx, []engine.Registration{reg}, []int{0})
	if err != nil {
		return fmt.Errorf("new person: %w", err)
	}
	if born[0] {
		return nil
	}
	people, err := s.Load(ctx, []engine.PersonKey{key})
	if err == nil && len(people) == 0 {
		err = fmt.Errorf("new person: %w", engine.ErrAlreadyExists)
	}
	return err
}

func (s *Store) insertDevices(ctx context.Context, regs []engine.Registration, fresh []int) (map[int]bool, error) {
	if s.routed {
		return s.insertDevicesRouted(ctx, regs, fresh)
	}
	t := newTable(int4s, uuids, uuids, uuids, int8s, int8s, times, bools, texts, texts, texts, texts, texts)
	for _, i := range fresh {
		d := &regs[i].Device
		t[0].int4(int32(i))
		addDevice(t[1:], d)
	}
	rows, err := s.queryTable(ctx, `WITH f AS MATERIALIZED (SELECT * FROM `+t.from("i, "+deviceFields)+`),
		made AS (INSERT INTO device (`+deviceFields+`)
			SELECT `+deviceFields+` FROM f WHERE EXISTS (SELECT FROM person p WHERE p.person_id = f.person_id AND p.brand_id = f.brand_id)
			ON CONFLICT DO NOTHING RETURNING brand_id, id)
		SELECT f.i FROM f JOIN made USING (brand_id, id)`, t)
	if err != nil {
		return nil, err
	}
	return collectPositions(rows)
}

// unbear removes persons that nothing has ever pointed to.
func (s *Store) unbear(ctx context.Context, keys []engine.PersonKey) error {
	if len(keys) == 0 {
		return nil
	}
	if s.routed {
		return s.unbearRouted(ctx, keys)
	}
	t := keyTable(keys)
	_, err := s.pool.Exec(ctx, `WITH f AS (SELECT f.person_id, f.brand_id FROM `+t.from("i, person_id, brand_id")+`
			WHERE NOT EXISTS (SELECT FROM device d WHERE d.brand_id = f.brand_id AND d.person_id = f.person_id)),
		p AS (DELETE FROM person p USING f WHERE p.person_id = f.person_id AND p.brand_id = f.brand_id AND p.version = 1 RETURNING p.person_id, p.brand_id),
		c AS (DELETE FROM consent_event c USING p WHERE c.person_id = p.person_id AND c.brand_id = p.brand_id)
		DELETE FROM person_profile c USING p WHERE c.person_id = p.person_id AND c.brand_id = p.brand_id`, t.arguments()...)
	return err
}

func collectPositions(rows pgx.Rows) (map[int]bool, error) {
	defer rows.Close()
	at := map[int]bool{}
	for rows.Next() {
		var i int
		if err := rows.Scan(&i); err != nil {
			return nil, err
		}
		at[i] = true
	}
	return at, rows.Err()
}

type externalKey struct {
	brand uuid.UUID
	id    string
}

type idKey struct{ brand, id uuid.UUID }

// registry is the devices that exist, by both their names.
type registry struct {
	byID       map[idKey]audience.Device
	byExternal map[externalKey]audience.Device
}

func (r registry) of(d *audience.Device) (audience.Device, bool) {
	if d.ExternalID != "" {
		if found, ok := r.byExternal[externalKey{d.BrandID, d.ExternalID}]; ok {
			return found, true
		}
	}
	found, ok := r.byID[idKey{d.BrandID, d.ID}]
	return found, ok
}

func (s *Store) registered(ctx context.Context, regs []engine.Registration) (registry, error) {
	r := registry{map[idKey]audience.Device{}, map[externalKey]audience.Device{}}
	ids, externals := map[uuid.UUID][]uuid.UUID{}, map[uuid.UUID][]string{}
	for i := range regs {
		d := &regs[i].Device
		ids[d.BrandID] = append(ids[d.BrandID], d.ID)
		if d.ExternalID != "" {
			externals[d.BrandID] = append(externals[d.BrandID], d.ExternalID)
		}
	}
	for brand := range ids {
		if err := s.addRegistered(ctx, r, brand, ids[brand], externals[brand]); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (s *Store) addRegistered(ctx context.Context, r registry, brand uuid.UUID, ids []uuid.UUID, externals []string) error {
	if externals == nil {
		externals = []string{}
	}
	rows, err := s.pool.Query(ctx, `SELECT `+deviceColumns+` FROM device d `+deviceJoin+` WHERE d.brand_id = $1 AND d.id = ANY($2::uuid[])
		UNION ALL SELECT `+deviceColumns+` FROM device d `+deviceJoin+` WHERE d.brand_id = $1 AND d.external_id = ANY($3::text[])`, brand, ids, externals)
	if err != nil {
		return err
	}
	devices, err := pgx.CollectRows(rows, scanDevice)
	for _, d := range devices {
		r.byID[idKey{d.BrandID, d.ID}] = d
		if d.ExternalID != "" {
			r.byExternal[externalKey{d.BrandID, d.ExternalID}] = d
		}
	}
	return err
}
