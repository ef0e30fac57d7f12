package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
	"github.com/wantgo/wantgo/services/webhook"
)

// post is a person with letters to one webhook.
type post struct {
	t       *testing.T
	s       *postgres.Letters
	key     engine.PersonKey
	device  uuid.UUID
	hook    uuid.UUID
	node    uuid.UUID
	version int64
}

func newPost(t *testing.T) *post {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 1)
	return &post{t: t, s: s.Letters(), key: keys[0], device: devices[0].ID, hook: uuid.New(), node: uuid.New(), version: 1}
}

// write commits one write with letters of these events and returns their ids.
func (p *post) write(change func(*engine.PersonWrite), events ...brand.WebhookEvent) (ids []uuid.UUID) {
	p.t.Helper()
	w := engine.PersonWrite{Key: p.key, Version: p.version, WriteID: uuid.New(), State: []byte{1}}
	for i, e := range events {
		l := engine.Letter{ID: uuid.New(), WebhookID: p.hook, FactID: uuid.New(), Event: e, At: noon, Ordinal: int32(i)}
		w.Letters, ids = append(w.Letters, l), append(ids, l.ID)
	}
	if change != nil {
		change(&w)
	}
	require.Equal(p.t, []bool{true}, commit(p.t, p.s.Store, w))
	p.version++
	return ids
}

func (p *post) claim(node uuid.UUID) (letters []webhook.Letter, ids []uuid.UUID) {
	p.t.Helper()
	letters, err := p.s.Claim(p.t.Context(), node, time.Minute, []uuid.UUID{p.hook}, 10)
	require.NoError(p.t, err)
	for i := range letters {
		ids = append(ids, letters[i].ID)
	}
	return letters, ids
}

// Of one person only the first in line is handed out; the next follows when it was told or given up, and not while it
// waits for another attempt.
func TestLettersOfAPersonInOrder(t *testing.T) {
	p := newPost(t)
	ctx := t.Context()
	first := p.write(nil, brand.VisitEntered, brand.DecisionMade)
	second := p.write(nil, brand.VisitExited)
	letters, ids := p.claim(p.node)
	require.Equal(t, first[:1], ids)
	require.Equal(t, 1, letters[0].Attempt)
	require.Equal(t, brand.VisitEntered, letters[0].Event)
	require.Equal(t, noon, letters[0].At)
	_, ids = p.claim(uuid.New())
	require.Empty(t, ids, "leased, and the others wait")

	require.NoError(t, p.s.Delay(ctx, uuid.New(), &letters[0], time.Hour, "X", true), "not the holder")
	require.NoError(t, p.s.Delay(ctx, p.node, &letters[0], time.Hour, "HTTP_503", true))
	_, ids = p.claim(p.node)
	require.Empty(t, ids, "the first waits, and so does what is behind it")
	standings, err := p.s.Standings(ctx, p.key.BrandID, []uuid.UUID{p.hook})
	require.NoError(t, err)
	require.Equal(t, webhook.Standing{Waiting: 3, Since: noon, Code: "HTTP_503"}, standings[p.hook])

	runSQL(t, p.s.Store, `UPDATE webhook_letter SET next_at = now() WHERE id = $1`, first[0])
	letters, ids = p.claim(p.node)
	require.Equal(t, first[:1], ids)
	require.Equal(t, 2, letters[0].Attempt)
	require.NoError(t, p.s.Told(ctx, p.node, &letters[0]))
	letters, ids = p.claim(p.node)
	require.Equal(t, first[1:], ids)
	require.NoError(t, p.s.GiveUp(ctx, p.node, &letters[0], "HTTP_410"))
	letters, ids = p.claim(p.node)
	require.Equal(t, second, ids)

	// Replayed, it stands before what is newer and not under way.
	third := p.write(nil, brand.VisitEntered)
	dead, err := p.s.DeadLetters(ctx, p.key.BrandID, p.hook, webhook.DeadCursor{}, 10)
	require.NoError(t, err)
	require.Len(t, dead, 1)
	require.Equal(t, "HTTP_410", dead[0].Code)
	require.Equal(t, first[1], dead[0].ID)
	more, err := p.s.DeadLetters(ctx, p.key.BrandID, p.hook, webhook.DeadCursor{At: dead[0].GivenUpAt, ID: dead[0].ID}, 10)
	require.NoError(t, err)
	require.Empty(t, more)
	n, err := p.s.Replay(ctx, uuid.New(), p.hook, nil, 10)
	require.NoError(t, err)
	require.Zero(t, n, "another brand's")
	n, err = p.s.Replay(ctx, p.key.BrandID, p.hook, []uuid.UUID{first[1]}, 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, p.s.Told(ctx, p.node, &letters[0]))
	letters, ids = p.claim(p.node)
	require.Equal(t, first[1:], ids)
	require.Equal(t, 1, letters[0].Attempt)
	require.NoError(t, p.s.Told(ctx, p.node, &letters[0]))
	_, ids = p.claim(p.node)
	require.Equal(t, third, ids)
}

