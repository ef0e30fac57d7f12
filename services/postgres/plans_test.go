package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
	"github.com/wantgo/wantgo/services/store"
	"github.com/wantgo/wantgo/services/webhook"
)

// Tables that stay small: a sequential scan of them is right.
var smallTables = map[string]string{
	"brand":            "tenants are few, and every node holds all of them",
	"brand_version":    "a row a brand",
	"stock_pool":       "a row an offer",
	"goose_db_version": "a row a migration",
	"credential_state": "a row a credential",
	"webhook_state":    "a row a webhook that fails",
}

// Indexes that hold few rows by their condition, however large the table is.
var smallIndexes = map[string]string{
	"stock_block_lease":  "blocks that are out: some a node and offer",
	"coupon_uncounted":   "redemptions of the last minute",
	"purchase_uncounted": "sales of the last minute",
}

// Statements that may read a large table from end to end, by a part of their text.
var wideStatements = map[string]string{
	"FROM place_h":                  "a partition is summed as a whole and dropped",
	"max(erased_at) FROM tombstone": "the end of an index",
	"SELECT brand_id, person_id, receipt, at FROM tombstone": "the list of erasures is of everybody",
	"FROM place_default p JOIN":                              "house-keeping goes through it by blocks",
	"SELECT w.id FROM webhook w WHERE w.deleted_at":          "webhooks are few",
	"date_part('epoch', t.at) / 300":                         "minutes of decisions, which stand together: by a BRIN index where the table is large (TestSlicesAreFound)",
	"SELECT DISTINCT t.brand_id FROM trace":                  "an hour of decisions, once in a node's life",
}

// served calls every method of a Store that runs a statement. A method that is missing here fails the test.
type served struct {
	t       *testing.T
	s       *postgres.Store
	brand   uuid.UUID
	key     engine.PersonKey
	device  uuid.UUID
	address pusher.Address
	other   engine.PersonKey
	node    uuid.UUID
}

