package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher/emulator"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

// writeSize is how many rows one change of the catalogue carries.
const writeSize = 5000

// bury tells the emulators which apps are not installed any more.
func (s *stage) bury() error {
	pattern := deadPrefix + "*"
	return errors.Join(
		s.emulators.FCM.On(pattern, emulator.Outcome{Status: 404, Code: "UNREGISTERED", Times: -1}),
		s.emulators.APNs.On(pattern, emulator.Outcome{Status: 410, Code: "Unregistered", Times: -1}))
}

// furnish writes the brand with fresh keys, the credentials of the emulators, the city and its campaigns.
func (s *stage) furnish(ctx context.Context, c city, stock int64) error {
	e := s.node.Engine()
	keys := s.newKeys(e.Now())
	if _, err := e.Brand(demoBrand); err != nil {
		b := brand.Brand{ID: demoBrand, Name: brandName, Settings: settings(), CreatedAt: e.Now()}
		if err := e.CreateBrand(ctx, b, keys); err != nil {
			return fmt.Errorf("make the brand: %w", err)
		}
		keys = nil
	}
	credentials, err := s.credentials(e)
	if err != nil {
		return err
	}
	writes := []engine.CatalogueWrite{{Keys: keys, Credentials: credentials}}
	for stores := range slices.Chunk(c.stores, writeSize) {
		writes = append(writes, engine.CatalogueWrite{Stores: stores})
	}
	for fences := range slices.Chunk(c.fences, writeSize) {
		writes = append(writes, engine.CatalogueWrite{Fences: fences})
	}
	writes = append(writes, engine.CatalogueWrite{Campaigns: campaigns(demoBrand, stock)})
	for _, w := range writes {
		w.BrandID, w.Actor = demoBrand, "demo"
		if _, err := e.Write(ctx, w); err != nil {
			return fmt.Errorf("furnish the city: %w", err)
		}
	}
	return s.writeKeys()
}

func (s *stage) newKeys(now time.Time) []brand.Key {
	app := brand.Key{ID: uuid.New(), BrandID: demoBrand, Kind: brand.AppKey, Name: "demo app", CreatedAt: now}
	api := brand.Key{ID: uuid.New(), BrandID: demoBrand, Kind: brand.APIKey, Name: "demo owner", CreatedAt: now, Scopes: []brand.Scope{brand.ScopeAll}}
	s.appKey, s.apiKey = brand.NewSecret(app.Kind, app.ID), brand.NewSecret(api.Kind, api.ID)
	app.Hash, api.Hash = brand.HashSecret(s.appKey), brand.HashSecret(s.apiKey)
	return []brand.Key{app, api}
}

// credentials are the emulators' ones, checked and sealed as an upload would be; they have fixed ids, so that a kept
// directory has one of each.
func (s *stage) credentials(e *engine.Engine) ([]brand.Credential, error) {
	p8 := s.emulators.APNs.P8()
	a := s.emulators.Addresses
	fcm, err := brand.CheckServiceAccount(s.emulators.FCM.ServiceAccountJSON())
	if err != nil {
		return nil, err
	}
	apns, err := brand.CheckAPNsKey(p8, a.APNsKeyID, a.APNsTeamID, a.APNsTopic, false)
	if err != nil {
		return nil, err
	}
	list := []brand.Credential{fcm, apns}
	for i, secret := range [][]byte{s.emulators.FCM.ServiceAccountJSON(), p8} {
		c := &list[i]
		c.ID, c.BrandID, c.UpdatedAt = uuid.NewSHA1(demoBrand, []byte("credential/"+string(c.Provider))), demoBrand, e.Now()
		if c.Sealed, err = e.SealCredential(demoBrand, secret); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// keysFile is for shells: what the examples of the README ask for.
const keysFile = "demo.env"

func (s *stage) writeKeys() error {
	text := fmt.Sprintf("export WANTGO_ADDRESS=%s\nexport WANTGO_APP_KEY=%s\nexport WANTGO_API_KEY=%s\n", s.node.Address(), s.appKey, s.apiKey)
	return os.WriteFile(s.ground.path(keysFile), []byte(text), 0o600)
}
