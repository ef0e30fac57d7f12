package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
)

// maxTaken is how many people a person remembers having taken over.
const maxTaken = 8

// Identify binds a device's person to the brand's own id, on the word of a token signed by the brand's backend. An
// unknown id is given to the anonymous person of the device; for a known one, that person takes over what the
// anonymous one has (ledger, coupons, device), never a consent. Every step is of one row and safe to repeat.
func (e *Engine) Identify(ctx context.Context, brandID, deviceID uuid.UUID, token string) (personID uuid.UUID, externalID, deviceToken string, expires time.Time, err error) {
	b, err := e.Brand(brandID)
	if err != nil {
		return
	}
	who, err := brand.VerifyIdentity(token, brand.IdentityRules{
		Keys: b.Settings.Identify, Device: deviceID, Now: e.clock.Now(), AllowUnsigned: e.unsigned,
	})
	if err != nil {
		return
	}
	d, err := e.directory.Device(ctx, brandID, deviceID)
	if err != nil {
		return uuid.Nil, "", "", time.Time{}, fmt.Errorf("device: %w", err)
	}
	if d, err = e.becomes(ctx, d, who.ExternalID); err != nil {
		return
	}
	deviceToken, expires, err = e.mint(d)
	return d.PersonID, who.ExternalID, deviceToken, expires, err
}

// becomes makes the person with an own id the owner of a device.
func (e *Engine) becomes(ctx context.Context, d audience.Device, external string) (audience.Device, error) {
	if err := e.finishGiving(ctx, PersonKey{d.BrandID, d.PersonID}); err != nil {
		return d, err
	}
	d, err := e.directory.Device(ctx, d.BrandID, d.ID) // a hand-over that was cut off may have moved it just now
	if err != nil {
		return d, fmt.Errorf("device: %w", err)
	}
	own := PersonKey{d.BrandID, d.PersonID}
	profile, _, _, err := e.recent(ctx, own, true)
	if err != nil {
		return d, err
	}
	if profile.ExternalID == external {
		return d, e.finishTaking(ctx, own)
	}
	holder, err := e.directory.PersonByExternalID(ctx, d.BrandID, external)
	switch {
	case isNotFound(err) && profile.ExternalID == "":
		if err := e.bind(ctx, own, external); !errors.Is(err, ErrAlreadyExists) {
			return d, err
		}
		if holder, err = e.directory.PersonByExternalID(ctx, d.BrandID, external); err != nil {
			return d, err
		}
	case isNotFound(err): // another member was logged in here: the new one starts afresh
		if d, err = e.freshPerson(ctx, d); err != nil {
			return d, err
		}
		return d, e.bind(ctx, PersonKey{d.BrandID, d.PersonID}, external)
	case err != nil:
		return d, err
	}
	if holder == d.PersonID { // claimed by an earlier call that was cut off
		return d, e.bind(ctx, own, external)
	}
	if profile.ExternalID != "" { // a member's history is never given to another member
		return e.switchPerson(ctx, d, holder)
	}
	return e.handOver(ctx, d, own, PersonKey{d.BrandID, holder})
}

// handOver gives an anonymous person's ledger, coupons and device to a member, in steps of one row each.
func (e *Engine) handOver(ctx context.Context, d audience.Device, from, to PersonKey) (audience.Device, error) {
	if _, _, status, err := e.recent(ctx, to, true); err != nil {
		return d, err
	} else if status != PersonActive { // being erased: nothing is given to it any more
		return d, ErrGone
	}
	err := e.change(ctx, from, func(t *turn) error {
		t.leaveEverywhere(presence.PersonChanged, "PERSON_MOVED")
		t.write.Status, t.write.SuccessorID, t.write.Revoke = PersonGiving, to.PersonID, "moved"
		return nil
	})
	if err != nil && !errors.Is(err, ErrGone) {
		return d, err
	}
	if err := e.finishGiving(ctx, from); err != nil {
		return d, err
	}
	d, err = e.directory.Device(ctx, d.BrandID, d.ID)
	if err == nil && d.PersonID == from.PersonID { // the member was erased under the hand-over
		err = fmt.Errorf("the member is gone: %w", ErrBusy)
	}
	return d, err
}

// finishTaking completes what others of whom a person has the ledger were cut off in giving.
func (e *Engine) finishTaking(ctx context.Context, to PersonKey) error {
	rows, err := e.people.Load(ctx, []PersonKey{to})
	if err != nil || len(rows) == 0 {
		return err
	}
	h, err := rows[0].hot()
	if err != nil {
		return err
	}
	for _, id := range h.takenFrom {
		if err := e.finishGiving(ctx, PersonKey{to.BrandID, id}); err != nil {
			return err
		}
	}
	return nil
}

