package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

const couponColumns = `c.id, c.brand_id, c.person_id, c.offer_id, c.campaign_id, c.code, c.block_id, c.stores, c.title, c.issued_at,
	c.expires_at, c.redemption_id, c.redeemed_store_id, c.redeemed_at, c.redeemed_by`

func scanCoupon(row pgx.CollectableRow) (c campaign.Coupon, err error) {
	var r campaign.Redemption
	var expires timeOrZero
	var at *time.Time
	var by *string
	err = row.Scan(&c.ID, &c.BrandID, &c.PersonID, &c.OfferID, uuidOrZero{&c.CampaignID}, &c.Code, uuidOrZero{&c.Block}, &c.Stores, &c.Title,
		&c.IssuedAt, &expires, uuidOrZero{&r.ID}, uuidOrZero{&r.StoreID}, &at, &by)
	c.ExpiresAt = expires.Time
	if len(c.Stores) == 0 {
		c.Stores = nil
	}
	if at != nil {
		r.At = *at
		if by != nil {
			r.By = *by
		}
		c.Redemption = &r
	}
	return c, err
}

// Coupons lists a person's coupons, newest first; onlyLive leaves out the used and those that ended by now.
func (s *Store) Coupons(ctx context.Context, key engine.PersonKey, onlyLive bool, now time.Time, limit int) ([]campaign.Coupon, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+couponColumns+` FROM coupon c WHERE c.person_id = $1 AND c.brand_id = $2
		AND (NOT $3 OR (c.redemption_id IS NULL AND (c.expires_at IS NULL OR c.expires_at > $4)))
		ORDER BY c.issued_at DESC, c.id DESC LIMIT $5`, key.PersonID, key.BrandID, onlyLive, now, limit)
	if err != nil {
		return nil, fmt.Errorf("coupons: %w", err)
	}
	return pgx.CollectRows(rows, scanCoupon)
}

// Coupon reads one coupon of a person.
func (s *Store) Coupon(ctx context.Context, key engine.PersonKey, id uuid.UUID) (campaign.Coupon, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+couponColumns+` FROM coupon c WHERE c.person_id = $1 AND c.brand_id = $2 AND c.id = $3`,
		key.PersonID, key.BrandID, id)
	if err != nil {
		return campaign.Coupon{}, fmt.Errorf("coupon: %w", err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, scanCoupon)
	return c, notFound(err)
}

// CouponByCode finds a coupon by what a till reads. Of one that was handed over with its person, the new owner's counts.
func (s *Store) CouponByCode(ctx context.Context, brandID uuid.UUID, code string) (campaign.Coupon, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+couponColumns+` FROM coupon c
		JOIN person p ON p.person_id = c.person_id AND p.brand_id = c.brand_id
		WHERE c.brand_id = $1 AND c.code = $2 ORDER BY p.status, c.issued_at DESC LIMIT 1`, brandID, code)
	if err != nil {
		return campaign.Coupon{}, fmt.Errorf("coupon by code: %w", err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, scanCoupon)
	return c, notFound(err)
}

// Traces lists what was decided about a person, newest first, with the places that are still kept.
func (s *Store) Traces(ctx context.Context, key engine.PersonKey, f engine.TraceFilter) ([]engine.TraceRow, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	for limit := f.Limit + 1; ; limit *= 2 {
		rows, err := s.traceRows(ctx, key, &f, limit)
		if err != nil {
			return nil, fmt.Errorf("traces: %w", err)
		}
		all := len(rows) < limit
		found, err := listed(rows, &f, all)
		if err != nil {
			return nil, fmt.Errorf("traces: %w", err)
		}
		if all || len(found) >= f.Limit {
			return found[:min(f.Limit, len(found))], nil
		}
	}
}

