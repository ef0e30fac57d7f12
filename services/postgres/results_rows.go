package postgres

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/segmentio/encoding/json"

	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// Rows of decisions are grouped by five minutes: slices are made of these, and no time zone has a midnight between them.
const (
	resultFive    = `floor(date_part('epoch', t.at) / 300)::bigint AS five`
	resultGroup   = `SELECT ` + resultFive + `, t.campaign_id AS campaign, p.store_id AS store, coalesce(t.arm, '') AS arm, `
	momentPlace   = ` LEFT JOIN place p ON p.person_id = t.person_id AND p.brand_id = t.brand_id AND p.id = t.moment_id`
	momentsNow    = momentPlace + ` AND p.id >= $4 AND p.id < $5`
	resultRange   = ` WHERE t.brand_id = $1 AND t.at >= $2 AND t.at < $3 AND NOT t.test`
	resultGroups  = ` GROUP BY 1, 2, 3, 4, 5`
	notifiedGroup = ` AND t.notification_id IS NOT NULL AND t.campaign_id IS NOT NULL` + resultGroups
)

// momentSlack is how far the ids of a decision and of its moment's place may lie from the decision's time. Both are made
// with the time of the one turn that decides, to the millisecond: this is for a program that does it in another order.
const momentSlack = 10 * time.Second

// The statements about a time ($2 to $3) of a brand ($1), with the ids that its decisions and the places of their moments have ($4 to $5). Each
// joins what belongs to one person. A row of decisions is unfolded by the program, once for all that are alike.
const (
	marksSQL = `SELECT ` + resultFive + `, count(*), count(t.notification_id), sum(uuid_hash(t.id))::bigint FROM trace t` + resultRange + ` GROUP BY 1`

	decidedSQL = resultGroup + `t.reason AS measure, t.others AS others, count(*), count(t.notification_id), sum(uuid_hash(t.id))::bigint FROM trace t` + momentsNow +
		` AND p.store_id IS NOT NULL` + resultRange + resultGroups + `, 6`

	acceptedSQL = resultGroup + `'` + engine.MeasureAccepted + `' || d.provider AS measure, count(DISTINCT d.notification_id) FROM trace t` + momentsNow + `
		JOIN delivery d ON d.person_id = t.person_id AND d.brand_id = t.brand_id AND d.decision_id = t.id AND d.state = 'accepted'` + resultRange + notifiedGroup

	heardSQL = resultGroup + `r.kind AS measure, count(*) FROM trace t` + momentsNow + `
		JOIN receipt r ON r.person_id = t.person_id AND r.brand_id = t.brand_id AND r.notification_id = t.notification_id
			AND r.kind IN ('` + engine.MeasureShown + `', '` + engine.MeasureOpened + `')` + resultRange + notifiedGroup

	// $6: the window in microseconds; $7 to $8: the ids of the places that may be visits.
	visitedSQL = resultGroup + `t.reason AS measure, t.others AS others FROM trace t
		JOIN place v ON v.person_id = t.person_id AND v.brand_id = t.brand_id AND v.id >= $7 AND v.id < $8 AND v.kind = 'entered'
		JOIN fence f ON f.brand_id = v.brand_id AND f.id = v.fence_id AND f.purpose = 'visit'` + momentsNow + resultRange + ` AND t.id >= $4 AND t.id < $5
			AND v.at > coalesce(p.at, t.at) AND v.at <= coalesce(p.at, t.at) + $6::bigint * interval '1 microsecond'
			AND (p.store_id IS NULL OR v.store_id = p.store_id)` + resultGroups + `, 6, t.person_id, t.id`

	wallsSQL = `SELECT EXISTS (SELECT 1 FROM fence f WHERE f.brand_id = $1 AND f.purpose = 'visit')`
)

// group is what is counted, before it has a day.
type group struct {
	five            int64 // five minutes, since 1970
	campaign, store uuid.UUID
	arm, measure    string
}

// resultRows are what the statements about slices found.
type resultRows struct {
	found    map[group]float64
	alike    map[string][]candidate // what stood in "others"
	notified int64                  // rows with a notification
}

// candidate is one decision of a row of them.
type candidate struct {
	Campaign uuid.UUID `json:"c"`
	Reason   string    `json:"r"`
	Arm      string    `json:"a"`
}

// mostAlike bounds what is remembered of rows that are alike.
const mostAlike = 10_000

// unfold makes a row all its decisions, of which the others stand in text.
func (r *resultRows) unfold(first candidate, others *string) ([]candidate, error) {
	all := []candidate{first}
	if others == nil {
		return all, nil
	}
	more, known := r.alike[*others]
	if !known {
		if err := json.Unmarshal([]byte(*others), &more); err != nil {
			return nil, fmt.Errorf("the other decisions of a row: %w", err)
		}
		if len(r.alike) < mostAlike {
			r.alike[*others] = more
		}
	}
	for _, o := range more {
		if o.Reason == "" {
			o.Reason, o.Arm = first.Reason, first.Arm
		}
		if o.Campaign == uuid.Nil {
			o.Campaign = first.Campaign
		}
		all = append(all, o)
	}
	return all, nil
}

func (r *resultRows) takeCounts(ctx context.Context, tx pgx.Tx, sql string, args []any) error {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	var g group
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&g.five, uuidOrZero{&g.campaign}, uuidOrZero{&g.store}, &g.arm, &g.measure, &n}, func() error {
		r.found[g] += float64(n)
		return nil
	})
	return err
}

func (r *resultRows) takeVisited(ctx context.Context, tx pgx.Tx, args []any) error {
	rows, err := tx.Query(ctx, visitedSQL, args...)
	if err != nil {
		return err
	}
	var g group
	var others *string
	_, err = pgx.ForEachRow(rows, []any{&g.five, uuidOrZero{&g.campaign}, uuidOrZero{&g.store}, &g.arm, &g.measure, &others}, func() error {
		all, err := r.unfold(candidate{g.campaign, g.measure, g.arm}, others)
		for _, d := range all {
			if d.Campaign == uuid.Nil || !reaches(d.Reason) {
				continue
			}
			visit := group{g.five, d.Campaign, g.store, d.Arm, engine.MeasureVisited}
			r.found[visit]++
			if d.Reason == string(campaign.Won) {
				visit.measure = engine.MeasureWonVisited
				r.found[visit]++
			}
		}
		return err
	})
	return err
}

func (r *resultRows) stores() (ids []uuid.UUID) {
	seen := map[uuid.UUID]bool{}
	for g := range r.found {
		if g.store != uuid.Nil && !seen[g.store] {
			seen[g.store] = true
			ids = append(ids, g.store)
		}
	}
	return ids
}

func compareResults(a, b resultKey) int {
	return cmp.Or(a.day.Compare(b.day), bytes.Compare(a.campaign[:], b.campaign[:]), bytes.Compare(a.store[:], b.store[:]),
		strings.Compare(a.arm, b.arm), strings.Compare(a.measure, b.measure))
}
