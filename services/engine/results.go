package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/campaign"
)

// Results are sums without persons. Every figure is defined here and nowhere else:
//
//   - a decision counts under its campaign, the store of its moment (none: the moment had none), the day of the decision
//     in the store's time zone (without a store the brand's), its arm, and its reason;
//   - accepted (by provider), shown and opened count decisions that won and of which that was heard until their hour was
//     closed: when places of that hour have been kept for as long as the brand's setting says, 24 hours unless it says
//     otherwise;
//   - visited counts decisions that reached the holdout gate after which the person entered the walls (a visit fence) of
//     the moment's store, or of any store where it had none, within [VisitWindow], or as long as places are kept where
//     that is shorter; the moment itself is no visit. Won-visited counts those of them that won;
//   - redeemed counts used coupons, under the decision that issued them, whenever that happens;
//   - bought and amounts count sales, whenever they are told, under the latest decision of each campaign about the person
//     that reached the holdout gate within [PurchaseWindow] before the sale.
//
// Those who were held out reach the holdout gate and have visits and sales like everybody: arms are compared by these.
// A redemption or a sale that comes when the place of its moment is kept no longer counts under no store and the brand's
// day. Decisions about test people, and what came of them, count nowhere. An erasure takes nothing out of a closed hour:
// its sums name nobody.
const (
	VisitWindow    = 24 * time.Hour
	PurchaseWindow = 7 * 24 * time.Hour
)

// The measures beside the reasons. Accepted and Amount are followed by a provider and a currency.
const (
	MeasureAccepted   = "accepted "
	MeasureShown      = "shown"
	MeasureOpened     = "opened"
	MeasureVisited    = "visited"
	MeasureWonVisited = "won visited"
	MeasureRedeemed   = "redeemed"
	MeasureBought     = "bought"
	MeasureAmount     = "amount "
)

// Eligible tells the reasons of decisions that reached the holdout gate.
func Eligible(r campaign.Reason) bool {
	return r.Gate() >= 10 || r == campaign.Won || r == campaign.Outranked
}

// Ineligible are the reasons of decisions that did not reach it.
func Ineligible() (reasons []string) {
	for _, r := range campaign.Reasons() {
		if !Eligible(r) {
			reasons = append(reasons, string(r))
		}
	}
	return reasons
}

// ResultFilter says which results are asked for, and by which dimensions they are told apart.
type ResultFilter struct {
	BrandID   uuid.UUID
	From, To  time.Time // days, as midnights in UTC, both included
	Campaigns []uuid.UUID
	Stores    []uuid.UUID // the zero id: decisions without a store
	// ByCampaign to ByArm: what is not asked for is summed up and zero.
	ByCampaign, ByStore, ByDay, ByArm bool
}

// Result is what one group of decisions brought.
type Result struct {
	CampaignID uuid.UUID
	StoreID    uuid.UUID
	Day        time.Time // a midnight in UTC that stands for the day
	Arm        string
	// Measures are by reason, which counts decisions, and by the names above.
	Measures map[string]float64
}

// Results counts what campaigns bring.
type Results interface {
	// CountResults counts the hours that are due, as far as another node has not, and redemptions and sales. It is exact
	// however often and on however many nodes it runs.
	CountResults(ctx context.Context, now time.Time) error
	// QueryResults reads sums, ordered by day, campaign, store and arm, at most limit of them (ErrTooMany: there are more).
	// fresh is when the latest of the hours that are not closed was last counted; zero: there is none.
	QueryResults(ctx context.Context, f ResultFilter, limit int) (results []Result, fresh time.Time, err error)
}

// Results reads what campaigns brought.
func (e *Engine) Results(ctx context.Context, f ResultFilter, limit int) ([]Result, time.Time, error) {
	results, fresh, err := e.storage.QueryResults(ctx, f, limit)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("results: %w", err)
	}
	return results, fresh, nil
}

func (e *Engine) countResults(ctx context.Context) error {
	if !e.clock.Sane() {
		return nil
	}
	return e.storage.CountResults(ctx, e.clock.Now())
}
