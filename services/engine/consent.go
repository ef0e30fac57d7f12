package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
)

// RecordConsents takes what a person agreed to or withdrew. Withdrawing takes effect with the answer: open visits end
// with the location consent, and what waits to be handed out is withdrawn with the consent to advertise. Events that
// may not follow what stands are refused together, with their fields.
func (e *Engine) RecordConsents(ctx context.Context, brandID, deviceID uuid.UUID, events []audience.Submission) (map[audience.Purpose]audience.Standing, error) {
	now := e.clock.Now()
	list := make([]audience.ConsentEvent, len(events))
	for i := range events {
		if events[i].ID == uuid.Nil {
			events[i].ID = newID(now)
		}
		events[i].DeviceID = deviceID
		if err := events[i].Validate(now); err != nil {
			return nil, fmt.Errorf("consents[%d]: %w", i, err)
		}
		list[i] = events[i].ConsentEvent
	}
	var standing map[audience.Purpose]audience.Standing
	_, err := e.changeOf(ctx, brandID, deviceID, func(t *turn) error {
		p := t.current()
		list, err := e.unknownConsents(t, list)
		if err != nil || len(list) == 0 {
			standing = p.Consents
			return err
		}
		before := t.p.profile
		for i, fault := range p.ApplyAll(list) {
			if fault != nil {
				return fmt.Errorf("consents[%d]: %w", i, fault)
			}
		}
		t.write.Consents = append(t.write.Consents, list...)
		t.write.Revoke = "consent"
		t.putProfile(p)
		t.withdrawn(&before, &p)
		standing = p.Consents
		return nil
	})
	return standing, err
}

// unknownConsents leaves out events that stand in the ledger already: a call that got no answer is made again.
func (e *Engine) unknownConsents(t *turn, list []audience.ConsentEvent) ([]audience.ConsentEvent, error) {
	known, err := e.people.Consents(t.ctx, t.p.key)
	if err != nil {
		return nil, fmt.Errorf("consents: %w", err)
	}
	ids := make(map[uuid.UUID]struct{}, len(known))
	for i := range known {
		ids[known[i].ID] = struct{}{}
	}
	fresh := make([]audience.ConsentEvent, 0, len(list))
	for _, c := range list {
		if _, again := ids[c.ID]; !again {
			ids[c.ID] = struct{}{}
			fresh = append(fresh, c)
		}
	}
	return fresh, nil
}

// withdrawn acts on consents that stood before and do no longer.
func (t *turn) withdrawn(before, after *audience.Profile) {
	if before.Consented(audience.LocUse) && !after.Consented(audience.LocUse) {
		t.leaveEverywhere(presence.ConsentWithdrawn, "LOCATION_NOT_CONSENTED")
		t.write.Revoke = "withdrawn"
		t.p.hot.usedUntil, t.p.hot.cell, t.p.hot.cellAt = 0, 0, 0
	}
	if before.Consented(audience.AdPush) && !after.Consented(audience.AdPush) {
		t.write.CancelDeliveries = "AD_NOT_CONSENTED"
	}
}

// Consents is where a person's consents stand, and the ledger behind it.
func (e *Engine) Consents(ctx context.Context, brandID, deviceID uuid.UUID) (audience.Profile, []audience.ConsentEvent, error) {
	row, err := e.rowOf(ctx, brandID, deviceID)
	if err != nil {
		return audience.Profile{}, nil, err
	}
	events, err := e.people.Consents(ctx, row.Key)
	return row.Profile, events, err
}

// rowOf reads the row of the person a device belongs to.
func (e *Engine) rowOf(ctx context.Context, brandID, deviceID uuid.UUID) (PersonRow, error) {
	d, err := e.directory.Device(ctx, brandID, deviceID)
	if err != nil {
		return PersonRow{}, fmt.Errorf("device: %w", err)
	}
	rows, err := e.people.Load(ctx, []PersonKey{{brandID, d.PersonID}})
	if err != nil {
		return PersonRow{}, err
	}
	if len(rows) == 0 {
		return PersonRow{}, notFound("person")
	}
	if rows[0].Fault != nil {
		return PersonRow{}, fmt.Errorf("%w: %w", ErrUnreadable, rows[0].Fault)
	}
	return rows[0], nil
}

// PauseLocation stops looking at a person's pings until a time, or until resumed (zero). Open visits end, and what
// waits to be handed out is withdrawn. What was observed meanwhile is not looked at later either.
func (e *Engine) PauseLocation(ctx context.Context, brandID, deviceID uuid.UUID, until time.Time) error {
	_, err := e.changeOf(ctx, brandID, deviceID, func(t *turn) error {
		p := t.current()
		if err := p.Pause(until, e.clock.Now()); err != nil {
			return err
		}
		t.putProfile(p)
		t.write.Revoke = "paused"
		t.leaveEverywhere(presence.Paused, "LOCATION_PAUSED")
		return nil
	})
	return err
}

// ResumeLocation ends a pause.
func (e *Engine) ResumeLocation(ctx context.Context, brandID, deviceID uuid.UUID) error {
	_, err := e.changeOf(ctx, brandID, deviceID, func(t *turn) error {
		p := t.current()
		p.Resume(e.clock.Now())
		t.putProfile(p)
		t.write.Revoke = "resumed"
		return nil
	})
	return err
}

// LocationUses lists a person's own location-use records, the latest first.
func (e *Engine) LocationUses(ctx context.Context, brandID, deviceID uuid.UUID, from, to time.Time, limit int) ([]LocationUse, error) {
	d, err := e.directory.Device(ctx, brandID, deviceID)
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	return e.people.LocationUses(ctx, PersonKey{brandID, d.PersonID}, from, to, limit)
}