func (v *served) calls() map[string]func(ctx context.Context) error {
	s, key, now := v.s, v.key, time.Now()
	address := v.address
	one := func(err error, _ ...any) error { return err }
	return map[string]func(ctx context.Context) error{
		"Load": func(ctx context.Context) error { _, err := s.Load(ctx, []engine.PersonKey{key}); return err },
		"Due":  func(ctx context.Context) error { _, err := s.Due(ctx, now, 100); return err },
		"Scan": func(ctx context.Context) error { _, err := s.Scan(ctx, v.brand, uuid.Nil, 100); return err },
		"Purchased": func(ctx context.Context) error {
			_, err := s.Purchased(ctx, v.brand, []uuid.UUID{key.PersonID}, []string{"r-1"})
			return err
		},
		"PeopleByExternalID": func(ctx context.Context) error {
			_, err := s.PeopleByExternalID(ctx, v.brand, []string{"x", "y"})
			return err
		},
		"ErasedExternalIDs": func(ctx context.Context) error {
			_, err := s.ErasedExternalIDs(ctx, v.brand, []string{"x", "y"})
			return err
		},
		"NewPeople": func(ctx context.Context) error {
			r := registration(v.brand, "")
			r.Profile.ExternalID = uuid.NewString()
			_, err := s.NewPeople(ctx, []engine.Registration{r})
			return err
		},
		"Visited": func(ctx context.Context) error {
			_, err := s.Visited(ctx, v.brand, []uuid.UUID{uuid.New(), uuid.New()})
			return err
		},
		"Inside": func(ctx context.Context) error {
			_, err := s.Inside(ctx, v.brand, uuid.New(), uuid.Nil, 100)
			return err
		},
		"FactsOf": func(ctx context.Context) error { _, _, err := s.FactsOf(ctx, key, v.pings(ctx)); return err },
		"Coupons": func(ctx context.Context) error { _, err := s.Coupons(ctx, key, true, now, 10); return err },
		"Coupon":  func(ctx context.Context) error { _, err := s.Coupon(ctx, key, uuid.New()); return absent(err) },
		"Traces": func(ctx context.Context) error {
			_, err := s.Traces(ctx, key, engine.TraceFilter{Limit: 10})
			return err
		},
		"Consents":     func(ctx context.Context) error { _, err := s.Consents(ctx, key); return err },
		"GivenTo":      func(ctx context.Context) error { _, err := s.GivenTo(ctx, key); return err },
		"Now":          func(ctx context.Context) error { _, err := s.Now(ctx); return err },
		"Epoch":        func(ctx context.Context) error { _, err := s.Epoch(ctx); return err },
		"Ping":         s.Ping,
		"Versions":     func(ctx context.Context) error { _, err := s.Versions(ctx); return err },
		"KeepHouse":    func(ctx context.Context) error { _, err := s.KeepHouse(ctx, now); return err },
		"Reclaim":      func(ctx context.Context) error { _, err := s.Reclaim(ctx, time.Minute); return err },
		"Erasures":     func(ctx context.Context) error { _, err := s.Erasures(ctx); return err },
		"System":       func(ctx context.Context) error { _, err := s.System(ctx); return err },
		"LastErasure":  func(ctx context.Context) error { _, err := s.LastErasure(ctx); return err },
		"CouponByCode": func(ctx context.Context) error { _, err := s.CouponByCode(ctx, v.brand, "x"); return absent(err) },
		"Deliveries":   func(ctx context.Context) error { _, err := s.Deliveries(ctx, key, []uuid.UUID{uuid.New()}); return err },
		"PersonOfDelivery": func(ctx context.Context) error {
			_, err := s.PersonOfDelivery(ctx, v.brand, uuid.New(), uuid.Nil)
			_, err2 := s.PersonOfDelivery(ctx, v.brand, uuid.Nil, uuid.New())
			return one(absent(err), absent(err2))
		},
		"LocationUses": func(ctx context.Context) error {
			_, err := s.LocationUses(ctx, key, time.Time{}, time.Time{}, 10)
			return err
		},
		"Revocations": func(ctx context.Context) error { _, err := s.Revocations(ctx, now.Add(-time.Minute)); return err },
		"Commit":      v.commit,
		"Committed": func(ctx context.Context) error {
			_, err := s.Committed(ctx, []engine.PersonWrite{fullWrite(key, 1, v.device, now)})
			return err
		},
		"MoveCoupons": func(ctx context.Context) error { return stale(s.MoveCoupons(ctx, key, v.other.PersonID)) },
		"Erase":       func(ctx context.Context) error { return stale(s.Erase(ctx, key, uuid.New(), now)) },
		"Register": func(ctx context.Context) error {
			_, _, err := s.Register(ctx, []engine.Registration{registration(v.brand, "own-"+uuid.NewString())})
			return err
		},
		"Device": func(ctx context.Context) error { _, err := s.Device(ctx, v.brand, v.device); return err },
		"DevicesByExternalID": func(ctx context.Context) error {
			_, err := s.DevicesByExternalID(ctx, v.brand, []string{"a"})
			return err
		},
		"NewPerson": func(ctx context.Context) error {
			return s.NewPerson(ctx, engine.PersonKey{BrandID: v.brand, PersonID: uuid.New()}, audience.Profile{}, []byte{1}, 1)
		},
		"PutDevice": func(ctx context.Context) error {
			d, err := s.Device(ctx, v.brand, v.device)
			if err == nil {
				_, err = s.PutDevice(ctx, d)
			}
			return err
		},
		"PutAddress": func(ctx context.Context) error { return s.PutAddress(ctx, v.brand, v.device, address) },
		"AddressHistory": func(ctx context.Context) error {
			_, err := s.AddressHistory(ctx, v.brand, v.device, now.Add(-time.Hour), 10)
			return err
		},
		"AddressCounts": func(ctx context.Context) error {
			_, err := s.AddressCounts(ctx, v.brand, now.Add(-time.Hour))
			return err
		},
		"RestoreAddresses": func(ctx context.Context) error {
			_, err := s.RestoreAddresses(ctx, v.brand, audience.WrongDrops{From: now.Add(-time.Hour), Until: now, Code: "UNREGISTERED", Why: "test"})
			return err
		},
		"SetAddressState": func(ctx context.Context) error {
			_, err := s.SetAddressState(ctx, v.brand, v.device, address, "gone", "UNREGISTERED", time.Time{})
			return err
		},
		"PersonByExternalID": func(ctx context.Context) error { _, err := s.PersonByExternalID(ctx, v.brand, "x"); return absent(err) },
		"ClaimExternalID": func(ctx context.Context) error {
			_, err := s.ClaimExternalID(ctx, v.brand, "m-"+uuid.NewString(), key.PersonID)
			return err
		},
		"MoveExternalID": func(ctx context.Context) error {
			return gone(s.MoveExternalID(ctx, v.brand, "x", key.PersonID, v.other.PersonID))
		},
		"Seen": func(ctx context.Context) error { return s.Seen(ctx, v.brand, []uuid.UUID{v.device}, now) },
		"CreateBrand": func(ctx context.Context) error {
			return s.CreateBrand(ctx, brand.Brand{ID: uuid.New(), CreatedAt: now})
		},
		"CampaignChanges": func(ctx context.Context) error {
			_, err := s.CampaignChanges(ctx, v.brand, uuid.New(), 500, 10)
			return err
		},
		"Changes": func(ctx context.Context) error { _, err := s.Changes(ctx, v.brand, 1_000_000); return err },
		"Write": func(ctx context.Context) error {
			shop, deal := store.Store{ID: uuid.New()}, campaign.Campaign{ID: uuid.New()}
			_, err := s.Write(ctx, engine.CatalogueWrite{BrandID: v.brand, Actor: "key:x", Stores: []store.Store{shop}, Campaigns: []campaign.Campaign{deal},
				Fences: []store.Fence{{ID: uuid.New(), StoreID: shop.ID, Purpose: store.Near, Circle: &geo.Circle{Center_: geo.Point{Lat: 37, Lng: 127}, Radius: 100}}}, Keys: []brand.Key{{ID: uuid.New(), BrandID: v.brand}},
				Expect: map[uuid.UUID]int64{}})
			if err == nil {
				_, err = s.Write(ctx, engine.CatalogueWrite{BrandID: v.brand, Stores: []store.Store{shop}, Expect: map[uuid.UUID]int64{shop.ID: -1}})
			}
			return gone(err)
		},
		"TakeBlock": func(ctx context.Context) error {
			_, err := s.TakeBlock(ctx, v.brand, uuid.New(), 100, v.node, time.Minute, 10)
			return err
		},
		"Renew": func(ctx context.Context) error {
			_, err := s.Renew(ctx, v.node, time.Minute, []uuid.UUID{uuid.New()})
			return err
		},
		"Claim": func(ctx context.Context) error { _, err := s.Claim(ctx, v.node, time.Minute, 10); return err },
		"Begin": func(ctx context.Context) error {
			_, err := s.Begin(ctx, v.node, time.Minute, []pusher.Key{v.delivery()})
			return err
		},
		"Postpone": func(ctx context.Context) error {
			return s.Postpone(ctx, v.node, []pusher.Wait{{Key: v.delivery(), NotBefore: now}})
		},
		"Finish": func(ctx context.Context) error {
			_, err := s.Finish(ctx, v.node, []pusher.End{{Key: v.delivery(), State: pusher.Accepted}})
			return err
		},
		"CredentialStates": func(ctx context.Context) error { _, err := s.CredentialStates(ctx, v.brand); return err },
		"NoteCredential": func(ctx context.Context) error {
			return s.NoteCredential(ctx, v.brand, uuid.New(), brand.CredentialState{AcceptedAt: now})
		},
		"Wake":          func(ctx context.Context) error { _, err := s.Wake(ctx, v.brand, pusher.FCM); return err },
		"ProviderToken": func(ctx context.Context) error { _, _, err := s.ProviderToken(ctx, []byte("k")); return absent(err) },
		"ReplaceProviderToken": func(ctx context.Context) error {
			_, _, err := s.ReplaceProviderToken(ctx, []byte("k"), time.Time{}, []byte("s"), now)
			return err
		},
		"Receipts": func(ctx context.Context) error {
			_, err := s.Receipts(ctx, key, []uuid.UUID{uuid.New()})
			return err
		},
		"Letters": func(ctx context.Context) error {
			_, err := s.Letters().DeadLetters(ctx, v.brand, uuid.New(), webhook.DeadCursor{}, 10)
			return err
		},
		"PlanSending": func(ctx context.Context) error {
			_, err := s.PlanSending(ctx, aSending(v.brand, uuid.New(), now))
			return err
		},
		"TakeSendings": func(ctx context.Context) error {
			_, err := s.TakeSendings(ctx, v.node, time.Minute, now, 4)
			return err
		},
		"PutSending": func(ctx context.Context) error {
			_, err := s.PutSending(ctx, aSending(v.brand, uuid.New(), now), v.node, time.Minute)
			return gone(err)
		},
		"CancelSending": func(ctx context.Context) error {
			_, err := s.CancelSending(ctx, v.brand, uuid.New(), "x", now)
			return absent(err)
		},
		"Sending": func(ctx context.Context) error { _, err := s.Sending(ctx, v.brand, uuid.New()); return absent(err) },
		"Sendings": func(ctx context.Context) error {
			_, err := s.Sendings(ctx, v.brand, uuid.Nil, engine.Sending{}, 10)
			_, err2 := s.Sendings(ctx, v.brand, uuid.New(), engine.Sending{At: now}, 10)
			return one(err, err2)
		},
		"CancelledSendings": func(ctx context.Context) error { _, err := s.CancelledSendings(ctx, now); return err },
		"WithdrawBatch": func(ctx context.Context) error {
			_, err := s.WithdrawBatch(ctx, v.brand, uuid.New(), "x", 10)
			return err
		},
		"CouponEnds": func(ctx context.Context) error {
			_, err := s.CouponEnds(ctx, v.brand, now, now.Add(time.Hour), engine.CouponEnd{}, 10)
			return err
		},
		"CountResults": func(ctx context.Context) error { return s.CountResults(ctx, now) },
		"QueryResults": func(ctx context.Context) error {
			_, _, err := s.QueryResults(ctx, engine.ResultFilter{BrandID: v.brand, From: now, To: now, ByDay: true, Campaigns: []uuid.UUID{v.brand}}, 10)
			return err
		},
		"Requests": func(ctx context.Context) error {
			r := s.Requests()
			_, _, err := r.Claim(ctx, v.brand, "s", uuid.NewString())
			return one(err, r.Remember(ctx, v.brand, "s", "x", nil), r.Forget(ctx, v.brand, "s", "x", time.Now()))
		},
	}
}

