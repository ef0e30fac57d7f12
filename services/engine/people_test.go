package engine_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// says is an unsigned word of the brand's backend about who somebody is.
func (w *world) says(member string) string {
	token, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"sub": member, "exp": w.clock.Now().Add(time.Hour).Unix()}).
		SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(w.t, err)
	return token
}

func (p *phone) becomes(e *engine.Engine, member string) error {
	person, _, _, _, err := e.Identify(p.w.ctx, p.w.brand.ID, p.id, p.w.says(member))
	if err == nil {
		p.who.PersonID = person
	}
	return err
}

func (w *world) status(person uuid.UUID) engine.PersonStatus {
	return engine.PersonStatus(w.count(`SELECT status::int FROM person WHERE person_id = $1`, person))
}

func daily(limit int) func(*brand.Settings) {
	return func(s *brand.Settings) {
		s.Caps = []cap.Cap{{Scope: cap.Brand, Limit: limit, Window: cap.Window{Calendar: cap.Day}}}
	}
}

func TestAnonymousBecomesMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	f := &faulty{Store: w.store}
	e := w.node(with(f))
	p := w.phone(e)
	before := p.who
	// Cut off between the claim of the id and the person's row.
	f.before = func(op string) error {
		if op == "commit" {
			return errLost
		}
		return nil
	}
	require.Error(t, p.becomes(e, "m-1"))
	f.before = nil
	for range 2 {
		require.NoError(t, p.becomes(e, "m-1"))
		require.Equal(t, before, p.who, "the anonymous person takes the id")
	}
	profile, _, err := e.Consents(w.ctx, w.brand.ID, p.id)
	require.NoError(t, err)
	require.Equal(t, "m-1", profile.ExternalID)
	id, err := e.PersonOf(w.ctx, w.brand.ID, engine.PersonRef{PersonExternalID: "m-1"})
	require.NoError(t, err)
	require.Equal(t, p.who.PersonID, id)
}

// An anonymous person's history goes to the member it turns out to be: the caps have no more room than either had, and
// consents never move. The hand-over completes wherever it was cut off.
func TestKnownMemberTakesOver(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"", "commit 1", "put device", "commit 2", "move coupons", "commit 3"} {
		for _, when := range []string{"before", "after"} {
			t.Run(fault+" "+when, func(t *testing.T) { t.Parallel(); knownMember(t, fault, when) })
			if fault == "" {
				break
			}
		}
	}
}

