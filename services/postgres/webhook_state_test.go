package postgres_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/webhook"
)

// stands is what is written of the webhook's failing.
func (p *post) stands() (rows, step int, alone bool) {
	p.t.Helper()
	one := func(sql string) (n int) {
		require.NoError(p.t, postgres.Pool(p.s.Store).QueryRow(p.t.Context(), sql, p.hook).Scan(&n))
		return n
	}
	rows = one(`SELECT count(*) FROM webhook_state WHERE webhook_id = $1`)
	step = one(`SELECT coalesce(max(step), 0) FROM webhook_state WHERE webhook_id = $1`)
	return rows, step, one(`SELECT count(*) FROM webhook_state WHERE webhook_id = $1 AND until > now()`) > 0
}

func (p *post) timeComes() {
	runSQL(p.t, p.s.Store, `UPDATE webhook_state SET until = now()`)
	runSQL(p.t, p.s.Store, `UPDATE webhook_letter SET next_at = now() WHERE lease_node IS NULL`)
}

// A webhook that fails is left alone by every node; when its time has come one letter of one node asks, and how that ends
// holds for all.
func TestFailingWebhookIsAskedOnce(t *testing.T) {
	p := newPost(t)
	ctx, other := t.Context(), uuid.New()
	keys, _ := newPeople(t, p.s.Store, p.key.BrandID, 3)
	p.write(nil, brand.VisitEntered)
	for _, key := range keys {
		more := *p
		more.key, more.version = key, 1
		more.write(nil, brand.VisitEntered)
	}
	letters, _ := p.claim(p.node)
	require.Len(t, letters, 4, "nothing fails yet")
	for i := range letters {
		require.False(t, letters[i].Probe)
		require.NoError(t, p.s.Delay(ctx, p.node, &letters[i], 0, "HTTP_500", true))
		require.NoError(t, p.s.Fare(ctx, p.node, &letters[i], webhook.Failing, time.Hour))
	}
	rows, step, alone := p.stands()
	require.Equal(t, []any{1, 0, true}, []any{rows, step, alone}, "whoever finds it failing as well changes nothing")
	for _, node := range []uuid.UUID{p.node, other} {
		letters, _ = p.claim(node)
		require.Empty(t, letters)
	}

	p.timeComes()
	letters, _ = p.claim(other)
	require.Len(t, letters, 1)
	require.Equal(t, []any{true, 0}, []any{letters[0].Probe, letters[0].Step})
	probe := letters[0]
	letters, _ = p.claim(p.node)
	require.Empty(t, letters, "another node asks")
	require.NoError(t, p.s.Fare(ctx, p.node, &probe, webhook.Recovered, 0), "not the node that asks")
	require.NoError(t, p.s.Fare(ctx, other, &probe, webhook.Failing, time.Hour))
	require.NoError(t, p.s.Delay(ctx, other, &probe, 0, "HTTP_500", true))
	rows, step, alone = p.stands()
	require.Equal(t, []any{1, 1, true}, []any{rows, step, alone})

	p.timeComes()
	letters, _ = p.claim(p.node)
	require.Len(t, letters, 1)
	require.Equal(t, 1, letters[0].Step)
	require.NoError(t, p.s.Fare(ctx, p.node, &letters[0], webhook.Unknown, 0), "it was posted to nobody")
	letters, _ = p.claim(other)
	require.Len(t, letters, 1)
	require.NoError(t, p.s.Fare(ctx, other, &letters[0], webhook.Recovered, 0))
	rows, _, _ = p.stands()
	require.Zero(t, rows)
	letters, _ = p.claim(p.node)
	require.Len(t, letters, 2, "all that is not leased")
	require.False(t, letters[0].Probe)

	require.NoError(t, p.s.Fare(ctx, p.node, &letters[0], webhook.Failing, time.Hour))
	require.NoError(t, p.s.Discard(ctx, p.key.BrandID, p.hook))
	rows, _, _ = p.stands()
	require.Zero(t, rows)
}

// However many nodes find at one moment that the time has come, one asks.
func TestFailingWebhookAndManyNodes(t *testing.T) {
	p := newPost(t)
	keys, _ := newPeople(t, p.s.Store, p.key.BrandID, 8)
	for _, key := range keys {
		one := *p
		one.key, one.version = key, 1
		one.write(nil, brand.VisitEntered)
	}
	require.NoError(t, p.s.Fare(t.Context(), p.node, &webhook.Letter{Key: p.key, Letter: engine.Letter{WebhookID: p.hook}}, webhook.Failing, time.Hour))
	for range 5 {
		p.timeComes()
		var wait sync.WaitGroup
		var probes atomic.Int32
		for range 8 {
			wait.Go(func() {
				letters, err := p.s.Claim(t.Context(), uuid.New(), time.Minute, []uuid.UUID{p.hook}, 4)
				assert.NoError(t, err)
				probes.Add(int32(len(letters)))
			})
		}
		wait.Wait()
		// A node that finds its letter taken by the one that asks, or that asks and finds it taken, leaves the asking to the
		// next round; no two ask.
		require.LessOrEqual(t, probes.Load(), int32(1))
		runSQL(t, p.s.Store, `UPDATE webhook_letter SET lease_node = NULL`)
	}
}

// What waits to become complete is not posted, and so is not held up; a letter that is not the first in line is no probe.
func TestFailingWebhookAndWhatIsNotPosted(t *testing.T) {
	p := newPost(t)
	awaited := p.write(nil, brand.DeliveryEnded)
	runSQL(t, p.s.Store, `UPDATE webhook_letter SET awaits = true`)
	letters, _ := p.claim(p.node)
	require.NoError(t, p.s.Fare(t.Context(), p.node, &letters[0], webhook.Failing, time.Hour))
	require.NoError(t, p.s.Delay(t.Context(), p.node, &letters[0], 0, "", false))
	letters, ids := p.claim(p.node)
	require.Equal(t, awaited, ids)
	require.False(t, letters[0].Probe)

	p = newPost(t)
	first := p.write(nil, brand.VisitEntered, brand.VisitExited)
	letters, _ = p.claim(p.node)
	require.NoError(t, p.s.Fare(t.Context(), p.node, &letters[0], webhook.Failing, 0))
	require.NoError(t, p.s.Delay(t.Context(), p.node, &letters[0], time.Hour, "", true))
	runSQL(t, p.s.Store, `UPDATE webhook_letter SET next_at = now() WHERE id = $1`, first[1])
	_, ids = p.claim(p.node)
	require.Empty(t, ids)
	_, _, alone := p.stands()
	require.False(t, alone, "the next round may ask with another")
}
