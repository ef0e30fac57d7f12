package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/wantgo/wantgo/services/audience"
)

// ErrErased is answered for a brand's own id whose person was erased: only the person comes back, by logging in.
var ErrErased = errors.New("the person was erased")

// profileGroups is how many groups of people one call changes at once.
const profileGroups = 3

// ProfileChange is what a brand says of one of its people, by own id.
type ProfileChange struct {
	ExternalID string
	// Apply makes the profile what the brand says. It may be called several times, and changes nothing that the profile
	// shares with others. Its error refuses this change and no other. nil: nothing but that the person is there.
	Apply func(p *audience.Profile) error
	// Purchase is a sale to be counted, once by its id.
	Purchase *audience.Purchase
}

// Changed tells what became of a change.
type Changed uint8

// What can become of a change.
const (
	Unchanged Changed = iota
	Updated
	Created
)

// ProfileOutcome is the answer to a ProfileChange: with Err nothing of it was written. ErrNotFound: there is no such
// person. ErrErased, ErrGone: it was erased, or is being. ErrBusy and faults of storage: repeat it.
type ProfileOutcome struct {
	Changed  Changed
	PersonID uuid.UUID
	Profile  audience.Profile
	Err      error
}

// ProfileChanges are changes of people of one brand, in the order in which they happen.
type ProfileChanges struct {
	BrandID uuid.UUID
	Changes []ProfileChange
	Create  bool // people who are not known are made
	DryRun  bool // only tell
}