// What a letter names is read when it is told, as far as it is still there.
func TestFactsOfLetters(t *testing.T) {
	p := newPost(t)
	w := fullWrite(p.key, p.version, p.device, noon)
	require.Equal(t, []bool{true}, commit(t, p.s.Store, w))
	fact := func(event brand.WebhookEvent, id uuid.UUID) webhook.Fact {
		f, err := p.s.FactOf(t.Context(), &webhook.Letter{Letter: engine.Letter{WebhookID: p.hook, FactID: id, Event: event}, Key: p.key})
		require.NoError(t, err)
		return f
	}
	visit := fact(brand.VisitEntered, w.Places[0].ID)
	require.Equal(t, w.Places[0].FenceID, visit.Place.FenceID)
	decision := fact(brand.DecisionMade, w.Traces[0].ID)
	require.Equal(t, w.Traces[0].Reason, decision.Trace.Reason)
	require.Nil(t, fact(brand.VisitEntered, uuid.New()).Place)
	require.True(t, fact(brand.DecisionMade, uuid.New()).Gone)
}

// A letter that waits for its fact stands in nobody's way, and takes its place behind what has happened meanwhile.
func TestLetterRipens(t *testing.T) {
	p := newPost(t)
	ctx := t.Context()
	var d pusher.Delivery
	waits := p.write(func(w *engine.PersonWrite) {
		full := fullWrite(p.key, p.version, p.device, noon)
		w.Deliveries = full.Deliveries
		d = w.Deliveries[0].Delivery
		w.Letters[0].Awaits, w.Letters[0].FactID = true, d.ID
	}, brand.DeliveryEnded)
	next := p.write(nil, brand.VisitExited)
	_, ids := p.claim(p.node)
	require.Equal(t, next, ids)
	runSQL(t, p.s.Store, `UPDATE webhook_letter SET next_at = now() WHERE id = $1`, waits[0])
	letters, ids := p.claim(p.node)
	require.Equal(t, waits, ids, "although one before it in line is under way")
	fact, err := p.s.FactOf(ctx, &letters[0])
	require.NoError(t, err)
	require.True(t, fact.Incomplete)
	require.NoError(t, p.s.Delay(ctx, p.node, &letters[0], 0, "", true))
	_, err = p.s.Finish(ctx, d.LeaseNode, []pusher.End{{Key: keyOf(&d), State: pusher.Accepted, Code: "OK"}})
	require.NoError(t, err)
	letters, _ = p.claim(p.node)
	fact, err = p.s.FactOf(ctx, &letters[0])
	require.NoError(t, err)
	require.False(t, fact.Incomplete)
	require.Equal(t, pusher.Accepted, fact.Delivery.State)
	require.Equal(t, d.Notification.ID, fact.Delivery.Notification.ID)
	require.NotZero(t, fact.EndedAt)
	require.NoError(t, p.s.Ripen(ctx, p.node, &letters[0]))
	_, ids = p.claim(p.node)
	require.Empty(t, ids, "now it stands behind the exit, which is under way")
}