// traceRows reads whole rows: some decisions in them may be none that the filter asks for.
func (s *Store) traceRows(ctx context.Context, key engine.PersonKey, f *engine.TraceFilter, limit int) ([]packedRow, error) {
	_, greatest := engine.RoundOf(f.Before)
	if f.Before == uuid.Nil {
		greatest = uuid.Nil
	}
	rows, err := s.pool.Query(ctx, `SELECT `+traceColumns+`, `+placeColumns+`
		FROM (SELECT f.* FROM trace f WHERE f.person_id = $1 AND f.brand_id = $2
			AND ($3::timestamptz IS NULL OR f.at >= $3) AND ($4::timestamptz IS NULL OR f.at < $4)
			AND ($5::uuid IS NULL OR f.id <= $5) AND ($6 = '' OR f.reason = $6 OR strpos(f.others, '"r":"' || $6 || '"') > 0)
			ORDER BY f.id DESC LIMIT $7) t
		LEFT JOIN place p ON p.person_id = $1 AND p.brand_id = $2 AND p.id = t.moment_id
		ORDER BY t.id DESC`, key.PersonID, key.BrandID, zeroTime(f.From), zeroTime(f.To), orNull(greatest), f.Reason, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanPackedRow)
}

// listed are the decisions of rows that a filter asks for, newest first. Unless they are all there are, the last row
// may be one of several of its round, and is left out.
func listed(rows []packedRow, f *engine.TraceFilter, all bool) (found []engine.TraceRow, err error) {
	var last uuid.UUID // the greatest id of the last row's round
	if !all {
		_, last = engine.RoundOf(rows[len(rows)-1].first.ID)
	}
	for i := range rows {
		traces, err := unfold(rows[i].first, rows[i].others)
		if err != nil {
			return nil, err
		}
		for j := range traces {
			t := traces[j]
			if (f.Reason == "" || t.Reason == f.Reason) && below(t.ID, f.Before) && (all || below(last, t.ID)) {
				found = append(found, engine.TraceRow{Trace: t, Place: rows[i].place})
			}
		}
	}
	slices.SortFunc(found, func(a, b engine.TraceRow) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	return found, nil
}

// below compares ids; everything is below the zero one.
func below(a, b uuid.UUID) bool { return b == uuid.Nil || bytes.Compare(a[:], b[:]) < 0 }

const (
	traceColumns = `t.id, t.moment_id, t.device_id, t.campaign_id, t.campaign_rev, t.kind, t.reason, t.detail, t.at, t.notification_id, t.coupon_id, t.channel,
		coalesce(t.arm, ''), t.send_id, t.test, coalesce(t.others, '')`
	placeColumns = `p.id, p.device_id, p.fence_id, p.store_id, p.kind, p.reason, p.at, p.decided_at, p.ping_id, p.cell`
)

// packedRow is a row of trace: its first decision and the array of the others.
type packedRow struct {
	first  engine.Trace
	others string
	place  *engine.Place
}

// traceScan takes traceColumns.
type traceScan struct {
	engine.Trace
	detail []byte
	others string
}

func (t *traceScan) targets() []any {
	return []any{&t.ID, uuidOrZero{&t.MomentID}, uuidOrZero{&t.DeviceID}, uuidOrZero{&t.CampaignID}, &t.CampaignRev, &t.Kind, &t.Reason, &t.detail,
		&t.At, uuidOrZero{&t.NotificationID}, uuidOrZero{&t.CouponID}, &t.Channel, &t.Arm, uuidOrZero{&t.SendID}, &t.Test, &t.others}
}

func (t *traceScan) finish() (engine.Trace, error) {
	if t.detail == nil {
		return t.Trace, nil
	}
	err := json.Unmarshal(t.detail, &t.Values)
	return t.Trace, err
}

// placeScan takes placeColumns, which may all be NULL.
type placeScan struct {
	engine.Place
	kind, reason *string
	at, decided  timeOrZero
	cell         *int64
}

func (p *placeScan) targets() []any {
	return []any{uuidOrZero{&p.ID}, uuidOrZero{&p.DeviceID}, uuidOrZero{&p.FenceID}, uuidOrZero{&p.StoreID}, &p.kind, &p.reason, &p.at, &p.decided,
		uuidOrZero{&p.PingID}, &p.cell}
}

func (p *placeScan) finish() (*engine.Place, error) {
	if p.kind == nil {
		return nil, nil
	}
	p.Place.At, p.DecidedAt = p.at.Time, p.decided.Time
	if p.cell != nil {
		p.Cell = uint64(*p.cell)
	}
	var known, knownReason bool
	p.Kind, known = kindByName[*p.kind]
	p.Reason, knownReason = reasonByName[*p.reason]
	if !known || !knownReason {
		return nil, fmt.Errorf("place %s: unknown kind %q or reason %q", p.ID, *p.kind, *p.reason)
	}
	return &p.Place, nil
}

func scanPackedRow(row pgx.CollectableRow) (r packedRow, err error) {
	var t traceScan
	var p placeScan
	if err = row.Scan(append(t.targets(), p.targets()...)...); err != nil {
		return r, err
	}
	if r.first, err = t.finish(); err != nil {
		return r, err
	}
	r.others = t.others
	r.place, err = p.finish()
	return r, err
}

func scanTraces(row pgx.CollectableRow) ([]engine.Trace, error) {
	var t traceScan
	if err := row.Scan(t.targets()...); err != nil {
		return nil, err
	}
	first, err := t.finish()
	if err != nil {
		return nil, err
	}
	return unfold(first, t.others)
}

func scanPlace(row pgx.CollectableRow) (engine.Place, error) {
	var p placeScan
	if err := row.Scan(p.targets()...); err != nil {
		return engine.Place{}, err
	}
	place, err := p.finish()
	if err != nil {
		return engine.Place{}, err
	}
	return *place, nil
}

// FactsOf returns the places that pings brought about, while they are kept, and the traces of their moments, both in
// the order of their ids.
func (s *Store) FactsOf(ctx context.Context, key engine.PersonKey, pings []uuid.UUID) ([]engine.Place, []engine.Trace, error) {
	if len(pings) == 0 {
		return nil, nil, nil
	}
	// Facts of one report have ids of one millisecond, the first 13 characters of a UUIDv7.
	rows, err := s.pool.Query(ctx, `SELECT `+placeColumns+` FROM place p WHERE p.person_id = $1 AND p.brand_id = $2 AND (p.ping_id = ANY($3)
			OR p.ping_id IS NULL AND p.reason IN ('silence', 'time_passed') AND EXISTS (SELECT 1 FROM place o WHERE o.person_id = $1 AND o.brand_id = $2
				AND o.ping_id = ANY($3) AND o.device_id = p.device_id AND left(o.id::text, 13) = left(p.id::text, 13)))
		ORDER BY p.id`,
		key.PersonID, key.BrandID, pings)
	if err != nil {
		return nil, nil, fmt.Errorf("facts of pings: %w", err)
	}
	places, err := pgx.CollectRows(rows, scanPlace)
	if err != nil {
		return nil, nil, err
	}
	moments := slices.Clone(pings) // an AppEvent is a moment itself
	for i := range places {
		moments = append(moments, places[i].ID)
	}
	rows, err = s.pool.Query(ctx, `SELECT `+traceColumns+` FROM trace t WHERE t.person_id = $1 AND t.brand_id = $2 AND t.moment_id = ANY($3) ORDER BY t.id`,
		key.PersonID, key.BrandID, moments)
	if err != nil {
		return nil, nil, fmt.Errorf("facts of pings: %w", err)
	}
	rounds, err := pgx.CollectRows(rows, scanTraces)
	traces := slices.Concat(rounds...)
	slices.SortFunc(traces, func(a, b engine.Trace) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return places, traces, err
}

// PersonOfDelivery finds whom a delivery, or a notification, is for; the zero id is not looked for.
func (s *Store) PersonOfDelivery(ctx context.Context, brandID, notification, delivery uuid.UUID) (id uuid.UUID, err error) {
	column, value := "id", delivery
	if delivery == uuid.Nil {
		column, value = "notification_id", notification
	}
	err = s.pool.QueryRow(ctx, `SELECT person_id FROM delivery WHERE brand_id = $1 AND `+column+` = $2 LIMIT 1`, brandID, value).Scan(&id)
	return id, notFound(err)
}

// Kinds and reasons are stored by name: their numbers are the code's own affair.
var (
	kindByName   = byName(func(i uint8) (presence.Kind, string) { return presence.Kind(i), presence.Kind(i).String() })
	reasonByName = byName(func(i uint8) (presence.Reason, string) { return presence.Reason(i), presence.Reason(i).String() })
)

func byName[T any](at func(uint8) (T, string)) map[string]T {
	m := map[string]T{}
	for i := range uint8(255) {
		v, name := at(i)
		if _, again := m[name]; again || name == "unknown" {
			break
		}
		m[name] = v
	}
	return m
}

// Deliveries lists a person's deliveries of some notifications (none given: of all), newest first.
func (s *Store) Deliveries(ctx context.Context, key engine.PersonKey, notifications []uuid.UUID) ([]pusher.Delivery, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+deliveryColumns+` FROM delivery d WHERE d.person_id = $1 AND d.brand_id = $2
		AND (cardinality($3::uuid[]) = 0 OR d.notification_id = ANY($3)) ORDER BY d.created_at DESC, d.id DESC LIMIT 1000`,
		key.PersonID, key.BrandID, emptyNotNil(notifications))
	if err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	return pgx.CollectRows(rows, scanDelivery)
}

// Receipts are what phones told of some of a person's notifications; none given: of all.
func (s *Store) Receipts(ctx context.Context, key engine.PersonKey, notifications []uuid.UUID) ([]engine.Receipt, error) {
	rows, err := s.pool.Query(ctx, `SELECT r.notification_id, r.kind, r.at FROM receipt r WHERE r.person_id = $1 AND r.brand_id = $2
		AND (cardinality($3::uuid[]) = 0 OR r.notification_id = ANY($3)) ORDER BY r.at, r.kind`, key.PersonID, key.BrandID, emptyNotNil(notifications))
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r engine.Receipt, err error) {
		return r, row.Scan(&r.NotificationID, &r.Kind, &r.At)
	})
}

