package postgres

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// bearRouted inserts persons with profile and consents on a distributed database, a transaction each. The gate comes
// after the insert, in a statement of its own: whoever waited there for an erasure to end sees its tombstone.
func (s *Store) bearRouted(ctx context.Context, regs []engine.Registration, fresh []int) (map[int]bool, error) {
	units := make([]unit, len(fresh))
	for n, i := range fresh {
		u, err := routedBirth(&regs[i])
		if err != nil {
			return nil, err
		}
		units[n] = u
	}
	outcomes, err := s.runUnits(ctx, units)
	if err != nil {
		return nil, err
	}
	born := map[int]bool{}
	for n, i := range fresh {
		switch o := &outcomes[n]; {
		case o.err == nil:
			born[i] = true
		case o.stoppedAt(0, codeUnique), o.stoppedAt(1, gateFails): // there already, or erased
		default:
			return nil, o.err
		}
	}
	return born, nil
}

func routedBirth(r *engine.Registration) (u unit, err error) {
	person, brand := r.Device.PersonID, r.Device.BrandID
	row := insertInto(person, brand, "person", "version, write_id, min_writer, state")
	row.row(row.int8(firstVersion), row.uuid(uuid.New()), row.int4(r.MinWriter), row.blob(r.State))
	gate := about(person, brand)
	u = append(u, row.end(""), gate.end(`SELECT 1 / (1 - count(*)) FROM tombstone WHERE person_id = $1 AND brand_id = $2`))
	body, err := json.Marshal(&r.Profile)
	if err != nil {
		return nil, err
	}
	profile := insertInto(person, brand, "person_profile", "body")
	profile.row(profile.json(body))
	consents, err := routedConsents(person, brand, r.Consents)
	return consents.appendTo(profile.appendTo(u, ""), ""), err
}

// unbearRouted removes persons that nothing has ever pointed to. Who has a device, or was written to, stays.
func (s *Store) unbearRouted(ctx context.Context, keys []engine.PersonKey) error {
	var units []unit
	for _, k := range keys {
		var pointed bool
		if err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM device WHERE brand_id = $1 AND person_id = $2)`, k.BrandID, k.PersonID).Scan(&pointed); err != nil {
			return err
		}
		if pointed {
			continue
		}
		var u unit
		for _, sql := range []string{
			`DELETE FROM person WHERE person_id = $1 AND brand_id = $2 AND version = 1`,
			`SELECT 1 / (1 - count(*)) FROM person WHERE person_id = $1 AND brand_id = $2`,
			`DELETE FROM consent_event WHERE person_id = $1 AND brand_id = $2`,
			`DELETE FROM person_profile WHERE person_id = $1 AND brand_id = $2`,
		} {
			u = append(u, about(k.PersonID, k.BrandID).end(sql))
		}
		units = append(units, u)
	}
	outcomes, err := s.runUnits(ctx, units)
	for i := range outcomes {
		if o := &outcomes[i]; o.err != nil && !o.stoppedAt(1, gateFails) {
			err = errors.Join(err, o.err)
		}
	}
	return err
}

// insertDevicesRouted inserts devices of persons who exist, each by itself in the callers' common order.
func (s *Store) insertDevicesRouted(ctx context.Context, regs []engine.Registration, fresh []int) (map[int]bool, error) {
	persons := make([]uuid.UUID, len(fresh))
	for n, i := range fresh {
		persons[n] = regs[i].Device.PersonID
	}
	rows, err := s.pool.Query(ctx, `SELECT brand_id, person_id FROM person WHERE person_id = ANY($1::uuid[])`, persons)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, scanKey)
	if err != nil {
		return nil, err
	}
	exists := make(map[engine.PersonKey]bool, len(found))
	for _, k := range found {
		exists[k] = true
	}
	var units []unit
	var of []int
	for _, i := range fresh {
		d := &regs[i].Device
		if !exists[engine.PersonKey{BrandID: d.BrandID, PersonID: d.PersonID}] {
			continue
		}
		b := &builder{}
		b.sql.WriteString(`INSERT INTO device (` + deviceFields + `) VALUES (` + b.uuid(d.BrandID) + `, ` + b.uuid(d.ID) + `, ` + b.uuid(d.PersonID) +
			`, ` + b.int8(firstVersion) + `, ` + b.int8(d.TokenSerial) + `, ` + b.timeOrNull(d.LastSeenAt) + `, ` + b.bool(d.OSPushRefused) +
			`, ` + b.textOrNull(d.ExternalID) + `, ` + b.text(d.Platform) + `, ` + b.text(d.AppBuild) + `, ` + b.text(d.Locale) + `, ` + b.text(d.TimeZone) +
			`) ON CONFLICT DO NOTHING`)
		units, of = append(units, unit{b.end("")}), append(of, i)
	}
	outcomes, err := s.runUnits(ctx, units)
	if err := errors.Join(err, firstFault(outcomes)); err != nil {
		return nil, err
	}
	made := map[int]bool{}
	for n, i := range of {
		if outcomes[n].affected[0] > 0 {
			made[i] = true
		}
	}
	return made, nil
}
