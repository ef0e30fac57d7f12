package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/webhook"
)

// Letters are the letters to webhooks.
type Letters struct{ *Store }

// Letters are the letters to webhooks that this store keeps.
func (s *Store) Letters() *Letters { return &Letters{s} }

var _ webhook.Storage = (*Letters)(nil)

// Letters are read without locks and taken one by one, each by a compare-and-set on its person's shard: the same on any
// PostgreSQL, and an endpoint answers slower than that.

const letterColumns = `l.person_id, l.brand_id, l.webhook_id, l.id, l.fact_id, l.event, l.at, l.not_before, l.awaits, l.attempt, l.external_id`

func scanLetter(row pgx.CollectableRow) (l webhook.Letter, err error) {
	var event string
	var notBefore timeOrZero
	var external *string
	err = row.Scan(&l.Key.PersonID, &l.Key.BrandID, &l.WebhookID, &l.ID, &l.FactID, &event, &l.At, &notBefore, &l.Awaits, &l.Attempt, &external)
	l.Event, l.NotBefore = brand.WebhookEvent(event), notBefore.Time
	if external != nil {
		l.ExternalID = *external
	}
	return l, err
}

// Claim leases, of each webhook, at most each letters that are due: see [webhook.Storage].
func (s *Letters) Claim(ctx context.Context, node uuid.UUID, lease time.Duration, webhooks []uuid.UUID, each int) ([]webhook.Letter, error) {
	due, failing, err := s.lettersDue(ctx, webhooks, each)
	if err == nil {
		due, err = s.mayAsk(ctx, node, lease, due, failing)
	}
	if err != nil || len(due) == 0 {
		return nil, err
	}
	units := make([]unit, len(due))
	for i := range due {
		units[i] = unit{takeLetter(&due[i], node, lease)}
	}
	outcomes, err := s.runUnits(ctx, units)
	if err := errors.Join(err, firstFault(outcomes)); err != nil {
		return nil, fmt.Errorf("claim letters: %w", err)
	}
	var taken []webhook.Letter
	var blocked []unit
	for i := range outcomes {
		if outcomes[i].affected[0] > 0 {
			due[i].Attempt++
			taken = append(taken, due[i])
		} else if !due[i].Awaits {
			blocked = append(blocked, unit{queueLetter(&due[i])})
			if due[i].Probe {
				err = errors.Join(err, s.Fare(ctx, node, &due[i], webhook.Unknown, 0))
			}
		}
	}
	if err != nil {
		return taken, err
	}
	if outcomes, err = s.runUnits(ctx, blocked); err == nil {
		err = firstFault(outcomes)
	}
	if err != nil {
		return taken, fmt.Errorf("claim letters: %w", err)
	}
	return taken, nil
}

// lettersDue reads, of each webhook, a choice of what has been due for longest, and which of them fail.
func (s *Letters) lettersDue(ctx context.Context, webhooks []uuid.UUID, each int) (all []webhook.Letter, failing map[uuid.UUID]failingWebhook, err error) {
	var batch pgx.Batch
	failing = map[uuid.UUID]failingWebhook{}
	failingWebhooks(&batch, webhooks, failing)
	for _, id := range webhooks {
		batch.Queue(`SELECT `+letterColumns+` FROM webhook_letter l WHERE l.webhook_id = $1 AND l.state = 'pending' AND l.next_at <= now()
			ORDER BY l.next_at LIMIT $2`, id, 4*each).Query(func(rows pgx.Rows) error {
			due, err := pgx.CollectRows(rows, scanLetter)
			rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
			all = append(all, due[:min(each, len(due))]...)
			return err
		})
	}
	if err := s.pool.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, nil, fmt.Errorf("letters due: %w", err)
	}
	return all, failing, nil
}

// aboutLetter begins a statement about one letter: person $1, brand $2, webhook $3, id $4.
func aboutLetter(l *webhook.Letter) *builder {
	b := about(l.Key.PersonID, l.Key.BrandID)
	b.uuid(l.WebhookID)
	b.uuid(l.ID)
	return b
}

// before are the letters that are told to the same webhook about the same person before l.
const before = `FROM webhook_letter e WHERE e.person_id = $1 AND e.brand_id = $2 AND e.webhook_id = $3 AND e.state = 'pending' AND NOT e.awaits
	AND (e.seq, e.ordinal) < (l.seq, l.ordinal)`

const thisLetter = ` WHERE l.person_id = $1 AND l.brand_id = $2 AND l.webhook_id = $3 AND l.id = $4 AND l.state = 'pending'`

func takeLetter(l *webhook.Letter, node uuid.UUID, lease time.Duration) statement {
	b := aboutLetter(l)
	b.sql.WriteString(`UPDATE webhook_letter l SET attempt = l.attempt + 1, lease_node = ` + b.uuid(node) +
		`, next_at = now() + ` + b.int8(lease.Microseconds()) + ` * interval '1 microsecond'` + thisLetter +
		` AND l.next_at <= now() AND l.attempt = ` + b.int4(int32(l.Attempt)) + ` AND (l.awaits OR NOT EXISTS (SELECT 1 ` + before + `))`)
	return b.end("")
}

