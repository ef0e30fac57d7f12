package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
)

// maxTries is how often a turn is taken again after losing its race, before the caller is told to come back. Two nodes
// that decide about one person at once are not fair to each other: the winner goes on from its own copy while the
// loser reads, so a loser may have to wait until the other has no more.
const maxTries = 500

// ErrBusy is answered when a person's row kept moving on under every try.
var ErrBusy = errors.New("the person's row is contended; try again")

// ErrNewerState is answered where a person's state was written by a newer release than this node runs: another node can
// serve the person, and this one can once it is upgraded.
var ErrNewerState = errors.New("the person's state is of a newer release: try another node")

// ErrUnreadable is answered where what is stored of a person makes no sense.
var ErrUnreadable = errors.New("the person's state cannot be read")

// ErrGone is answered for a person that is being erased, was erased, or handed over to another.
var ErrGone = errors.New("the person is gone")

// together opens a turn for each of some people of one brand, runs work on them, and commits what they want to
// write. Locks are taken in key order, so two calls never wait for each other in a circle. People that do not
// exist have no turn, nor have those whose row cannot be taken in: these are among the failed. An error of one person's
// commit is reported for that person; the others are unaffected.
func (e *Engine) together(ctx context.Context, keys []PersonKey, work func(turns map[PersonKey]*turn) error) (failed map[PersonKey]error, err error) {
	people, unlock, err := e.hold(ctx, keys)
	if err != nil {
		return nil, err
	}
	defer unlock()
	turns := make(map[PersonKey]*turn, len(people))
	failed = map[PersonKey]error{}
	for _, p := range people {
		if !p.loaded {
			failed[p.key] = p.fault
			continue
		}
		v := e.catalogue.view(p.key.BrandID)
		if v == nil {
			return nil, fmt.Errorf("brand %s: %w", p.key.BrandID, ErrNotFound)
		}
		turns[p.key] = newTurn(ctx, e, p, v)
	}
	if err := work(turns); err != nil {
		for _, t := range turns {
			t.rollback()
		}
		return nil, err
	}
	e.commitAll(slices.Collect(maps.Values(turns)), failed)
	return failed, nil
}

// hold locks and loads the copies of some people. One that is not loaded has a fault.
func (e *Engine) hold(ctx context.Context, keys []PersonKey) (people []*person, unlock func(), err error) {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, compareKeys)
	keys = slices.Compact(keys)
	held := make([]*person, 0, len(keys))
	unlock = func() {
		for _, p := range held {
			p.mu.Unlock()
		}
	}
	var missing []PersonKey
	for _, k := range keys {
		p := e.copies.get(k)
		p.mu.Lock()
		held = append(held, p)
		if p.loaded = p.loaded && p.version >= p.newest.Load(); !p.loaded {
			missing = append(missing, k)
		}
	}
	err = ctx.Err() // whoever came too late is not waited for any more
	if err == nil {
		err = e.load(ctx, held, missing)
	}
	if err != nil {
		unlock()
		return nil, nil, err
	}
	for _, p := range held {
		if p.loaded || p.fault != nil {
			people = append(people, p)
		}
	}
	return people, unlock, nil
}

func compareKeys(a, b PersonKey) int {
	if c := bytes.Compare(a.PersonID[:], b.PersonID[:]); c != 0 {
		return c
	}
	return bytes.Compare(a.BrandID[:], b.BrandID[:])
}

// load reads rows into locked copies. What was carried in memory and is not older than the row stays.
func (e *Engine) load(ctx context.Context, held []*person, missing []PersonKey) error {
	if len(missing) == 0 {
		return nil
	}
	for _, p := range held {
		p.asked = p.newest.Load()
	}
	rows, err := e.people.Load(ctx, missing)
	if err != nil {
		return fmt.Errorf("load persons: %w", err)
	}
	byKey := make(map[PersonKey]*PersonRow, len(rows))
	for i := range rows {
		byKey[rows[i].Key] = &rows[i]
	}
	now := e.clock.Now()
	for _, p := range held {
		row := byKey[p.key]
		if p.loaded {
			continue
		}
		if p.fault = nil; row == nil {
			continue
		}
		fresh, err := row.hot()
		if err != nil {
			e.log.Error("a person's row cannot be taken in", "brand", p.key.BrandID, "person", p.key.PersonID, "error", err)
			p.fault = err
			continue
		}
		carried := p.hot
		p.hot, p.version, p.status, p.successor = fresh, row.Version, row.Status, row.SuccessorID
		p.profile, p.devices, p.loaded, p.loadedAt = row.Profile, row.Devices, true, now
		p.mine, p.may = uuid.Nil, locatable{}
		p.dueWritten = e.dueNow(p)
		if p.asked > row.Version { // a version of a history that was lost, or the wish to read the row
			p.newest.CompareAndSwap(p.asked, row.Version)
		}
		p.hot.keepCarried(&carried)
		e.holdTimer(p)
	}
	return nil
}

