package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/pusher"
)

// DeliveryEnds is how a brand's deliveries ended, by state; those that did not are "pending".
type DeliveryEnds struct {
	States map[string]int
	Codes  map[string]int // of those that no provider accepted
	Last   time.Time      // when the last of them ended, by the database's clock
}

// ReadDeliveryEnds counts them over a connection of its own.
func ReadDeliveryEnds(ctx context.Context, url string, brand uuid.UUID) (DeliveryEnds, error) {
	ends := DeliveryEnds{States: map[string]int{}, Codes: map[string]int{}}
	conn, err := connect(ctx, url)
	if err != nil {
		return ends, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, `SELECT state, coalesce(code, ''), count(*), max(ended_at) FROM delivery WHERE brand_id = $1 GROUP BY state, code`, brand)
	if err != nil {
		return ends, fmt.Errorf("deliveries: %w", err)
	}
	var state, code string
	var n int
	var last timeOrZero
	_, err = pgx.ForEachRow(rows, []any{&state, &code, &n, &last}, func() error {
		ends.States[state] += n
		if state != string(pusher.Accepted) && code != "" {
			ends.Codes[code] += n
		}
		if last.After(ends.Last) {
			ends.Last = last.Time
		}
		return nil
	})
	if err != nil {
		return ends, fmt.Errorf("deliveries: %w", err)
	}
	return ends, nil
}

// Tidy does at once, over a connection of its own, what autovacuum would do within a minute, so that it does not do it
// while something is measured.
func Tidy(ctx context.Context, url string) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range []string{`SET statement_timeout = 0`, `VACUUM (ANALYZE)`} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("tidy: %w", err)
		}
	}
	return nil
}

// ReadDeliveries calls f for every delivery of a brand, in no order, over a connection of its own.
func ReadDeliveries(ctx context.Context, url string, brand uuid.UUID, f func(*pusher.Delivery) error) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, `SELECT `+deliveryColumns+` FROM delivery d WHERE d.brand_id = $1`, brand)
	if err != nil {
		return fmt.Errorf("deliveries: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		d, err := scanDelivery(rows)
		if err == nil {
			err = f(&d)
		}
		if err != nil {
			return err
		}
	}
	return rows.Err()
}
