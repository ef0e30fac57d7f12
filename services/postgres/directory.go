package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/engine"
)

const (
	deviceFields  = `brand_id, id, person_id, version, token_serial, last_seen_at, os_push_refused, external_id, platform, app_build, locale, time_zone`
	deviceColumns = `d.brand_id, d.id, d.person_id, d.version, d.token_serial, d.last_seen_at, d.os_push_refused, d.external_id, d.platform, d.app_build,
		d.locale, d.time_zone, a.provider, a.kind, a.value, a.sandbox, a.topic, a.state, a.registered_at`
	deviceJoin = `LEFT JOIN push_address a ON a.brand_id = d.brand_id AND a.device_id = d.id`
)

// addDevice adds a device to a table of deviceFields.
func addDevice(t table, d *audience.Device) {
	t[0].uuid(d.BrandID)
	t[1].uuid(d.ID)
	t[2].uuid(d.PersonID)
	t[3].int8(firstVersion)
	t[4].int8(d.TokenSerial)
	t[5].timeOrNull(d.LastSeenAt)
	t[6].bool(d.OSPushRefused)
	t[7].textOrNull(d.ExternalID)
	t[8].text(d.Platform)
	t[9].text(d.AppBuild)
	t[10].text(d.Locale)
	t[11].text(d.TimeZone)
}

func scanDevice(row pgx.CollectableRow) (d audience.Device, err error) {
	var external, provider, kind, value, topic, state *string
	var sandbox *bool
	var seen, registered timeOrZero
	err = row.Scan(&d.BrandID, &d.ID, &d.PersonID, &d.Version, &d.TokenSerial, &seen, &d.OSPushRefused, &external, &d.Platform, &d.AppBuild,
		&d.Locale, &d.TimeZone, &provider, &kind, &value, &sandbox, &topic, &state, &registered)
	d.ExternalID, d.LastSeenAt = textOrEmpty(external), seen.Time
	if err == nil && value != nil {
		d.Address = &pusher.Address{Provider: pusher.Provider(*provider), Kind: *kind, Value: *value, Sandbox: *sandbox, Topic: *topic, RegisteredAt: registered.Time}
		d.AddressState = *state
	}
	return d, err
}

// readDevice is scanDevice of a raw row.
func readDevice(r *rawRow) (d audience.Device, _ error) {
	d.BrandID, d.ID, d.PersonID, d.Version, d.TokenSerial = r.uuid(), r.uuid(), r.uuid(), r.int(), r.int()
	d.LastSeenAt, d.OSPushRefused, d.ExternalID, d.Platform, d.AppBuild = r.utc(), r.bool(), r.text(), r.text(), r.text()
	d.Locale, d.TimeZone = r.text(), r.text()
	a := pusher.Address{Provider: knownProvider(r.bytes()), Kind: r.text()}
	value := r.bytes()
	a.Value, a.Sandbox, a.Topic = string(value), r.bool(), r.text()
	state := r.text()
	if a.RegisteredAt = r.utc(); value != nil {
		d.Address, d.AddressState = &a, state
	}
	return d, nil
}

// Device reads one device with its address.
func (s *Store) Device(ctx context.Context, brandID, deviceID uuid.UUID) (audience.Device, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+deviceColumns+` FROM device d `+deviceJoin+` WHERE d.brand_id = $1 AND d.id = $2`, brandID, deviceID)
	if err != nil {
		return audience.Device{}, fmt.Errorf("device: %w", err)
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDevice)
	return d, notFound(err)
}

// DevicesByExternalID reads the devices that a backend names so; the unknown are left out.
func (s *Store) DevicesByExternalID(ctx context.Context, brandID uuid.UUID, externalIDs []string) ([]audience.Device, error) {
	if len(externalIDs) == 0 {
		return nil, nil
	}
	rows, err := s.pool.Query(ctx, `SELECT `+deviceColumns+` FROM device d `+deviceJoin+` WHERE d.brand_id = $1 AND d.external_id = ANY($2)`, brandID, externalIDs)
	if err != nil {
		return nil, fmt.Errorf("devices: %w", err)
	}
	return pgx.CollectRows(rows, scanDevice)
}