// queueLetter puts a letter that is not the first in line off until the one before it is due.
func queueLetter(l *webhook.Letter) statement {
	b := aboutLetter(l)
	b.sql.WriteString(`UPDATE webhook_letter l SET lease_node = NULL, next_at = greatest(l.next_at, (SELECT min(e.next_at) ` + before + `))` + thisLetter +
		` AND l.next_at <= now() AND NOT l.awaits`)
	return b.end("")
}

// wakeNext lets those in line that were never tried go as soon as they may.
func wakeNext(l *webhook.Letter) statement {
	b := about(l.Key.PersonID, l.Key.BrandID)
	b.sql.WriteString(`UPDATE webhook_letter l SET next_at = greatest(l.not_before, now())
		WHERE l.person_id = $1 AND l.brand_id = $2 AND l.webhook_id = ` + b.uuid(l.WebhookID) +
		` AND l.state = 'pending' AND l.lease_node IS NULL AND l.attempt = 0 AND NOT l.awaits AND l.next_at > now()`)
	return b.end("")
}

// heldBy ends a change of a letter that is leased to node.
func heldBy(b *builder, node uuid.UUID) statement {
	b.sql.WriteString(thisLetter + ` AND l.lease_node = ` + b.uuid(node))
	return b.end("")
}

func (s *Letters) changeLetter(ctx context.Context, what string, u unit) error {
	outcomes, err := s.runUnits(ctx, []unit{u})
	if err := errors.Join(err, firstFault(outcomes)); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Ripen gives a letter its place in line.
func (s *Letters) Ripen(ctx context.Context, node uuid.UUID, l *webhook.Letter) error {
	b := aboutLetter(l)
	b.sql.WriteString(`UPDATE webhook_letter l SET awaits = false, attempt = 0, lease_node = NULL, next_at = greatest(l.not_before, now()), ordinal = 2147483647,
		seq = coalesce((SELECT p.version FROM person p WHERE p.person_id = $1 AND p.brand_id = $2), l.seq)`)
	return s.changeLetter(ctx, "ripen letter", unit{heldBy(b, node)})
}

// Delay gives a letter back for a time.
func (s *Letters) Delay(ctx context.Context, node uuid.UUID, l *webhook.Letter, wait time.Duration, code string, counted bool) error {
	b := aboutLetter(l)
	back := int32(1)
	if counted {
		back = 0
	}
	b.sql.WriteString(`UPDATE webhook_letter l SET lease_node = NULL, next_at = now() + ` + b.int8(wait.Microseconds()) + ` * interval '1 microsecond',
		attempt = l.attempt - ` + b.int4(back) + `, code = coalesce(` + b.textOrNull(code) + `, l.code)`)
	return s.changeLetter(ctx, "delay letter", unit{heldBy(b, node)})
}

// Told removes a letter and lets the next in line go.
func (s *Letters) Told(ctx context.Context, node uuid.UUID, l *webhook.Letter) error {
	b := aboutLetter(l)
	b.sql.WriteString(`DELETE FROM webhook_letter l`)
	return s.changeLetter(ctx, "letter told", unit{heldBy(b, node), wakeNext(l)})
}

// GiveUp makes a letter a dead one.
func (s *Letters) GiveUp(ctx context.Context, node uuid.UUID, l *webhook.Letter, code string) error {
	b := aboutLetter(l)
	b.sql.WriteString(`UPDATE webhook_letter l SET state = 'dead', lease_node = NULL, next_at = now(), code = ` + b.text(code))
	return s.changeLetter(ctx, "give letter up", unit{heldBy(b, node), wakeNext(l)})
}

// DeadLetters lists what was given up, the earliest first.
func (s *Letters) DeadLetters(ctx context.Context, brandID, webhookID uuid.UUID, after webhook.DeadCursor, limit int) ([]webhook.DeadLetter, error) {
	rows, err := s.pool.Query(ctx, `SELECT l.id, l.webhook_id, l.event, l.attempt, coalesce(l.code, ''), l.next_at FROM webhook_letter l
		WHERE l.webhook_id = $1 AND l.brand_id = $2 AND l.state = 'dead' AND ($3::timestamptz IS NULL OR (l.next_at, l.id) > ($3, $4))
		ORDER BY l.next_at, l.id LIMIT $5`, webhookID, brandID, zeroTime(after.At), after.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("dead letters: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d webhook.DeadLetter, err error) {
		var event string
		err = row.Scan(&d.ID, &d.WebhookID, &event, &d.Attempts, &d.Code, &d.GivenUpAt)
		d.Event = brand.WebhookEvent(event)
		return d, err
	})
}

// Replay lets dead letters wait again.
func (s *Letters) Replay(ctx context.Context, brandID, webhookID uuid.UUID, ids []uuid.UUID, most int) (int, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+letterColumns+` FROM webhook_letter l WHERE l.webhook_id = $1 AND l.brand_id = $2 AND l.state = 'dead'
		AND (cardinality($3::uuid[]) = 0 OR l.id = ANY($3)) ORDER BY l.next_at, l.id LIMIT $4`, webhookID, brandID, emptyNotNil(ids), most)
	if err != nil {
		return 0, fmt.Errorf("replay: %w", err)
	}
	dead, err := pgx.CollectRows(rows, scanLetter)
	if err != nil {
		return 0, fmt.Errorf("replay: %w", err)
	}
	units := make([]unit, len(dead))
	for i := range dead {
		b := aboutLetter(&dead[i])
		b.sql.WriteString(`UPDATE webhook_letter l SET state = 'pending', attempt = 0, next_at = now()
			WHERE l.person_id = $1 AND l.brand_id = $2 AND l.webhook_id = $3 AND l.id = $4 AND l.state = 'dead'`)
		units[i] = unit{b.end("")}
	}
	outcomes, err := s.runUnits(ctx, units)
	if err := errors.Join(err, firstFault(outcomes)); err != nil {
		return 0, fmt.Errorf("replay: %w", err)
	}
	n := 0
	for i := range outcomes {
		n += int(outcomes[i].affected[0])
	}
	return n, nil
}