func TestLetterLeaseGoesOver(t *testing.T) {
	p := newPost(t)
	first := p.write(nil, brand.VisitEntered)
	letters, err := p.s.Claim(t.Context(), p.node, 0, []uuid.UUID{p.hook}, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	other := uuid.New()
	_, ids := p.claim(other)
	require.Equal(t, first, ids)
	require.NoError(t, p.s.Told(t.Context(), p.node, &letters[0]), "too late: it is another's")
	standings, err := p.s.Standings(t.Context(), p.key.BrandID, []uuid.UUID{p.hook})
	require.NoError(t, err)
	require.EqualValues(t, 1, standings[p.hook].Waiting)
	n, err := p.s.Expire(t.Context(), p.hook, noon.Add(time.Hour))
	require.NoError(t, err)
	require.Zero(t, n, "under way")
	require.NoError(t, p.s.Discard(t.Context(), p.key.BrandID, p.hook))
	_, ids = p.claim(other)
	require.Empty(t, ids)
}

// What is told of an erasure outlives it; the record of a use does not come after it.
func TestLettersOfTheErased(t *testing.T) {
	p := newPost(t)
	ctx := t.Context()
	use := engine.LocationUse{ID: uuid.New(), Purpose: "loc_use", Method: "webhook", Path: "os_api", Recipient: "CRM", From: noon, Until: noon}
	for range 2 {
		require.NoError(t, p.s.Provide(ctx, p.key, use))
	}
	uses, err := p.s.LocationUses(ctx, p.key, time.Time{}, time.Time{}, 10)
	require.NoError(t, err)
	require.Len(t, uses, 1, "once by its id")
	require.Equal(t, "CRM", uses[0].Recipient)
	p.write(nil, brand.VisitEntered)
	erased := p.write(func(w *engine.PersonWrite) {
		w.Status, w.Revoke = engine.PersonErasing, "erased"
		w.Letters[0].Awaits, w.Letters[0].ExternalID = true, "member-7"
	}, brand.PersonErased)
	require.ErrorIs(t, p.s.Provide(ctx, p.key, engine.LocationUse{ID: uuid.New(), From: noon, Until: noon}), engine.ErrNotFound)
	runSQL(t, p.s.Store, `UPDATE webhook_letter SET next_at = now()`)
	receipt := uuid.New()
	require.NoError(t, p.s.Erase(ctx, p.key, receipt, noon))
	letters, ids := p.claim(p.node)
	require.Equal(t, erased, ids)
	require.Equal(t, "member-7", letters[0].ExternalID)
	fact, err := p.s.FactOf(ctx, &letters[0])
	require.NoError(t, err)
	require.Equal(t, receipt, fact.Erased.Receipt)
	require.Nil(t, fact.Profile)
	require.NoError(t, p.s.Ripen(ctx, p.node, &letters[0]))
	letters, _ = p.claim(p.node)
	require.NoError(t, p.s.Told(ctx, p.node, &letters[0]))
	require.Equal(t, []string{"tombstone"}, tablesNaming(t, p.s.Store, p.key.PersonID.String(), "member-7"))
}

func TestWebhooksOfTheCatalogue(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	w := brand.Webhook{ID: uuid.New(), BrandID: b, URL: "https://example.com", Events: []brand.WebhookEvent{brand.VisitEntered}, Recipient: brand.OwnSystem,
		RecipientName: "CRM", Place: true, CreatedAt: noon, Sealed: []byte{1, 2}}
	version, err := s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Actor: "test", Webhooks: []brand.Webhook{w}})
	require.NoError(t, err)
	change, err := s.Changes(t.Context(), b, 0)
	require.NoError(t, err)
	w.Version = version
	require.Equal(t, []brand.Webhook{w}, change.Webhooks)
	_, err = s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Actor: "test", Expect: map[uuid.UUID]int64{w.ID: version - 1}, Webhooks: []brand.Webhook{w}})
	require.ErrorIs(t, err, engine.ErrStale)
	w.Previous, w.PreviousUntil, w.DeletedAt = []byte{3}, noon, noon
	_, err = s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Actor: "test", Webhooks: []brand.Webhook{w}})
	require.NoError(t, err)
	change, err = s.Changes(t.Context(), b, version)
	require.NoError(t, err)
	w.Version = version + 1
	require.Equal(t, []brand.Webhook{w}, change.Webhooks)
}

func TestReceiptsAreKeptOnce(t *testing.T) {
	p := newPost(t)
	n, other := uuid.New(), uuid.New()
	told := []engine.Receipt{{NotificationID: n, Kind: engine.Shown, At: noon}, {NotificationID: n, Kind: engine.Opened, At: noon.Add(time.Second)}}
	p.write(func(w *engine.PersonWrite) { w.Receipts = told })
	p.write(func(w *engine.PersonWrite) {
		w.Receipts = []engine.Receipt{{NotificationID: n, Kind: engine.Shown, At: noon.Add(time.Hour)}, {NotificationID: other, Kind: engine.Shown, At: noon}}
	})
	got, err := p.s.Receipts(t.Context(), p.key, []uuid.UUID{n})
	require.NoError(t, err)
	require.Equal(t, told, got, "the first counts")
	got, err = p.s.Receipts(t.Context(), p.key, nil)
	require.NoError(t, err)
	require.Len(t, got, 3)
}

func runSQL(t *testing.T, s *postgres.Store, sql string, arguments ...any) {
	t.Helper()
	_, err := postgres.Pool(s).Exec(t.Context(), sql, arguments...)
	require.NoError(t, err)
}