// ChangeProfiles changes what is known of people, each with a compare-and-set of its own row. Those who are not known
// are made, if that is wanted: a brand's word registers a person, except one that was erased. What other nodes know of a
// person who can be reached is read again there within a second. It is safe to repeat. The error is a fault of ours that
// concerns all.
func (e *Engine) ChangeProfiles(ctx context.Context, w ProfileChanges) ([]ProfileOutcome, error) {
	if e.catalogue.view(w.BrandID) == nil {
		return nil, notFound("brand")
	}
	c := &profileChanges{Engine: e, ProfileChanges: w, out: make([]ProfileOutcome, len(w.Changes)), at: map[string][]int{}}
	for i := range w.Changes {
		id := w.Changes[i].ExternalID
		if c.at[id] == nil {
			c.ids = append(c.ids, id)
		}
		c.at[id] = append(c.at[id], i)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(profileGroups)
	for some := range slices.Chunk(c.ids, pageOfPeople) {
		group.Go(func() error { return c.take(ctx, some) })
	}
	return c.out, group.Wait()
}

// profileChanges is one ChangeProfiles on its way.
type profileChanges struct {
	*Engine
	ProfileChanges
	ids []string
	at  map[string][]int // own id -> its changes
	out []ProfileOutcome
}

// take settles the changes of some people: those who are there first, then those who are to be made, then those whom
// another call made meanwhile.
func (c *profileChanges) take(ctx context.Context, ids []string) error {
	for range 3 {
		holders, err := c.directory.PeopleByExternalID(ctx, c.BrandID, ids)
		if err != nil {
			return err
		}
		var missing []string
		for _, id := range ids {
			if holders[id] == uuid.Nil {
				missing = append(missing, id)
			}
		}
		if err := c.changeAll(ctx, holders); err != nil {
			return err
		}
		if ids, err = c.make(ctx, missing); err != nil || len(ids) == 0 {
			return err
		}
	}
	c.refuse(ids, ErrBusy)
	return nil
}

func (c *profileChanges) refuse(ids []string, err error) {
	for _, id := range ids {
		for _, i := range c.at[id] {
			if c.out[i].Err == nil {
				c.out[i] = ProfileOutcome{Err: err}
			}
		}
	}
}

// make makes the people who are missing and returns those whom somebody else made meanwhile.
func (c *profileChanges) make(ctx context.Context, missing []string) (again []string, err error) {
	if len(missing) == 0 {
		return nil, nil
	}
	erased, err := c.directory.ErasedExternalIDs(ctx, c.BrandID, missing)
	if err != nil {
		return nil, err
	}
	var regs []Registration
	for _, id := range missing {
		switch {
		case erased[id]:
			c.refuse([]string{id}, ErrErased)
		case !c.Create:
			c.refuse([]string{id}, notFound("person"))
		default:
			r, ok, err := c.newPerson(id)
			if err != nil {
				return nil, err
			}
			if ok {
				regs = append(regs, r)
			}
		}
	}
	if c.DryRun || len(regs) == 0 {
		return nil, nil
	}
	made, err := c.directory.NewPeople(ctx, regs)
	if err != nil {
		return nil, err
	}
	for i := range regs {
		if !made[i] {
			again = append(again, regs[i].Profile.ExternalID)
		}
	}
	return again, nil
}

// newPerson is a person with everything that was said of it; false: nothing of that can be taken.
func (c *profileChanges) newPerson(id string) (r Registration, ok bool, err error) {
	state, err := (&hot{}).encode(nil)
	if err != nil {
		return r, false, err
	}
	r = Registration{Profile: audience.Profile{ExternalID: id}, State: state}
	r.Device.BrandID, r.Device.PersonID = c.BrandID, newRandomID()
	for _, i := range c.at[id] {
		if c.Changes[i].Purchase != nil {
			c.out[i] = ProfileOutcome{Err: notFound("person")} // a sale makes nobody a customer of the app
			continue
		}
		c.out[i] = c.apply(i, &r.Profile)
		c.out[i].PersonID = r.Device.PersonID
		if c.out[i].Err == nil && !ok {
			c.out[i].Changed, ok = Created, true
		}
	}
	r.MinWriter = minWriter(&r.Profile)
	return r, ok, nil
}

// apply takes one change into a profile, or leaves it as it was.
func (c *profileChanges) apply(i int, p *audience.Profile) (out ProfileOutcome) {
	if f := c.Changes[i].Apply; f != nil {
		next := *p
		if out.Err = f(&next); out.Err != nil {
			return out
		}
		if !audience.SameWritten(p, &next) {
			*p, out.Changed = next, Updated
		}
	}
	out.Profile = *p
	return out
}

// changeAll changes people who are there.
func (c *profileChanges) changeAll(ctx context.Context, holders map[string]uuid.UUID) error {
	if len(holders) == 0 {
		return nil
	}
	keys, of := make([]PersonKey, 0, len(holders)), make(map[PersonKey]string, len(holders))
	for id, person := range holders {
		k := PersonKey{c.BrandID, person}
		keys, of[k] = append(keys, k), id
	}
	failed, err := c.together(ctx, keys, func(turns map[PersonKey]*turn) error {
		sold, err := c.sold(ctx, holders) // while the people are in hand: what another call writes meanwhile costs the race
		if err != nil {
			return err
		}
		for k, id := range of {
			t := turns[k]
			if t == nil {
				c.refuse([]string{id}, ErrGone)
				continue
			}
			s := &profileStep{profileChanges: c, id: id, sold: sold}
			t.attempt(ctx, s.take, func(err error) { c.refuse([]string{id}, err) })
			if c.DryRun {
				t.rollback()
				t.begin()
			}
		}
		return nil
	})
	for k, err := range failed {
		for _, i := range c.at[of[k]] {
			c.out[i] = ProfileOutcome{Err: err}
		}
	}
	return err
}

// sold looks up which of the sales are known.
func (c *profileChanges) sold(ctx context.Context, holders map[string]uuid.UUID) (map[PurchaseKey]bool, error) {
	var people []uuid.UUID
	var ids []string
	for id, person := range holders {
		bought := false
		for _, i := range c.at[id] {
			if p := c.Changes[i].Purchase; p != nil {
				ids, bought = append(ids, p.ID), true
			}
		}
		if bought {
			people = append(people, person)
		}
	}
	return c.people.Purchased(ctx, c.BrandID, people, ids)
}

// profileStep is the changes of one person as a step of a turn.
type profileStep struct {
	*profileChanges
	id   string
	sold map[PurchaseKey]bool // as of before the first try
	try  int
}

func (s *profileStep) take(t *turn) error {
	if t.p.status != PersonActive {
		return ErrGone
	}
	sold := s.sold
	if s.try++; s.try > 1 { // whoever was quicker may have told of the same sales
		var err error
		if sold, err = s.profileChanges.sold(t.ctx, map[string]uuid.UUID{s.id: t.p.key.PersonID}); err != nil {
			return err
		}
	}
	p := t.current()
	changed := false
	counted := map[string]bool{}
	for _, i := range s.at[s.id] {
		s.out[i] = s.apply(i, &p)
		s.out[i].PersonID = t.p.key.PersonID
		if sale := s.Changes[i].Purchase; sale != nil && s.out[i].Err == nil && !counted[sale.ID] && !sold[PurchaseKey{t.p.key.PersonID, sale.ID}] {
			counted[sale.ID] = true
			p.Purchases = p.Purchases.With(sale)
			t.write.Purchases = append(t.write.Purchases, *sale)
			s.out[i].Changed, s.out[i].Profile = Updated, p
		}
		changed = changed || s.out[i].Changed != Unchanged
	}
	if changed {
		t.putProfile(p)
		t.profileTold()
	}
	return nil
}

// profileTold makes other nodes read a changed profile, if one of them may have the person in hand: nobody decides about
// a person without a device.
func (t *turn) profileTold() {
	if len(t.p.devices) > 0 && t.write.Revoke == "" {
		t.write.Revoke = "profile"
	}
}

// ProfileOf reads a person as the brand knows it.
func (e *Engine) ProfileOf(ctx context.Context, brandID, personID uuid.UUID) (PersonRow, error) {
	rows, err := e.people.Load(ctx, []PersonKey{{brandID, personID}})
	if err != nil {
		return PersonRow{}, err
	}
	if len(rows) == 0 || rows[0].Status == PersonSignpost {
		return PersonRow{}, notFound("person")
	}
	if rows[0].Status != PersonActive {
		return PersonRow{}, ErrGone
	}
	if rows[0].Fault != nil {
		return PersonRow{}, fmt.Errorf("%w: %w", ErrUnreadable, rows[0].Fault)
	}
	return rows[0], nil
}

// Profiles lists active people of a brand in the order of their ids, after one; next is where the following page begins,
// the zero id: there is none.
func (e *Engine) Profiles(ctx context.Context, brandID, after uuid.UUID, limit int) (rows []PersonRow, next uuid.UUID, err error) {
	keys, err := e.people.Scan(ctx, brandID, after, limit)
	if err != nil || len(keys) == 0 {
		return nil, uuid.Nil, err
	}
	if rows, err = e.people.Load(ctx, keys); err != nil {
		return nil, uuid.Nil, err
	}
	if len(keys) == limit {
		next = keys[limit-1].PersonID
	}
	rows = slices.DeleteFunc(rows, func(r PersonRow) bool { return r.Status != PersonActive || r.Fault != nil })
	return rows, next, nil
}

// ChangeProfile changes what is known of one person, named by id, by the same rules; dry: it only tells.
func (e *Engine) ChangeProfile(ctx context.Context, brandID, personID uuid.UUID, dry bool, apply func(*audience.Profile) error) (*audience.Profile, error) {
	row, err := e.ProfileOf(ctx, brandID, personID)
	if err != nil {
		return nil, err
	}
	if dry {
		return &row.Profile, apply(&row.Profile)
	}
	var kept audience.Profile
	err = e.change(ctx, row.Key, func(t *turn) error {
		p := t.current()
		if err := apply(&p); err != nil {
			return err
		}
		if !audience.SameWritten(&t.p.profile, &p) {
			t.putProfile(p)
			t.profileTold()
		}
		kept = p
		return nil
	})
	return &kept, err
}
