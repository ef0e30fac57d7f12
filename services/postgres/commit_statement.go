package postgres

import (
	"fmt"
	"strings"
)

// The statement of a commit is put together from parts, one a table. Empty parts still cost planning and start-up, so
// parts stand in groups and a statement holds only the groups that a batch needs; there are few enough groups that
// every connection can prepare every variant.
type part struct {
	name  string
	group int // bit in the variant
	kinds []columnKind
	names string // the columns' names
	// sql is the body after "WITH name AS"; {f} stands for the part's rows.
	sql string
}

const (
	partPerson = iota
	partPlace
	partTrace
	partClosed
	partOpened
	partReopened
	partCoupon
	partDelivery
	partRedeem
	partConsent
	partUse
	partProfile
	partRevoke
	partCancel
	partReceipt
	partPurchase
	partLetter
	partCount
)

const groupCount = 7

var parts = [partCount]part{
	// The rows come in the order of the arrays, sorted by person: the plan goes through them and finds each by its key. Two
	// statements that wait for each other all the same cost one of them another try.
	partPerson: {name: "won", group: -1,
		kinds: []columnKind{int4s, uuids, uuids, int8s, uuids, int2s, uuids, int4s, times, times, blobs, times},
		names: "i, person_id, brand_id, version, write_id, status, successor_id, min_writer, due_at, at, state, leased_until",
		sql: `UPDATE person p SET version = p.version + 1, write_id = f.write_id, status = f.status, successor_id = f.successor_id,
				min_writer = f.min_writer, state = f.state, due_at = CASE WHEN p.due_at > f.at AND p.due_at < f.due_at THEN p.due_at ELSE f.due_at END
			FROM {f} WHERE p.person_id = f.person_id AND p.brand_id = f.brand_id AND p.version = f.version AND p.status <> 3
				AND (f.leased_until IS NULL OR f.leased_until > statement_timestamp())
			RETURNING f.i, p.person_id, p.brand_id`},
	partPlace: {name: "put_place", group: 0,
		kinds: []columnKind{int4s, uuids, times, times, int8s, uuids, uuids, uuids, uuids, texts, texts},
		names: "i, id, at, decided_at, cell, device_id, fence_id, store_id, ping_id, kind, reason",
		sql: `INSERT INTO place (person_id, brand_id, id, at, decided_at, cell, device_id, fence_id, store_id, ping_id, kind, reason)
			SELECT v.person_id, v.brand_id, f.id, f.at, f.decided_at, f.cell, f.device_id, f.fence_id, f.store_id, f.ping_id, f.kind, f.reason
			FROM {f} JOIN won v USING (i)`},
	partTrace: {name: "put_trace", group: 1,
		kinds: []columnKind{int4s, uuids, times, int8s, uuids, uuids, uuids, uuids, uuids, texts, texts, texts, jsons, texts, texts, uuids, bools},
		names: "i, id, at, campaign_rev, moment_id, device_id, campaign_id, notification_id, coupon_id, kind, reason, channel, detail, others, arm, send_id, test",
		sql: `INSERT INTO trace (person_id, brand_id, id, at, campaign_rev, moment_id, device_id, campaign_id, notification_id, coupon_id, kind, reason, channel, detail,
				others, arm, send_id, test)
			SELECT v.person_id, v.brand_id, f.id, f.at, f.campaign_rev, f.moment_id, f.device_id, f.campaign_id, f.notification_id, f.coupon_id, f.kind, f.reason, f.channel, f.detail,
				f.others, f.arm, f.send_id, f.test
			FROM {f} JOIN won v USING (i)`},
	partClosed: {name: "closed", group: 2,
		kinds: []columnKind{int4s, uuids, uuids},
		names: "i, device_id, fence_id",
		sql: `DELETE FROM open_visit o USING {f} JOIN won v USING (i)
			WHERE o.person_id = v.person_id AND o.brand_id = v.brand_id AND o.device_id = f.device_id AND o.fence_id = f.fence_id`},
	partOpened: {name: "opened", group: 2, // one that is open already fails: see partReopened
		kinds: []columnKind{int4s, uuids, uuids, times},
		names: "i, device_id, fence_id, since",
		sql: `INSERT INTO open_visit (person_id, brand_id, device_id, fence_id, since)
			SELECT v.person_id, v.brand_id, f.device_id, f.fence_id, f.since FROM {f} JOIN won v USING (i)`},
	partReopened: {name: "reopened", group: 6, // where one may be open already: that has to be looked for first
		kinds: []columnKind{int4s, uuids, uuids, times},
		names: "i, device_id, fence_id, since",
		sql: `INSERT INTO open_visit (person_id, brand_id, device_id, fence_id, since)
			SELECT v.person_id, v.brand_id, f.device_id, f.fence_id, f.since FROM {f} JOIN won v USING (i)
			ON CONFLICT (person_id, brand_id, device_id, fence_id) DO UPDATE SET since = excluded.since`},
	partCoupon: {name: "put_coupon", group: 3,
		kinds: []columnKind{int4s, uuids, uuids, uuids, times, times, texts, uuids, texts, texts},
		names: "i, id, offer_id, campaign_id, issued_at, expires_at, code, block_id, stores, title",
		sql: `INSERT INTO coupon (person_id, brand_id, id, offer_id, campaign_id, issued_at, expires_at, code, block_id, stores, title)
			SELECT v.person_id, v.brand_id, f.id, f.offer_id, f.campaign_id, f.issued_at, f.expires_at, f.code, f.block_id, f.stores::uuid[], f.title
			FROM {f} JOIN won v USING (i)`},
	partDelivery: {name: "put_delivery", group: 3,
		kinds: []columnKind{int4s, uuids, times, times, times, int8s, int4s, bools, uuids, uuids, uuids, uuids, uuids, texts, texts, jsons},
		names: "i, id, created_at, not_before, deadline, lease, attempt, high_priority, device_id, campaign_id, decision_id, notification_id, lease_node, state, provider, notification",
		sql: `INSERT INTO delivery (person_id, brand_id, id, created_at, not_before, deadline, next_at, lease_until, attempt, high_priority, device_id,
				campaign_id, decision_id, notification_id, lease_node, state, provider, notification)
			SELECT v.person_id, v.brand_id, f.id, f.created_at, f.not_before, f.deadline,
				greatest(f.not_before, clock_timestamp() + f.lease * interval '1 microsecond'), clock_timestamp() + f.lease * interval '1 microsecond',
				f.attempt, f.high_priority, f.device_id, f.campaign_id, f.decision_id, f.notification_id, f.lease_node, f.state, f.provider, f.notification
			FROM {f} JOIN won v USING (i)`},
	partRedeem: {name: "redeemed", group: 4,
		kinds: []columnKind{int4s, uuids, uuids, times, uuids, texts},
		names: "i, id, redemption_id, at, store_id, by",
		sql: `UPDATE coupon c SET redemption_id = f.redemption_id, redeemed_at = f.at, redeemed_store_id = f.store_id, redeemed_by = f.by
			FROM {f} JOIN won v USING (i)
			WHERE c.person_id = v.person_id AND c.brand_id = v.brand_id AND c.id = f.id AND c.redemption_id IS NULL`},
	partConsent: {name: "put_consent", group: 4,
		kinds: []columnKind{int4s, uuids, texts, bools, times, jsons},
		names: "i, id, purpose, granted, occurred_at, body",
		sql: `INSERT INTO consent_event (person_id, brand_id, id, purpose, granted, occurred_at, body)
			SELECT v.person_id, v.brand_id, f.id, f.purpose, f.granted, f.occurred_at, f.body FROM {f} JOIN won v USING (i)`},
	partUse: {name: "put_use", group: 4,
		kinds: []columnKind{int4s, uuids, texts, texts, texts, texts, uuids, times, times},
		names: "i, id, purpose, method, path, recipient, consent_id, used_from, used_until",
		sql: `INSERT INTO location_use (person_id, brand_id, id, purpose, method, path, recipient, consent_id, used_from, used_until)
			SELECT v.person_id, v.brand_id, f.id, f.purpose, f.method, f.path, f.recipient, f.consent_id, f.used_from, f.used_until
			FROM {f} JOIN won v USING (i)`},
	partProfile: {name: "put_profile", group: 4,
		kinds: []columnKind{int4s, jsons},
		names: "i, body",
		sql: `INSERT INTO person_profile (person_id, brand_id, body) SELECT v.person_id, v.brand_id, f.body FROM {f} JOIN won v USING (i)
			ON CONFLICT (person_id, brand_id) DO UPDATE SET body = excluded.body`},
	partRevoke: {name: "revoked", group: 4,
		kinds: []columnKind{int4s, texts},
		names: "i, reason",
		sql: `INSERT INTO revocation (brand_id, id, person_id, appended_at, reason)
			SELECT v.brand_id, gen_random_uuid(), v.person_id, clock_timestamp(), f.reason FROM {f} JOIN won v USING (i)`},
	partCancel: {name: "cancelled", group: 4,
		kinds: []columnKind{int4s, texts, uuids},
		names: "i, reason, notification_id",
		sql: `UPDATE delivery d SET state = 'cancelled', code = c.reason, ended_at = clock_timestamp(), lease_node = NULL, lease_until = NULL
			FROM (SELECT d.person_id, d.brand_id, d.id, f.reason FROM {f} JOIN won v USING (i)
				JOIN delivery d ON d.person_id = v.person_id AND d.brand_id = v.brand_id AND d.state = 'pending'
					AND (f.notification_id IS NULL OR d.notification_id = f.notification_id)
				ORDER BY d.person_id, d.brand_id, d.id FOR UPDATE OF d) c
			WHERE d.person_id = c.person_id AND d.brand_id = c.brand_id AND d.id = c.id`},
	partReceipt: {name: "put_receipt", group: 4,
		kinds: []columnKind{int4s, uuids, texts, times},
		names: "i, notification_id, kind, at",
		sql: `INSERT INTO receipt (person_id, brand_id, notification_id, kind, at)
			SELECT v.person_id, v.brand_id, f.notification_id, f.kind, f.at FROM {f} JOIN won v USING (i)
			ON CONFLICT (person_id, brand_id, notification_id, kind) DO NOTHING`},
	partPurchase: {name: "put_purchase", group: 4, // one that is there already fails: it would be counted twice
		kinds: []columnKind{int4s, texts, times, floats, texts, uuids, uuids},
		names: "i, id, at, amount, currency, store_id, coupon_id",
		sql: `INSERT INTO purchase (person_id, brand_id, id, at, amount, currency, store_id, coupon_id)
			SELECT v.person_id, v.brand_id, f.id, f.at, f.amount, f.currency, f.store_id, f.coupon_id FROM {f} JOIN won v USING (i)`},
	partLetter: {name: "put_letter", group: 5, // of its own: who has no webhook pays nothing for it
		kinds: []columnKind{int4s, uuids, uuids, uuids, times, int8s, times, int4s, bools, texts, texts},
		names: "i, webhook_id, id, fact_id, at, seq, not_before, ordinal, awaits, event, external_id",
		sql: `INSERT INTO webhook_letter (person_id, brand_id, webhook_id, id, fact_id, at, seq, not_before, next_at, ordinal, attempt, awaits, event, state, external_id)
			SELECT v.person_id, v.brand_id, f.webhook_id, f.id, f.fact_id, f.at, f.seq, f.not_before,
				greatest(f.not_before, clock_timestamp() + f.awaits::int * interval '1 second'), f.ordinal, 0, f.awaits, f.event, 'pending', f.external_id
			FROM {f} JOIN won v USING (i)`},
}

