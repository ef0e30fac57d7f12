package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/seal"
)

// What authentication may answer.
var (
	ErrUnauthenticated = errors.New("unauthenticated") // no such key or token, or no longer
	ErrExpired         = errors.New("expired")         // the token was genuine, but its time has passed
)

// tokenLife is how long a device token lives; the phone refreshes it while it is used.
const tokenLife = 30 * 24 * time.Hour

// DeviceCaller is a phone that proved which device it is.
type DeviceCaller struct {
	BrandID, DeviceID, PersonID uuid.UUID
	Expired                     bool // within the time that was allowed for
	// Previous, beside ErrUnauthenticated: the token was the device's before its last change of person. Whoever did not
	// hear the answer to that change has no other.
	Previous bool
}

// KeyBySecret finds the live key a secret belongs to. ErrUnauthenticated otherwise.
func (e *Engine) KeyBySecret(secret string) (*brand.Key, error) {
	_, id, err := brand.ParseSecret(secret)
	if err != nil {
		return nil, ErrUnauthenticated
	}
	k := e.catalogue.key(id)
	if k == nil || k.Verify(secret, e.clock.Now()) != nil {
		return nil, ErrUnauthenticated
	}
	return k, nil
}

// Device reads a device token. ErrExpired: it is genuine but over, by more than allowExpired. ErrNotFound: it is
// genuine, and the device is gone; the caller then says which it was.
func (e *Engine) Device(ctx context.Context, token string, allowExpired time.Duration) (DeviceCaller, error) {
	now := e.clock.Now()
	t, err := e.keeper.Parse(token, now)
	expired := errors.Is(err, seal.ErrExpired)
	switch {
	case expired && now.Sub(t.Expires) > allowExpired:
		return DeviceCaller{}, ErrExpired
	case err != nil && !expired:
		return DeviceCaller{}, ErrUnauthenticated
	}
	k, serial, err := e.owner(ctx, t.Brand, t.Device)
	if isNotFound(err) {
		return DeviceCaller{BrandID: t.Brand, DeviceID: t.Device, Expired: expired}, err
	}
	if err != nil {
		return DeviceCaller{}, err
	}
	if t.Serial > serial { // minted by another node since this one looked
		e.seats.remove(deviceKey{t.Brand, t.Device})
		if k, serial, err = e.owner(ctx, t.Brand, t.Device); err != nil {
			return DeviceCaller{BrandID: t.Brand, DeviceID: t.Device, Expired: expired}, err
		}
	}
	if t.Serial != serial {
		last := t.Serial == serial-1 && !expired
		return DeviceCaller{BrandID: t.Brand, DeviceID: t.Device, PersonID: k.PersonID, Previous: last}, ErrUnauthenticated
	}
	return DeviceCaller{BrandID: t.Brand, DeviceID: t.Device, PersonID: k.PersonID, Expired: expired}, nil
}

// owner is the person of a device and the serial of its valid tokens, from memory or the directory.
func (e *Engine) owner(ctx context.Context, brandID, deviceID uuid.UUID) (PersonKey, int64, error) {
	o, err := e.seat(ctx, brandID, deviceID)
	if err != nil {
		return PersonKey{}, 0, err
	}
	return o.person, o.serial, nil
}

func (e *Engine) seat(ctx context.Context, brandID, deviceID uuid.UUID) (*seat, error) {
	if o := e.seats.get(deviceKey{brandID, deviceID}); o != nil {
		return o, nil
	}
	d, err := e.directory.Device(ctx, brandID, deviceID)
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	return e.remember(d), nil
}

// copyOf is the copy of a device's person.
func (e *Engine) copyOf(ctx context.Context, brandID, deviceID uuid.UUID) (*person, error) {
	o, err := e.seat(ctx, brandID, deviceID)
	if err != nil {
		return nil, err
	}
	if p := o.copy.Load(); p != nil && !p.evicted.Load() && !seldom() {
		return p, nil
	}
	p := e.copies.get(o.person)
	o.copy.Store(p)
	return p, nil
}

func (e *Engine) remember(d audience.Device) *seat {
	o := &seat{device: deviceKey{d.BrandID, d.ID}, person: PersonKey{d.BrandID, d.PersonID}, serial: d.TokenSerial}
	if !d.LastSeenAt.IsZero() {
		o.seen.Store(d.LastSeenAt.UnixMilli())
	}
	e.seats.add(o)
	return o
}

// mint makes a device's token.
func (e *Engine) mint(d audience.Device) (token string, expires time.Time, err error) {
	expires = e.clock.Now().Add(tokenLife).Truncate(time.Second)
	token, err = e.keeper.Mint(seal.DeviceToken{Brand: d.BrandID, Device: d.ID, Serial: d.TokenSerial, Expires: expires})
	return token, expires, err
}

// RefreshToken mints a new token for a device. Earlier ones stay valid until they expire.
func (e *Engine) RefreshToken(ctx context.Context, brandID, deviceID uuid.UUID) (token string, expires time.Time, err error) {
	d, err := e.directory.Device(ctx, brandID, deviceID)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("device: %w", err)
	}
	return e.mint(d)
}

// SealCredential seals a provider's secret for storage.
func (e *Engine) SealCredential(brandID uuid.UUID, plain []byte) ([]byte, error) {
	return e.keeper.Seal(seal.Credential, plain, brandID[:])
}

// OpenWebhookSecret opens a webhook's secret that SealCredential sealed.
func (e *Engine) OpenWebhookSecret(brandID uuid.UUID, sealed []byte) ([]byte, error) {
	return e.keeper.Open(seal.Credential, sealed, brandID[:])
}

// OpenCredential opens what SealCredential sealed.
func (e *Engine) OpenCredential(c *brand.Credential) ([]byte, error) {
	return e.keeper.Open(seal.Credential, c.Sealed, c.BrandID[:])
}