// PutDevice writes everything of a device but its ids, address and last-seen time, if its version is still d.Version.
func (s *Store) PutDevice(ctx context.Context, d audience.Device) (audience.Device, error) {
	tag, err := s.pool.Exec(ctx, `UPDATE device SET person_id = $4, version = version + 1, token_serial = $5, os_push_refused = $6, platform = $7,
			app_build = $8, locale = $9, time_zone = $10 WHERE brand_id = $1 AND id = $2 AND version = $3`,
		d.BrandID, d.ID, d.Version, d.PersonID, d.TokenSerial, d.OSPushRefused, d.Platform, d.AppBuild, d.Locale, d.TimeZone)
	if err != nil {
		return d, fmt.Errorf("put device: %w", err)
	}
	now, err := s.Device(ctx, d.BrandID, d.ID)
	if err == nil && tag.RowsAffected() == 0 {
		return now, engine.ErrStale
	}
	return now, err
}

// PersonByExternalID finds the person whom the brand calls so.
func (s *Store) PersonByExternalID(ctx context.Context, brandID uuid.UUID, externalID string) (id uuid.UUID, err error) {
	err = s.pool.QueryRow(ctx, `SELECT person_id FROM person_external WHERE brand_id = $1 AND external_id = $2`, brandID, externalID).Scan(&id)
	return id, notFound(err)
}

// ClaimExternalID binds a brand's own id to a person. Binding it again to the same person changes nothing.
func (s *Store) ClaimExternalID(ctx context.Context, brandID uuid.UUID, externalID string, personID uuid.UUID) (uuid.UUID, error) {
	_, err := s.pool.Exec(ctx, `INSERT INTO person_external (brand_id, external_id, person_id) VALUES ($1, $2, $3)
		ON CONFLICT (brand_id, external_id) DO NOTHING`, brandID, externalID, personID)
	if err != nil {
		return uuid.Nil, fmt.Errorf("claim external id: %w", err)
	}
	holder, err := s.PersonByExternalID(ctx, brandID, externalID)
	if err == nil && holder != personID {
		err = engine.ErrAlreadyExists
	}
	return holder, err
}

// MoveExternalID gives an own id from one person to another; repeating it changes nothing. ErrStale: a third has it.
func (s *Store) MoveExternalID(ctx context.Context, brandID uuid.UUID, externalID string, from, to uuid.UUID) error {
	tag, err := s.pool.Exec(ctx, `UPDATE person_external SET person_id = $4 WHERE brand_id = $1 AND external_id = $2 AND person_id IN ($3, $4)`,
		brandID, externalID, from, to)
	if err != nil {
		return fmt.Errorf("move external id: %w", err)
	}
	if tag.RowsAffected() == 0 {
		if _, err := s.PersonByExternalID(ctx, brandID, externalID); err != nil {
			return err
		}
		return engine.ErrStale
	}
	return nil
}

// Seen moves last-seen times forward, never back.
func (s *Store) Seen(ctx context.Context, brandID uuid.UUID, deviceIDs []uuid.UUID, at time.Time) error {
	if len(deviceIDs) == 0 {
		return nil
	}
	if s.routed {
		return s.seenRouted(ctx, brandID, deviceIDs, at)
	}
	_, err := s.pool.Exec(ctx, `WITH f AS MATERIALIZED (SELECT id FROM device WHERE brand_id = $1 AND id = ANY($2)
			AND (last_seen_at IS NULL OR last_seen_at < $3) ORDER BY id FOR UPDATE)
		UPDATE device d SET last_seen_at = $3 FROM f WHERE d.brand_id = $1 AND d.id = f.id`, brandID, deviceIDs, at)
	if err != nil {
		return fmt.Errorf("seen: %w", err)
	}
	return nil
}