type commitStatement struct {
	name string
	sql  string
	oids []uint32
}

var commitStatements = func() (all [1 << groupCount]commitStatement) {
	for v := range all {
		all[v] = composeCommit(v)
	}
	return all
}()

func composeCommit(variant int) commitStatement {
	var b strings.Builder
	st := commitStatement{name: fmt.Sprintf("commit_%02x", variant)}
	for i := range parts {
		p := &parts[i]
		if !p.in(variant) {
			continue
		}
		if i == partPerson {
			fmt.Fprintf(&b, "WITH %s AS (", p.name)
		} else {
			fmt.Fprintf(&b, ",\n%s AS (", p.name)
		}
		b.WriteString(strings.ReplaceAll(p.sql, "{f}", p.rows(len(st.oids)+1)))
		b.WriteString(")")
		for _, k := range p.kinds {
			st.oids = append(st.oids, arrayOIDs[k.oid])
		}
	}
	b.WriteString("\nSELECT i FROM won")
	st.sql = b.String()
	return st
}

func (p *part) in(variant int) bool { return p.group < 0 || variant&(1<<p.group) != 0 }

// rows is the FROM item of the part's arrays. They are unnested side by side in a SELECT list, row by row: as functions in
// FROM each array would first be laid down whole, which cost a transition a sixth of the server's time.
func (p *part) rows(first int) string {
	args := make([]string, len(p.kinds))
	for i, k := range p.kinds {
		args[i] = fmt.Sprintf("unnest($%d::%s[])", first+i, k.name)
	}
	return fmt.Sprintf("(SELECT %s) AS f(%s)", strings.Join(args, ", "), p.names)
}
