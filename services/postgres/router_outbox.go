package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/pusher"
)

// On a distributed database a sweep reads what is due on every shard, without locks, and then takes each delivery by a
// compare-and-set of its own. Leases count from the start of the statement that writes them (now()), on the clock of
// the database node that the program is connected to.

const renewLease = `lease_until = now() + $4::bigint * interval '1 microsecond', next_at = now() + $4::bigint * interval '1 microsecond'`

// claimRouted is [Store.Claim] on a distributed database.
func (s *Store) claimRouted(ctx context.Context, node uuid.UUID, lease time.Duration, limit int) ([]pusher.Delivery, error) {
	due, err := s.dueRouted(ctx, limit)
	if err != nil {
		return nil, err
	}
	units := make([]unit, len(due))
	for i, k := range due {
		b := aboutDelivery(k)
		b.int8(lease.Microseconds())
		b.sql.WriteString(`UPDATE delivery SET attempt = attempt + 1, unsure = unsure OR lease_node IS NOT NULL, lease_node = ` + b.uuid(node) + `, ` + renewLease +
			` WHERE person_id = $1 AND brand_id = $2 AND id = $3 AND state = 'pending' AND next_at <= now() RETURNING id`)
		units[i] = unit{b.end("")}
	}
	taken, err := s.changeRouted(ctx, "claim", due, units)
	if err != nil || len(taken) == 0 {
		return nil, err
	}
	return s.deliveriesLeased(ctx, node, taken)
}

// dueRouted picks due deliveries as [dueSQL] does, rank by rank: a statement for each.
func (s *Store) dueRouted(ctx context.Context, limit int) (due []pusher.Key, err error) {
	var late [][]pusher.Key
	for r := pusher.RankMoment; r <= pusher.RankBulk; r++ {
		rows, err := s.pool.Query(ctx, `SELECT brand_id, person_id, id FROM delivery WHERE state = 'pending' AND `+rankOf+` = $2::smallint
			AND not_before <= now() AND next_at <= now() ORDER BY not_before LIMIT $1`, 4*limit, int16(r))
		if err != nil {
			return nil, fmt.Errorf("claim: %w", err)
		}
		of, err := pgx.CollectRows(rows, scanDeliveryKey)
		if err != nil {
			return nil, fmt.Errorf("claim: %w", err)
		}
		rand.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
		share := min(len(of), limit/shareOf)
		due, late = append(due, of[:share]...), append(late, of[share:])
	}
	due = slices.Concat(append([][]pusher.Key{due}, late...)...)
	return due[:min(limit, len(due))], nil
}

// deliveriesLeased reads deliveries that a node has just taken.
func (s *Store) deliveriesLeased(ctx context.Context, node uuid.UUID, keys []pusher.Key) ([]pusher.Delivery, error) {
	persons, ids := make([]uuid.UUID, len(keys)), make([]uuid.UUID, len(keys))
	for i, k := range keys {
		persons[i], ids[i] = k.PersonID, k.ID
	}
	rows, err := s.pool.Query(ctx, `SELECT `+deliveryColumns+` FROM delivery d WHERE d.person_id = ANY($1::uuid[]) AND d.id = ANY($2::uuid[])
		AND d.state = 'pending' AND d.lease_node = $3`, persons, ids, node)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	return collectDeliveries(rows, len(keys))
}

func scanDeliveryKey(row pgx.CollectableRow) (k pusher.Key, err error) {
	return k, row.Scan(&k.BrandID, &k.PersonID, &k.ID)
}

func readDeliveryKey(r *rawRow) (pusher.Key, error) {
	return pusher.Key{BrandID: r.uuid(), PersonID: r.uuid(), ID: r.uuid()}, nil
}

// aboutDelivery begins a statement about one delivery: its person is $1, its brand $2, its id $3.
func aboutDelivery(k pusher.Key) *builder {
	b := about(k.PersonID, k.BrandID)
	b.uuid(k.ID)
	return b
}

