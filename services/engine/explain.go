package engine

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
)

// PersonRef names a person by any one of its fields, the first that is set.
type PersonRef struct {
	PersonID         uuid.UUID
	DeviceID         uuid.UUID
	PersonExternalID string
	DeviceExternalID string
	CouponCode       string
	NotificationID   uuid.UUID
	DeliveryID       uuid.UUID
}

// PersonOf finds the person a reference means.
func (e *Engine) PersonOf(ctx context.Context, brandID uuid.UUID, r PersonRef) (uuid.UUID, error) {
	switch {
	case r.PersonID != uuid.Nil:
		rows, err := e.people.Load(ctx, []PersonKey{{brandID, r.PersonID}})
		if err == nil && len(rows) == 0 {
			err = notFound("person")
		}
		return r.PersonID, err
	case r.DeviceID != uuid.Nil:
		d, err := e.directory.Device(ctx, brandID, r.DeviceID)
		return d.PersonID, err
	case r.PersonExternalID != "":
		return e.directory.PersonByExternalID(ctx, brandID, r.PersonExternalID)
	case r.DeviceExternalID != "":
		found, err := e.DevicesByExternalID(ctx, brandID, []string{r.DeviceExternalID})
		d, ok := found[r.DeviceExternalID]
		if err == nil && !ok {
			err = notFound("device")
		}
		return d.PersonID, err
	case r.CouponCode != "":
		c, err := e.people.CouponByCode(ctx, brandID, r.CouponCode)
		return c.PersonID, err
	case r.NotificationID != uuid.Nil || r.DeliveryID != uuid.Nil:
		return e.people.PersonOfDelivery(ctx, brandID, r.NotificationID, r.DeliveryID)
	}
	return uuid.Nil, notFound("person")
}

// Explain lists decisions about a person, newest first, with the deliveries of those that won.
func (e *Engine) Explain(ctx context.Context, brandID, personID uuid.UUID, f TraceFilter) ([]TraceRow, map[uuid.UUID][]pusher.Delivery, error) {
	key := PersonKey{brandID, personID}
	rows, err := e.people.Traces(ctx, key, f)
	if err != nil {
		return nil, nil, fmt.Errorf("traces: %w", err)
	}
	var won []uuid.UUID
	for i := range rows {
		if rows[i].NotificationID != uuid.Nil {
			won = append(won, rows[i].NotificationID)
		}
	}
	by := map[uuid.UUID][]pusher.Delivery{}
	if len(won) == 0 {
		return rows, by, nil
	}
	deliveries, err := e.people.Deliveries(ctx, key, won)
	if err != nil {
		return nil, nil, fmt.Errorf("deliveries: %w", err)
	}
	for _, d := range deliveries {
		by[d.Notification.ID] = append(by[d.Notification.ID], d)
	}
	return rows, by, nil
}
