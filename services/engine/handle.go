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

func (e *Engine) handle(ctx context.Context, brandID uuid.UUID, reports []Report) ([]Answer, error) {
	answers := make([]Answer, len(reports))
	tokens := make([]*statev1.Token, len(reports))
	owners, err := e.owners(ctx, brandID, reports)
	if err != nil {
		return nil, err
	}
	keys := make([]PersonKey, 0, len(reports))
	seen := make(map[PersonKey]struct{}, 16)
	for i := range reports {
		k, ok := owners[reports[i].DeviceID]
		if !ok {
			answers[i].Err = ErrNotFound
			continue
		}
		if tokens[i] = e.openToken(brandID, &reports[i]); tokens[i] != nil {
			e.copies.outdate(k, tokens[i].Version)
		}
		if _, dup := seen[k]; !dup {
			seen[k] = struct{}{}
			keys = append(keys, k)
		}
	}
	failed, err := e.together(ctx, keys, func(turns map[PersonKey]*turn) error {
		for i := range reports {
			t := turns[owners[reports[i].DeviceID]]
			if answers[i].Err != nil {
				continue
			}
			if t == nil {
				answers[i].Err = ErrGone
				e.owned.Remove(deviceKey{brandID, reports[i].DeviceID})
				continue
			}
			if err := t.do(reportStep(&reports[i], tokens[i], &answers[i])); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range reports {
		if errors.Is(answers[i].Err, ErrGone) {
			if err := e.finishGiving(ctx, owners[reports[i].DeviceID]); err != nil {
				e.log.Error("a hand-over between people could not be finished", "brand", brandID, "error", err)
			}
		}
		if err := failed[owners[reports[i].DeviceID]]; err != nil && answers[i].Err == nil {
			answers[i] = Answer{Err: err}
		}
	}
	return answers, nil
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
