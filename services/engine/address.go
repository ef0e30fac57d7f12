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
	if _, err := e.directory.SetAddressState(ctx, brandID, deviceID, *d.Address, audience.AddressGone, audience.CodeWithdrawn, time.Time{}); err != nil {
		return fmt.Errorf("push address: %w", err)
	}
	return e.announceDevice(ctx, PersonKey{brandID, d.PersonID})
}

// AddressHistory is what became of a brand's push addresses, or of one device's (zero: all), the newest first.
func (e *Engine) AddressHistory(ctx context.Context, brandID, deviceID uuid.UUID, from time.Time, limit int) ([]audience.AddressEvent, error) {
	return e.directory.AddressHistory(ctx, brandID, deviceID, from, limit)
}

// AddressCounts counts what became of a brand's push addresses, by provider and code.
func (e *Engine) AddressCounts(ctx context.Context, brandID uuid.UUID, from time.Time) ([]audience.AddressCount, error) {
	return e.directory.AddressCounts(ctx, brandID, from)
}

// RestoreAddresses undoes drops and quarantines that were wrong, and tells every node whose device can be reached again.
// Addresses that were replaced, withdrawn or registered since stay as they are. It may be repeated.
func (e *Engine) RestoreAddresses(ctx context.Context, brandID uuid.UUID, w audience.WrongDrops) (restored int, err error) {
	devices, err := e.directory.RestoreAddresses(ctx, brandID, w)
	if err != nil {
		return 0, err
	}
	for _, id := range devices {
		d, err := e.directory.Device(ctx, brandID, id)
		if err == nil {
			err = e.announceDevice(ctx, PersonKey{brandID, d.PersonID})
		}
		if err != nil && !isNotFound(err) { // a copy that believes it gone is corrected when it is next read
			e.log.Error("an address is live again, and nodes could not be told", "brand", brandID, "device", id, "error", err)
		}
	}
	return len(devices), nil
}
