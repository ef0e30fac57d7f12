package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	statev1 "github.com/wantgo/wantgo/proto/wantgo/state/v1"
)

// Handle takes reports of one brand's devices, decides, commits and answers, in the order of the reports. Answers
// stand in that order too; a report that is refused as a whole, or whose person could not be committed, has Err set
// and costs no other. The error is a fault of ours that concerns all.
func (e *Engine) Handle(ctx context.Context, brandID uuid.UUID, reports []Report) ([]Answer, error) {
	if e.catalogue.view(brandID) == nil {
		return nil, fmt.Errorf("brand: %w", ErrNotFound)
	}
	answers, err := e.handle(ctx, brandID, reports)
	if err != nil {
		return nil, err
	}
	for range 3 { // the copy of the old person, the copy of the new one, and one race
		if err := e.handleGone(ctx, brandID, reports, answers); err != nil {
			return nil, err
		}
	}
	for i := range answers {
		e.metrics.answered(&answers[i])
	}
	e.noteSeen(ctx, brandID, reports, answers)
	return answers, nil
}

// handleGone takes those reports again that met a copy of a person whose device had moved on: what the node believed
// of them is forgotten by now.
func (e *Engine) handleGone(ctx context.Context, brandID uuid.UUID, reports []Report, answers []Answer) error {
	var gone []Report
	var at []int
	for i := range answers {
		if errors.Is(answers[i].Err, ErrGone) {
			gone, at = append(gone, reports[i]), append(at, i)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	again, err := e.handle(ctx, brandID, gone)
	if err != nil {
		return err
	}
	for i := range again {
		answers[at[i]] = again[i]
	}
	return nil
}

// share is the part of a call that concerns one person: its reports in the order of the call. It is taken, or fails,
// as a whole.
type share struct {
	key     PersonKey
	reports []*Report
	tokens  []*statev1.Token
	answers []*Answer
	err     error
}

// step takes the reports one after the other, each a decision of its own.
func (s *share) step(t *turn) error {
	for i := range s.reports {
		if err := reportStep(s.reports[i], s.tokens[i], s.answers[i])(t); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) handle(ctx context.Context, brandID uuid.UUID, reports []Report) ([]Answer, error) {
	answers := make([]Answer, len(reports))
	shares, err := e.shares(ctx, brandID, reports, answers)
	if err != nil {
		return nil, err
	}
	if len(shares) == 1 {
		s := shares[0]
		s.err = e.fold(ctx, s.key, s.step)
	} else if err := e.handleMany(ctx, shares); err != nil {
		return nil, err
	}
	for _, s := range shares {
		gone := errors.Is(s.err, ErrGone)
		for i, a := range s.answers {
			if s.err != nil {
				*a = Answer{Err: s.err}
			}
			if gone {
				e.owned.Remove(deviceKey{brandID, s.reports[i].DeviceID})
			}
			gone = gone || errors.Is(a.Err, ErrGone)
		}
		if gone {
			if err := e.finishGiving(ctx, s.key); err != nil {
				e.log.Error("a hand-over between people could not be finished", "brand", brandID, "error", err)
			}
		}
	}
	return answers, nil
}

// shares sorts the reports of a call by person. Reports of unknown devices are answered at once.
func (e *Engine) shares(ctx context.Context, brandID uuid.UUID, reports []Report, answers []Answer) ([]*share, error) {
	owners, err := e.owners(ctx, brandID, reports)
	if err != nil {
		return nil, err
	}
	shares := make([]*share, 0, 1)
	of := make(map[PersonKey]*share, min(len(reports), 16))
	for i := range reports {
		k, ok := owners[reports[i].DeviceID]
		if !ok {
			answers[i].Err = ErrNotFound
			continue
		}
		token := e.openToken(brandID, &reports[i])
		if token != nil {
			e.copies.outdate(k, token.Version)
		}
		s := of[k]
		if s == nil {
			s = &share{key: k}
			of[k], shares = s, append(shares, s)
		}
		s.reports, s.tokens, s.answers = append(s.reports, &reports[i]), append(s.tokens, token), append(s.answers, &answers[i])
	}
	return shares, nil
}

// handleMany takes the shares of several people, each a turn of its own.
func (e *Engine) handleMany(ctx context.Context, shares []*share) error {
	keys := make([]PersonKey, len(shares))
	for i, s := range shares {
		keys[i] = s.key
	}
	failed, err := e.together(ctx, keys, func(turns map[PersonKey]*turn) error {
		for _, s := range shares {
			if t := turns[s.key]; t != nil {
				t.attempt(ctx, s.step, func(err error) { s.err = err })
			} else {
				s.err = ErrGone
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range shares {
		if fault := failed[s.key]; fault != nil && (s.err == nil || errors.Is(s.err, ErrGone)) {
			s.err = fault
		}
	}
	return nil
}

// owns tells whether a copy may still be decided on for a device.
func (e *Engine) owns(p *person, device uuid.UUID) bool {
	if p.status == PersonActive && p.hasDevice(device) {
		return true
	}
	p.loaded = false // a login or an erasure elsewhere: the next call reads the directory again
	e.owned.Remove(deviceKey{p.key.BrandID, device})
	return false
}

type deviceKey struct{ brandID, deviceID uuid.UUID }

// ownership is whose a device is, and which tokens of it are valid.
type ownership struct {
	key    PersonKey
	serial int64
	seen   time.Time // when last-seen was written
}

// owners finds the person of each device.
func (e *Engine) owners(ctx context.Context, brandID uuid.UUID, reports []Report) (map[uuid.UUID]PersonKey, error) {
	owners := make(map[uuid.UUID]PersonKey, len(reports))
	for i := range reports {
		id := reports[i].DeviceID
		if _, known := owners[id]; known {
			continue
		}
		k, _, err := e.owner(ctx, brandID, id)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		owners[id] = k
	}
	return owners, nil
}

// seenEvery is how often a device's last-seen time is written at most.
const seenEvery = time.Hour

// noteSeen writes when devices were last heard of. It serves the choice among a person's devices, not a decision: a
// failure is logged and costs nothing.
func (e *Engine) noteSeen(ctx context.Context, brandID uuid.UUID, reports []Report, answers []Answer) {
	now := e.clock.Now()
	var devices []uuid.UUID
	for i := range reports {
		if reports[i].Import || answers[i].Err != nil {
			continue
		}
		k := deviceKey{brandID, reports[i].DeviceID}
		if o, ok := e.owned.Peek(k); ok && now.Sub(o.seen) >= seenEvery {
			o.seen = now
			e.owned.Add(k, o)
			devices = append(devices, k.deviceID)
		}
	}
	if len(devices) == 0 {
		return
	}
	if err := e.directory.Seen(ctx, brandID, devices, now); err != nil {
		e.log.Warn("last-seen times could not be written", "brand", brandID, "error", err)
	}
}
