package postgres_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres"
)

// fanOut is the statements that ask every shard, each with the reason why it may. They are found by their beginning.
var fanOut = []struct{ begins, why string }{
	{`SELECT brand_id, person_id FROM person WHERE due_at`, "the sweep of timers: who is due is known to nobody; some hundreds at a time"},
	{`SELECT brand_id, person_id FROM person WHERE brand_id = $1 AND person_id >`, "a brand's people one after the other; paged"},
	{`SELECT DISTINCT brand_id, person_id FROM open_visit`, "who is in a fence: a campaign's start, a fence's change; paged"},
	{`SELECT person_id FROM person WHERE brand_id = $1 AND successor_id`, "who gave to a person, at its erasure"},
	{`SELECT c.id, c.brand_id, c.person_id, c.offer_id, c.campaign_id, c.code, c.block_id, c.stores, c.title, c.issued_at, c.expires_at, c.redemption_id, c.redeemed_store_id, c.redeemed_at, c.redeemed_by FROM coupon c JOIN person p`,
		"a till has the code and nothing else: one index look-up a shard, once a redemption"},
	{`SELECT person_id FROM delivery WHERE brand_id = $1 AND`, "a receipt has the delivery's id and nothing else: one index look-up a shard"},
	{`SELECT brand_id, person_id, id FROM delivery WHERE state = 'pending'`, "the sweep of deliveries: what is due is known to nobody; takes no lock"},
	{`SELECT brand_id, id, version FROM sending WHERE ended_at IS NULL`, "the sweep of sendings; takes no lock"},
	{`SELECT id, brand_id FROM sending WHERE state = 'cancelled'`, "every node learns which sendings were cancelled lately"},
	{`SELECT brand_id, person_id, expires_at FROM coupon c WHERE`, "whose coupons end on a day; paged"},
	{`SELECT count(DISTINCT id) FROM coupon WHERE brand_id`, "what was issued from a block, once in the block's life"},
	{`SELECT brand_id, person_id, reason, appended_at FROM revocation`, "every node reads what all have appended, once a second, by time"},
	{`SELECT count(*) AS due`, "house-keeping"},
	{`SELECT floor(date_part('epoch', t.at) / 300)::bigint AS five`, "minutes of a brand's decisions, for results: each shard groups its own"},
	{`SELECT DISTINCT t.brand_id FROM trace t WHERE t.at`, "who decided something in an hour, for results, once in a node's life"},
	{`SELECT c.person_id, c.brand_id, c.id, c.campaign_id, c.issued_at FROM coupon c WHERE c.redemption_id IS NOT NULL AND NOT c.counted`, "what no result counts yet is known to nobody; takes no lock"},
	{`SELECT u.person_id, u.brand_id, u.id, u.at, u.amount, u.currency FROM purchase u WHERE NOT u.counted`, "the same"},
	{`SELECT DISTINCT fence_id FROM open_visit`, "whether anybody is inside a changed fence"},
	{`INSERT INTO place_sum (brand_id, day, hour, store_id, campaign_id, kind, reason, count) SELECT`, "house-keeping: the one statement that reads persons' tables and writes another, in a transaction of its own"},
	{`DELETE FROM place`, "house-keeping"},
	{`DELETE FROM revocation WHERE appended_at`, "house-keeping"},
	{`DELETE FROM location_use WHERE used_until`, "house-keeping"},
	{`DELETE FROM delivery WHERE ended_at`, "house-keeping"},
	{`DELETE FROM request WHERE claimed_at`, "house-keeping"},
	{`DELETE FROM push_address_event WHERE at`, "house-keeping"},
	{`DELETE FROM webhook_letter WHERE state = 'dead'`, "house-keeping"},
	{`DELETE FROM webhook_letter WHERE webhook_id IN`, "house-keeping"},
	{`DELETE FROM webhook_letter WHERE webhook_id = $1`, "a webhook is deleted, which is seldom"},
	{`UPDATE webhook_letter SET state = 'dead'`, "what waited for days for an endpoint that takes nothing, every ten minutes"},
	{`SELECT l.person_id, l.brand_id, l.webhook_id, l.id, l.fact_id, l.event, l.at, l.not_before, l.awaits, l.attempt, l.external_id FROM webhook_letter l WHERE l.webhook_id`,
		"the sweep of letters and their replay: what is due is known to nobody; takes no lock"},
	{`SELECT l.id, l.webhook_id, l.event, l.attempt,`, "somebody looks at what was given up"},
	{`SELECT l.webhook_id, count(*) FILTER`, "somebody looks at what waits"},
	{`SELECT brand_id, id, lease_until FROM stock_block WHERE reclaimed_at IS NULL`, "the sweep of stock blocks; takes no lock"},
	{`UPDATE stock_block SET lease_until = now()`, "a node renews its blocks of all brands at once"},
	{`SELECT external_id FROM person_external WHERE brand_id = $1 AND person_id`, "erasure: the person's own ids are not known"},
	{`DELETE FROM person_external WHERE person_id`, "erasure: the person's own ids are not known"},
	{`UPDATE delivery SET state = 'expired', code = 'RESTORED'`, "a database of the past is made fit for use, once, before any node runs"},
	{`DELETE FROM request WHERE answer IS NULL`, "the same"}, {`UPDATE stock_block SET used = size`, "the same"},
	{`SELECT kind, count(*) FROM place`, "a report"}, {`SELECT coalesce(o.v ->> 'r', t.reason), count(*) FROM trace`, "a report"}, {`SELECT state, count(*) FROM delivery`, "a report"},
	{`SELECT f.purpose, count(*) FROM place p JOIN fence f`, "a report; fences are on every node"}, {`SELECT 'all', count(*) FROM`, "a report"},
	{`SELECT person_id, reason FROM trace WHERE brand_id`, "the demo's examples"}, {`SELECT t.person_id, coalesce(o.v ->> 'r', t.reason) FROM trace`, "the demo's examples"},
}