// Methods that run no statement about people or the catalogue.
var quietMethods = map[string]string{
	"Close": "", "Connections": "", "Reset": "", "Watcher": "",
	"TableUses": "reads the database's own counters", "Alone": "reads the database's own list of connections",
	"Tally": "counts at the end of the demo", "Examples": "shows two people at the end of the demo",
	"Resume": "runs once, on a database that nobody uses, and looks at everything",
}

func absent(err error) error {
	if err == nil || strings.Contains(err.Error(), engine.ErrNotFound.Error()) {
		return nil
	}
	return err
}

func gone(err error) error {
	if err == nil || strings.Contains(err.Error(), engine.ErrStale.Error()) {
		return nil
	}
	return absent(err)
}

func stale(err error) error { return gone(err) }

func (v *served) delivery() pusher.Key {
	return pusher.Key{BrandID: v.brand, PersonID: v.key.PersonID, ID: uuid.New()}
}

// pings are those of a place of the person, so that decisions about it are read, too.
func (v *served) pings(ctx context.Context) (pings []uuid.UUID) {
	rows, err := postgres.Pool(v.s).Query(ctx, `SELECT ping_id FROM place WHERE person_id = $1 AND brand_id = $2`, v.key.PersonID, v.brand)
	require.NoError(v.t, err)
	pings, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(v.t, err)
	require.NotEmpty(v.t, pings)
	return pings
}

