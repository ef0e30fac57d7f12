package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/engine"
)

// PeopleByExternalID finds the people whom the brand calls so; the unknown are left out.
func (s *Store) PeopleByExternalID(ctx context.Context, brandID uuid.UUID, externalIDs []string) (map[string]uuid.UUID, error) {
	people := make(map[string]uuid.UUID, len(externalIDs))
	if len(externalIDs) == 0 {
		return people, nil
	}
	rows, err := s.pool.Query(ctx, `SELECT external_id, person_id FROM person_external WHERE brand_id = $1 AND external_id = ANY($2)`, brandID, externalIDs)
	if err != nil {
		return nil, fmt.Errorf("people by external id: %w", err)
	}
	var external string
	var person uuid.UUID
	if _, err := pgx.ForEachRow(rows, []any{&external, &person}, func() error { people[external] = person; return nil }); err != nil {
		return nil, fmt.Errorf("people by external id: %w", err)
	}
	return people, nil
}

// erasedHash is what is kept of an erased person's own id. It is bound to the brand. Who holds the database and can guess
// own ids can tell which of them were erased, and nothing else.
func erasedHash(brandID uuid.UUID, externalID string) []byte {
	sum := sha256.Sum256([]byte("wantgo erased person\x00" + brandID.String() + "\x00" + externalID))
	return sum[:]
}

// ErasedExternalIDs tells which of a brand's own ids were those of people who are erased.
func (s *Store) ErasedExternalIDs(ctx context.Context, brandID uuid.UUID, externalIDs []string) (map[string]bool, error) {
	erased := map[string]bool{}
	if len(externalIDs) == 0 {
		return erased, nil
	}
	hashes, of := make([][]byte, len(externalIDs)), make(map[string]string, len(externalIDs))
	for i, id := range externalIDs {
		hashes[i] = erasedHash(brandID, id)
		of[string(hashes[i])] = id
	}
	rows, err := s.pool.Query(ctx, `SELECT hash FROM erased_external WHERE brand_id = $1 AND hash = ANY($2)`, brandID, hashes)
	if err != nil {
		return nil, fmt.Errorf("erased ids: %w", err)
	}
	var hash []byte
	if _, err := pgx.ForEachRow(rows, []any{&hash}, func() error { erased[of[string(hash)]] = true; return nil }); err != nil {
		return nil, fmt.Errorf("erased ids: %w", err)
	}
	return erased, nil
}

