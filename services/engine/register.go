package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
)

// NewDevice is a registration as an app or a backend asks for it.
type NewDevice struct {
	BrandID uuid.UUID
	Device  audience.Device // platform, build, locale, zone, external id; ids are minted here
	Profile audience.Profile
	// PersonExternalID binds the new person to the brand's own id; from a trusted backend only.
	PersonExternalID string
	// Consents are taken with the registration; from a trusted backend, or an import, only.
	Consents []audience.ConsentEvent
}

// Registered is a device, new or found by its external id.
type Registered struct {
	Device   audience.Device
	Token    string
	Expires  time.Time
	Existing bool
}

// Register makes a device with an anonymous person. Only registration makes people.
func (e *Engine) Register(ctx context.Context, r NewDevice) (Registered, error) {
	all, err := e.RegisterAll(ctx, []NewDevice{r})
	if err != nil {
		return Registered{}, err
	}
	return all[0], nil
}

// RegisterAll is Register for many devices, in one go. A device that comes with an own id becomes that person's: of the
// person who has the id already, whose profile and consents then stand as they are, or else of its new person, which
// gets the id. A device that exists keeps a member it belongs to, and joins where it has an anonymous person. It is safe
// to repeat.
func (e *Engine) RegisterAll(ctx context.Context, news []NewDevice) ([]Registered, error) {
	now := e.clock.Now()
	regs, joins := make([]Registration, len(news)), make([]bool, len(news))
	for i, n := range news {
		d := n.Device
		d.ID, d.PersonID, d.BrandID, d.LastSeenAt, d.TokenSerial = newRandomID(), newRandomID(), n.BrandID, now, 1
		p := n.Profile
		for _, fault := range p.ApplyAll(n.Consents) {
			if fault != nil {
				return nil, fault
			}
		}
		state, err := (&hot{}).encode(nil)
		if err != nil {
			return nil, err
		}
		regs[i] = Registration{Device: d, Profile: p, Consents: n.Consents, State: state, MinWriter: minWriter(&p)}
		if joins[i], err = e.ofHolder(ctx, &regs[i], n.PersonExternalID); err != nil {
			return nil, err
		}
	}
	devices, existing, err := e.directory.Register(ctx, regs)
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	out := make([]Registered, len(devices))
	for i, d := range devices {
		if external := news[i].PersonExternalID; external != "" {
			if d, err = e.takeName(ctx, d, external, !existing[i] && !joins[i]); err != nil {
				return nil, err
			}
		}
		token, expires, err := e.mint(d)
		if err != nil {
			return nil, err
		}
		e.remember(d)
		out[i] = Registered{d, token, expires, existing[i]}
	}
	return out, nil
}

// ofHolder makes a registration one of a further device for the person who has an own id already. Then there is no new
// person that could be left without the id.
func (e *Engine) ofHolder(ctx context.Context, r *Registration, external string) (joins bool, err error) {
	if external == "" {
		return false, nil
	}
	holder, err := e.directory.PersonByExternalID(ctx, r.Device.BrandID, external)
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, _, status, err := e.recent(ctx, PersonKey{r.Device.BrandID, holder}, true)
	if err != nil {
		return false, err
	}
	if status != PersonActive {
		return false, ErrGone
	}
	r.Device.PersonID, r.Consents = holder, nil
	return true, nil
}

// takeName makes a registered device that of the person with an own id, from wherever an earlier call was cut off.
func (e *Engine) takeName(ctx context.Context, d audience.Device, external string, fresh bool) (audience.Device, error) {
	own := PersonKey{d.BrandID, d.PersonID}
	if fresh {
		if err := e.bind(ctx, own, external); !errors.Is(err, ErrAlreadyExists) {
			return d, err
		}
		return e.becomes(ctx, d, external)
	}
	profile, _, _, err := e.recent(ctx, own, true)
	switch {
	case err != nil:
		return d, err
	case profile.ExternalID == external:
		return d, e.announceDevice(ctx, own)
	case profile.ExternalID != "": // another member's, which only its owner's login changes
		return d, nil
	}
	return e.becomes(ctx, d, external)
}

// bind gives a person the brand's own id.
func (e *Engine) bind(ctx context.Context, key PersonKey, external string) error {
	holder, err := e.directory.ClaimExternalID(ctx, key.BrandID, external, key.PersonID)
	if err != nil && holder != key.PersonID {
		return fmt.Errorf("person external id: %w", err)
	}
	return e.change(ctx, key, func(t *turn) error {
		p := t.current()
		p.ExternalID = external
		t.putProfile(p)
		return nil
	})
}

// PutPushAddress notes where a device is reached, what its owner said to the phone's own permission question, and what
// it runs. nil and empty leave things as they are.
func (e *Engine) PutPushAddress(ctx context.Context, brandID, deviceID uuid.UUID, a *pusher.Address, osRefused *bool, build, platform string) error {
	d, err := e.directory.Device(ctx, brandID, deviceID)
	if err != nil {
		return fmt.Errorf("device: %w", err)
	}
	if a != nil {
		a.RegisteredAt = e.clock.Now()
		if err := e.directory.PutAddress(ctx, brandID, deviceID, *a); err != nil {
			return fmt.Errorf("push address: %w", err)
		}
		if d, err = e.directory.Device(ctx, brandID, deviceID); err != nil {
			return fmt.Errorf("device: %w", err)
		}
	}
	if osRefused != nil {
		d.OSPushRefused = *osRefused
	}
	if build != "" {
		d.AppBuild = build
	}
	if platform != "" {
		d.Platform = platform
	}
	d.LastSeenAt = e.clock.Now()
	if _, err := e.directory.PutDevice(ctx, d); err != nil {
		return fmt.Errorf("device: %w", err)
	}
	return e.announceDevice(ctx, PersonKey{brandID, d.PersonID})
}

// announceDevice makes every node read a person's devices again: whether one can be reached is part of a decision.
func (e *Engine) announceDevice(ctx context.Context, key PersonKey) error {
	e.copies.forget(key)
	err := e.change(ctx, key, func(t *turn) error {
		t.write.Revoke, t.dirty = "device", true
		return nil
	})
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}

// DevicesByExternalID finds devices by a backend's names for them; unknown ones are left out.
func (e *Engine) DevicesByExternalID(ctx context.Context, brandID uuid.UUID, externalIDs []string) (map[string]audience.Device, error) {
	found := make(map[string]audience.Device, len(externalIDs))
	var unknown []string
	for _, id := range externalIDs {
		if d, ok := e.named.Get(nameKey{brandID, id}); ok {
			found[id] = d
		} else {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return found, nil
	}
	devices, err := e.directory.DevicesByExternalID(ctx, brandID, unknown)
	if err != nil {
		return nil, fmt.Errorf("devices: %w", err)
	}
	for _, d := range devices {
		found[d.ExternalID] = d
		e.named.Add(nameKey{brandID, d.ExternalID}, d)
	}
	return found, nil
}

type nameKey struct {
	brandID uuid.UUID
	name    string
}
