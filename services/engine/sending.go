package engine

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/campaign"
)

// SendingState is how far a sending has come.
type SendingState string

// The states of a sending. Done and Cancelled are its ends.
const (
	SendingEstimating SendingState = "estimating" // it is counted whom it may reach
	SendingWaiting    SendingState = "waiting"    // for its time
	SendingRunning    SendingState = "running"
	SendingPaused     SendingState = "paused" // with its campaign or brand
	SendingDone       SendingState = "done"
	SendingCancelled  SendingState = "cancelled"
)

// Ended tells the states from which nothing leads on.
func (s SendingState) Ended() bool { return s == SendingDone || s == SendingCancelled }

// Sending is what one campaign sends at one occurrence. There is one, however many nodes see the time come.
type Sending struct {
	ID         uuid.UUID // follows from campaign and occurrence, see SendingID
	BrandID    uuid.UUID
	CampaignID uuid.UUID
	At         time.Time // the occurrence
	Deadline   time.Time // nobody is asked at or after it
	State      SendingState
	NextAt     time.Time // engine time before which nothing happens
	EndedAt    time.Time
	Version    int64
	SendingBody
}

// SendingBody is the rest of a sending.
type SendingBody struct {
	Kind      campaign.Kind `json:"kind"`
	PerMinute int           `json:"per_minute,omitempty"` // notifications; 0: no bound of its own
	CreatedAt time.Time     `json:"created_at"`
	StartedAt time.Time     `json:"started_at,omitzero"`
	// Pass counts how often it has gone through everybody: those it would have woken are asked again in the morning.
	Pass uint32 `json:"pass,omitempty"`
	// Pages counts the pages that were finished.
	Pages    uint32           `json:"pages,omitempty"`
	Cursor   SendingCursor    `json:"cursor,omitzero"`
	Deferred time.Time        `json:"deferred,omitzero"` // when the first of those may be asked
	Estimate *SendingEstimate `json:"estimate,omitempty"`
	Counts   SendingCounts    `json:"counts"`
	Code     string           `json:"code,omitempty"` // why it waits or ended: the gate's, or who cancelled it
}

// SendingCursor is after whom a sending goes on. Of a flash also in which fence; of coupons also after which end.
type SendingCursor struct {
	Fence  uuid.UUID `json:"fence,omitzero"`
	Fences bool      `json:"fences,omitempty"` // all fences were gone through
	Ends   time.Time `json:"ends,omitzero"`
	Person uuid.UUID `json:"person,omitzero"`
}

// SendingCounts are people. Each is counted once, however often a page was taken again.
type SendingCounts struct {
	Outside  int64                     `json:"outside"`  // not concerned, or not of the audience: nothing is kept about them
	Deferred int64                     `json:"deferred"` // asked again in the morning
	Won      int64                     `json:"won"`
	Refused  map[campaign.Reason]int64 `json:"refused,omitempty"` // by the gate that said so
	Failed   int64                     `json:"failed,omitempty"`  // whose row this release cannot read
}

// SendingEstimate is how many people a sending may reach. Each number is of those in the one before.
type SendingEstimate struct {
	At         time.Time `json:"at"`
	People     int64     `json:"people"`
	Matching   int64     `json:"matching"`   // concerned and of the audience, the held-out left out
	Consenting int64     `json:"consenting"` // to advertisements
	Reachable  int64     `json:"reachable"`
	UnderCaps  int64     `json:"under_caps"`
	// Sample is how many people were looked at; below People, the numbers are estimates, within Margin (of each, by 95 %).
	Sample int64 `json:"sample"`
	Margin int64 `json:"margin,omitempty"`
}

// SendingID is that of a campaign's occurrence.
func SendingID(campaignID uuid.UUID, at time.Time) uuid.UUID {
	return uuid.NewSHA1(campaignID, []byte(at.UTC().Format(time.RFC3339Nano)))
}

// CouponEnd is a coupon that can still be used, with its person.
type CouponEnd struct {
	Key    PersonKey
	EndsAt time.Time
}

// Withdrawn is a delivery that waited and was cancelled. SurelyNot: no phone can have received it.
type Withdrawn struct {
	Key          PersonKey
	Notification uuid.UUID
	SurelyNot    bool
}

// Sendings stores sendings. Times are engine time, leases the database's.
type Sendings interface {
	// PlanSending makes a sending; made=false: its occurrence has one.
	PlanSending(ctx context.Context, s Sending) (made bool, err error)
	// TakeSendings leases sendings to a node that have not ended, are due at now and are leased to nobody, the longest due
	// first.
	TakeSendings(ctx context.Context, node uuid.UUID, lease time.Duration, now time.Time, limit int) ([]Sending, error)
	// PutSending writes a sending that the node holds, compare-and-set on Version, and renews the lease; lease 0 gives it up.
	// ErrStale: it was cancelled, or another node has it.
	PutSending(ctx context.Context, s Sending, node uuid.UUID, lease time.Duration) (version int64, err error)
	// CancelSending ends a sending that has not ended; one that has is returned as it is. ErrNotFound: there is none.
	CancelSending(ctx context.Context, brandID, id uuid.UUID, code string, at time.Time) (Sending, error)
	Sending(ctx context.Context, brandID, id uuid.UUID) (Sending, error)
	// Sendings lists a brand's, or a campaign's, the latest occurrence first. before is the last of the page before.
	Sendings(ctx context.Context, brandID, campaignID uuid.UUID, before Sending, limit int) ([]Sending, error)
	// CancelledSendings lists those cancelled at or after since (engine time), of all brands, id to brand.
	CancelledSendings(ctx context.Context, since time.Time) (map[uuid.UUID]uuid.UUID, error)
	// WithdrawBatch cancels up to limit pending deliveries of a batch that no living node has begun with.
	WithdrawBatch(ctx context.Context, brandID, batch uuid.UUID, code string, limit int) ([]Withdrawn, error)
	// CouponEnds lists coupons that are not redeemed and end from one time until before another, after a cursor, in the
	// order of end and person.
	CouponEnds(ctx context.Context, brandID uuid.UUID, from, until time.Time, after CouponEnd, limit int) ([]CouponEnd, error)
}