// hot reads a row's state: ErrNewerState or ErrUnreadable where this node cannot.
func (r *PersonRow) hot() (hot, error) {
	if r.MinWriter > thisWriter {
		return hot{}, ErrNewerState
	}
	if r.Fault != nil {
		return hot{}, fmt.Errorf("%w: %w", ErrUnreadable, r.Fault)
	}
	h, err := decodeHot(r.State)
	if err != nil {
		return hot{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return h, nil
}

// keepCarried takes over what only memory knows from an older copy of the same person. Where the row has heard a
// device later than the copy, or its stays changed elsewhere, the copy's evidence is about what is past.
func (h *hot) keepCarried(old *hot) {
	for _, d := range h.devices {
		o := old.device(d.id)
		if o == nil || o.presence.LastHeard < d.presence.LastHeard || o.presence.Revision != d.presence.Revision {
			continue
		}
		d.presence.Carried = o.presence.Clone().Carried
		d.presence.LastHeard, d.presence.PromisedBy = o.presence.LastHeard, o.presence.PromisedBy
	}
	for _, o := range old.devices {
		if h.device(o.id) == nil {
			h.devices = append(h.devices, &deviceState{id: o.id, presence: presenceCarried(o)})
		}
	}
}

// commitAll submits every turn that has something to write and takes the losers again until they win or give up.
func (e *Engine) commitAll(turns []*turn, failed map[PersonKey]error) {
	waiting := make([]*turn, 0, len(turns))
	for _, t := range turns {
		if t.dirty {
			waiting = append(waiting, t)
		} else {
			t.keepPings()
		}
	}
	for try := 0; len(waiting) > 0; try++ {
		waiting = e.commitOnce(waiting, try, failed)
	}
}

// commitOnce sends one round and returns the turns to be sent again.
func (e *Engine) commitOnce(turns []*turn, try int, failed map[PersonKey]error) (again []*turn) {
	results := make([]<-chan writeResult, len(turns))
	for i, t := range turns {
		err := t.seal(e.clock.Now())
		if err == nil {
			results[i], err = e.committer.submit(t.ctx, &t.write)
		}
		if err != nil {
			t.fail(failed, err)
		}
	}
	for i, t := range turns {
		if results[i] == nil {
			continue
		}
		r := e.committer.wait(results[i])
		switch {
		case r.committed:
			t.adopt()
			e.dispatch(t)
		case r.err != nil:
			t.fail(failed, r.err)
		default:
			if t.retake(try, failed) {
				again = append(again, t)
			}
		}
	}
	return again
}

// fail undoes a turn whose write is unknown or impossible. The copy is read again before its next use; the stock it
// took is not given back, because the coupon may exist: reclaiming the block counts what was issued.
func (t *turn) fail(failed map[PersonKey]error, err error) {
	failed[t.p.key] = err
	t.stock = nil
	t.rollback()
	t.p.loaded = false
	t.e.metrics.turnFailed()
}

// retake reads the row again and takes every step of the turn once more.
func (t *turn) retake(try int, failed map[PersonKey]error) bool {
	t.e.metrics.turnLost()
	t.rollback()
	t.p.loaded = false
	if try+1 >= maxTries {
		failed[t.p.key] = ErrBusy
		return false
	}
	switch err := t.e.load(t.ctx, []*person{t.p}, []PersonKey{t.p.key}); {
	case err != nil:
		failed[t.p.key] = err
		return false
	case t.p.fault != nil:
		failed[t.p.key] = t.p.fault
		return false
	case !t.p.loaded:
		failed[t.p.key] = ErrGone
		return false
	}
	if t.p.version == t.write.Version { // nobody was quicker: a lease had ended
		t.e.stock.drop(t.stock)
	}
	t.begin()
	if err := t.again(len(t.steps)); err != nil {
		failed[t.p.key] = err
		t.rollback()
		return false
	}
	if !t.dirty {
		t.keepPings()
	}
	return t.dirty
}
