package engine

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/campaign"
)

const (
	// paceStep is for how long one page of a paced sending lasts.
	paceStep = 5 * time.Second
	// flashAgain is how soon a flash looks again who has come near.
	flashAgain = 15 * time.Second
)

// addressee is somebody a sending may ask, with what was known at finding them.
type addressee struct {
	key        PersonKey
	couponEnds bool
}

// sendPage asks the next people of a sending and counts what came of it.
func (e *Engine) sendPage(ctx context.Context, s *Sending, c *campaign.Campaign, now time.Time) (more bool, err error) {
	if s.Cursor == (SendingCursor{}) { // a pass begins
		s.Counts.Outside, s.Counts.Deferred, s.Deferred = 0, 0, time.Time{}
	}
	size := pageOfPeople
	if s.PerMinute > 0 {
		size = min(size, max(1, s.PerMinute*int(paceStep/time.Second)/60))
	}
	found, cursor, err := e.addressees(ctx, s, c, size)
	if err != nil {
		return false, err
	}
	won := s.Counts.Won
	if err := e.ask(ctx, s, c, found, now); err != nil {
		return false, err
	}
	s.Cursor, s.Pages = cursor, s.Pages+1
	if s.NextAt.Before(now) {
		s.NextAt = now
	}
	if s.PerMinute > 0 {
		s.NextAt = s.NextAt.Add(time.Duration(s.Counts.Won-won) * time.Minute / time.Duration(s.PerMinute))
	}
	e.metrics.sendingAsked.Add(float64(len(found)))
	if cursor == (SendingCursor{}) {
		s.passOver(now)
	}
	return !s.State.Ended() && !s.NextAt.After(now), nil
}

// passOver is after everybody was asked: those who were not to be woken are asked in the morning, those who come near a
// flash soon; else it is done.
func (s *Sending) passOver(now time.Time) {
	next := s.Deferred
	if s.Kind == campaign.Flashed {
		next = now.Add(flashAgain)
	}
	if next.IsZero() || !next.Before(s.Deadline) {
		s.end(SendingDone, "", now)
		return
	}
	s.Pass++
	if next.After(s.NextAt) {
		s.NextAt = next
	}
}

// addressees finds the next people and where the page after them begins; the zero cursor: nowhere, the pass is over.
func (e *Engine) addressees(ctx context.Context, s *Sending, c *campaign.Campaign, size int) ([]addressee, SendingCursor, error) {
	switch {
	case s.Kind == campaign.Flashed && !s.Cursor.Fences:
		return e.inside(ctx, s, c, size)
	case s.Kind == campaign.Dated && c.Trigger.Send.Date == campaign.DateCouponEnd:
		return e.couponHolders(ctx, s, c, size)
	}
	keys, err := e.people.Scan(ctx, s.BrandID, s.Cursor.Person, size)
	if err != nil || len(keys) < size {
		return addressed(keys), SendingCursor{}, err
	}
	next := s.Cursor
	next.Person = keys[len(keys)-1].PersonID
	return addressed(keys), next, nil
}

func addressed(keys []PersonKey) []addressee {
	list := make([]addressee, len(keys))
	for i, k := range keys {
		list[i].key = k
	}
	return list
}

// couponHolders finds people with a coupon that ends on the day asked for.
func (e *Engine) couponHolders(ctx context.Context, s *Sending, c *campaign.Campaign, size int) ([]addressee, SendingCursor, error) {
	from, until := c.CouponDay(s.At.In(e.zoneOf(s.BrandID)))
	after := CouponEnd{PersonKey{s.BrandID, s.Cursor.Person}, s.Cursor.Ends}
	ends, err := e.storage.CouponEnds(ctx, s.BrandID, from, until, after, size)
	if err != nil {
		return nil, SendingCursor{}, err
	}
	var found []addressee
	seen := make(map[PersonKey]bool, len(ends))
	for _, end := range ends {
		if !seen[end.Key] { // of two coupons one is enough
			seen[end.Key], found = true, append(found, addressee{key: end.Key, couponEnds: true})
		}
	}
	if len(ends) < size {
		return found, SendingCursor{}, nil
	}
	last := ends[len(ends)-1]
	return found, SendingCursor{Ends: last.EndsAt, Person: last.Key.PersonID}, nil
}

