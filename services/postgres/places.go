package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// PlaceRow is one stored transition, as a check from outside reads it.
type PlaceRow struct {
	DeviceID uuid.UUID
	FenceID  uuid.UUID
	Kind     string
	At       time.Time
}

// EachPlace calls f for every stored transition of a brand, in no order, past the engine and its contracts: for checks
// that compare what callers were told with what is on disk. It reads the whole table.
func EachPlace(ctx context.Context, url string, brand uuid.UUID, f func(PlaceRow) error) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, `SELECT device_id, fence_id, kind, at FROM place WHERE brand_id = $1`, brand)
	if err != nil {
		return fmt.Errorf("places: %w", err)
	}
	var p PlaceRow
	if _, err = pgx.ForEachRow(rows, []any{&p.DeviceID, &p.FenceID, &p.Kind, &p.At}, func() error { return f(p) }); err != nil {
		return fmt.Errorf("places: %w", err)
	}
	return nil
}

// DeliveryRow is one stored delivery, as a check from outside reads it.
type DeliveryRow struct {
	ID        uuid.UUID
	CreatedAt time.Time // when the ping came in that it is due to
	State     string
}

// EachDelivery calls f for every stored delivery of a brand from a time on, in no order, as EachPlace does.
func EachDelivery(ctx context.Context, url string, brand uuid.UUID, since time.Time, f func(DeliveryRow)) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, `SELECT id, created_at, state FROM delivery WHERE brand_id = $1 AND created_at >= $2`, brand, since)
	if err != nil {
		return fmt.Errorf("deliveries: %w", err)
	}
	var d DeliveryRow
	if _, err = pgx.ForEachRow(rows, []any{&d.ID, &d.CreatedAt, &d.State}, func() error { f(d); return nil }); err != nil {
		return fmt.Errorf("deliveries: %w", err)
	}
	return nil
}
