package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/webhook"
)

// failingWebhook is an endpoint that takes nothing at present.
type failingWebhook struct {
	step  int
	alone bool // is left alone now
}

// failingWebhooks queues the reading of those among some webhooks.
func failingWebhooks(batch *pgx.Batch, webhooks []uuid.UUID, failing map[uuid.UUID]failingWebhook) {
	batch.Queue(`SELECT s.webhook_id, s.step, s.until > now() FROM webhook_state s WHERE s.webhook_id = ANY($1::uuid[])`, webhooks).Query(func(rows pgx.Rows) error {
		var id uuid.UUID
		var f failingWebhook
		_, err := pgx.ForEachRow(rows, []any{&id, &f.step, &f.alone}, func() error {
			failing[id] = f
			return nil
		})
		return err
	})
}

// mayAsk leaves of what is due for a failing endpoint one letter, when its time has come and no other node asks. What has
// yet to become complete is not posted, and stays.
func (s *Letters) mayAsk(ctx context.Context, node uuid.UUID, lease time.Duration, due []webhook.Letter, failing map[uuid.UUID]failingWebhook) ([]webhook.Letter, error) {
	if len(failing) == 0 {
		return due, nil
	}
	kept := make([]webhook.Letter, 0, len(due))
	for _, l := range due {
		f, fails := failing[l.WebhookID]
		switch {
		case !fails || l.Awaits:
		case f.alone:
			continue
		default:
			tag, err := s.pool.Exec(ctx, `UPDATE webhook_state SET prober = $3, until = now() + $4::bigint * interval '1 microsecond'
				WHERE brand_id = $1 AND webhook_id = $2 AND until <= now()`, l.Key.BrandID, l.WebhookID, node, lease.Microseconds())
			if err != nil {
				return nil, fmt.Errorf("webhook state: %w", err)
			}
			f.alone = true
			failing[l.WebhookID] = f
			if tag.RowsAffected() == 0 {
				continue
			}
			l.Probe, l.Step = true, f.step
		}
		kept = append(kept, l)
	}
	return kept, nil
}

// Fare notes how an endpoint fares: see [webhook.Storage].
func (s *Letters) Fare(ctx context.Context, node uuid.UUID, l *webhook.Letter, f webhook.Fare, pause time.Duration) error {
	brand, id := l.Key.BrandID, l.WebhookID
	var err error
	switch {
	case f == webhook.Failing && l.Probe:
		_, err = s.pool.Exec(ctx, `UPDATE webhook_state SET prober = NULL, step = $4, until = now() + $5::bigint * interval '1 microsecond'
			WHERE brand_id = $1 AND webhook_id = $2 AND prober = $3`, brand, id, node, l.Step+1, pause.Microseconds())
	case f == webhook.Failing:
		_, err = s.pool.Exec(ctx, `INSERT INTO webhook_state (brand_id, webhook_id, step, until)
			VALUES ($1, $2, 0, now() + $3::bigint * interval '1 microsecond') ON CONFLICT (brand_id, webhook_id) DO NOTHING`, brand, id, pause.Microseconds())
	case f == webhook.Recovered:
		_, err = s.pool.Exec(ctx, `DELETE FROM webhook_state WHERE brand_id = $1 AND webhook_id = $2 AND prober = $3`, brand, id, node)
	default:
		_, err = s.pool.Exec(ctx, `UPDATE webhook_state SET prober = NULL, until = now() WHERE brand_id = $1 AND webhook_id = $2 AND prober = $3`, brand, id, node)
	}
	if err != nil {
		return fmt.Errorf("webhook state: %w", err)
	}
	return nil
}
