package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/pusher"
)

const deliveryColumns = `d.id, d.brand_id, d.person_id, d.device_id, d.campaign_id, d.decision_id, d.notification, d.provider, d.high_priority,
	d.created_at, d.not_before, d.deadline, d.state, d.attempt, d.lease_node, d.lease_until, d.unsure,
	coalesce(d.code, '')`

func scanDelivery(row pgx.CollectableRow) (d pusher.Delivery, err error) {
	var notification []byte
	var lease timeOrZero
	err = row.Scan(&d.ID, &d.BrandID, &d.PersonID, &d.DeviceID, uuidOrZero{&d.CampaignID}, uuidOrZero{&d.DecisionID}, &notification, &d.Provider,
		&d.HighPriority, &d.CreatedAt, &d.NotBefore, &d.Deadline, &d.State, &d.Attempt, uuidOrZero{&d.LeaseNode}, &lease, &d.Unsure, &d.Code)
	d.LeaseUntil = lease.Time
	if err == nil {
		d.Notification, err = readNotification(notification)
	}
	return d, err
}

// readDelivery is scanDelivery of a raw row.
func readDelivery(r *rawRow) (d pusher.Delivery, err error) {
	d.ID, d.BrandID, d.PersonID, d.DeviceID, d.CampaignID, d.DecisionID = r.uuid(), r.uuid(), r.uuid(), r.uuid(), r.uuid(), r.uuid()
	d.Notification, err = readNotification(r.bytes())
	d.Provider, d.HighPriority = knownProvider(r.bytes()), r.bool()
	d.CreatedAt, d.NotBefore, d.Deadline = r.time(), r.time(), r.time()
	d.State, d.Attempt, d.LeaseNode, d.LeaseUntil, d.Unsure, d.Code = knownState(r.bytes()), int(r.int()), r.uuid(), r.utc(), r.bool(), r.text()
	return d, err
}

// knownProvider and knownState spare a copy of what nearly every row has.
func knownProvider(name []byte) pusher.Provider {
	for _, p := range []pusher.Provider{pusher.FCM, pusher.APNs, pusher.WebPush} {
		if string(name) == string(p) {
			return p
		}
	}
	return pusher.Provider(name)
}

func knownState(name []byte) pusher.State {
	if string(name) == string(pusher.Pending) {
		return pusher.Pending
	}
	return pusher.State(name)
}

// collectDeliveries reads rows of deliveryColumns, about so many.
func collectDeliveries(rows pgx.Rows, about int) ([]pusher.Delivery, error) {
	return collectRaw(rows, about, readDelivery, scanDelivery)
}

// claimSQL counts on the lock: a locked row stays where it is, and is changed there. One that had just been changed when it was
// locked is at a place that this statement cannot see, and is left to the next.
var claimSQL = `WITH ` + dueSQL("statement_timestamp()", "$3") + `
	UPDATE delivery d SET lease_node = $1, lease_until = clock_timestamp() + $2::bigint * interval '1 microsecond',
		next_at = clock_timestamp() + $2::bigint * interval '1 microsecond', attempt = d.attempt + 1,
		unsure = d.unsure OR d.lease_node IS NOT NULL
	FROM due WHERE d.ctid = due.place AND d.state = 'pending' AND d.next_at <= clock_timestamp()
	RETURNING ` + deliveryColumns

