package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
)

// change takes one step about one person and commits it. ErrNotFound: there is no such person. ErrGone: it is being
// erased or handed over.
func (e *Engine) change(ctx context.Context, key PersonKey, s step) error {
	return e.changeIn(ctx, key, PersonActive, s)
}

// changeIn is change for a row of a stated status.
func (e *Engine) changeIn(ctx context.Context, key PersonKey, status PersonStatus, s step) error {
	missing := false
	failed, err := e.together(ctx, []PersonKey{key}, func(turns map[PersonKey]*turn) error {
		t := turns[key]
		if missing = t == nil; missing {
			return nil
		}
		return t.do(func(t *turn) error {
			if t.p.status != status { // asked at every try
				return ErrGone
			}
			return s(t)
		})
	})
	if err == nil {
		err = failed[key]
	}
	if err == nil && missing {
		err = notFound("person")
	}
	return err
}

// changeOf is change for the person a device belongs to, as the directory has it now.
func (e *Engine) changeOf(ctx context.Context, brandID, deviceID uuid.UUID, s step) (PersonKey, error) {
	d, err := e.directory.Device(ctx, brandID, deviceID)
	if err != nil {
		return PersonKey{}, fmt.Errorf("device: %w", err)
	}
	key := PersonKey{brandID, d.PersonID}
	return key, e.change(ctx, key, s)
}

// putProfile makes the turn write a changed profile. The old one is never changed in place.
func (t *turn) putProfile(p audience.Profile) {
	t.write.Profile = &p
	t.dirty = true
}

// current is the profile as the turn would write it, copied deep enough to be changed.
func (t *turn) current() audience.Profile {
	p := t.p.profile
	if t.write.Profile != nil {
		p = *t.write.Profile
	}
	consents := make(map[audience.Purpose]audience.Standing, len(p.Consents)+1)
	for k, v := range p.Consents {
		consents[k] = v
	}
	p.Consents = consents
	return p
}

// leaveEverywhere ends every open visit for a reason of ours and forgets what was carried; with cancel, what waits to
// be handed out is withdrawn too.
func (t *turn) leaveEverywhere(reason presence.Reason, cancel string) {
	now := t.e.clock.Now().UnixMilli()
	for i := range t.p.devices {
		t.p.hot.deviceOf(t.p.devices[i].ID)
	}
	for _, d := range t.p.hot.devices {
		t.touch(d)
		t.endAll(d, now, reason, nil)
		d.presence.Forget()
		d.presence.ClosedAt = max(d.presence.ClosedAt, now) // tokens from before are not taken any more
	}
	t.write.CancelDeliveries = cancel
	t.dirty = true
}

// endVisitsOf ends the visits of a fence that changed or went, person by person. Whose row this node cannot take in is
// left to the nodes that can; another's fault costs nobody else, and is returned.
func (e *Engine) endVisitsOf(ctx context.Context, c fenceChange) error {
	reason := presence.FenceChanged
	if c.deleted {
		reason = presence.FenceDeleted
	}
	var faults []error
	for after := uuid.Nil; ; {
		keys, err := e.people.Inside(ctx, c.brandID, c.fenceID, after, pageOfPeople)
		if err != nil || len(keys) == 0 {
			return errors.Join(append(faults, err)...)
		}
		after = keys[len(keys)-1].PersonID
		e.reread(keys)
		failed, err := e.together(ctx, keys, func(turns map[PersonKey]*turn) error {
			for _, t := range turns {
				if err := t.do(leaveStep(presence.ID(c.fenceID), reason)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for k, err := range failed {
			if !errors.Is(err, ErrNewerState) && !errors.Is(err, ErrUnreadable) && !errors.Is(err, ErrGone) {
				faults = append(faults, fmt.Errorf("person %s: %w", k.PersonID, err))
			}
		}
	}
}

const (
	fewEnded    = 16     // changed fences up to which each is looked up by itself
	visitedOnce = 10_000 // fences in one question
)

// visited leaves out changed fences that nobody is in, of which an import may have very many. What cannot be told stays.
func (e *Engine) visited(ctx context.Context, changes []fenceChange) (kept []fenceChange) {
	brands := map[uuid.UUID][]fenceChange{}
	for _, c := range changes {
		brands[c.brandID] = append(brands[c.brandID], c)
	}
	for id, of := range brands {
		for some := range slices.Chunk(of, visitedOnce) {
			inside, err := e.people.Visited(ctx, id, fenceIDs(some))
			if err != nil {
				e.log.Warn("which changed fences are visited is not known: each is looked up", "brand", id, "error", err)
				kept = append(kept, some...)
				continue
			}
			here := map[uuid.UUID]bool{}
			for _, fence := range inside {
				here[fence] = true
			}
			kept = append(kept, slices.DeleteFunc(some, func(c fenceChange) bool { return !here[c.fenceID] })...)
		}
	}
	return kept
}

func fenceIDs(changes []fenceChange) []uuid.UUID {
	ids := make([]uuid.UUID, len(changes))
	for i, c := range changes {
		ids[i] = c.fenceID
	}
	return ids
}

// reread makes the next use of people read their rows: the database knows something of them that this node's copies
// may not.
func (e *Engine) reread(keys []PersonKey) {
	for _, k := range keys {
		e.copies.forget(k)
	}
}

func leaveStep(fence presence.ID, reason presence.Reason) step {
	return func(t *turn) error {
		if t.p.status != PersonActive {
			return nil
		}
		for _, d := range t.p.hot.devices {
			if d.stay(fence) != nil {
				t.touch(d)
				t.end(d, fence, t.nowMillis(), reason, nil)
			}
		}
		return nil
	}
}
