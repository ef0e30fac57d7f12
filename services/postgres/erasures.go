package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/engine"
)

// Erasure is a tombstone: all that is left of an erased person.
type Erasure struct {
	BrandID  uuid.UUID `json:"brand"`
	PersonID uuid.UUID `json:"person"`
	Receipt  uuid.UUID `json:"receipt"`
	At       time.Time `json:"at"`
}

// ErasureList is who was erased from a database up to a time. It outlives the database, so that whoever is in an
// older copy of it can be erased there again.
type ErasureList struct {
	System string    // the database's identifier, which its copies share
	AsOf   time.Time // the database's clock
	People []Erasure
}

// Erasures lists who was erased, in the order of it.
func (s *Store) Erasures(ctx context.Context) (list ErasureList, err error) {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT (SELECT system_identifier FROM pg_control_system())::text, now()`).Scan(&list.System, &list.AsOf); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT brand_id, person_id, receipt, at FROM tombstone ORDER BY erased_at, brand_id, person_id`)
		if err != nil {
			return err
		}
		list.People, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Erasure])
		return err
	})
	if err != nil {
		return list, fmt.Errorf("erasures: %w", err)
	}
	return list, nil
}

// LastErasure is when somebody was erased last; zero: nobody was.
func (s *Store) LastErasure(ctx context.Context) (at time.Time, err error) {
	var last timeOrZero
	err = s.pool.QueryRow(ctx, `SELECT max(erased_at) FROM tombstone`).Scan(&last)
	return last.Time, err
}

// Resumption is what was done to a database of the past before it was used again.
type Resumption struct {
	Erased     int `json:"erased"`     // people who were in it and had been erased since
	Tombstones int `json:"tombstones"` // people whose erasure it did not know of
	Deliveries int `json:"deliveries"` // waiting ones that expired
	Stock      int `json:"stock"`      // coupons of blocks that were out: they count as issued
}

// Resume makes a database of the past fit for use: first whoever was erased since is erased again; then deliveries
// that were waiting expire (a provider may have accepted them since; what may have been received counts), claims of
// requests that nobody answers any more end, blocks of stock that were out count as used up (their coupons may be on
// phones that this database does not know of), and the database gets a new epoch, so that no copy and no token of
// another history is believed. No node may be running. Doing it again changes nothing but the epoch.
func (s *Store) Resume(ctx context.Context, erased []Erasure) (r Resumption, err error) {
	for _, e := range erased {
		if err := s.eraseAgain(ctx, e, &r); err != nil {
			return r, fmt.Errorf("resume: erase a person again: %w", err)
		}
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = '10min'`); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE delivery SET state = 'expired', code = 'RESTORED', unsure = true, surely_not = false, ended_at = now(),
			lease_node = NULL, lease_until = NULL WHERE state = 'pending'`)
		if err != nil {
			return err
		}
		r.Deliveries = int(tag.RowsAffected())
		if _, err := tx.Exec(ctx, `DELETE FROM request WHERE answer IS NULL`); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `UPDATE stock_block SET used = size, reclaimed_at = now() WHERE reclaimed_at IS NULL RETURNING size`)
		if err != nil {
			return err
		}
		var size int
		_, err = pgx.ForEachRow(rows, []any{&size}, func() error { r.Stock += size; return nil })
		return err
	})
	if err == nil {
		err = s.markEpoch(ctx)
	}
	if err != nil {
		return r, fmt.Errorf("resume: %w", err)
	}
	return r, nil
}

func (s *Store) eraseAgain(ctx context.Context, e Erasure, r *Resumption) error {
	key := engine.PersonKey{BrandID: e.BrandID, PersonID: e.PersonID}
	var there, known bool
	err := again(ctx, func() error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `UPDATE person SET status = $3, version = version + 1, write_id = $4 WHERE person_id = $1 AND brand_id = $2`,
				e.PersonID, e.BrandID, engine.PersonErasing, uuid.New())
			if err != nil {
				return err
			}
			if there = tag.RowsAffected() > 0; there {
				return erase(ctx, tx, s.routed, key, e.Receipt, e.At)
			}
			tag, err = tx.Exec(ctx, `INSERT INTO tombstone (brand_id, person_id, receipt, at, erased_at) VALUES ($1, $2, $3, $4, clock_timestamp())
				ON CONFLICT (brand_id, person_id) DO NOTHING`, e.BrandID, e.PersonID, e.Receipt, e.At)
			known = err == nil && tag.RowsAffected() == 0
			return err
		})
	})
	switch {
	case err != nil:
		return err
	case there:
		r.Erased++
	}
	if !known {
		r.Tombstones++
	}
	return nil
}

// restoredSetting is kept with the database and read with its epoch: the same backup may be restored twice, and both
// times get the same timeline.
const restoredSetting = "wantgo.restored"

// markEpoch gives the database another epoch. A role that may not is told so by the timeline alone, which a recovery
// has changed.
func (s *Store) markEpoch(ctx context.Context) error {
	var name string
	if err := s.pool.QueryRow(ctx, `SELECT current_database()`).Scan(&name); err != nil {
		return err
	}
	mark := strings.ReplaceAll(uuid.NewString(), "-", "")
	_, err := s.pool.Exec(ctx, fmt.Sprintf(`ALTER DATABASE %s SET %s = '%s'`, pgx.Identifier{name}.Sanitize(), restoredSetting, mark))
	if code(err) == codePrivilege {
		return nil
	}
	return err
}

const codePrivilege = "42501"

// ErrInUse says that nodes work on the database.
var ErrInUse = errors.New("the database is in use by a node: stop every node first")

// Alone returns ErrInUse when other connections of wantgo are open on the database.
func (s *Store) Alone(ctx context.Context) error {
	var others int
	err := s.pool.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
		AND application_name = $1 AND pid <> pg_backend_pid()`, s.options.ApplicationName).Scan(&others)
	if err == nil && others > s.ownOthers() {
		err = ErrInUse
	}
	return err
}

// ownOthers is how many connections of this pool are open beside the one that asks.
func (s *Store) ownOthers() int {
	_, open, _ := s.Connections()
	return max(0, open-1)
}

// System is the identifier that the database's server was given when it was made; copies of it share it.
func (s *Store) System(ctx context.Context) (id string, err error) {
	return id, s.pool.QueryRow(ctx, `SELECT system_identifier::text FROM pg_control_system()`).Scan(&id)
}

// Reset closes the connections that are open, so that what is set for new ones holds.
func (s *Store) Reset() { s.pool.Reset() }
