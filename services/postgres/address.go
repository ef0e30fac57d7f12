package postgres

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
)

// The states of an address.
const addressLive = "live"

// addressHash is the key of an address: values may be long, and indexes show up in error texts.
func addressHash(a pusher.Address) []byte {
	h := sha256.Sum256([]byte(a.Value))
	return h[:]
}

// PutAddress gives an address to a device, live, and takes it from whichever device had it. The device's earlier
// address goes. The device's row is locked first, so that two calls for one device follow one another.
func (s *Store) PutAddress(ctx context.Context, brandID, deviceID uuid.UUID, a pusher.Address) error {
	err := again(ctx, func() error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return putAddress(ctx, tx, brandID, deviceID, a) })
	})
	if err != nil {
		return fmt.Errorf("put address: %w", err)
	}
	return nil
}

func putAddress(ctx context.Context, tx pgx.Tx, brandID, deviceID uuid.UUID, a pusher.Address) error {
	var version int64
	err := tx.QueryRow(ctx, `SELECT version FROM device WHERE brand_id = $1 AND id = $2 FOR UPDATE`, brandID, deviceID).Scan(&version)
	if err != nil {
		return notFound(err)
	}
	hash := addressHash(a)
	for note, change := range map[string]string{otherAddress: audience.CodeNewAddress, otherDevice: audience.CodeMoved} {
		if _, err := tx.Exec(ctx, noteSQL(note), brandID, deviceID, string(a.Provider), a.Kind, hash, audience.ChangeReplaced, change); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM push_address WHERE brand_id = $1 AND device_id = $2 AND NOT (provider = $3 AND kind = $4 AND value_hash = $5)`,
		brandID, deviceID, string(a.Provider), a.Kind, hash); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO push_address (brand_id, provider, kind, value_hash, value, device_id, sandbox, topic, state, registered_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (brand_id, provider, kind, value_hash) DO UPDATE SET device_id = excluded.device_id, sandbox = excluded.sandbox,
			topic = excluded.topic, state = excluded.state, registered_at = excluded.registered_at`,
		brandID, string(a.Provider), a.Kind, hash, a.Value, deviceID, a.Sandbox, a.Topic, addressLive, a.RegisteredAt)
	return err
}

// SetAddressState marks a device's address, if the device still has it and it was registered before since (zero: always),
// and notes that with its code.
func (s *Store) SetAddressState(ctx context.Context, brandID, deviceID uuid.UUID, a pusher.Address, state, code string, since time.Time) (bool, error) {
	changed := false
	err := again(ctx, func() error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `UPDATE push_address SET state = $6 WHERE brand_id = $1 AND device_id = $2 AND provider = $3 AND kind = $4 AND value_hash = $5
				AND ($7::timestamptz IS NULL OR registered_at < $7) AND state <> $6`,
				brandID, deviceID, string(a.Provider), a.Kind, addressHash(a), state, zeroTime(since))
			if changed = err == nil && tag.RowsAffected() > 0; changed {
				_, err = tx.Exec(ctx, noteSQL(thisAddress), brandID, deviceID, string(a.Provider), a.Kind, addressHash(a), changeTo(state, code), code)
			}
			return err
		})
	})
	if err != nil {
		return false, fmt.Errorf("set address state: %w", err)
	}
	return changed, nil
}