// LocationUses lists records whose span touches [from, to], latest first. Zero times are open ends.
func (s *Store) LocationUses(ctx context.Context, key engine.PersonKey, from, to time.Time, limit int) ([]engine.LocationUse, error) {
	rows, err := s.pool.Query(ctx, `SELECT id, purpose, method, path, recipient, consent_id, used_from, used_until FROM location_use
		WHERE person_id = $1 AND brand_id = $2 AND ($3::timestamptz IS NULL OR used_until >= $3) AND ($4::timestamptz IS NULL OR used_from <= $4)
		ORDER BY used_from DESC, id DESC LIMIT $5`, key.PersonID, key.BrandID, zeroTime(from), zeroTime(to), limit)
	if err != nil {
		return nil, fmt.Errorf("location uses: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (u engine.LocationUse, err error) {
		return u, row.Scan(&u.ID, &u.Purpose, &u.Method, &u.Path, &u.Recipient, uuidOrZero{&u.ConsentID}, &u.From, &u.Until)
	})
}

// Consents is a person's ledger of consents, oldest first.
func (s *Store) Consents(ctx context.Context, key engine.PersonKey) ([]audience.ConsentEvent, error) {
	rows, err := s.pool.Query(ctx, `SELECT body FROM consent_event WHERE person_id = $1 AND brand_id = $2 ORDER BY occurred_at, id`,
		key.PersonID, key.BrandID)
	if err != nil {
		return nil, fmt.Errorf("consents: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e audience.ConsentEvent, err error) {
		var body []byte
		if err = row.Scan(&body); err == nil {
			err = json.Unmarshal(body, &e)
		}
		return e, err
	})
}

func addConsent(t table, i int32, e *audience.ConsentEvent) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	t[0].int4(i)
	t[1].uuid(e.ID)
	t[2].text(string(e.Purpose))
	t[3].bool(e.Granted)
	t[4].time(e.OccurredAt)
	t[5].json(body)
	return nil
}
