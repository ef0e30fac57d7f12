package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	e.metrics.answered(answers)
	if e.tails.open.Load() > 0 {
		e.tellReports(brandID, reports, answers)
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
	call *call
	p    *person
	at   []int // the reports, by position
	one  [1]int
	err  error
}

// call is one Handle on its way.
type call struct {
	brandID uuid.UUID
	view    *view
	reports []Report
	answers []Answer
	tokens  []*statev1.Token // nil: no report brought one
}

// step takes the reports one after the other, each a decision of its own.
func (s *share) step(t *turn) error {
	for _, i := range s.at {
		if err := t.report(&s.call.reports[i], s.call.token(i), &s.call.answers[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) token(i int) *statev1.Token {
	if c.tokens == nil {
		return nil
	}
	return c.tokens[i]
}

func (e *Engine) handle(ctx context.Context, brandID uuid.UUID, reports []Report) ([]Answer, error) {
	c := &call{brandID: brandID, view: e.catalogue.view(brandID), reports: reports, answers: newAnswers(reports)}
	shares, err := e.shares(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := e.handleShares(ctx, shares); err != nil {
		return nil, err
	}
	for i := range shares {
		if err := e.conclude(ctx, c, &shares[i]); err != nil {
			return nil, err
		}
	}
	return c.answers, nil
}

// newAnswers are empty answers with room for the verdicts of all pings.
func newAnswers(reports []Report) []Answer {
	answers, total := make([]Answer, len(reports)), 0
	for i := range reports {
		total += len(reports[i].Pings)
	}
	verdicts := make([]PingAnswer, total)
	for i := range reports {
		n := len(reports[i].Pings)
		answers[i].Pings, verdicts = verdicts[:n:n], verdicts[n:]
	}
	return answers
}

// conclude gives a share's reports its error, and follows a person that turned out to be gone.
func (e *Engine) conclude(ctx context.Context, c *call, s *share) error {
	gone := errors.Is(s.err, ErrGone)
	for _, i := range s.at {
		a := &c.answers[i]
		if s.err != nil {
			*a = Answer{Err: s.err}
		}
		if gone {
			e.seats.remove(deviceKey{c.brandID, c.reports[i].DeviceID})
		}
		gone = gone || errors.Is(a.Err, ErrGone)
	}
	if !gone {
		return nil
	}
	if err := e.finishGiving(ctx, s.p.key); err != nil {
		e.log.Error("a hand-over between people could not be finished", "brand", c.brandID, "error", err)
	}
	return nil
}

// shares finds whose the reports of a call are. Reports of unknown devices are answered at once.
func (e *Engine) shares(ctx context.Context, c *call) ([]share, error) {
	shares := make([]share, 0, len(c.reports))
	for i := range c.reports {
		e.seats.warm(c, i)
		r := &c.reports[i]
		p, err := e.copyOf(ctx, c.brandID, r.DeviceID)
		if isNotFound(err) {
			c.answers[i].Err = ErrNotFound
			continue
		}
		if err != nil {
			return nil, err
		}
		if token := e.openToken(c.brandID, r); token != nil {
			if c.tokens == nil {
				c.tokens = make([]*statev1.Token, len(c.reports))
			}
			c.tokens[i] = token
			p.outdate(token.Version)
		}
		shares = append(shares, share{call: c, p: p, one: [1]int{i}})
		s := &shares[len(shares)-1]
		s.at = s.one[:]
	}
	return shares, nil
}

// handleShares takes each share in a turn of its own: at once where nobody holds the person and the copy is fresh, the
// rest together. Most pings have no consequence, and end here without another thought.
func (e *Engine) handleShares(ctx context.Context, shares []share) error {
	switch later := e.handleFree(ctx, shares); len(later) {
	case 0:
		return nil
	case 1:
		later[0].err = e.fold(ctx, later[0].p.key, later[0].step)
		return nil
	default:
		return e.handleMany(ctx, merge(later))
	}
}

// handleFree takes what can be taken at once and returns the rest: of each person the earlier share first.
func (e *Engine) handleFree(ctx context.Context, shares []share) (later []*share) {
	var held []*turn
	defer func() {
		for _, t := range held {
			t.unlock()
		}
	}()
	var waits map[*person]struct{}
	for i := range shares {
		warm(shares, i)
		s := &shares[i]
		_, behind := waits[s.p]
		t, taken := (*turn)(nil), false
		if !behind {
			t, taken = e.tryTurn(ctx, s)
		}
		switch {
		case t != nil:
			held = append(held, t)
		case !taken:
			if waits == nil {
				waits = make(map[*person]struct{}, len(shares)-i)
			}
			waits[s.p], later = struct{}{}, append(later, s)
		}
	}
	e.commitHeld(held)
	return later
}

// tryTurn takes a share now, if nobody else decides about the person and the copy is fresh. A turn that has something to
// write is returned, with the person locked.
func (e *Engine) tryTurn(ctx context.Context, s *share) (t *turn, taken bool) {
	p := s.p
	if p.folds.busy() || !p.mu.TryLock() {
		return nil, false
	}
	held := false
	defer func() {
		if !held {
			p.mu.Unlock()
		}
	}()
	if p.loaded = p.loaded && p.version >= p.newest.Load(); !p.loaded {
		return nil, false
	}
	t = newTurn(ctx, e, p, s.call.view)
	t.attemptShare(s)
	if held = t.dirty; held {
		return t, true
	}
	t.release()
	return nil, true
}

// commitHeld commits turns of shares whose people are locked.
func (e *Engine) commitHeld(held []*turn) {
	if len(held) == 0 {
		return
	}
	failed := map[PersonKey]error{}
	e.commitAll(held, failed)
	for _, t := range held {
		if fault := failed[t.p.key]; fault != nil {
			for _, s := range t.steps {
				s.share.fault(fault)
			}
		}
	}
}

// unlock ends a turn that was committed, or is given up, and lets others have the person.
func (t *turn) unlock() {
	p := t.p
	if t.adopted {
		t.release()
	}
	p.mu.Unlock()
}

// fault notes why a share's turn came to nothing, unless it says so itself.
func (s *share) fault(err error) {
	if s.err == nil || errors.Is(s.err, ErrGone) {
		s.err = err
	}
}

// merge joins the shares of one person. The later ones keep nothing.
func merge(shares []*share) []*share {
	of := make(map[*person]*share, len(shares))
	merged := shares[:0]
	for _, s := range shares {
		if first := of[s.p]; first != nil {
			first.at, s.at = append(slices.Clip(first.at), s.at...), nil
			continue
		}
		of[s.p], merged = s, append(merged, s)
	}
	return merged
}

// handleMany takes the shares of several people, each a turn of its own.
func (e *Engine) handleMany(ctx context.Context, shares []*share) error {
	keys := make([]PersonKey, len(shares))
	for i, s := range shares {
		keys[i] = s.p.key
	}
	failed, err := e.together(ctx, keys, func(turns map[PersonKey]*turn) error {
		for _, s := range shares {
			if t := turns[s.p.key]; t != nil {
				t.attemptShare(s)
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
		if fault := failed[s.p.key]; fault != nil {
			s.fault(fault)
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
	e.seats.remove(deviceKey{p.key.BrandID, device})
	return false
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
		o := e.seats.get(deviceKey{brandID, reports[i].DeviceID})
		if o != nil && now.UnixMilli()-o.seen.Load() >= seenEvery.Milliseconds() {
			o.seen.Store(now.UnixMilli())
			devices = append(devices, o.device.deviceID)
		}
	}
	if len(devices) == 0 {
		return
	}
	if err := e.directory.Seen(ctx, brandID, devices, now); err != nil {
		e.log.Warn("last-seen times could not be written", "brand", brandID, "error", err)
	}
}