// switchPerson gives a device to another person and no history with it: the device's visits end.
func (e *Engine) switchPerson(ctx context.Context, d audience.Device, to uuid.UUID) (audience.Device, error) {
	old := PersonKey{d.BrandID, d.PersonID}
	if err := e.leaveDevice(ctx, old, d.ID); err != nil {
		return d, err
	}
	d, err := e.moveDevice(ctx, d, to)
	if err != nil {
		return d, err
	}
	// Once more after the directory has changed: a node that read it in between believed otherwise.
	return d, e.leaveDevice(ctx, old, d.ID)
}

// leaveDevice takes a device out of a person's state, and tells every node to ask again whose it is.
func (e *Engine) leaveDevice(ctx context.Context, from PersonKey, device uuid.UUID) error {
	err := e.change(ctx, from, func(t *turn) error {
		for _, state := range t.p.hot.devices {
			if state.id == device {
				t.touch(state)
				t.endAll(state, t.nowMillis(), presence.PersonChanged, nil)
				state.presence.Forget()
			}
		}
		t.p.hot.devices = slices.DeleteFunc(slices.Clone(t.p.hot.devices), func(s *deviceState) bool { return s.id == device })
		t.write.Revoke, t.dirty = "moved", true
		return nil
	})
	if errors.Is(err, ErrGone) || isNotFound(err) {
		return nil
	}
	return err
}

// finishGiving completes a hand-over that stands at "giving", wherever it stopped.
func (e *Engine) finishGiving(ctx context.Context, from PersonKey) error {
	rows, err := e.people.Load(ctx, []PersonKey{from})
	if err != nil || len(rows) == 0 || rows[0].Status != PersonGiving {
		return err
	}
	to := PersonKey{from.BrandID, rows[0].SuccessorID}
	given, err := rows[0].hot()
	if err != nil {
		return err
	}
	mayGive := !rows[0].Profile.VisitsKeptUntil(e.clock.Now()).IsZero()
	err = e.change(ctx, to, func(t *turn) error { t.takeOver(from.PersonID, &given, mayGive); return nil })
	if isNotFound(err) {
		return e.keepOwn(ctx, from)
	}
	if err != nil { // ErrGone, while the member is being erased: that erases what was given to it, this person too
		return err
	}
	if err := e.people.MoveCoupons(ctx, from, to.PersonID); err != nil {
		return err
	}
	for i := range rows[0].Devices {
		if _, err := e.moveDevice(ctx, rows[0].Devices[i], to.PersonID); err != nil {
			return err
		}
	}
	e.copies.forget(from)
	return e.changeIn(ctx, from, PersonGiving, func(t *turn) error {
		t.write.Status, t.write.Revoke = PersonSignpost, "moved"
		t.p.hot.reminders, t.p.hot.visits = nil, nil
		t.dirty = true
		return nil
	})
}

// keepOwn makes a giving person active again whose member was erased meanwhile. Nothing of it can have reached the
// member: an erasure first forbids the member every write, then erases whoever is giving to it, and takes the member's
// row away last. Who is found giving after that began to give when nothing could be taken any more, by a login after the
// erasure was asked for. What this person has is its own, and the device's next login claims the freed id.
func (e *Engine) keepOwn(ctx context.Context, from PersonKey) error {
	e.copies.forget(from)
	return e.changeIn(ctx, from, PersonGiving, func(t *turn) error {
		t.write.Status, t.write.SuccessorID, t.write.Revoke = PersonActive, uuid.Nil, "moved"
		t.dirty = true
		return nil
	})
}

// takeOver adds another person's history to this one's: caps then have no more room than either had. mayGive: the other
// had agreed to visits being kept.
func (t *turn) takeOver(from uuid.UUID, given *hot, mayGive bool) {
	if slices.Contains(t.p.hot.takenFrom, from) {
		return
	}
	h := &t.p.hot
	h.entries = append(slices.Clone(h.entries), given.entries...)
	h.folds = append(slices.Clone(h.folds), given.folds...)
	h.takeMarks(given)
	issued := maps.Clone(h.issued)
	if issued == nil {
		issued = map[uuid.UUID]int{}
	}
	for offer, n := range given.issued {
		issued[offer] += n
	}
	h.issued = issued
	h.takenFrom = append(slices.Clone(h.takenFrom), from)
	if len(h.takenFrom) > maxTaken {
		h.takenFrom = h.takenFrom[len(h.takenFrom)-maxTaken:]
	}
	slices.SortStableFunc(h.entries, func(a, b cap.Entry) int { return a.At.Compare(b.At) })
	t.takeReminders(given.reminders)
	t.takeVisits(given.visits, mayGive, t.e.clock.Now())
	t.dirty = true
}

