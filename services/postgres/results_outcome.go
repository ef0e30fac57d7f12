package postgres

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// Redemptions and sales come whenever they come, so they are not counted with the hour of their decision but one by one:
// what is found uncounted is looked up, added to the sums and marked in one transaction, and of several nodes that find it
// the one that marks it adds it.
const (
	outcomesAtOnce = 500
	mostOutcomes   = 200 // rounds of that many in one call; the rest is for the next
	// idSlack is how far a decision's id may lie from the time of what was made with it.
	idSlack = time.Minute
)

// sale is one sale, or one use of a coupon.
type sale struct {
	person, brand uuid.UUID
	coupon        uuid.UUID // of a redemption
	purchase      string    // of a sale: the till's id
	campaign      uuid.UUID // of a redemption: the coupon's
	at            time.Time // of a redemption: when the coupon was issued
	amount        float64
	currency      string
}

// decidedOn is the decision that an outcome counts under.
type decidedOn struct {
	campaign, store uuid.UUID
	arm, reason     string
	at              time.Time
	test            bool
}

func (s *Store) countOutcomes(ctx context.Context) error {
	for _, read := range []func(context.Context) ([]sale, error){s.uncountedCoupons, s.uncountedPurchases} {
		for range mostOutcomes {
			found, err := read(ctx)
			if err == nil && len(found) > 0 {
				err = s.countFound(ctx, found)
			}
			if err != nil {
				return err
			}
			if len(found) < outcomesAtOnce {
				break
			}
		}
	}
	return nil
}

func (s *Store) uncountedCoupons(ctx context.Context) ([]sale, error) {
	rows, err := s.pool.Query(ctx, `SELECT c.person_id, c.brand_id, c.id, c.campaign_id, c.issued_at FROM coupon c
		WHERE c.redemption_id IS NOT NULL AND NOT c.counted LIMIT $1`, outcomesAtOnce)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (o sale, err error) {
		return o, row.Scan(&o.person, &o.brand, &o.coupon, uuidOrZero{&o.campaign}, &o.at)
	})
}

func (s *Store) uncountedPurchases(ctx context.Context) ([]sale, error) {
	rows, err := s.pool.Query(ctx, `SELECT u.person_id, u.brand_id, u.id, u.at, u.amount, u.currency FROM purchase u WHERE NOT u.counted LIMIT $1`, outcomesAtOnce)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (o sale, err error) {
		return o, row.Scan(&o.person, &o.brand, &o.purchase, &o.at, &o.amount, &o.currency)
	})
}