// Standings tells what waits for webhooks of a brand.
func (s *Letters) Standings(ctx context.Context, brandID uuid.UUID, webhooks []uuid.UUID) (map[uuid.UUID]webhook.Standing, error) {
	standings := map[uuid.UUID]webhook.Standing{}
	if len(webhooks) == 0 {
		return standings, nil
	}
	rows, err := s.pool.Query(ctx, `SELECT l.webhook_id, count(*) FILTER (WHERE l.state = 'pending'), count(*) FILTER (WHERE l.state = 'dead'),
			min(l.at) FILTER (WHERE l.state = 'pending'), coalesce(max(l.code) FILTER (WHERE l.state = 'pending'), '')
		FROM webhook_letter l WHERE l.webhook_id = ANY($1::uuid[]) AND l.brand_id = $2 GROUP BY l.webhook_id`, slices.Clone(webhooks), brandID)
	if err != nil {
		return nil, fmt.Errorf("webhook standings: %w", err)
	}
	var id uuid.UUID
	var w webhook.Standing
	var since timeOrZero
	_, err = pgx.ForEachRow(rows, []any{&id, &w.Waiting, &w.Dead, &since, &w.Code}, func() error {
		w.Since = since.Time
		standings[id] = w
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("webhook standings: %w", err)
	}
	return standings, nil
}

// Expire gives up what has waited for a webhook for too long.
func (s *Letters) Expire(ctx context.Context, webhookID uuid.UUID, before time.Time) (int, error) {
	tag, err := s.pool.Exec(ctx, `UPDATE webhook_letter SET state = 'dead', next_at = now(), code = coalesce(code, 'TOO_OLD')
		WHERE webhook_id = $1 AND state = 'pending' AND at < $2 AND lease_node IS NULL`, webhookID, before)
	if err != nil {
		return 0, fmt.Errorf("expire letters: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// Discard removes everything of a webhook.
func (s *Letters) Discard(ctx context.Context, brandID, webhookID uuid.UUID) error {
	if _, err := s.pool.Exec(ctx, `DELETE FROM webhook_letter WHERE webhook_id = $1 AND brand_id = $2`, webhookID, brandID); err != nil {
		return fmt.Errorf("discard letters: %w", err)
	}
	if _, err := s.pool.Exec(ctx, `DELETE FROM webhook_state WHERE brand_id = $1 AND webhook_id = $2`, brandID, webhookID); err != nil {
		return fmt.Errorf("discard letters: %w", err)
	}
	return nil
}

// Provide writes the record of a location's use, once by its id, for a person who is there and stays: an erasure waits
// for it, or it for the erasure.
func (s *Letters) Provide(ctx context.Context, key engine.PersonKey, u engine.LocationUse) error {
	here := about(key.PersonID, key.BrandID)
	here.sql.WriteString(`SELECT p.version FROM person p WHERE p.person_id = $1 AND p.brand_id = $2 AND p.status <> 3 FOR KEY SHARE`)
	b := about(key.PersonID, key.BrandID)
	b.sql.WriteString(`INSERT INTO location_use (person_id, brand_id, id, purpose, method, path, recipient, consent_id, used_from, used_until)
		SELECT p.person_id, p.brand_id, ` + b.uuid(u.ID) + `, ` + b.text(u.Purpose) + `, ` + b.text(u.Method) + `, ` + b.text(u.Path) + `, ` +
		b.text(u.Recipient) + `, ` + b.uuidOrNull(u.ConsentID) + `, ` + b.time(u.From) + `, ` + b.time(u.Until) + `
		FROM person p WHERE p.person_id = $1 AND p.brand_id = $2 AND p.status <> 3
		ON CONFLICT (person_id, brand_id, id) DO NOTHING`)
	outcomes, err := s.runUnits(ctx, []unit{{here.end(""), b.end("")}})
	if err := errors.Join(err, firstFault(outcomes)); err != nil {
		return fmt.Errorf("provide: %w", err)
	}
	if outcomes[0].affected[0] == 0 {
		return engine.ErrNotFound
	}
	return nil
}
