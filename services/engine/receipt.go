package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// What a phone did with a notification.
const (
	Shown     = "shown"
	Opened    = "opened"
	Dismissed = "dismissed"
)

// Receipt is what an app tells of a notification. The first of its kind is kept, whichever device it is of.
type Receipt struct {
	NotificationID uuid.UUID
	DeliveryID     uuid.UUID // instead of NotificationID; zero once it is known whose it is
	Kind           string    // Shown, Opened, Dismissed
	At             time.Time
}

// RecordReceipts takes what a device's app tells of its person's notifications and returns how many are known to be
// theirs. What was shown in the app needs no push to follow: its waiting delivery is cancelled. A receipt of somebody
// else's notification, or a repeated one, changes nothing.
func (e *Engine) RecordReceipts(ctx context.Context, brandID, deviceID uuid.UUID, receipts []Receipt) (taken int, err error) {
	key, _, err := e.owner(ctx, brandID, deviceID)
	if err != nil {
		return 0, err
	}
	return e.takeReceipts(ctx, key, receipts)
}

// RecordReceiptsOf is RecordReceipts for a server, which tells of anybody's notifications. A notification without a
// delivery has no person to be found by.
func (e *Engine) RecordReceiptsOf(ctx context.Context, brandID uuid.UUID, receipts []Receipt) (taken int, err error) {
	by := map[uuid.UUID][]Receipt{}
	for _, r := range receipts {
		person, err := e.people.PersonOfDelivery(ctx, brandID, r.NotificationID, r.DeliveryID)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return taken, fmt.Errorf("receipt: %w", err)
		}
		by[person] = append(by[person], r)
	}
	for person, list := range by {
		n, err := e.takeReceipts(ctx, PersonKey{brandID, person}, list)
		if err != nil && !isNotFound(err) {
			return taken, err
		}
		taken += n
	}
	return taken, nil
}

func (e *Engine) takeReceipts(ctx context.Context, key PersonKey, receipts []Receipt) (taken int, err error) {
	if len(receipts) == 0 {
		return 0, nil
	}
	err = e.change(ctx, key, func(t *turn) error {
		known, err := t.ownReceipts(receipts)
		if err != nil {
			return err
		}
		if taken = len(known); taken == 0 {
			return nil
		}
		fresh, err := t.unheard(known)
		if err != nil || len(fresh) == 0 {
			return err
		}
		t.write.Receipts = fresh
		for _, r := range fresh {
			t.write.CancelNotifications = append(t.write.CancelNotifications, r.NotificationID)
		}
		t.dirty = true
		return nil
	})
	return taken, err
}

// ownReceipts are those about the person's own notifications, by the ledger and by the deliveries, each named by its
// notification.
func (t *turn) ownReceipts(receipts []Receipt) (own []Receipt, err error) {
	notification := map[uuid.UUID]uuid.UUID{}
	for i := range t.p.hot.entries {
		id := t.p.hot.entries[i].NotificationID
		notification[id] = id
	}
	complete := true
	for _, r := range receipts {
		_, known := notification[r.NotificationID]
		complete = complete && r.DeliveryID == uuid.Nil && known
	}
	if !complete {
		deliveries, err := t.e.people.Deliveries(t.ctx, t.p.key, nil)
		if err != nil {
			return nil, fmt.Errorf("deliveries: %w", err)
		}
		for i := range deliveries {
			id := deliveries[i].Notification.ID
			notification[id], notification[deliveries[i].ID] = id, id
		}
	}
	for _, r := range receipts {
		name := r.NotificationID
		if r.DeliveryID != uuid.Nil {
			name = r.DeliveryID
		}
		if id, ok := notification[name]; ok {
			r.NotificationID, r.DeliveryID = id, uuid.Nil
			own = append(own, r)
		}
	}
	return own, nil
}

// unheard leaves out what is known already, in storage or earlier in the list. Whoever opened or dismissed something was
// shown it.
func (t *turn) unheard(receipts []Receipt) (fresh []Receipt, err error) {
	ids := make([]uuid.UUID, len(receipts))
	for i := range receipts {
		ids[i] = receipts[i].NotificationID
	}
	before, err := t.e.people.Receipts(t.ctx, t.p.key, ids)
	if err != nil {
		return nil, err
	}
	type one struct {
		notification uuid.UUID
		kind         string
	}
	heard := map[one]bool{}
	for _, r := range before {
		heard[one{r.NotificationID, r.Kind}] = true
	}
	take := func(r Receipt) {
		if k := (one{r.NotificationID, r.Kind}); !heard[k] {
			heard[k] = true
			fresh = append(fresh, r)
		}
	}
	for _, r := range receipts {
		take(r)
	}
	for _, r := range receipts {
		r.Kind = Shown
		take(r)
	}
	return fresh, nil
}

// Receipts are what phones told of notifications of a person.
func (e *Engine) Receipts(ctx context.Context, key PersonKey, notifications []uuid.UUID) ([]Receipt, error) {
	return e.people.Receipts(ctx, key, notifications)
}