// Claim leases due deliveries whose lease, if any, has ended, by rank and of a rank those longest due, and counts the
// attempt. A node must have let go of a delivery before its lease ends: an ended lease may be claimed by anyone, the
// same node included.
func (s *Store) Claim(ctx context.Context, node uuid.UUID, lease time.Duration, limit int) ([]pusher.Delivery, error) {
	if s.routed {
		return s.claimRouted(ctx, node, lease, limit)
	}
	rows, err := s.pool.Query(ctx, claimSQL, node, lease.Microseconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	return collectDeliveries(rows, limit)
}

// Begin renews node's own leases and counts another attempt of each. What is missing in the answer has ended or is
// another's.
func (s *Store) Begin(ctx context.Context, node uuid.UUID, lease time.Duration, ids []pusher.Key) ([]pusher.Key, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if s.routed {
		return s.beginRouted(ctx, node, lease, ids)
	}
	t := newTable(uuids, uuids, uuids)
	for _, k := range ids {
		addDeliveryKey(t, k)
	}
	return s.changeDeliveries(ctx, "begin", sameDelivery, `lease_until = clock_timestamp() + $5::bigint * interval '1 microsecond',
		next_at = clock_timestamp() + $5::bigint * interval '1 microsecond', attempt = d.attempt + 1`, "", t, node, lease.Microseconds())
}

// Postpone gives deliveries back until a time, keeping the count of attempts that were used.
func (s *Store) Postpone(ctx context.Context, node uuid.UUID, waits []pusher.Wait) error {
	if len(waits) == 0 {
		return nil
	}
	if s.routed {
		return s.postponeRouted(ctx, node, waits)
	}
	t := newTable(uuids, uuids, uuids, times, bools, bools, texts)
	for _, w := range waits {
		addDeliveryKey(t, w.Key)
		t[3].time(w.NotBefore)
		t[4].bool(w.Unsure)
		t[5].bool(w.Unused)
		t[6].textOrNull(w.Code)
	}
	_, err := s.changeDeliveries(ctx, "postpone", sameDelivery, `lease_node = NULL, lease_until = NULL, not_before = f.not_before, next_at = f.not_before,
		unsure = d.unsure OR f.unsure, attempt = greatest(d.attempt - f.unused::int, 1), code = f.code`, "not_before, unsure, unused, code", t, node)
	return err
}

// Finish writes ends. What is missing in the answer had ended otherwise or is another's. The node stays on an ended
// delivery, so that the same end can be written again.
func (s *Store) Finish(ctx context.Context, node uuid.UUID, ends []pusher.End) ([]pusher.Key, error) {
	if len(ends) == 0 {
		return nil, nil
	}
	if s.routed {
		return s.finishRouted(ctx, node, ends)
	}
	t := newTable(uuids, uuids, uuids, texts, texts, texts, bools)
	for _, e := range ends {
		addDeliveryKey(t, e.Key)
		t[3].text(string(e.State))
		t[4].textOrNull(e.Code)
		t[5].textOrNull(e.ProviderID)
		t[6].bool(e.SurelyNotReceived)
	}
	const set, names = `state = f.state, code = f.code, provider_id = f.provider_id, surely_not = f.surely_not,
		ended_at = coalesce(d.ended_at, clock_timestamp()), lease_until = NULL`, "state, code, provider_id, surely_not"
	// A locked row is changed where it lies, which spares a look-up. One that somebody was changing when it was locked lies where
	// the statement cannot see it. Ends may be written again, so whatever is missing is looked for by its key.
	ended, err := s.changeDeliveries(ctx, "finish", "d.ctid = f.place", set, names, t, node)
	if err == nil && len(ended) < len(ends) {
		return s.changeDeliveries(ctx, "finish", sameDelivery, set, names, t, node)
	}
	return ended, err
}

const sameDelivery = "d.person_id = f.person_id AND d.brand_id = f.brand_id AND d.id = f.id"

func addDeliveryKey(t table, k pusher.Key) {
	t[0].uuid(k.PersonID)
	t[1].uuid(k.BrandID)
	t[2].uuid(k.ID)
}

// changeDeliveries changes pending deliveries that are leased to node, locking them in the order of their keys. The
// node is the parameter after the table's; same finds the row of a locked one. A change of state takes those too that have the state already.
func (s *Store) changeDeliveries(ctx context.Context, what, same, set, names string, t table, more ...any) ([]pusher.Key, error) {
	columns, states := "person_id, brand_id, id", "d.state = 'pending'"
	if names != "" {
		columns += ", " + names
	}
	if strings.HasPrefix(names, "state") {
		states = "d.state IN ('pending', f.state)"
	}
	rows, err := s.queryTable(ctx, fmt.Sprintf(`WITH f AS MATERIALIZED (
			SELECT d.ctid AS place, f.* FROM %[1]s JOIN delivery d ON %[6]s
			WHERE %[4]s AND d.lease_node = $%[2]d ORDER BY d.person_id, d.brand_id, d.id FOR UPDATE OF d)
		UPDATE delivery d SET %[3]s FROM f WHERE %[5]s AND %[4]s AND d.lease_node = $%[2]d
		RETURNING d.brand_id, d.person_id, d.id`, t.from(columns), len(t)+1, set, states, same, sameDelivery), t, more...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	keys, err := collectRaw(rows, t[0].n, readDeliveryKey, scanDeliveryKey)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return keys, nil
}