// moveDevice gives a device to another person. Its earlier tokens no longer hold.
func (e *Engine) moveDevice(ctx context.Context, d audience.Device, to uuid.UUID) (audience.Device, error) {
	from := d.PersonID
	if from == to {
		return d, nil
	}
	d.PersonID = to
	d.TokenSerial++
	d, err := e.directory.PutDevice(ctx, d)
	if err != nil {
		return d, fmt.Errorf("device: %w", err)
	}
	e.forgetDevice(d, from)
	return d, nil
}

func (e *Engine) forgetDevice(d audience.Device, from uuid.UUID) {
	e.seats.remove(deviceKey{d.BrandID, d.ID})
	if d.ExternalID != "" {
		e.named.Remove(nameKey{d.BrandID, d.ExternalID})
	}
	e.copies.forget(PersonKey{d.BrandID, from})
	e.copies.forget(PersonKey{d.BrandID, d.PersonID})
}

// freshPerson gives a device a new anonymous person; the old one keeps everything but the device, whose visits end.
func (e *Engine) freshPerson(ctx context.Context, d audience.Device) (audience.Device, error) {
	state, err := (&hot{}).encode(nil)
	if err != nil {
		return d, err
	}
	fresh := PersonKey{d.BrandID, newRandomID()}
	profile := audience.Profile{Locale: d.Locale, TimeZone: d.TimeZone}
	if err := e.directory.NewPerson(ctx, fresh, profile, state, minWriter(&profile)); err != nil {
		return d, fmt.Errorf("new person: %w", err)
	}
	return e.switchPerson(ctx, d, fresh.PersonID)
}

// Logout gives a device a fresh anonymous person and a new token; the earlier token no longer holds.
func (e *Engine) Logout(ctx context.Context, brandID, deviceID uuid.UUID) (token string, expires time.Time, err error) {
	d, err := e.directory.Device(ctx, brandID, deviceID)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("device: %w", err)
	}
	if d, err = e.freshPerson(ctx, d); err != nil {
		return "", time.Time{}, err
	}
	return e.mint(d)
}

// eraseTaken erases the people whose history a person took over, or was about to: they are the same human being.
func (e *Engine) eraseTaken(ctx context.Context, key PersonKey) error {
	given, err := e.people.GivenTo(ctx, key)
	if err != nil {
		return fmt.Errorf("people taken over: %w", err)
	}
	for _, id := range given {
		if _, _, err := e.Erase(ctx, key.BrandID, id); err != nil && !isNotFound(err) {
			return fmt.Errorf("a person taken over: %w", err)
		}
	}
	return nil
}

// Erase removes a person: first the row refuses every other write, then every fact goes, then a tombstone with the
// receipt is left. Repeating it after a fault completes it.
func (e *Engine) Erase(ctx context.Context, brandID, personID uuid.UUID) (receipt uuid.UUID, at time.Time, err error) {
	key := PersonKey{brandID, personID}
	rows, err := e.people.Load(ctx, []PersonKey{key})
	if err != nil {
		return uuid.Nil, time.Time{}, err
	}
	if len(rows) == 0 {
		return uuid.Nil, time.Time{}, notFound("person")
	}
	e.copies.forget(key)
	if rows[0].Status != PersonErasing {
		err = e.changeIn(ctx, key, rows[0].Status, func(t *turn) error {
			t.write.Status, t.write.Revoke, t.write.CancelDeliveries = PersonErasing, "erased", "ERASED"
			t.dirty = true
			return nil
		})
		if err != nil {
			return uuid.Nil, time.Time{}, err
		}
	}
	if err := e.eraseTaken(ctx, key); err != nil {
		return uuid.Nil, time.Time{}, err
	}
	at = e.clock.Now()
	receipt = newID(at)
	if err = e.people.Erase(ctx, key, receipt, at); err != nil {
		err = e.people.Erase(ctx, key, receipt, at) // if it was done all the same, this keeps the first receipt
	}
	if err != nil {
		return uuid.Nil, time.Time{}, fmt.Errorf("erase: %w", err)
	}
	for i := range rows[0].Devices {
		d := rows[0].Devices[i]
		e.forgetDevice(d, personID)
	}
	e.copies.drop(key)
	e.timers.hold(key, time.Time{})
	return receipt, at, nil
}
