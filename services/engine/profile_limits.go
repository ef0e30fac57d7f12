package engine

import (
	"context"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
)

// Limits are the limits that a person set; nil: none. They are the person's own, beside those of the brand and the law.
func (e *Engine) Limits(ctx context.Context, brandID, personID uuid.UUID) (*audience.Limits, error) {
	row, err := e.ProfileOf(ctx, brandID, personID)
	return row.Profile.Limits, err
}

// PutLimits replaces a person's own limits by what change makes of them, on every node within a second. Violations name
// what is wrong with the new ones.
func (e *Engine) PutLimits(ctx context.Context, brandID, personID uuid.UUID, change func(audience.Limits) audience.Limits) (*audience.Limits, error) {
	b, err := e.Brand(brandID)
	if err != nil {
		return nil, err
	}
	isStore := func(id uuid.UUID) bool { _, err := e.Store(brandID, id); return err == nil }
	var kept *audience.Limits
	err = e.change(ctx, PersonKey{brandID, personID}, func(t *turn) error {
		p := t.current()
		var before audience.Limits
		if p.Limits != nil {
			before = *p.Limits
		}
		next := change(before)
		if err := next.Check(b.Settings.Topics, isStore); err != nil {
			return err
		}
		if p.Limits = &next; next.IsZero() {
			p.Limits = nil
		}
		kept = p.Limits
		t.putProfile(p)
		t.write.Revoke = "limits"
		return nil
	})
	return kept, err
}