// refused is what a distributed table does not take in any statement.
var refused = []struct {
	pattern *regexp.Regexp
	why     string
}{
	{regexp.MustCompile(`(?i)\b(nextval|currval|setval|serial|bigserial)\b`), "a sequence"},
	{regexp.MustCompile(`(?i)\b(listen|notify|unlisten)\b`), "notifications reach one node, and nothing through a pooler"},
	{regexp.MustCompile(`(?i)pg_(try_)?advisory`), "an advisory lock holds on one node and for a session"},
	{regexp.MustCompile(`(?i)\b(ctid|xmin|xmax|tableoid)\b`), "a row's place means nothing beyond its shard"},
	{regexp.MustCompile(`(?i)skip locked`), "a sweep reads without locks and takes rows one by one"},
	{regexp.MustCompile(`(?i)\(\s*(insert|update|delete)\s`), "a statement that changes rows within another"},
	{regexp.MustCompile(`(?i)\b(tablesample|recursive|grouping sets|merge into)\b`), "works on one shard only"},
	{regexp.MustCompile(`(?i)\bselect from\b`), "a list without columns: name one"},
}

var (
	quoted     = regexp.MustCompile(`'[^']*'`)
	tableAfter = regexp.MustCompile(`(?i)\b(?:from|join|into|update|using|table)\s+(?:only\s+)?([a-z_][a-z0-9_]*)(?:\s+as)?(?:\s+([a-z][a-z0-9_]*))?`)
	locking    = regexp.MustCompile(`(?i)\bfor (update|share|no key update|key share)\b`)
	volatile   = regexp.MustCompile(`(?i)\b(clock_timestamp|random|gen_random_uuid|timeofday|txid_current)\s*\(`)
	mutable    = regexp.MustCompile(`(?i)\b(clock_timestamp|random|gen_random_uuid|now|statement_timestamp|current_timestamp|transaction_timestamp)\b`)
	partition  = regexp.MustCompile(`^place_(h[0-9]{10}|default)$`)
	spaces     = regexp.MustCompile(`\s+`)
)

