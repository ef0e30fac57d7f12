package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
)

// ErrNotAgreed is a person who does not agree (any more) to what was about to be done.
var ErrNotAgreed = errors.New("the person does not agree")

// ProvideTo records that a third party is told where and when a person was: once by the letter's id, in a compare-and-set
// that asks the consents as they stand. What is told is told after it. A withdrawal therefore comes either before the
// record, and nothing is provided (ErrNotAgreed), or after it. ErrNotFound, ErrGone: the person is not there any more.
func (e *Engine) ProvideTo(ctx context.Context, key PersonKey, hook *brand.Webhook, letter *Letter) error {
	err := e.provide(ctx, key, hook, letter)
	if errors.Is(err, ErrNotAgreed) { // this node's copy may be from before the person agreed
		e.reread([]PersonKey{key})
		err = e.provide(ctx, key, hook, letter)
	}
	return err
}

func (e *Engine) provide(ctx context.Context, key PersonKey, hook *brand.Webhook, letter *Letter) error {
	return e.change(ctx, key, func(t *turn) error {
		now := e.clock.Now()
		consent, ok := audience.MayProvide(&t.p.profile, t.v.brand, hook.RecipientName, hook.RecipientPurpose, now)
		if !ok {
			return ErrNotAgreed
		}
		if again, err := e.provided(t, letter); again || err != nil {
			return err
		}
		t.write.Uses = append(t.write.Uses, LocationUse{
			ID: letter.ID, Purpose: string(audience.LocThirdParty), Method: "webhook", Path: "os_api", Recipient: hook.RecipientName,
			ConsentID: consent.EventID, From: now, Until: now,
		})
		t.dirty = true
		return nil
	})
}

// mostProvided bounds the records that are looked through for one: those since its fact, which is days at most.
const mostProvided = 10_000

// provided tells whether the record of a letter is there already: an attempt to tell it may have failed.
func (e *Engine) provided(t *turn, letter *Letter) (bool, error) {
	known, err := e.people.LocationUses(t.ctx, t.p.key, letter.At, e.clock.Now(), mostProvided)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(known, func(u LocationUse) bool { return u.ID == letter.ID && u.ID != uuid.Nil }), nil
}
