package bench

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// tenant is the measured brand with its keys and people.
type tenant struct {
	brand   uuid.UUID
	url     string // of the database
	appKey  string
	apiKeys []string
	devices []uuid.UUID
	tokens  []string // of the first devices, those that walk
	again   bool     // the brand is an earlier run's, with other people of its own
}

// keys is how many API keys the brand has: each may make a bounded number of calls a second.
const keys = 64

// registerSize is how many devices are registered in one go.
const registerSize = 1000

// settings are a brand's that permits everything, judges by a policy, and takes pings of the last day for fresh.
func settings(policy presence.Policy) brand.Settings {
	s := brand.Default(brand.KR)
	s.SenderName, s.SenderContact = "wantgo bench", "02-000-0000"
	s.Filing = brand.Filing{Mode: brand.FilingRegistered, Number: "bench", Date: time.Date(2025, 1, 1, 0, 0, 0, 0, brand.Seoul)}
	s.Presence, s.Device = presence.Defaults(policy), presence.DeviceDefaults(policy)
	s.Device.Freshness = 0
	if s.Presence.Silence > 0 {
		s.Presence.Silence = 7 * 24 * time.Hour
	}
	return s
}

// prepare makes brand, keys and people on a data directory, through an engine without listeners: what registration over
// the API would write, many devices at a time. Fences and campaigns come over the API later.
func prepare(ctx context.Context, dataDir string, policy presence.Policy, population, walkers int, account []byte, log *slog.Logger, tell func(string, int)) (_ *tenant, err error) {
	n, err := node.Open(ctx, node.Config{DataDir: dataDir, Log: log})
	if err != nil {
		return nil, err
	}
	defer func() {
		if closed := n.Close(context.WithoutCancel(ctx)); err == nil {
			err = closed
		}
	}()
	e := n.Engine()
	t := &tenant{brand: uuid.New(), devices: make([]uuid.UUID, population), tokens: make([]string, walkers)}
	if err := t.found(ctx, e, settings(policy)); err != nil {
		return nil, err
	}
	if account != nil {
		if err := t.reach(ctx, e, account); err != nil {
			return nil, err
		}
	}
	var done int
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for from := 0; from < population; from += registerSize {
		group.Go(func() error {
			to := min(from+registerSize, population)
			err := t.register(ctx, e, from, to)
			for i := from; i < to && err == nil && account != nil; i++ {
				err = e.PutPushAddress(ctx, t.brand, t.devices[i], address(t.devices[i]), nil, "", "")
			}
			mu.Lock()
			defer mu.Unlock()
			done += to - from
			tell("people", done)
			return err
		})
	}
	return t, group.Wait()
}

// found makes the brand and its keys.
func (t *tenant) found(ctx context.Context, e *engine.Engine, s brand.Settings) error {
	now := e.Now()
	key := func(kind brand.KeyKind, scopes ...brand.Scope) (brand.Key, string) {
		k := brand.Key{ID: uuid.New(), BrandID: t.brand, Kind: kind, Name: "bench", Scopes: scopes, CreatedAt: now}
		secret := brand.NewSecret(kind, k.ID)
		k.Hash = brand.HashSecret(secret)
		return k, secret
	}
	app, secret := key(brand.AppKey)
	list := []brand.Key{app}
	t.appKey = secret
	for range keys {
		k, secret := key(brand.APIKey, brand.ScopeAll)
		list, t.apiKeys = append(list, k), append(t.apiKeys, secret)
	}
	b := brand.Brand{ID: t.brand, Name: "bench " + t.brand.String(), Settings: s, CreatedAt: now}
	if err := e.CreateBrand(ctx, b, list); err != nil {
		return fmt.Errorf("make the brand: %w", err)
	}
	return nil
}

// register makes the devices of a range, each with a person of its own who agreed to location use and advertising.
func (t *tenant) register(ctx context.Context, e *engine.Engine, from, to int) error {
	news := make([]engine.NewDevice, to-from)
	for i := range news {
		news[i] = engine.NewDevice{
			BrandID: t.brand,
			Device: audience.Device{ExternalID: "d" + strconv.Itoa(from+i), Platform: "android", AppBuild: "1", TimeZone: "Asia/Seoul",
				Locale: "ko"},
			Profile: audience.Profile{OfAge: true, TimeZone: "Asia/Seoul", Locale: "ko"},
		}
		for _, p := range []audience.Purpose{audience.LocUse, audience.AdPush, audience.AdPushNight} {
			news[i].Consents = append(news[i].Consents, audience.ConsentEvent{
				ID: uuid.New(), Purpose: p, Granted: true, OccurredAt: time.Now().Add(-48 * time.Hour), NoticeVersion: "bench", Actor: audience.ActorSelf,
			})
		}
	}
	registered, err := e.RegisterAll(ctx, news)
	if err != nil {
		return err
	}
	for i := range registered {
		t.devices[from+i] = registered[i].Device.ID
		if from+i < len(t.tokens) {
			t.tokens[from+i] = registered[i].Token
		}
	}
	return nil
}