func normal(sql string) string { return strings.TrimSpace(spaces.ReplaceAllString(sql, " ")) }

// breaks names the rule of a distributed database that a statement breaks; "": none. It reads the text only, and so
// knows less than the database; it is strict where it does not understand.
func breaks(sql string) string {
	sql = normal(sql)
	bare := quoted.ReplaceAllString(sql, "''")
	used := tablesOf(bare)
	if len(used) == 0 {
		return ""
	}
	for _, r := range refused {
		if r.pattern.MatchString(bare) {
			return r.why
		}
	}
	verb, _, _ := strings.Cut(strings.ToUpper(bare), " ")
	allowed := slices.ContainsFunc(fanOut, func(f struct{ begins, why string }) bool { return strings.HasPrefix(sql, f.begins) })
	if why := breaksByGroups(used, allowed); why != "" {
		return why
	}
	if why := breaksByClock(verb, bare); why != "" {
		return why
	}
	if strings.Contains(bare, "unnest(") && len(shardsOf(used)) > 0 {
		return "rows from parameters joined with a distributed table"
	}
	if verb == "LOCK" || verb == "DROP" || verb == "CREATE" || verb == "ALTER" {
		return ""
	}
	return breaksByKey(verb, bare, used, allowed)
}

// tablesOf lists the distributed and reference tables of a statement with the names they go by in it.
func tablesOf(sql string) map[string][]string {
	used := map[string][]string{}
	for _, m := range tableAfter.FindAllStringSubmatch(sql, -1) {
		name, alias := strings.ToLower(m[1]), strings.ToLower(m[2])
		if partition.MatchString(name) {
			name = "place"
		}
		if _, known := postgres.ShardsOf(name); !known {
			continue
		}
		if alias == "" || slices.Contains([]string{"where", "set", "on", "join", "left", "order", "group", "values", "using", "union", "in", "for"}, alias) {
			alias = name
		}
		used[name] = append(used[name], alias)
	}
	return used
}

// shardsOf are the groups of shards that tables stand on.
func shardsOf(used map[string][]string) (groups []string) {
	for name := range used {
		if group, _ := postgres.ShardsOf(name); group != "" && !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
	}
	return groups
}

func breaksByGroups(used map[string][]string, allowed bool) string {
	if groups := shardsOf(used); len(groups) > 1 && !allowed {
		return fmt.Sprintf("tables of different shards together: %v", groups)
	}
	return ""
}

func breaksByClock(verb, sql string) string {
	upper := strings.ToUpper(sql)
	if i := strings.Index(upper, "ON CONFLICT"); i >= 0 && mutable.MatchString(sql[i:]) {
		return "a clock or chance in ON CONFLICT"
	}
	if (verb == "UPDATE" || verb == "DELETE") && volatile.MatchString(sql) {
		return "a volatile function in an UPDATE or DELETE"
	}
	if i := strings.Index(upper, "RETURNING"); i >= 0 && mutable.MatchString(sql[i:]) {
		return "a clock or chance in RETURNING"
	}
	return ""
}

// breaksByKey asks for an equality with the distribution column of every table that is named.
func breaksByKey(verb, sql string, used map[string][]string, allowed bool) string {
	for name, aliases := range used {
		column := postgres.DistributionColumn(name)
		if column == "" {
			continue
		}
		for _, alias := range aliases {
			one, some := names(sql, alias, column, len(used) > 1 || len(aliases) > 1)
			switch {
			case one, verb == "INSERT" && strings.Contains(sql, column):
			case some && verb == "SELECT" && !locking.MatchString(sql): // asks the shards of a list of keys
			case allowed && locking.MatchString(sql):
				return "locks on every shard"
			case !allowed:
				return fmt.Sprintf("%s is not found by its %s", name, column)
			}
		}
	}
	return ""
}