func knownMember(t *testing.T, fault, when string) {
	w := newWorld(t, presence.Exact, daily(3))
	w.open(6, 60, nil)
	w.run(latte(true, func(c *campaign.Campaign) { c.Offer.PerPerson = 9 }))
	f := &faulty{Store: w.store}
	e, other := w.node(with(f)), w.node()
	member, guest := w.phone(e), w.phone(e)
	require.NoError(t, member.becomes(e, "m-1"))
	member.tell(e, storePlace(0)) // one spent
	_, err := e.RecordConsents(w.ctx, w.brand.ID, member.id, submissions(w.clock.Now(), false, audience.AdPush))
	require.NoError(t, err)
	w.pass(time.Second)
	guest.tell(e, storePlace(1), nowhere) // two spent, and inside the third store
	w.pass(time.Minute)
	require.Len(t, guest.tell(e, storePlace(2)).Transitions, 1)
	anonymous := guest.who

	commits := 0
	failing := func(op string) error {
		if op == "commit" {
			commits++
			op += " " + strconv.Itoa(commits)
		}
		if op == fault || op == "committed" && strings.HasPrefix(fault, "commit") && commits == int(fault[len(fault)-1]-'0') {
			return errLost
		}
		return nil
	}
	if when == "before" {
		f.before = failing
	} else {
		f.after = failing
	}
	first := guest.becomes(e, "m-1")
	f.before, f.after = nil, nil
	if fault != "" {
		require.Error(t, first)
		require.NoError(t, guest.becomes(other, "m-1"), "the repeat completes it, on another node")
	} else {
		require.NoError(t, first)
	}
	require.Equal(t, member.who, guest.who)
	require.Equal(t, engine.PersonSignpost, w.status(anonymous.PersonID))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM place WHERE reason = 'person_changed'`))
	require.Equal(t, 1, w.count(`SELECT count(*) FROM open_visit`), "the member's own")
	require.Equal(t, 3, w.count(`SELECT count(*) FROM coupon WHERE person_id = $1`, member.who.PersonID))
	d, err := w.store.Device(w.ctx, w.brand.ID, guest.id)
	require.NoError(t, err)
	require.Equal(t, member.who.PersonID, d.PersonID)
	require.Equal(t, int64(2), d.TokenSerial)

	profile, _, err := other.Consents(w.ctx, w.brand.ID, guest.id)
	require.NoError(t, err)
	require.False(t, profile.Consented(audience.AdPush), "the guest's yes is not the member's")
	w.pass(time.Minute)
	_, err = other.RecordConsents(w.ctx, w.brand.ID, guest.id, submissions(w.clock.Now(), true, audience.AdPush))
	require.NoError(t, err)
	require.NoError(t, e.FollowRevocations(w.ctx))
	for i, node := range []*engine.Engine{e, other} {
		w.pass(time.Minute)
		a := guest.tell(node, storePlace(4+i))
		require.Equal(t, []string{string(campaign.CapReached)}, reasons(a.Decisions))
		require.Equal(t, "3", a.Decisions[0].Values["count"], "one of the member's, two of the guest's, each once")
	}
}

// A device of one member that another member logs in on: no history goes from one to the other.
func TestMemberSwitch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(2, 60, nil)
	w.run(latte(true, nil))
	a, b := w.node(), w.node()
	p, q := w.phone(a), w.phone(a)
	require.NoError(t, p.becomes(a, "m-1"))
	require.NoError(t, q.becomes(a, "m-2"))
	first := p.who
	p.tell(a, storePlace(0))
	p.tell(b, storePlace(0))
	require.NoError(t, p.becomes(b, "m-2"))
	require.Equal(t, q.who, p.who)
	require.Equal(t, engine.PersonActive, w.status(first.PersonID), "still a member, without a device")
	require.Zero(t, w.count(`SELECT count(*) FROM open_visit`))
	w.pass(time.Minute)
	require.Equal(t, []string{"entered f-1"}, kinds(p.tell(a, storePlace(1)).Transitions), "node a remembers the first member")
	require.Zero(t, w.count(`SELECT count(*) FROM open_visit WHERE person_id = $1`, first.PersonID))
	coupons, err := b.Coupons(w.ctx, w.brand.ID, p.id, false, 10)
	require.NoError(t, err)
	require.Len(t, coupons, 1, "the second member's own")
	require.Equal(t, q.who.PersonID, coupons[0].PersonID)

	require.NoError(t, p.becomes(b, "m-3"))
	require.NotContains(t, []uuid.UUID{first.PersonID, q.who.PersonID}, p.who.PersonID)
	require.NoError(t, p.becomes(b, "m-1"))
	require.Equal(t, first, p.who)
	coupons, err = b.Coupons(w.ctx, w.brand.ID, p.id, false, 10)
	require.NoError(t, err)
	require.Len(t, coupons, 1)
	require.Equal(t, int64(4), deviceOf(t, w, p).TokenSerial)
}

func deviceOf(t *testing.T, w *world, p *phone) audience.Device {
	d, err := w.store.Device(w.ctx, w.brand.ID, p.id)
	require.NoError(t, err)
	return d
}

func TestLogout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(1, 60, nil)
	w.run(latte(true, nil))
	f := &faulty{Store: w.store}
	a, b := w.node(with(f)), w.node()
	p := w.phone(a)
	require.NoError(t, p.becomes(a, "m-1"))
	token, _, err := a.RefreshToken(w.ctx, w.brand.ID, p.id)
	require.NoError(t, err)
	for _, node := range []*engine.Engine{a, b} {
		_, err := node.Device(w.ctx, token, 0)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"entered f-0"}, kinds(p.tell(a, storePlace(0)).Transitions))
	for _, op := range []string{"new person", "put device"} {
		f.after = func(now string) error {
			if now == op {
				return errLost
			}
			return nil
		}
		_, _, err = a.Logout(w.ctx, w.brand.ID, p.id)
		require.Error(t, err)
		f.after = nil
	}
	fresh, _, err := a.Logout(w.ctx, w.brand.ID, p.id)
	require.NoError(t, err)
	require.Zero(t, w.count(`SELECT count(*) FROM open_visit`))
	require.NoError(t, b.FollowRevocations(w.ctx))
	for _, node := range []*engine.Engine{a, b} {
		_, err := node.Device(w.ctx, token, 0)
		require.ErrorIs(t, err, engine.ErrUnauthenticated, "the token of the member's days")
		caller, err := node.Device(w.ctx, fresh, 0)
		require.NoError(t, err)
		require.NotEqual(t, p.who.PersonID, caller.PersonID)
		coupons, err := node.Coupons(w.ctx, w.brand.ID, p.id, false, 10)
		require.NoError(t, err)
		require.Empty(t, coupons)
		refused := p.tell(node, storePlace(0))
		require.Equal(t, []engine.Verdict{"AGE_UNKNOWN"}, verdicts(refused), "whoever it is was asked nothing yet")
	}
}

// After an erasure nothing of a person is left in any table but the tombstone, also not of the anonymous person the
// member once was, and nothing comes back.
func TestErase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(3, 60, nil)
	w.run(latte(true, nil))
	f := &faulty{Store: w.store}
	a, b := w.node(with(f)), w.node()
	member, guest := w.phone(a), w.phone(a)
	require.NoError(t, member.becomes(a, "m-erase-1"))
	member.tell(b, storePlace(0))
	guest.tell(b, storePlace(1))
	anonymous := guest.who
	require.NoError(t, guest.becomes(a, "m-erase-1"))
	_, err := a.RecordConsents(w.ctx, w.brand.ID, guest.id, submissions(w.clock.Now(), true, audience.LocRetain))
	require.NoError(t, err)
	guest.tell(b, storePlace(2))
	ids := idTexts(member.who.PersonID, anonymous.PersonID, member.id, guest.id)
	require.NotEmpty(t, w.tablesWith(ids...))

	f.before = func(op string) error {
		if op == "erase" {
			return errLost
		}
		return nil
	}
	_, _, err = a.Erase(w.ctx, w.brand.ID, member.who.PersonID)
	require.Error(t, err)
	f.before = nil
	for _, p := range []*phone{member, guest} {
		w.pass(time.Minute)
		answer := p.hand(b, p.report(storePlace(1), nowhere))
		require.Error(t, answer.Err, "every later write fails once the erasure began")
	}
	lost := true
	f.after = func(op string) error {
		if was := lost; op == "erase" && was {
			lost = false
			return errLost
		}
		return nil
	}
	receipt, at, err := a.Erase(w.ctx, w.brand.ID, member.who.PersonID)
	require.NoError(t, err)
	require.NotZero(t, at)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM tombstone WHERE receipt = $1 AND person_id = $2`, receipt, member.who.PersonID))
	for _, table := range w.tablesWith(append(ids, "m-erase-1", member.id.String())...) {
		require.Equal(t, "tombstone", table)
	}
	require.NoError(t, b.FollowRevocations(w.ctx))
	for _, node := range []*engine.Engine{a, b} {
		for _, p := range []*phone{member, guest} {
			require.ErrorIs(t, p.hand(node, p.report(storePlace(0))).Err, engine.ErrNotFound)
		}
		require.NoError(t, node.Sweep(w.ctx, 0))
		_, _, err := node.Erase(w.ctx, w.brand.ID, member.who.PersonID)
		require.ErrorIs(t, err, engine.ErrNotFound)
	}
	for _, table := range w.tablesWith(ids...) {
		require.Equal(t, "tombstone", table)
	}
}