// commit writes every combination of the groups of facts, so that every variant of the statement is seen.
func (v *served) commit(ctx context.Context) error {
	for combination := range 1 << 5 {
		full := fullWrite(v.key, load(v.t, v.s, v.key).Version, v.device, time.Now())
		w := engine.PersonWrite{Key: full.Key, Version: full.Version, WriteID: full.WriteID, State: full.State, At: time.Now()}
		if combination&1 != 0 {
			w.Places = full.Places
		}
		if combination&2 != 0 {
			w.Traces = full.Traces
		}
		if combination&4 != 0 {
			w.Opened, w.Closed = full.Opened, full.Opened
		}
		if combination&8 != 0 {
			w.Coupons, w.Deliveries = full.Coupons, full.Deliveries
		}
		if combination&16 != 0 {
			w.Consents, w.Uses, w.Profile, w.Revoke, w.CancelDeliveries = full.Consents, full.Uses, full.Profile, "paused", "PAUSED"
		}
		if _, err := v.s.Commit(ctx, []engine.PersonWrite{w}); err != nil {
			return err
		}
	}
	return nil
}

// fill makes every table about people and the catalogue large, without going through the program.
func fill(t *testing.T, s *postgres.Store, b uuid.UUID) {
	t.Helper()
	const rows = 6_000
	for _, sql := range []string{
		`INSERT INTO person (person_id, brand_id, version, write_id, state, due_at, successor_id) SELECT gen_random_uuid(), $1, 1, gen_random_uuid(), '\x01',
			CASE WHEN i % 50 = 0 THEN now() + i * interval '1 second' END, CASE WHEN i % 100 = 0 THEN gen_random_uuid() END FROM generate_series(1, $2::int) i`,
		`INSERT INTO person_profile SELECT person_id, brand_id, '{}' FROM person`,
		`INSERT INTO consent_event SELECT person_id, brand_id, gen_random_uuid(), 'loc_use', true, now(), '{}' FROM person`,
		`INSERT INTO location_use SELECT person_id, brand_id, gen_random_uuid(), 'loc_use', 'ping', 'os_api', 'B', gen_random_uuid(), now(), now() FROM person`,
		`INSERT INTO trace SELECT person_id, brand_id, gen_random_uuid(), now(), 1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), NULL, NULL, 'entered', 'WON', 'push', '{}' FROM person`,
		`INSERT INTO place SELECT person_id, brand_id, gen_random_uuid(), now(), now(), 1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'entered', 'moved' FROM person`,
		`INSERT INTO place SELECT person_id, brand_id, (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || substr(md5(random()::text), 1, 20))::uuid, now(), now(), 1,
			gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'entered', 'moved' FROM person`,
		`INSERT INTO coupon (person_id, brand_id, id, offer_id, issued_at, code, block_id, stores, title) SELECT person_id, brand_id, gen_random_uuid(), gen_random_uuid(), now(),
			md5(person_id::text), gen_random_uuid(), '{}', 't' FROM person`,
		`INSERT INTO delivery (person_id, brand_id, id, created_at, not_before, deadline, next_at, attempt, high_priority, device_id, notification_id, state, provider, notification)
			SELECT person_id, brand_id, gen_random_uuid(), now(), now(), now(), now() + interval '1 hour', 0, false, gen_random_uuid(), gen_random_uuid(),
			CASE WHEN person_id::text < '8' THEN 'accepted' ELSE 'pending' END, 'fcm', '{}' FROM person`,
		`INSERT INTO sending (brand_id, id, campaign_id, at, deadline, next_at, ended_at, version, state, body) SELECT $1, gen_random_uuid(), gen_random_uuid(),
			now() - i * interval '1 hour', now(), now(), CASE WHEN i % 100 <> 0 THEN now() - i * interval '1 hour' END, 1,
			CASE WHEN i % 50 = 1 THEN 'cancelled' ELSE 'done' END, '{}' FROM generate_series(1, $2::int) i`,
		`INSERT INTO open_visit SELECT person_id, brand_id, gen_random_uuid(), gen_random_uuid(), now() FROM person`,
		`INSERT INTO device SELECT brand_id, gen_random_uuid(), person_id, 1, 1, now(), false, 'd' || person_id, 'android', '1', 'ko', 'Asia/Seoul' FROM person`,
		`INSERT INTO push_address_event SELECT brand_id, gen_random_uuid(), id, now() - random() * interval '80 days', now(), 'dropped', 'UNREGISTERED', 'fcm', 'token',
			sha256(id::text::bytea) FROM device`,
		`INSERT INTO push_address SELECT brand_id, 'fcm', 'token', sha256(id::text::bytea), 'v', id, false, '', 'live', now() FROM device`,
		`INSERT INTO purchase SELECT person_id, brand_id, 'r-1', now(), 1, 'KRW', NULL, NULL, true FROM person`,
		`INSERT INTO erased_external SELECT brand_id, sha256(person_id::text::bytea), now() FROM person`,
		`INSERT INTO segment (brand_id, id, version, body) SELECT $1, gen_random_uuid(), i, '{}' FROM generate_series(1, $2::int) i`,
		`INSERT INTO person_external SELECT brand_id, 'p' || person_id, person_id FROM person`,
		`INSERT INTO store (brand_id, id, version, latitude, longitude, body, external_id) SELECT $1, gen_random_uuid(), i, 37, 127, '{}', 's' || i FROM generate_series(1, $2::int) i`,
		`INSERT INTO fence (brand_id, id, version, store_id, purpose, latitude, longitude, radius, body) SELECT brand_id, gen_random_uuid(), version, id, 'near', 37, 127, 100, '{}' FROM store`,
		`INSERT INTO campaign (brand_id, id, version, body) SELECT brand_id, gen_random_uuid(), version, '{}' FROM store`,
		`INSERT INTO item (brand_id, id, version, external_id, body) SELECT brand_id, gen_random_uuid(), version, external_id, '{}' FROM store`,
		`INSERT INTO key (brand_id, id, version, created_at, kind, name, hash, scopes, store_ids) SELECT brand_id, id, version, now(), 'api', '', '\x', '{}', '{}' FROM store`,
		`INSERT INTO credential (brand_id, id, version, updated_at, sandbox, provider, fingerprint, sealed, project_id, key_id, team_id, topic)
			SELECT brand_id, id, version, now(), false, 'fcm', '', '\x', '', '', '', '' FROM store`,
		`INSERT INTO stock_block SELECT $1, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now(), 10, 0, 1, now() FROM generate_series(1, $2::int)`,
		`INSERT INTO revocation SELECT $1, gen_random_uuid(), gen_random_uuid(), now() - i * interval '100 ms', 'paused' FROM generate_series(1, $2::int) i`,
		`INSERT INTO request SELECT $1, 's', i::text, now() - i * interval '1 second' FROM generate_series(1, $2::int) i`,
		`INSERT INTO result_hour SELECT $1, now() - i * interval '1 hour', now(), i > 100 FROM generate_series(1, $2::int) i`,
		`INSERT INTO result_live SELECT $1, now(), '2026-01-01'::date + i % 100, gen_random_uuid(), gen_random_uuid(), '', 'WON', 1 FROM generate_series(1, $2::int) i`,
		`INSERT INTO result_sum SELECT $1, '2026-01-01'::date + i % 100, gen_random_uuid(), gen_random_uuid(), '', 'WON', 1 FROM generate_series(1, $2::int) i`,
		`INSERT INTO place_sum SELECT $1, '2026-01-01', i % 24, gen_random_uuid(), gen_random_uuid(), 'entered', 'WON', 1 FROM generate_series(1, $2::int) i`,
		`INSERT INTO tombstone SELECT $1, gen_random_uuid(), gen_random_uuid(), now(), now() - i * interval '1 minute' FROM generate_series(1, $2::int) i`,
		`INSERT INTO audit SELECT $1, gen_random_uuid(), now(), i, 'k', '{}' FROM generate_series(1, $2::int) i`,
	} {
		args := []any{b, rows}
		if !strings.Contains(sql, "$1") {
			args = nil
		}
		_, err := postgres.Pool(s).Exec(t.Context(), sql+` ON CONFLICT DO NOTHING`, args...)
		require.NoError(t, err, sql)
	}
}

