package engine

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// ErrNoTestPerson refuses a test to somebody who is no test person.
var ErrNoTestPerson = errors.New("not a test person")

// TestOf is a test of a campaign: whom it is for, and the moment that it pretends.
type TestOf struct {
	Campaign *campaign.Campaign
	PersonID uuid.UUID
	DeviceID uuid.UUID // zero: the person's most recently seen one
	Store    *store.Store
	Item     *item.Item
	Keyword  string
	Variant  string
}

// Test sends one test person what a campaign would say; the decision tells why where it does not. ErrNoTestPerson: the person
// is none, and nothing is written. The decision and the notification are kept as those of a test, and no cap counts them.
func (e *Engine) Test(ctx context.Context, brandID uuid.UUID, test TestOf) (campaign.Decision, error) {
	var told campaign.Decision
	now := e.clock.Now()
	err := e.change(ctx, PersonKey{brandID, test.PersonID}, func(t *turn) error {
		result, ok := campaign.DecideTest(t.viewOf(now), test.Campaign, test.moment(now), test.Variant)
		if !ok {
			return ErrNoTestPerson
		}
		t.take(&result)
		told = result.Decisions[0]
		return nil
	})
	return told, err
}

func (o *TestOf) moment(now time.Time) *campaign.Moment {
	m := &campaign.Moment{
		ID: newID(now), DeviceID: o.DeviceID, At: now, Received: now, Store: o.Store, Item: o.Item, Campaign: o.Campaign.ID,
	}
	if len(o.Campaign.Trigger.Kinds) > 0 {
		m.Kind = o.Campaign.Trigger.Kinds[0]
	}
	if o.Keyword != "" {
		m.Event = &campaign.Event{ID: m.ID, Type: string(campaign.Searched), At: now, Keyword: o.Keyword}
	}
	return m
}