// A consent whose answer was lost is told again with the same id: it stands in the ledger once.
func TestConsentsAreSafeToRepeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	a, b := w.node(), w.node()
	p := w.phone(a)
	list := submissions(w.clock.Now(), true, audience.LocRetain, audience.MarketingProfile)
	for _, node := range []*engine.Engine{a, b, a} {
		standing, err := node.RecordConsents(w.ctx, w.brand.ID, p.id, list)
		require.NoError(t, err)
		require.True(t, standing[audience.LocRetain].Granted)
	}
	require.Equal(t, len(allPurposes)+2, w.count(`SELECT count(*) FROM consent_event`))
}

// No table and no log ever holds where somebody was.
func TestNoPositionIsEverWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	w.run(latte(true, nil))
	f := &faulty{Store: w.store}
	e := w.node(with(f))
	p := w.phone(e)
	canary := geo.Point{Lat: storePlace(0).Lat + 0.0000123456, Lng: storePlace(0).Lng - 0.0000654321}
	texts := []string{}
	for _, v := range []float64{canary.Lat, canary.Lng} {
		texts = append(texts, strconv.FormatFloat(v, 'f', 6, 64), strconv.FormatFloat(v, 'f', 8, 64))
	}
	p.tell(e, canary, canary, canary, canary)
	require.Equal(t, 1, w.count(`SELECT count(*) FROM coupon`))
	w.pass(20 * time.Minute)
	p.tell(e, canary)
	f.before = func(op string) error {
		if op == "commit" {
			return errLost
		}
		return nil
	}
	w.pass(20 * time.Minute)
	_, _ = e.Handle(w.ctx, w.brand.ID, []engine.Report{p.report(canary)})
	_, _ = e.Advance(w.ctx, w.clock.Now().Add(time.Hour))
	f.before = nil
	require.NoError(t, e.Sweep(w.ctx, 0))
	require.Empty(t, w.tablesWith(texts...))
	require.NotEmpty(t, w.logged.String())
	for _, text := range append(texts, "t-"+p.id.String()) {
		require.NotContains(t, w.logged.String(), text)
	}
}
