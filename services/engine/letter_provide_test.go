package engine_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// says records what a phone's person says about a third party, at the moment.
func (p *phone) saysTo(e *engine.Engine, recipient, purpose string, granted bool) uuid.UUID {
	p.w.t.Helper()
	p.w.pass(time.Second)
	s := submissions(p.w.clock.Now(), granted, audience.LocThirdParty)
	s[0].Recipient, s[0].RecipientPurpose = recipient, purpose
	_, err := e.RecordConsents(p.w.ctx, p.w.brand.ID, p.id, s)
	require.NoError(p.w.t, err)
	return s[0].ID
}

// What a third party is told is recorded once, by the consents as they stand in the person's row: also at a node whose
// copy of the person is from before the withdrawal.
func TestProvideToAThirdParty(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	one, two := w.node(), w.node()
	p := w.phone(one)
	hook := &brand.Webhook{ID: uuid.New(), BrandID: w.brand.ID, Recipient: brand.ThirdParty, RecipientName: "Mall", RecipientPurpose: "footfall", Place: true}
	letter := func() *engine.Letter { return &engine.Letter{ID: uuid.New(), At: w.clock.Now()} }
	provided := func() (list []engine.LocationUse) {
		uses, err := one.LocationUses(w.ctx, w.brand.ID, p.id, time.Time{}, time.Time{}, 100)
		require.NoError(t, err)
		for _, u := range uses {
			if u.Purpose == "loc_third_party" {
				list = append(list, u)
			}
		}
		return list
	}
	writers := func(n int) int {
		return w.count(`SELECT count(*) FROM person WHERE person_id = $1 AND min_writer = $2`, p.who.PersonID, n)
	}
	require.Equal(t, 1, writers(1))
	require.ErrorIs(t, one.ProvideTo(w.ctx, p.who, hook, letter()), engine.ErrNotAgreed, "nobody was asked")
	p.saysTo(one, "Mall B", "footfall", true)
	require.ErrorIs(t, one.ProvideTo(w.ctx, p.who, hook, letter()), engine.ErrNotAgreed, "another recipient")
	consent := p.saysTo(one, "Mall", "footfall", true)
	require.Equal(t, 1, writers(2), "an older release would write the profile without it")
	first := letter()
	for _, e := range []*engine.Engine{one, two, one} { // three attempts
		require.NoError(t, e.ProvideTo(w.ctx, p.who, hook, first))
		w.pass(time.Minute)
	}
	uses := provided()
	require.Len(t, uses, 1)
	require.Equal(t, engine.LocationUse{ID: first.ID, Purpose: "loc_third_party", Method: "webhook", Path: "os_api", Recipient: "Mall", ConsentID: consent,
		From: first.At, Until: first.At}, uses[0])
	require.NoError(t, two.ProvideTo(w.ctx, p.who, hook, letter()))

	p.saysTo(one, "Mall", "", false)
	require.ErrorIs(t, two.ProvideTo(w.ctx, p.who, hook, letter()), engine.ErrNotAgreed, "its copy is older than the withdrawal")
	require.Len(t, provided(), 2)
	_, events, err := one.Consents(w.ctx, w.brand.ID, p.id)
	require.NoError(t, err)
	var ledger []string
	for _, e := range events {
		if e.Purpose == audience.LocThirdParty {
			ledger = append(ledger, e.Recipient)
		}
	}
	require.Equal(t, []string{"Mall B", "Mall", "Mall"}, ledger, "a row for each act")

	p.saysTo(one, "Mall", "footfall", true)
	require.NoError(t, two.ProvideTo(w.ctx, p.who, hook, letter()))
	hook.RecipientPurpose = "credit rating"
	require.ErrorIs(t, two.ProvideTo(w.ctx, p.who, hook, letter()), engine.ErrNotAgreed)
}
