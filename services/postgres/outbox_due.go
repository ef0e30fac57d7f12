package postgres

import (
	"fmt"
	"strings"

	"github.com/wantgo/wantgo/pusher"
)

// rankOf is a delivery's rank as the index of due ones has it.
const rankOf = `coalesce((notification ->> 'rank')::smallint, 0::smallint)`

// shareOf is what part of a claim is kept for each rank, if so much of it is due: urgent first, but nothing starves.
const shareOf = 16

// dueSQL picks due deliveries: of each rank a random choice of those longest due, and then by rank. now is the clock,
// limit the number to pick. Each rank is a range scan of its own, so that what is read does not grow with the backlog, only
// with what nodes have in hand: a claim moves nothing in the index, and its scan passes over what is leased.
func dueSQL(now, limit string) string {
	var ranks []string
	for r := pusher.RankMoment; r <= pusher.RankBulk; r++ {
		ranks = append(ranks, fmt.Sprintf(`(SELECT %[1]d AS rank, person_id, brand_id, id FROM delivery
			WHERE state = 'pending' AND %[2]s = %[1]d::smallint AND not_before <= %[3]s AND next_at <= %[3]s ORDER BY not_before LIMIT 4 * %[4]s::bigint)`, r, rankOf, now, limit))
	}
	return fmt.Sprintf(`SELECT person_id, brand_id, id FROM (
			SELECT rank, person_id, brand_id, id, row_number() OVER (PARTITION BY rank ORDER BY random()) AS place FROM (%s) of_rank) due
		ORDER BY CASE WHEN place * %d <= %s::bigint THEN -1 ELSE rank END, place LIMIT %[3]s::bigint`, strings.Join(ranks, " UNION ALL "), shareOf, limit)
}
