package pushload

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

// Order says what crowd is wanted.
type Order struct {
	People      int
	Providers   []pusher.Provider // of the addresses, in turn: FCM, APNs
	Credentials Credentials
	Deadline    time.Duration // of a delivery; 0: an hour
	Seed        uint64        // of the addresses
}

// Directory keeps push addresses.
type Directory interface {
	PutAddress(ctx context.Context, brandID, deviceID uuid.UUID, a pusher.Address) error
}

// Crowd is a brand and its people, each with one device that can be reached.
type Crowd struct {
	Brand     uuid.UUID
	Devices   []uuid.UUID
	Addresses []pusher.Address
	place     geo.Point
}

// registered is how many people are registered in one go, and addressed is how many addresses are written at once.
const (
	registered = 1000
	addressed  = 16
)

// Gather makes the brand with its people. Nobody has moved yet.
func Gather(ctx context.Context, e *engine.Engine, addresses Directory, o Order) (*Crowd, error) {
	c := &Crowd{Brand: uuid.New(), place: geo.Point{Lat: 37.5665, Lng: 126.9780}}
	if err := c.found(ctx, e, o); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(o.Seed, 7))
	for len(c.Devices) < o.People {
		n := min(registered, o.People-len(c.Devices))
		made, err := e.RegisterAll(ctx, c.news(e.Now(), n))
		if err != nil {
			return nil, fmt.Errorf("register people: %w", err)
		}
		for i := range made {
			c.Addresses = append(c.Addresses, address(o.Providers[len(c.Devices)%len(o.Providers)], random))
			c.Devices = append(c.Devices, made[i].Device.ID)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(addressed)
	for i := range c.Devices {
		group.Go(func() error {
			c.Addresses[i].RegisteredAt = e.Now()
			return addresses.PutAddress(ctx, c.Brand, c.Devices[i], c.Addresses[i])
		})
	}
	return c, group.Wait()
}

// address is invented, as long as the provider's own are.
func address(p pusher.Provider, random *rand.Rand) pusher.Address {
	raw := make([]byte, 120)
	for i := range raw {
		raw[i] = byte(random.Uint32())
	}
	if p == pusher.APNs {
		return pusher.Address{Provider: p, Kind: "apns", Value: hex.EncodeToString(raw[:32])}
	}
	text := base64.RawURLEncoding.EncodeToString(raw)
	return pusher.Address{Provider: pusher.FCM, Kind: "token", Value: text[:22] + ":APA91b" + text[22:]}
}

func (c *Crowd) news(now time.Time, n int) []engine.NewDevice {
	news := make([]engine.NewDevice, n)
	for i := range news {
		news[i] = engine.NewDevice{
			BrandID: c.Brand,
			Device: audience.Device{ExternalID: "p" + strconv.Itoa(len(c.Devices)+i), Platform: "android", AppBuild: "1", TimeZone: "Asia/Seoul",
				Locale: "ko"},
			Profile: audience.Profile{OfAge: true, TimeZone: "Asia/Seoul", Locale: "ko"},
		}
		for _, p := range []audience.Purpose{audience.LocUse, audience.AdPush, audience.AdPushNight} {
			news[i].Consents = append(news[i].Consents, audience.ConsentEvent{ID: uuid.New(), Purpose: p, Granted: true,
				OccurredAt: now.Add(-48 * time.Hour), NoticeVersion: "load", Actor: audience.ActorSelf})
		}
	}
	return news
}

// found makes the brand, its credentials, one fence without a store and one campaign for whoever enters it.
func (c *Crowd) found(ctx context.Context, e *engine.Engine, o Order) error {
	s := brand.Default(brand.KR)
	s.SenderName, s.SenderContact = "wantgo load", "02-000-0000"
	s.Filing = brand.Filing{Mode: brand.FilingRegistered, Number: "load", Date: time.Date(2025, 1, 1, 0, 0, 0, 0, brand.Seoul)}
	s.Presence, s.Device = presence.Defaults(presence.Exact), presence.DeviceDefaults(presence.Exact)
	if err := e.CreateBrand(ctx, brand.Brand{ID: c.Brand, Name: "load", Settings: s, CreatedAt: e.Now()}, nil); err != nil {
		return fmt.Errorf("make the brand: %w", err)
	}
	credentials, err := o.Credentials.rows(c.Brand, e)
	if err != nil {
		return err
	}
	if o.Deadline == 0 {
		o.Deadline = time.Hour
	}
	circle, err := geo.NewCircle(c.place, 100)
	if err != nil {
		return err
	}
	_, err = e.Write(ctx, engine.CatalogueWrite{BrandID: c.Brand, Actor: "load", Credentials: credentials,
		Fences: []store.Fence{{ID: uuid.New(), ExternalID: "f", Purpose: store.Near, Circle: &circle}},
		Campaigns: []campaign.Campaign{{
			ID: uuid.New(), ExternalID: "c", Name: "Latte", State: campaign.Live, Category: campaign.Ad, Deadline: o.Deadline,
			Trigger: campaign.Trigger{Kinds: []campaign.Kind{campaign.Entered}, Purposes: []store.Purpose{store.Near}},
			Offer: &campaign.Offer{ID: uuid.New(), Titles: map[string]string{"ko": "라떼 30% 할인"}, PerPerson: 1, Validity: 2 * time.Hour,
				AnyStore: true},
			Texts: map[string]campaign.Text{"ko": {Title: "{brand}", Body: "{offer} 쿠폰 {coupon_code}"}},
		}}})
	if err != nil {
		return fmt.Errorf("make the campaign: %w", err)
	}
	return nil
}

// Enter lets the people of a range come in, and returns once their deliveries are committed.
func (c *Crowd) Enter(ctx context.Context, e *engine.Engine, from, to int) error {
	now := e.Now()
	reports := make([]engine.Report, to-from)
	for i := range reports {
		reports[i] = engine.Report{DeviceID: c.Devices[from+i], Received: now, Import: true,
			Pings: []engine.Ping{{ID: uuid.New(), Place: c.place, Accuracy: 10, At: now.UnixMilli()}}}
	}
	answers, err := e.Handle(ctx, c.Brand, reports)
	if err != nil {
		return err
	}
	for i := range answers {
		if answers[i].Err != nil {
			return answers[i].Err
		}
		for _, p := range answers[i].Pings {
			if p.Verdict != engine.Taken {
				return fmt.Errorf("a ping was not taken: %s", p.Verdict)
			}
		}
	}
	return nil
}

// EnterAll lets the people of a range come in, some hundreds in a call and several calls at once.
func (c *Crowd) EnterAll(ctx context.Context, e *engine.Engine, from, to int) error {
	const size, calls = 500, 4
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(calls)
	for at := from; at < to; at += size {
		group.Go(func() error { return c.Enter(ctx, e, at, min(at+size, to)) })
	}
	return group.Wait()
}