// No statement that the package runs while serving reads a large table from end to end, neither the table nor an
// index of it: every method is called on large tables, and what the connection has prepared by then is explained,
// with the plan that does not know the parameters, as a session through a pooler makes it, where nothing forbids
// sequential scans.
func TestNoStatementReadsALargeTableWhole(t *testing.T) {
	if testing.Short() {
		t.Skip("fills every table: not with -short")
	}
	url := postgrestest.URL(t)
	setup := postgrestest.Open(t, url, postgres.Options{StatementTimeout: 5 * time.Minute})
	v := &served{t: t, s: postgrestest.Open(t, url, postgres.Options{MaxConns: 1, StatementTimeout: time.Minute}), brand: newBrand(t, setup), node: uuid.New()}
	_, err := setup.KeepHouse(t.Context(), time.Now())
	require.NoError(t, err)
	keys, devices := newPeople(t, setup, v.brand, 2)
	v.key, v.other, v.device = keys[0], keys[1], devices[0].ID
	v.address = pusher.Address{Provider: pusher.FCM, Kind: "token", Value: "plans", RegisteredAt: time.Now()}
	commit(t, setup, fullWrite(v.key, 1, v.device, time.Now()))
	fill(t, setup, v.brand)
	_, err = postgres.Pool(setup).Exec(t.Context(), `ANALYZE`)
	require.NoError(t, err)

	calls := v.calls()
	for i := range reflect.TypeFor[*postgres.Store]().NumMethod() {
		name := reflect.TypeFor[*postgres.Store]().Method(i).Name
		_, quiet := quietMethods[name]
		if quiet == (calls[name] != nil) {
			t.Errorf("%s is neither called here nor named as quiet", name)
		}
	}
	heard, err := postgres.Hear(t.Context(), v.s)
	require.NoError(t, err)
	for _, name := range sortedNames(calls) {
		if err := calls[name](t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	conn, err := postgres.Pool(v.s).Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	for _, setting := range []string{`SET enable_seqscan = on`, `SET plan_cache_mode = force_generic_plan`} {
		_, err = conn.Exec(t.Context(), setting)
		require.NoError(t, err)
	}
	explained := 0
	for _, p := range prepared(t, conn.Conn()) {
		if reason := wide(p.statement); reason != "" {
			continue
		}
		explained++
		for _, fault := range wholeReads(t, conn.Conn(), p.execute()) {
			t.Errorf("%s in\n%s", fault, p.statement)
		}
	}
	for _, sql := range heard.Statements() {
		if wide(sql) == "" && regexp.MustCompile(`(?i)^\s*(select|with|insert|update|delete)`).MatchString(sql) {
			explained++
			for _, fault := range wholeReads(t, conn.Conn(), sql) {
				t.Errorf("%s in\n%s", fault, sql)
			}
		}
	}
	require.Greater(t, explained, 90, "32 variants of the commit, and the rest")
	require.NotEmpty(t, wholeReads(t, conn.Conn(), `SELECT * FROM trace WHERE reason = 'x'`), "the test can fail")
	require.NotEmpty(t, wholeReads(t, conn.Conn(), `SELECT person_id FROM person ORDER BY person_id, brand_id LIMIT 5`), "an index from end to end counts")
}

func sortedNames[V any](m map[string]V) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func wide(sql string) string {
	for part, reason := range wideStatements {
		if strings.Contains(sql, part) {
			return reason
		}
	}
	return ""
}

type preparedStatement struct {
	name, statement string
	parameters      int
}

func prepared(t *testing.T, conn *pgx.Conn) []preparedStatement {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements WHERE statement !~* '^\s*(explain|set|alter|lock|create|drop)'`)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p preparedStatement, err error) {
		return p, row.Scan(&p.name, &p.statement, &p.parameters)
	})
	require.NoError(t, err)
	return all
}

func (p *preparedStatement) execute() string {
	name := pgx.Identifier{p.name}.Sanitize()
	if p.parameters == 0 {
		return "EXECUTE " + name
	}
	return fmt.Sprintf(`EXECUTE %s(NULL%s)`, name, strings.Repeat(",NULL", p.parameters-1))
}

type planNode struct {
	Type     string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Index    string     `json:"Index Name"`
	Cond     string     `json:"Index Cond"`
	Plans    []planNode `json:"Plans"`
}

func wholeReads(t *testing.T, conn *pgx.Conn, sql string) (faults []string) {
	t.Helper()
	var text []byte
	require.NoError(t, conn.QueryRow(t.Context(), `EXPLAIN (FORMAT JSON) `+sql, pgx.QueryExecModeSimpleProtocol).Scan(&text), sql)
	var plans []struct{ Plan planNode }
	require.NoError(t, json.Unmarshal(text, &plans))
	var walk func(n *planNode)
	walk = func(n *planNode) {
		table := regexp.MustCompile(`_h\d{10}$|_default$`).ReplaceAllString(n.Relation, "")
		_, small := smallTables[table]
		_, few := smallIndexes[n.Index]
		switch {
		case small || few || strings.HasPrefix(table, "pg_"):
		case n.Type == "Seq Scan" && table != n.Relation && isEmpty(t, conn, n.Relation): // an hour to come
		case n.Type == "Seq Scan":
			faults = append(faults, "sequential scan of "+n.Relation)
		case strings.HasSuffix(n.Type, "Index Scan") && n.Cond == "" || n.Type == "Index Only Scan" && n.Cond == "":
			faults = append(faults, "index "+n.Index+" is read from end to end")
		}
		for i := range n.Plans {
			walk(&n.Plans[i])
		}
	}
	walk(&plans[0].Plan)
	return faults
}

func isEmpty(t *testing.T, conn *pgx.Conn, relation string) (empty bool) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT NOT EXISTS (SELECT FROM `+pgx.Identifier{relation}.Sanitize()+`)`, pgx.QueryExecModeSimpleProtocol).Scan(&empty))
	return empty
}