// ownPending ends a change of a delivery that is leased to node.
func ownPending(b *builder, node uuid.UUID) unit {
	b.sql.WriteString(` WHERE person_id = $1 AND brand_id = $2 AND id = $3 AND state = 'pending' AND lease_node = ` + b.uuid(node))
	return unit{b.end("")}
}

// changeRouted runs a change of each delivery and returns those that took it.
func (s *Store) changeRouted(ctx context.Context, what string, keys []pusher.Key, units []unit) (changed []pusher.Key, err error) {
	outcomes, err := s.runUnits(ctx, units)
	if err := errors.Join(err, firstFault(outcomes)); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	for i := range outcomes {
		if outcomes[i].affected[0] > 0 {
			changed = append(changed, keys[i])
		}
	}
	return changed, nil
}

func (s *Store) beginRouted(ctx context.Context, node uuid.UUID, lease time.Duration, keys []pusher.Key) ([]pusher.Key, error) {
	units := make([]unit, len(keys))
	for i, k := range keys {
		b := aboutDelivery(k)
		b.int8(lease.Microseconds())
		b.sql.WriteString(`UPDATE delivery SET attempt = attempt + 1, ` + renewLease)
		units[i] = ownPending(b, node)
	}
	return s.changeRouted(ctx, "begin", keys, units)
}

func (s *Store) postponeRouted(ctx context.Context, node uuid.UUID, waits []pusher.Wait) error {
	keys, units := make([]pusher.Key, len(waits)), make([]unit, len(waits))
	for i, w := range waits {
		keys[i] = w.Key
		b := aboutDelivery(w.Key)
		at := b.time(w.NotBefore)
		b.sql.WriteString(`UPDATE delivery SET lease_node = NULL, lease_until = NULL, not_before = ` + at + `, next_at = ` + at +
			`, unsure = unsure OR ` + b.bool(w.Unsure) + `, attempt = greatest(attempt - ` + b.bool(w.Unused) + `::int, 1), code = ` + b.textOrNull(w.Code))
		units[i] = ownPending(b, node)
	}
	_, err := s.changeRouted(ctx, "postpone", keys, units)
	return err
}

func (s *Store) finishRouted(ctx context.Context, node uuid.UUID, ends []pusher.End) ([]pusher.Key, error) {
	keys, units := make([]pusher.Key, len(ends)), make([]unit, len(ends))
	for i, e := range ends {
		keys[i] = e.Key
		b := aboutDelivery(e.Key)
		b.sql.WriteString(`UPDATE delivery SET state = ` + b.text(string(e.State)) + `, code = ` + b.textOrNull(e.Code) +
			`, provider_id = ` + b.textOrNull(e.ProviderID) + `, surely_not = ` + b.bool(e.SurelyNotReceived) +
			`, ended_at = coalesce(ended_at, now()), lease_until = NULL WHERE person_id = $1 AND brand_id = $2 AND id = $3
			AND state IN ('pending', ` + b.text(string(e.State)) + `) AND lease_node = ` + b.uuid(node))
		units[i] = unit{b.end("")}
	}
	return s.changeRouted(ctx, "finish", keys, units)
}

// wakeRouted makes deliveries due within seconds, unless they were taken or ended meanwhile.
func (s *Store) wakeRouted(ctx context.Context, keys []pusher.Key) (int, error) {
	units := make([]unit, len(keys))
	for i, k := range keys {
		b := aboutDelivery(k)
		due := `now() + ` + b.int8(rand.Int64N(wakeWithin.Microseconds())) + ` * interval '1 microsecond'`
		b.sql.WriteString(`UPDATE delivery SET not_before = ` + due + `, next_at = ` + due +
			` WHERE person_id = $1 AND brand_id = $2 AND id = $3 AND state = 'pending' AND lease_node IS NULL AND next_at > now()`)
		units[i] = unit{b.end("")}
	}
	woken, err := s.changeRouted(ctx, "wake", keys, units)
	return len(woken), err
}
