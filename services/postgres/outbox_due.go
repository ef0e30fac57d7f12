package postgres

import (
	"fmt"

	"github.com/wantgo/wantgo/pusher"
)

// rankOf is a delivery's rank as the index of due ones has it.
const rankOf = `coalesce((notification ->> 'rank')::smallint, 0::smallint)`

// shareOf is what part of a claim is kept for each rank, if so much of it is due: urgent first, but nothing starves.
const shareOf = 16

// dueSQL locks due deliveries and names the rows, as "due" and the statements before it: of each rank those longest due,
// by rank but for the shares. now is the clock, limit the number to lock. Each rank is a range scan of its own, so that what is
// read does not grow with the backlog, only with what nodes have in hand: a claim moves nothing in the index, and its scan
// passes over what is leased. It passes over what another claim is about to take, too, and so neither waits for the other.
func dueSQL(now, limit string) string {
	of := func(r pusher.Rank, columns, most, lock string) string {
		return fmt.Sprintf(`SELECT %s FROM delivery WHERE state = 'pending' AND %s = %d::smallint AND not_before <= %s AND next_at <= %[4]s ORDER BY not_before LIMIT %[5]s%[6]s`,
			columns, rankOf, r, now, most, lock)
	}
	share := func(r pusher.Rank) string {
		return fmt.Sprintf(`(SELECT count(*) FROM (%s) due)`, of(r, "", fmt.Sprintf("%s::bigint / %d", limit, shareOf), ""))
	}
	const lock = " FOR UPDATE SKIP LOCKED"
	return fmt.Sprintf(`share AS MATERIALIZED (SELECT %s AS reminders, %s AS bulk),
		moments AS MATERIALIZED (%s),
		reminders AS MATERIALIZED (%s),
		bulk AS MATERIALIZED (%s),
		due AS MATERIALIZED (SELECT place FROM moments UNION ALL SELECT place FROM reminders UNION ALL SELECT place FROM bulk)`,
		share(pusher.RankReminder), share(pusher.RankBulk),
		of(pusher.RankMoment, "ctid AS place", limit+"::bigint - (SELECT reminders + bulk FROM share)", lock),
		of(pusher.RankReminder, "ctid AS place", limit+"::bigint - (SELECT count(*) FROM moments) - (SELECT bulk FROM share)", lock),
		of(pusher.RankBulk, "ctid AS place", limit+"::bigint - (SELECT count(*) FROM moments) - (SELECT count(*) FROM reminders)", lock))
}
