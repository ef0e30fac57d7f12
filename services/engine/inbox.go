package engine

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
)

// Told is a notification that a person was told, by one of its deliveries.
type Told struct {
	Delivery pusher.Delivery
	Receipts []Receipt // what phones did with it
}

// Inbox lists what the person of a device was told, newest first: what a provider took or a phone showed. Of several
// deliveries of one notification, the one a provider took stands for it.
func (e *Engine) Inbox(ctx context.Context, brandID, deviceID uuid.UUID) ([]Told, error) {
	key, _, err := e.owner(ctx, brandID, deviceID)
	if err != nil {
		return nil, err
	}
	deliveries, err := e.people.Deliveries(ctx, key, nil)
	if err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	receipts, err := e.people.Receipts(ctx, key, nil)
	if err != nil {
		return nil, err
	}
	by := map[uuid.UUID][]Receipt{}
	for _, r := range receipts {
		by[r.NotificationID] = append(by[r.NotificationID], r)
	}
	var told []Told
	at := map[uuid.UUID]int{}
	for i := range deliveries {
		d := &deliveries[i]
		accepted, heard := d.State == pusher.Accepted, by[d.Notification.ID]
		if !accepted && len(heard) == 0 {
			continue
		}
		if n, again := at[d.Notification.ID]; again {
			if accepted {
				told[n].Delivery = *d
			}
			continue
		}
		at[d.Notification.ID] = len(told)
		told = append(told, Told{*d, heard})
	}
	return told, nil
}