// countFound counts outcomes, brand by brand.
func (s *Store) countFound(ctx context.Context, found []sale) error {
	byBrand := map[uuid.UUID][]sale{}
	for _, o := range found {
		byBrand[o.brand] = append(byBrand[o.brand], o)
	}
	for brand, outcomes := range byBrand {
		// In one order everywhere: nodes that mark the same do not wait for each other in a ring.
		slices.SortFunc(outcomes, func(a, b sale) int {
			return cmp.Or(cmp.Compare(a.person.String(), b.person.String()), cmp.Compare(a.coupon.String(), b.coupon.String()), cmp.Compare(a.purchase, b.purchase))
		})
		err := again(ctx, func() error {
			return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return countOfBrand(ctx, tx, brand, outcomes) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func countOfBrand(ctx context.Context, tx pgx.Tx, brand uuid.UUID, outcomes []sale) error {
	mine, err := markCounted(ctx, tx, outcomes)
	if err != nil || len(mine) == 0 {
		return err
	}
	decisions, stores, err := decisionsOf(ctx, tx, mine)
	if err != nil {
		return err
	}
	zones, err := zonesOf(ctx, tx, brand, stores)
	if err != nil {
		return err
	}
	found := map[resultKey]float64{}
	for i := range mine {
		for _, d := range decisions[i] {
			if d.test || d.campaign == uuid.Nil {
				continue
			}
			key := resultKey{day: zones.day(d.store, d.at), campaign: d.campaign, store: d.store, arm: d.arm, measure: engine.MeasureRedeemed}
			if mine[i].purchase == "" {
				found[key]++
				continue
			}
			key.measure = engine.MeasureBought
			found[key]++
			key.measure = engine.MeasureAmount + mine[i].currency
			found[key] += mine[i].amount
		}
	}
	return addResults(ctx, tx, brand, found)
}

// markCounted marks outcomes, and returns those that nobody had marked. It says "counted::int = 0" lest the index of the
// uncounted is taken for the shorter way to one row: during an import it is long.
func markCounted(ctx context.Context, tx pgx.Tx, outcomes []sale) (mine []sale, err error) {
	var batch pgx.Batch
	for i := range outcomes {
		o := &outcomes[i]
		sql, id := `UPDATE coupon SET counted = true WHERE person_id = $1 AND brand_id = $2 AND id = $3 AND redemption_id IS NOT NULL AND counted::int = 0`, any(o.coupon)
		if o.purchase != "" {
			sql, id = `UPDATE purchase SET counted = true WHERE person_id = $1 AND brand_id = $2 AND id = $3 AND counted::int = 0`, o.purchase
		}
		batch.Queue(sql, o.person, o.brand, id)
	}
	results := tx.SendBatch(ctx, &batch)
	for i := range outcomes {
		tag, failed := results.Exec()
		if err = errors.Join(err, failed); tag.RowsAffected() == 1 {
			mine = append(mine, outcomes[i])
		}
	}
	return mine, errors.Join(err, results.Close())
}

// decisionColumns are what an outcome must know of a decision and its moment's place.
const decisionColumns = candidateCampaign + `, p.store_id, ` + candidateArm + `, ` + candidateReason + `, t.at, t.test`

const (
	issuedSQL = `SELECT ` + decisionColumns + ` FROM trace t CROSS JOIN LATERAL jsonb_array_elements('[null]'::jsonb) AS o(v)` + momentPlace + `
		WHERE t.person_id = $1 AND t.brand_id = $2 AND t.id >= $3 AND t.id < $4 AND t.coupon_id = $5 LIMIT 1`
	beforeSaleSQL = `SELECT ` + decisionColumns + ` FROM trace t` + candidates + momentPlace + `
		WHERE t.person_id = $1 AND t.brand_id = $2 AND t.id >= $3 AND t.id < $4 AND t.at <= $5 AND NOT (` + candidateReason + ` = ANY($6::text[]))
		ORDER BY t.at DESC, t.id DESC`
)

// decisionsOf finds the decisions that each outcome counts under, and the stores of their moments.
func decisionsOf(ctx context.Context, tx pgx.Tx, outcomes []sale) (all [][]decidedOn, stores []uuid.UUID, err error) {
	var batch pgx.Batch
	all = make([][]decidedOn, len(outcomes))
	for i := range outcomes {
		o := &outcomes[i]
		collect := func(rows pgx.Rows) error {
			found, err := pgx.CollectRows(rows, scanDecidedOn)
			all[i] = o.counts(found)
			for _, d := range all[i] {
				stores = append(stores, d.store)
			}
			return err
		}
		if o.purchase == "" {
			batch.Queue(issuedSQL, o.person, o.brand, firstID(o.at.Add(-idSlack)), firstID(o.at.Add(idSlack)), o.coupon).Query(collect)
			continue
		}
		batch.Queue(beforeSaleSQL, o.person, o.brand, firstID(o.at.Add(-engine.PurchaseWindow)), firstID(o.at.Add(idSlack)), o.at, engine.Ineligible()).Query(collect)
	}
	err = tx.SendBatch(ctx, &batch).Close()
	return all, stores, err
}

func scanDecidedOn(row pgx.CollectableRow) (d decidedOn, err error) {
	return d, row.Scan(uuidOrZero{&d.campaign}, uuidOrZero{&d.store}, &d.arm, &d.reason, &d.at, &d.test)
}

// counts picks, from what was found, the latest first, what an outcome counts under: of a sale the latest of each
// campaign. A coupon whose decision is not there, as of one that was handed over with its person, counts without an arm.
func (o *sale) counts(found []decidedOn) (picked []decidedOn) {
	if o.purchase == "" {
		if len(found) == 0 {
			found = []decidedOn{{campaign: o.campaign, at: o.at}}
		}
		return found
	}
	for _, d := range found {
		if !slices.ContainsFunc(picked, func(p decidedOn) bool { return p.campaign == d.campaign }) {
			picked = append(picked, d)
		}
	}
	return picked
}
