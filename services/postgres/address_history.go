package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/audience"
)

// noteSQL notes a change ($6, with the code $7) of addresses of a brand ($1), device ($2), provider ($3), kind ($4) and
// hash ($5) before it is made or with it.
func noteSQL(which string) string {
	return `INSERT INTO push_address_event (brand_id, id, device_id, at, registered_at, change, code, provider, kind, value_hash)
		SELECT brand_id, gen_random_uuid(), device_id, clock_timestamp(), registered_at, $6, $7, provider, kind, value_hash FROM push_address
		WHERE brand_id = $1 AND ` + which
}

// Which addresses a change is about.
const (
	thisAddress  = `device_id = $2 AND provider = $3 AND kind = $4 AND value_hash = $5`
	otherAddress = `device_id = $2 AND NOT (provider = $3 AND kind = $4 AND value_hash = $5)` // what the device had
	otherDevice  = `device_id <> $2 AND (provider = $3 AND kind = $4 AND value_hash = $5)`    // who had the address
)

func changeTo(state, code string) string {
	switch {
	case code == audience.CodeWithdrawn:
		return audience.ChangeWithdrawn
	case state == audience.AddressQuarantined:
		return audience.ChangeQuarantined
	}
	return audience.ChangeDropped
}

// AddressHistory is what became of a brand's addresses from a time on, or of one device's (zero: all), the newest first.
func (s *Store) AddressHistory(ctx context.Context, brandID, deviceID uuid.UUID, from time.Time, limit int) ([]audience.AddressEvent, error) {
	rows, err := s.pool.Query(ctx, `SELECT e.device_id, e.at, e.change, e.code, e.provider, e.registered_at, d.last_seen_at
		FROM push_address_event e JOIN device d ON d.brand_id = e.brand_id AND d.id = e.device_id
		WHERE e.brand_id = $1 AND e.at >= $2 AND ($3::uuid IS NULL OR e.device_id = $3) ORDER BY e.at DESC LIMIT $4`,
		brandID, from, zeroUUID(deviceID), limit)
	if err != nil {
		return nil, fmt.Errorf("address history: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e audience.AddressEvent, err error) {
		var seen timeOrZero
		err = row.Scan(&e.DeviceID, &e.At, &e.Change, &e.Code, &e.Provider, &e.RegisteredAt, &seen)
		e.LastSeenAt = seen.Time
		return e, err
	})
}

// AddressCounts counts what became of a brand's addresses from a time on.
func (s *Store) AddressCounts(ctx context.Context, brandID uuid.UUID, from time.Time) ([]audience.AddressCount, error) {
	rows, err := s.pool.Query(ctx, `SELECT provider, change, code, count(*) FROM push_address_event WHERE brand_id = $1 AND at >= $2
		GROUP BY provider, change, code ORDER BY provider, change, count(*) DESC, code`, brandID, from)
	if err != nil {
		return nil, fmt.Errorf("address counts: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[audience.AddressCount])
}

// RestoreAddresses takes back drops and quarantines: of those whose device has the address still and which nothing has
// happened to since. It returns the devices that can be reached again.
func (s *Store) RestoreAddresses(ctx context.Context, brandID uuid.UUID, w audience.WrongDrops) ([]uuid.UUID, error) {
	var devices []uuid.UUID
	err := again(ctx, func() error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
			devices, err = restoreAddresses(ctx, tx, brandID, w)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("restore addresses: %w", err)
	}
	return devices, nil
}

func restoreAddresses(ctx context.Context, tx pgx.Tx, brandID uuid.UUID, w audience.WrongDrops) (devices []uuid.UUID, err error) {
	rows, err := tx.Query(ctx, `SELECT a.device_id, a.provider, a.kind, a.value_hash FROM push_address_event e
		JOIN push_address a ON a.brand_id = e.brand_id AND a.device_id = e.device_id AND a.provider = e.provider AND a.kind = e.kind AND a.value_hash = e.value_hash
		WHERE e.brand_id = $1 AND e.at >= $2 AND e.at < $3 AND e.change IN ('dropped', 'quarantined') AND a.state <> 'live'
		AND ($4 = '' OR e.code = $4) AND ($5 = '' OR e.provider = $5) AND ($6::uuid IS NULL OR e.device_id = $6)
		AND NOT EXISTS (SELECT 1 FROM push_address_event l WHERE l.brand_id = $1 AND l.device_id = e.device_id AND l.value_hash = e.value_hash AND l.at > e.at)`,
		brandID, w.From, w.Until, w.Code, w.Provider, zeroUUID(w.DeviceID))
	if err != nil {
		return nil, err
	}
	var provider, kind string
	var hash []byte
	var device uuid.UUID
	var batch pgx.Batch
	_, err = pgx.ForEachRow(rows, []any{&device, &provider, &kind, &hash}, func() error {
		id, of := device, slices.Clone(hash)
		batch.Queue(`UPDATE push_address SET state = 'live' WHERE brand_id = $1 AND `+thisAddress+` AND state <> 'live'`, brandID, id, provider, kind, of)
		batch.Queue(noteSQL(thisAddress), brandID, id, provider, kind, of, audience.ChangeRestored, w.Why)
		devices = append(devices, id)
		return nil
	})
	if err != nil || len(devices) == 0 {
		return nil, err
	}
	return devices, tx.SendBatch(ctx, &batch).Close()
}

func zeroUUID(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}