// names tells whether a table's distribution column is equal to a parameter or to that of a table for which it is, and
// whether it is one of a list.
func names(sql, alias, column string, ambiguous bool) (one, some bool) {
	prefix := `(?:` + regexp.QuoteMeta(alias) + `\.)`
	if !ambiguous {
		prefix += `?`
	}
	is := func(right string) bool {
		return regexp.MustCompile(`(?i)(^|[^.\w])` + prefix + column + ` = ` + right).MatchString(sql)
	}
	return is(`\$[0-9]+`) || is(`[a-z]+\.`+column), is(`ANY\(\$[0-9]+`) || strings.Contains(sql, "."+column+" = "+alias+"."+column)
}

// The checker itself refuses what it should.
func TestRulesRefuse(t *testing.T) {
	for sql, want := range map[string]string{
		`UPDATE person SET version = 2 WHERE person_id = $1 AND brand_id = $2`:                                         "",
		`UPDATE person SET version = 2 WHERE brand_id = $2`:                                                            "person is not found by its person_id",
		`SELECT version FROM person WHERE person_id = ANY($1::uuid[])`:                                                 "",
		`SELECT version FROM person WHERE person_id = ANY($1) FOR UPDATE`:                                              "person is not found by its person_id",
		`SELECT version FROM person WHERE person_id = $1 FOR UPDATE SKIP LOCKED`:                                       "a sweep reads without locks and takes rows one by one",
		`WITH gone AS (DELETE FROM place WHERE person_id = $1 RETURNING id) SELECT 1`:                                  "a statement that changes rows within another",
		`UPDATE delivery SET ended_at = clock_timestamp() WHERE person_id = $1`:                                        "a volatile function in an UPDATE or DELETE",
		`INSERT INTO request (request_id, at) VALUES ($1, $2) ON CONFLICT (request_id) DO UPDATE SET at = now()`:       "a clock or chance in ON CONFLICT",
		`SELECT 1 FROM person p JOIN device d ON d.person_id = p.person_id WHERE p.person_id = $1 AND d.brand_id = $2`: "tables of different shards together",
		`SELECT 1 FROM person p JOIN trace f ON f.brand_id = p.brand_id WHERE p.person_id = $1`:                        "trace is not found by its person_id",
		`SELECT 1 FROM person p JOIN trace f ON f.person_id = p.person_id WHERE p.person_id = $1`:                      "",
		`SELECT 1 FROM unnest($1::uuid[]) AS f(person_id) JOIN person p ON p.person_id = f.person_id`:                  "rows from parameters joined with a distributed table",
		`SELECT nextval('x') FROM person WHERE person_id = $1`:                                                         "a sequence",
		`SELECT f.purpose FROM fence f WHERE f.brand_id = $1`:                                                          "",
		`DELETE FROM location_use WHERE ctid = ANY($1)`:                                                                "a row's place means nothing beyond its shard",
		`SELECT count(*) FROM open_visit`:                                                                              "open_visit is not found by its person_id",
		`SELECT 1 FROM person p WHERE p.person_id = $1 AND EXISTS (SELECT 1 FROM trace f WHERE f.id = $2)`:             "trace is not found by its person_id",
		`SELECT status FROM person WHERE due_at <= $1`:                                                                 "person is not found by its person_id",
		`SELECT brand_id, person_id FROM person WHERE due_at <= $1 FOR UPDATE`:                                         "locks on every shard",
		`SELECT 1 FROM pg_class WHERE relname = 'person'`:                                                              "",
		`UPDATE device SET locale = $3 WHERE brand_id = $1 AND id = $2`:                                                "",
		`UPDATE device SET locale = $3 WHERE id = $2`:                                                                  "device is not found by its brand_id",
	} {
		got := breaks(sql)
		if want == "" {
			require.Empty(t, got, sql)
		} else {
			require.Contains(t, got, want, sql)
		}
	}
}