// rememberErased keeps hashes of the own ids that a person has.
func rememberErased(ctx context.Context, tx pgx.Tx, key engine.PersonKey, at time.Time) error {
	rows, err := tx.Query(ctx, `SELECT external_id FROM person_external WHERE brand_id = $1 AND person_id = $2`, key.BrandID, key.PersonID)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, id := range ids {
		if err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO erased_external (brand_id, hash, at) VALUES ($1, $2, $3) ON CONFLICT (brand_id, hash) DO NOTHING`,
				key.BrandID, erasedHash(key.BrandID, id), at)
		}
	}
	return err
}

// NewPeople makes people without a device who have an own id of the brand: the person comes first, then its id. Where
// another call wins the id meanwhile, or the person was erased, made is false and nothing is left of the one made for
// nothing.
func (s *Store) NewPeople(ctx context.Context, regs []engine.Registration) (made []bool, err error) {
	made = make([]bool, len(regs))
	order := make([]int, len(regs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(regs[a].Profile.ExternalID, regs[b].Profile.ExternalID) })
	if len(regs) == 0 {
		return made, nil
	}
	born, err := s.bear(ctx, regs, order)
	if err != nil {
		return nil, fmt.Errorf("new people: %w", err)
	}
	order = slices.DeleteFunc(order, func(i int) bool { return !born[i] })
	if err := s.claimAll(ctx, regs, order, made); err != nil {
		return nil, fmt.Errorf("new people: %w", err)
	}
	var stillborn []engine.PersonKey
	for _, i := range order {
		if !made[i] {
			stillborn = append(stillborn, engine.PersonKey{BrandID: regs[i].Device.BrandID, PersonID: regs[i].Device.PersonID})
		}
	}
	if err := s.unbear(ctx, stillborn); err != nil {
		return nil, fmt.Errorf("new people: %w", err)
	}
	return made, nil
}

// claimAll gives people their own ids, in the order of the ids, in which all callers take them.
func (s *Store) claimAll(ctx context.Context, regs []engine.Registration, order []int, made []bool) error {
	if s.routed {
		return s.claimAllRouted(ctx, regs, order, made)
	}
	t := newTable(int4s, uuids, texts, uuids)
	for _, i := range order {
		t[0].int4(int32(i))
		t[1].uuid(regs[i].Device.BrandID)
		t[2].text(regs[i].Profile.ExternalID)
		t[3].uuid(regs[i].Device.PersonID)
	}
	rows, err := s.queryTable(ctx, `WITH f AS MATERIALIZED (SELECT * FROM `+t.from("i, brand_id, external_id, person_id")+`),
		made AS (INSERT INTO person_external (brand_id, external_id, person_id) SELECT brand_id, external_id, person_id FROM f
			ON CONFLICT (brand_id, external_id) DO NOTHING RETURNING brand_id, person_id)
		SELECT f.i FROM f JOIN made USING (brand_id, person_id)`, t)
	if err != nil {
		return err
	}
	at, err := collectPositions(rows)
	for i := range at {
		made[i] = true
	}
	return err
}

func (s *Store) claimAllRouted(ctx context.Context, regs []engine.Registration, order []int, made []bool) error {
	units := make([]unit, len(order))
	for n, i := range order {
		b := &builder{}
		b.sql.WriteString(`INSERT INTO person_external (brand_id, external_id, person_id) VALUES (` + b.uuid(regs[i].Device.BrandID) + `, ` +
			b.text(regs[i].Profile.ExternalID) + `, ` + b.uuid(regs[i].Device.PersonID) + `) ON CONFLICT (brand_id, external_id) DO NOTHING`)
		units[n] = unit{b.end("")}
	}
	outcomes, err := s.runUnits(ctx, units)
	if err := errors.Join(err, firstFault(outcomes)); err != nil {
		return err
	}
	for n, i := range order {
		made[i] = outcomes[n].affected[0] > 0
	}
	return nil
}

// Purchased tells which sales of some people are known by the till's own ids.
func (s *Store) Purchased(ctx context.Context, brandID uuid.UUID, people []uuid.UUID, ids []string) (map[engine.PurchaseKey]bool, error) {
	known := map[engine.PurchaseKey]bool{}
	if len(people) == 0 || len(ids) == 0 {
		return known, nil
	}
	rows, err := s.pool.Query(ctx, `SELECT person_id, id FROM purchase WHERE person_id = ANY($1) AND brand_id = $2 AND id = ANY($3)`, people, brandID, ids)
	if err != nil {
		return nil, fmt.Errorf("purchases: %w", err)
	}
	var k engine.PurchaseKey
	if _, err := pgx.ForEachRow(rows, []any{&k.PersonID, &k.ID}, func() error { known[k] = true; return nil }); err != nil {
		return nil, fmt.Errorf("purchases: %w", err)
	}
	return known, nil
}

func addPurchase(t table, i int32, p *audience.Purchase) {
	t[0].int4(i)
	t[1].text(p.ID)
	t[2].time(p.At)
	t[3].float(p.Amount)
	t[4].text(p.Currency)
	t[5].uuidOrNull(p.StoreID)
	t[6].uuidOrNull(p.CouponID)
}

// routedPurchases inserts sales with a person's write on a distributed database.
func routedPurchases(u unit, w *engine.PersonWrite) unit {
	put := insertInto(w.Key.PersonID, w.Key.BrandID, "purchase", "id, at, amount, currency, store_id, coupon_id")
	for i := range w.Purchases {
		p := &w.Purchases[i]
		put.row(put.text(p.ID), put.time(p.At), put.float(p.Amount), put.text(p.Currency), put.uuidOrNull(p.StoreID), put.uuidOrNull(p.CouponID))
	}
	return put.appendTo(u, "")
}
