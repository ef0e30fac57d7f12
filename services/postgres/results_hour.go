package postgres

import (
	"bytes"
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

func compareResults(a, b resultKey) int {
	return cmp.Or(a.day.Compare(b.day), bytes.Compare(a.campaign[:], b.campaign[:]), bytes.Compare(a.store[:], b.store[:]),
		strings.Compare(a.arm, b.arm), strings.Compare(a.measure, b.measure))
}

// Decisions are grouped by quarters of an hour: no time zone has a midnight between them.
const resultGroup = `SELECT floor(extract(epoch FROM t.at) / 900)::bigint AS quarter, ` + candidateCampaign + ` AS campaign,
	coalesce(p.store_id, '00000000-0000-0000-0000-000000000000'::uuid) AS store, ` + candidateArm + ` AS arm, `

const (
	momentPlace  = ` LEFT JOIN place p ON p.person_id = t.person_id AND p.brand_id = t.brand_id AND p.id = t.moment_id`
	resultHours  = ` WHERE t.brand_id = $1 AND t.at >= $2 AND t.at < $3 AND NOT t.test`
	resultGroups = ` GROUP BY 1, 2, 3, 4, 5`
)

// The statements about an hour ($2 to $3) of a brand ($1). Each joins what belongs to one person.
const (
	decidedSQL = resultGroup + candidateReason + ` AS measure, count(*) FROM trace t` + candidates + momentPlace + resultHours +
		` AND ` + candidateCampaign + ` IS NOT NULL` + resultGroups
	acceptedSQL = resultGroup + `'` + engine.MeasureAccepted + `' || d.provider AS measure, count(DISTINCT d.notification_id)
		FROM trace t CROSS JOIN LATERAL jsonb_array_elements('[null]'::jsonb) AS o(v)` + momentPlace + `
		JOIN delivery d ON d.person_id = t.person_id AND d.brand_id = t.brand_id AND d.decision_id = t.id AND d.state = 'accepted'` + resultHours +
		` AND t.notification_id IS NOT NULL AND t.campaign_id IS NOT NULL` + resultGroups
	heardSQL = resultGroup + `r.kind AS measure, count(*)
		FROM trace t CROSS JOIN LATERAL jsonb_array_elements('[null]'::jsonb) AS o(v)` + momentPlace + `
		JOIN receipt r ON r.person_id = t.person_id AND r.brand_id = t.brand_id AND r.notification_id = t.notification_id` + resultHours +
		` AND t.notification_id IS NOT NULL AND t.campaign_id IS NOT NULL AND r.kind IN ('` + engine.MeasureShown + `', '` + engine.MeasureOpened + `')` + resultGroups
	// $4: the reasons that do not count; $5: the window in microseconds; $6 to $7: the ids of the places that may be visits.
	visitedSQL = resultGroup + `CASE ` + candidateReason + ` WHEN 'WON' THEN '` + engine.MeasureWonVisited + `' ELSE '` + engine.MeasureVisited + `' END AS measure, count(*)
		FROM trace t` + candidates + momentPlace + resultHours + ` AND ` + candidateCampaign + ` IS NOT NULL AND NOT (` + candidateReason + ` = ANY($4::text[]))
		AND EXISTS (SELECT 1 FROM place v JOIN fence f ON f.brand_id = v.brand_id AND f.id = v.fence_id
			WHERE v.person_id = t.person_id AND v.brand_id = t.brand_id AND v.id >= $6 AND v.id < $7 AND v.kind = 'entered' AND f.purpose = 'visit'
				AND v.at > coalesce(p.at, t.at) AND v.at <= coalesce(p.at, t.at) + $5::bigint * interval '1 microsecond'
				AND (p.store_id IS NULL OR v.store_id = p.store_id))` + resultGroups
)

// readHour counts an hour.
func readHour(ctx context.Context, tx pgx.Tx, h resultHour, kept time.Duration) (map[resultKey]float64, error) {
	end, window := h.hour.Add(time.Hour), min(engine.VisitWindow, kept)
	rows := &resultRows{found: map[group]float64{}}
	hour := []any{h.brand, h.hour, end}
	visits := append(hour[:3:3], engine.Ineligible(), window.Microseconds(), firstID(h.hour.Add(-time.Minute)), firstID(end.Add(window+time.Hour)))
	for _, q := range []struct {
		sql  string
		args []any
	}{{decidedSQL, hour}, {acceptedSQL, hour}, {heardSQL, hour}, {visitedSQL, visits}} {
		if err := rows.take(ctx, tx, q.sql, q.args); err != nil {
			return nil, err
		}
		if len(rows.found) == 0 { // no decision, and so nothing that came of one
			return nil, nil
		}
	}
	zones, err := zonesOf(ctx, tx, h.brand, rows.stores())
	if err != nil {
		return nil, err
	}
	found := map[resultKey]float64{}
	for g, n := range rows.found {
		key := resultKey{day: zones.day(g.store, time.Unix(g.quarter*900, 0)), campaign: g.campaign, store: g.store, arm: g.arm, measure: g.measure}
		if key.measure == engine.MeasureWonVisited {
			found[key] += n
			key.measure = engine.MeasureVisited
		}
		found[key] += n
	}
	return found, nil
}

// group is what SQL counts.
type group struct {
	quarter         int64
	campaign, store uuid.UUID
	arm, measure    string
}

type resultRows struct{ found map[group]float64 }

func (r *resultRows) take(ctx context.Context, tx pgx.Tx, sql string, args []any) error {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	var g group
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&g.quarter, &g.campaign, &g.store, &g.arm, &g.measure, &n}, func() error {
		r.found[g] += float64(n)
		return nil
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

// zones are the time zones of a brand and of some of its stores.
type zones struct {
	brand  *time.Location
	stores map[uuid.UUID]*time.Location
}

func zonesOf(ctx context.Context, tx pgx.Tx, brand uuid.UUID, stores []uuid.UUID) (z zones, err error) {
	var name string
	z = zones{stores: map[uuid.UUID]*time.Location{}}
	if err = tx.QueryRow(ctx, `SELECT coalesce(b.settings ->> 'time_zone', '') FROM brand b WHERE b.brand_id = $1`, brand).Scan(&name); err != nil {
		return z, err
	}
	z.brand = zoneNamed(name, time.UTC)
	rows, err := tx.Query(ctx, `SELECT s.id, coalesce(s.body ->> 'time_zone', '') FROM store s WHERE s.brand_id = $1 AND s.id = ANY($2::uuid[])`, brand, emptyNotNil(stores))
	if err != nil {
		return z, err
	}
	var id uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		z.stores[id] = zoneNamed(name, z.brand)
		return nil
	})
	return z, err
}

func zoneNamed(name string, otherwise *time.Location) *time.Location {
	if zone, err := time.LoadLocation(name); err == nil && name != "" {
		return zone
	}
	return otherwise
}

// day is the day of an instant at a store, as a midnight in UTC.
func (z zones) day(store uuid.UUID, at time.Time) time.Time {
	zone := z.stores[store]
	if zone == nil {
		zone = z.brand
	}
	y, m, d := at.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