// inside finds people with an open stay in one of the fences of a flash, fence by fence. After the last fence of the first
// pass come all those whose coarse cell may be near: that is known of nobody but by their row.
func (e *Engine) inside(ctx context.Context, s *Sending, c *campaign.Campaign, size int) ([]addressee, SendingCursor, error) {
	fences := e.nearOf(s.BrandID, c).fences
	i, _ := slices.BinarySearchFunc(fences, s.Cursor.Fence, func(f *fenceView, id uuid.UUID) int { return bytes.Compare(f.fence.ID[:], id[:]) })
	over := SendingCursor{Fences: true}
	if s.Pass > 0 {
		over = SendingCursor{}
	}
	if i == len(fences) {
		return nil, over, nil
	}
	f, after := fences[i], uuid.Nil
	if f.fence.ID == s.Cursor.Fence {
		after = s.Cursor.Person
	}
	keys, err := e.people.Inside(ctx, s.BrandID, f.fence.ID, after, size)
	if err != nil {
		return nil, SendingCursor{}, err
	}
	found := addressed(keys)
	switch {
	case len(keys) == size:
		return found, SendingCursor{Fence: f.fence.ID, Person: keys[size-1].PersonID}, nil
	case i+1 < len(fences):
		return found, SendingCursor{Fence: fences[i+1].fence.ID}, nil
	}
	return found, over, nil
}

// zoneOf is a brand's zone; UTC where it cannot be read, and then no sending of it repeats.
func (e *Engine) zoneOf(brandID uuid.UUID) *time.Location {
	if v := e.catalogue.view(brandID); v != nil {
		if loc := location(v.brand.Settings.TimeZone); loc != nil {
			return loc
		}
	}
	return time.UTC
}

// ask puts the question to some people: first, where few of them may be concerned, to their rows as they are, then, to those
// who may be told or refused, in turns of their own.
func (e *Engine) ask(ctx context.Context, s *Sending, c *campaign.Campaign, found []addressee, now time.Time) error {
	q := &question{e: e, s: s, c: c, v: e.catalogue.view(s.BrandID), now: now, local: s.At.In(e.zoneOf(s.BrandID))}
	if s.Kind == campaign.Flashed {
		q.near = e.nearOf(s.BrandID, c)
	}
	s.Counts.Refused = maps.Clone(s.Counts.Refused)
	if q.selective() && len(found) > 0 {
		var err error
		if found, err = q.sift(ctx, found); err != nil {
			return err
		}
	}
	if len(found) == 0 {
		return nil
	}
	outcomes, keys := make([]outcome, len(found)), make([]PersonKey, len(found))
	for i := range found {
		keys[i] = found[i].key
	}
	failed, err := e.together(ctx, keys, func(turns map[PersonKey]*turn) error {
		for i := range found {
			if t := turns[keys[i]]; t != nil {
				t.attempt(ctx, q.step(&found[i], &outcomes[i]), func(err error) { outcomes[i] = outcome{err: err} })
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range outcomes {
		fault := outcomes[i].err
		if fault == nil {
			fault = failed[keys[i]]
		}
		switch {
		case fault == nil:
			q.count(&outcomes[i])
		case errors.Is(fault, ErrGone) || errors.Is(fault, ErrNotFound):
		case errors.Is(fault, ErrNewerState) || errors.Is(fault, ErrUnreadable):
			s.Counts.Failed++
		default:
			return fault // the page is taken again: who was asked is known by the note in the row
		}
	}
	return nil
}
