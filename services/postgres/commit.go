package postgres

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wantgo/wantgo/services/engine"
)

// Commit writes many people in one statement (see [engine.People]; on a distributed database a person a transaction): it
// goes through the rows in person_id order, compares version and status, updates, and inserts the facts of those rows only.
// A person whose row is being erased takes no write; a person who comes twice in one call can win only the first time.
//
// A fence that stands in both Opened and Closed of one write counts as closed and opened again. A stored due time
// that is earlier than the written one, and later than At, stays.
//
// After an error the caller asks [Store.Committed], or halves the batch and tries again: a fault that one write's
// own content makes (text that is no UTF-8 or holds a zero byte, an id that exists) fails the whole statement.
func (s *Store) Commit(ctx context.Context, writes []engine.PersonWrite) ([]bool, error) {
	committed := make([]bool, len(writes))
	if len(writes) == 0 {
		return committed, nil
	}
	s.results.note(writes)
	if s.routed {
		return s.commitRouted(ctx, writes)
	}
	err := s.commitBatch(ctx, writes, committed, false)
	if isOpenAlready(err) {
		err = s.commitBatch(ctx, writes, committed, true)
	}
	if err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return committed, nil
}

func (s *Store) commitBatch(ctx context.Context, writes []engine.PersonWrite, committed []bool, reopens bool) error {
	b := newBatch()
	defer batches.Put(b)
	b.reopens = reopens
	for _, i := range inOrder(writes) {
		if err := b.add(int32(i), &writes[i]); err != nil {
			return err
		}
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return s.runCommit(ctx, conn, b, committed)
}

// isOpenAlready tells the refusal of a visit that is open though the person's state says it is not. Nothing was written.
func isOpenAlready(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == codeUnique && refused.TableName == "open_visit"
}

// inOrder are the places of the writes in the order of their people, of each person the first.
func inOrder(writes []engine.PersonWrite) []int {
	order := make([]int, len(writes))
	for i := range order {
		order[i] = i
	}
	byKey := func(a, b int) int {
		x, y := &writes[a].Key, &writes[b].Key
		return cmp.Or(bytes.Compare(x.PersonID[:], y.PersonID[:]), bytes.Compare(x.BrandID[:], y.BrandID[:]))
	}
	slices.SortStableFunc(order, byKey)
	return slices.CompactFunc(order, func(a, b int) bool { return byKey(a, b) == 0 })
}

func (s *Store) runCommit(ctx context.Context, conn *pgxpool.Conn, b *batch, committed []bool) error {
	variant := b.variant()
	statement := commitStatements[variant]
	values := b.values(variant)
	binaryFormat := []int16{1}
	pg := conn.Conn().PgConn()
	var room *wire
	var result *pgconn.ResultReader
	if s.options.Pooled {
		room = lend(pg, values)
		result = pg.ExecParams(ctx, statement.sql, values, statement.oids, binaryFormat, binaryFormat)
	} else {
		prepared, err := conn.Conn().Prepare(ctx, statement.name, statement.sql)
		if err != nil {
			return err
		}
		room = lend(pg, values)
		result = pg.ExecStatement(ctx, prepared, values, binaryFormat, binaryFormat)
	}
	for result.NextRow() {
		committed[binary.BigEndian.Uint32(result.Values()[0])] = true
	}
	_, err := result.Close()
	if err == nil {
		room.back()
	}
	return err
}

// Committed tells for each write whether it is known to have been committed: the row carries its WriteID, or the row
// has moved on and a fact of the write is there. A write without facts whose row has moved on counts as not committed.
func (s *Store) Committed(ctx context.Context, writes []engine.PersonWrite) ([]bool, error) {
	if s.routed {
		return s.committedRouted(ctx, writes)
	}
	done := make([]bool, len(writes))
	t := newTable(int4s, uuids, uuids, uuids, uuids)
	for i := range writes {
		w := &writes[i]
		t[0].int4(int32(i))
		t[1].uuid(w.Key.PersonID)
		t[2].uuid(w.Key.BrandID)
		t[3].uuid(w.WriteID)
		t[4].uuidOrNull(someFact(w))
	}
	rows, err := s.queryTable(ctx, committedSQL, t)
	if err != nil {
		return nil, fmt.Errorf("committed: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var i int32
		if err := rows.Scan(&i); err != nil {
			return nil, err
		}
		done[i] = true
	}
	return done, rows.Err()
}

const committedSQL = `SELECT w.i FROM unnest($1::int4[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[]) AS w(i, person_id, brand_id, write_id, fact)
JOIN person p ON p.person_id = w.person_id AND p.brand_id = w.brand_id
WHERE p.write_id = w.write_id
   OR EXISTS (SELECT FROM trace f WHERE f.person_id = w.person_id AND f.brand_id = w.brand_id AND f.id = w.fact)
   OR EXISTS (SELECT FROM place f WHERE f.person_id = w.person_id AND f.brand_id = w.brand_id AND f.id = w.fact)
   OR EXISTS (SELECT FROM delivery f WHERE f.person_id = w.person_id AND f.brand_id = w.brand_id AND f.id = w.fact)
   OR EXISTS (SELECT FROM coupon f WHERE f.person_id = w.person_id AND f.brand_id = w.brand_id AND (f.id = w.fact OR f.redemption_id = w.fact))
   OR EXISTS (SELECT FROM consent_event f WHERE f.person_id = w.person_id AND f.brand_id = w.brand_id AND f.id = w.fact)
   OR EXISTS (SELECT FROM location_use f WHERE f.person_id = w.person_id AND f.brand_id = w.brand_id AND f.id = w.fact)`

// someFact is the id of one fact that exists only if the write was committed.
func someFact(w *engine.PersonWrite) uuid.UUID {
	switch {
	case len(w.Traces) > 0:
		return w.Traces[0].ID
	case len(w.Deliveries) > 0:
		return w.Deliveries[0].ID
	case len(w.Consents) > 0:
		return w.Consents[0].ID
	case len(w.Uses) > 0:
		return w.Uses[0].ID
	case len(w.Places) > 0:
		return w.Places[0].ID
	}
	for _, c := range w.Coupons {
		if !c.Redeem {
			return c.ID
		}
		if c.Redemption != nil {
			return c.Redemption.ID
		}
	}
	return uuid.Nil
}
