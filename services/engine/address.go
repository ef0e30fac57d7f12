package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
)

// DropPushAddress notes that a device is no longer reached where it was: the app took its address back. A device without
// one is left as it is.
func (e *Engine) DropPushAddress(ctx context.Context, brandID, deviceID uuid.UUID) error {
	d, err := e.directory.Device(ctx, brandID, deviceID)
	if err != nil {
		return fmt.Errorf("device: %w", err)
	}
	if d.Address == nil || d.AddressState == audience.AddressGone {
		return nil
	}
	if _, err := e.directory.SetAddressState(ctx, brandID, deviceID, *d.Address, audience.AddressGone, time.Time{}); err != nil {
		return fmt.Errorf("push address: %w", err)
	}
	return e.announceDevice(ctx, PersonKey{brandID, d.PersonID})
}
