package pusher

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Sender hands one delivery to one provider with one brand's credential. It makes one attempt (the
// access-token refresh on 401 apart), never retries by itself, and never returns later than ctx allows.
type Sender interface {
	Send(ctx context.Context, to Address, d *Delivery) Result
}

// Senders finds the sender of a brand for a provider. A missing or broken credential is a sender whose
// every Result is OutcomeMisconfigured, never an error of the node.
type Senders interface {
	For(brand uuid.UUID, provider Provider) Sender
}

// Outbox stores deliveries. Every method is one short statement; times written are the database's own.
// A lost compare-and-set (another node took the delivery, or it ended meanwhile) is reported by leaving
// the id out of the answer, never as an error.
type Outbox interface {
	// Claim leases up to limit deliveries that are due (Pending, not before passed) and leased to nobody
	// alive, to node, for lease. It also begins the attempt: the returned Attempt is already counted. A delivery
	// whose lease ran out without having been given back becomes Unsure, in storage and in the answer: nobody
	// knows what its holder did. A delivery past its deadline is claimed like any other, so that it can end.
	Claim(ctx context.Context, node uuid.UUID, lease time.Duration, limit int) ([]Delivery, error)
	// Begin renews node's own lease and counts a repeated attempt before it is made. A lease that ran out is still
	// node's own until another node claims the delivery.
	Begin(ctx context.Context, node uuid.UUID, lease time.Duration, ids []Key) (begun []Key, err error)
	// Postpone gives node's deliveries back until notBefore, clearing the lease. The attempt count stays, less one where
	// the wait is Unused, but never below one: what was begun once stays begun. Repeating it changes nothing.
	Postpone(ctx context.Context, node uuid.UUID, waits []Wait) error
	// Finish writes ends of node's deliveries, whether or not the lease ran out, as long as no other node
	// claimed them. It may be repeated after an error whose write was committed all the same: an end already
	// written by node with the same state is answered as ended again.
	Finish(ctx context.Context, node uuid.UUID, ends []End) (ended []Key, err error)
}

// Key names a delivery: its person comes first, as in storage.
type Key struct{ BrandID, PersonID, ID uuid.UUID }

// Wait is a delivery to be tried again.
type Wait struct {
	Key
	NotBefore time.Time
	Unsure    bool
	// Unused says that the attempt which was counted last was not made: waits grow by attempts, and only by these.
	Unused bool
	Code   string
}

// End is the last thing that happens to a delivery.
type End struct {
	Key
	State      State
	Code       string
	ProviderID string
	// SurelyNotReceived is true when no attempt can have reached the phone: room in the caps may be given back.
	SurelyNotReceived bool
}

// Recheck asks, just before an attempt, what may have changed since the decision (consent, pause, campaign,
// night, address) and says where the device is reached now. ok=false: the delivery ends as state for reason;
// state Pending (or empty) means that it cannot be told now, and the delivery is asked about again later.
type Recheck interface {
	Recheck(ctx context.Context, d *Delivery, now time.Time) (to Address, ok bool, state State, reason string)
}

// Ended is told of every end after it was written: the person's ledger, addresses and counters follow from it. It is
// called from several goroutines, and not at all if the process dies between the write and the call.
type Ended interface {
	DeliveryEnded(ctx context.Context, d *Delivery, e End, r Result)
}
