package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func seeded(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// id7 is a UUIDv7 of a time.
func id7(at time.Time) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	ms := at.UnixMilli()
	for i := 5; i >= 0; i-- {
		id[i] = byte(ms)
		ms >>= 8
	}
	return id
}

func newBrand(t testing.TB, s *postgres.Store) uuid.UUID {
	t.Helper()
	id := uuid.New()
	require.NoError(t, s.CreateBrand(t.Context(), brand.Brand{ID: id, Name: "B", CreatedAt: noon, Settings: brand.Settings{TimeZone: "Asia/Seoul", PlaceRetention: 24 * time.Hour}}))
	return id
}

// newPeople registers n devices with a person each.
func newPeople(t testing.TB, s *postgres.Store, brandID uuid.UUID, n int) (keys []engine.PersonKey, devices []audience.Device) {
	t.Helper()
	regs := make([]engine.Registration, n)
	for i := range regs {
		regs[i] = registration(brandID, "")
	}
	devices, existing, err := s.Register(t.Context(), regs)
	require.NoError(t, err)
	for i, d := range devices {
		require.False(t, existing[i])
		keys = append(keys, engine.PersonKey{BrandID: brandID, PersonID: d.PersonID})
	}
	return keys, devices
}

func registration(brandID uuid.UUID, external string) engine.Registration {
	return engine.Registration{
		Device:  audience.Device{ID: uuid.New(), BrandID: brandID, PersonID: uuid.New(), ExternalID: external, Platform: "android", Locale: "ko"},
		Profile: audience.Profile{Locale: "ko", TimeZone: "Asia/Seoul"},
		State:   []byte{1}, MinWriter: 1,
	}
}

// fullWrite is a write with a fact of every kind.
func fullWrite(key engine.PersonKey, version int64, device uuid.UUID, at time.Time) engine.PersonWrite {
	place, fence, trace, coupon := id7(at), uuid.New(), id7(at), uuid.New()
	notification := pusher.Notification{ID: uuid.New(), Title: "안녕", Body: "b", Category: "ad", CollapseKey: "c"}
	return engine.PersonWrite{
		Key: key, Version: version, WriteID: uuid.New(), MinWriter: 2, State: []byte(fmt.Sprintf("state %d", version+1)), DueAt: at.Add(time.Hour),
		Profile:  &audience.Profile{Locale: "en", Attributes: map[string]any{"tier": "gold"}},
		Revoke:   "consent",
		Consents: []audience.ConsentEvent{{ID: uuid.New(), Purpose: audience.LocUse, Granted: true, OccurredAt: at, DeviceID: device}},
		Uses:     []engine.LocationUse{{ID: uuid.New(), Purpose: "loc_use", Method: "ping", Path: "os_api", Recipient: "B", ConsentID: uuid.New(), From: at, Until: at.Add(15 * time.Minute)}},
		Places: []engine.Place{{ID: place, DeviceID: device, FenceID: fence, StoreID: uuid.New(), Kind: presence.Entered, Reason: presence.Moved, At: at, DecidedAt: at.Add(time.Second),
			PingID: uuid.New(), Cell: 0x87283472bffffff}},
		Traces: []engine.Trace{{ID: trace, MomentID: place, DeviceID: device, CampaignID: uuid.New(), CampaignRev: 7, Kind: "entered", Reason: string(campaign.Won),
			Values: map[string]string{"cap": "brand"}, At: at, NotificationID: notification.ID, CouponID: coupon, Channel: "push"}},
		Opened:  []engine.OpenVisit{{DeviceID: device, FenceID: fence, Since: at}},
		Coupons: []engine.CouponWrite{{Coupon: campaign.Coupon{ID: coupon, BrandID: key.BrandID, PersonID: key.PersonID, OfferID: uuid.New(), CampaignID: uuid.New(), Code: coupon.String()[:12], Block: uuid.New(), Stores: []uuid.UUID{uuid.New(), uuid.New()}, Title: "10%", IssuedAt: at, ExpiresAt: at.Add(24 * time.Hour)}}},
		Deliveries: []engine.DeliveryWrite{{Lease: time.Minute, Delivery: pusher.Delivery{ID: uuid.New(), BrandID: key.BrandID, PersonID: key.PersonID, DeviceID: device, CampaignID: uuid.New(), DecisionID: trace,
			Notification: notification, Provider: pusher.FCM, HighPriority: true, CreatedAt: at, NotBefore: at, Deadline: at.Add(10 * time.Minute), LeaseNode: uuid.New()}}},
		Purchases: []audience.Purchase{{ID: uuid.NewString(), At: at, Amount: 4500, Currency: "KRW", StoreID: uuid.New(), CouponID: coupon}},
		Receipts:  []engine.Receipt{{NotificationID: notification.ID, Kind: engine.Shown, At: at}},
		Letters:   []engine.Letter{{ID: uuid.New(), WebhookID: uuid.New(), FactID: place, Event: brand.VisitEntered, At: at}},
	}
}

func load(t testing.TB, s *postgres.Store, key engine.PersonKey) engine.PersonRow {
	t.Helper()
	rows, err := s.Load(t.Context(), []engine.PersonKey{key})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	return rows[0]
}

func commit(t testing.TB, s *postgres.Store, writes ...engine.PersonWrite) []bool {
	t.Helper()
	done, err := s.Commit(t.Context(), writes)
	require.NoError(t, err)
	return done
}
