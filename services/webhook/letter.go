package webhook

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// Letter is one fact on its way to one webhook.
type Letter struct {
	engine.Letter
	Key     engine.PersonKey
	Attempt int // of the lease in hand, from 1
	// Probe: the endpoint takes nothing, and this letter is how all nodes together ask whether it does again. Step is how
	// often that was asked in vain.
	Probe bool
	Step  int
}

// Fare is what a letter told of its endpoint.
type Fare int

// How an endpoint fares.
const (
	Unknown   Fare = iota // a probe was not posted after all: another letter may be
	Failing               // it takes nothing
	Recovered             // it took the probe
)

// Fact is what a letter is about, as far as it is still there. What is not told stays nil.
type Fact struct {
	Place      *engine.Place // of a visit or a decision; nil: no longer kept
	Trace      *engine.Trace
	Delivery   *pusher.Delivery
	EndedAt    time.Time
	Coupon     *campaign.Coupon
	Erased     *Erasure
	Profile    *audience.Profile // nil: the person is gone
	Incomplete bool              // it is there, and not over yet
	Gone       bool              // nothing is left of it: nothing is told
}

// Erasure is what is left of an erased person.
type Erasure struct {
	Receipt uuid.UUID
	At      time.Time
}

// DeadLetter is one that was given up.
type DeadLetter struct {
	ID        uuid.UUID
	WebhookID uuid.UUID
	Event     brand.WebhookEvent
	Attempts  int
	Code      string
	GivenUpAt time.Time
}

// DeadCursor is where a list of dead letters goes on. The zero value is its beginning.
type DeadCursor struct {
	At time.Time
	ID uuid.UUID
}

// Standing is what waits for a webhook.
type Standing struct {
	Waiting, Dead int64
	Since         time.Time // zero: nothing waits
	Code          string    // of a failed attempt at something that waits
}

// Storage is what the dispatcher needs stored. Letters are born elsewhere: with their facts. Every change names the node
// that holds the lease and does nothing once that is another's; leases and waits are by the database's clock.
type Storage interface {
	// Claim leases, of each webhook, at most each letters that are due, of one person only the first in line, and counts
	// the attempt. A blocked one waits for the one before it. Of a webhook that fails it leases none to any node while it is
	// left alone, and then one, its probe, to one node.
	Claim(ctx context.Context, node uuid.UUID, lease time.Duration, webhooks []uuid.UUID, each int) ([]Letter, error)
	// Fare notes, for all nodes, how a letter's endpoint fares. Failing leaves it alone for pause, unless it is already; of a
	// probe, each change is made only by the node that has it.
	Fare(ctx context.Context, node uuid.UUID, l *Letter, f Fare, pause time.Duration) error
	// Ripen gives a letter whose fact has become complete its place in line, at the end of what has happened so far.
	Ripen(ctx context.Context, node uuid.UUID, l *Letter) error
	// Delay gives a letter back for a time. counted false takes the attempt back.
	Delay(ctx context.Context, node uuid.UUID, l *Letter, wait time.Duration, code string, counted bool) error
	// Told removes a letter and lets the next in line go.
	Told(ctx context.Context, node uuid.UUID, l *Letter) error
	// GiveUp makes a letter a dead one and lets the next in line go.
	GiveUp(ctx context.Context, node uuid.UUID, l *Letter, code string) error

	// FactOf reads what a letter is about.
	FactOf(ctx context.Context, l *Letter) (Fact, error)
	// Provide writes the record that a person's location was used, once by its id. ErrNotFound: the person is gone, or
	// going.
	Provide(ctx context.Context, key engine.PersonKey, use engine.LocationUse) error

	// DeadLetters lists what was given up, the earliest first.
	DeadLetters(ctx context.Context, brandID, webhookID uuid.UUID, after DeadCursor, limit int) ([]DeadLetter, error)
	// Replay lets dead letters wait again, the earliest first: those given, or none given, all; at most most.
	Replay(ctx context.Context, brandID, webhookID uuid.UUID, ids []uuid.UUID, most int) (int, error)
	// Standings tells what waits, by webhook.
	Standings(ctx context.Context, brandID uuid.UUID, webhooks []uuid.UUID) (map[uuid.UUID]Standing, error)
	// Expire gives up what has waited for a webhook since before a time, held back until the end of its day or not.
	Expire(ctx context.Context, webhookID uuid.UUID, before time.Time) (int, error)
	// Discard removes everything of a webhook.
	Discard(ctx context.Context, brandID, webhookID uuid.UUID) error
}
