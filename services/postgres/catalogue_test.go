package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/geojson"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
	"github.com/wantgo/wantgo/services/store"

	"strings"
)

func aStore(external string) store.Store {
	return store.Store{ID: uuid.New(), ExternalID: external, Names: map[string]string{"": "강남점"}, Place: geo.Point{Lat: 37.5, Lng: 127.03}, TimeZone: "Asia/Seoul", Tags: []string{"cafe"},
		Hours: store.Hours{Weekly: []store.Span{{Day: time.Monday, From: 540, Until: 1320}}}}
}

func aCircle(t testing.TB, storeID uuid.UUID, purpose store.Purpose) store.Fence {
	circle, err := geo.NewCircle(geo.Point{Lat: 37.5, Lng: 127.03}, 100)
	require.NoError(t, err)
	rules := presence.Defaults(presence.Strict)
	return store.Fence{ID: uuid.New(), StoreID: storeID, Purpose: purpose, Circle: &circle, Rules: &rules}
}

func anArea(t testing.TB) *geo.Area {
	result, err := geojson.Read(strings.NewReader(`{"type":"Polygon","coordinates":[[[127,37],[127.01,37],[127.01,37.01],[127,37.01],[127,37]]]}`), true)
	require.NoError(t, err)
	require.Len(t, result.Features, 1)
	return result.Features[0].Shape.(*geo.Area)
}

func TestCatalogueReadsBack(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	shop := aStore("s-1")
	circle, area := aCircle(t, shop.ID, store.Visit), store.Fence{ID: uuid.New(), ExternalID: "f-1", Purpose: store.Other, Area: anArea(t)}
	promo := campaign.Campaign{ID: uuid.New(), ExternalID: "c-1", Name: "점심", State: campaign.Live, Trigger: campaign.Trigger{Kinds: []campaign.Kind{campaign.Entered}, Stores: []uuid.UUID{shop.ID}},
		Offer: &campaign.Offer{ID: uuid.New(), Stock: 10, PerPerson: 1, Validity: time.Hour}, Texts: map[string]campaign.Text{"ko": {Title: "t", Body: "b"}}}
	key := brand.Key{ID: uuid.New(), BrandID: b, Kind: brand.APIKey, Name: "till", Hash: []byte{1, 2}, Scopes: []brand.Scope{brand.ScopeCouponsRedeem}, StoreIDs: []uuid.UUID{shop.ID}, CreatedAt: noon}
	credential := brand.Credential{ID: uuid.New(), BrandID: b, Provider: pusher.APNs, Fingerprint: "ab", Sealed: []byte{9}, KeyID: "k", TeamID: "t", Topic: "a.b", Sandbox: true, UpdatedAt: noon}
	v, err := s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Actor: "key:1", Expect: map[uuid.UUID]int64{shop.ID: 0},
		Stores: []store.Store{shop}, Fences: []store.Fence{circle, area}, Campaigns: []campaign.Campaign{promo}, Keys: []brand.Key{key}, Credentials: []brand.Credential{credential}})
	require.NoError(t, err)
	require.Equal(t, int64(2), v)

	all, err := s.Changes(t.Context(), b, 0)
	require.NoError(t, err)
	require.Equal(t, int64(2), all.Version)
	require.Equal(t, "Asia/Seoul", all.Brand.Settings.TimeZone)
	shop.Version, circle.Version, area.Version, promo.Version, credential.Version = v, v, v, v, v
	require.Equal(t, []store.Store{shop}, all.Stores)
	require.Len(t, all.Fences, 2)
	for _, f := range all.Fences {
		if f.ID == circle.ID {
			require.Equal(t, circle, f)
		} else {
			require.Equal(t, area, f)
		}
	}
	require.Equal(t, []campaign.Campaign{promo}, all.Campaigns)
	require.Equal(t, []brand.Key{key}, all.Keys)
	require.Equal(t, []brand.Credential{credential}, all.Credentials)

	shop.DeletedAt = noon
	v, err = s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Stores: []store.Store{shop, aStore("s-1")}, Expect: map[uuid.UUID]int64{shop.ID: 2}})
	require.NoError(t, err, "an own id changes hands")
	since, err := s.Changes(t.Context(), b, 2)
	require.NoError(t, err)
	require.Equal(t, v, since.Version)
	require.Nil(t, since.Brand)
	require.Empty(t, since.Fences)
	require.Len(t, since.Stores, 2)
	nothing, err := s.Changes(t.Context(), b, v)
	require.NoError(t, err)
	require.Equal(t, engine.CatalogueChange{Version: v}, nothing)
}

func TestCatalogueRefusals(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	shop := aStore("s-1")
	visit := aCircle(t, shop.ID, store.Visit)
	_, err := s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Stores: []store.Store{shop}, Fences: []store.Fence{visit}})
	require.NoError(t, err)
	shapeless := store.Fence{ID: uuid.New(), Purpose: store.Near}
	for name, c := range map[string]struct {
		write engine.CatalogueWrite
		want  error
	}{
		"stale":         {engine.CatalogueWrite{BrandID: b, Stores: []store.Store{shop}, Expect: map[uuid.UUID]int64{shop.ID: 1}}, engine.ErrStale},
		"exists":        {engine.CatalogueWrite{BrandID: b, Stores: []store.Store{shop}, Expect: map[uuid.UUID]int64{shop.ID: 0}}, engine.ErrStale},
		"own id":        {engine.CatalogueWrite{BrandID: b, Stores: []store.Store{aStore("s-1")}}, engine.ErrAlreadyExists},
		"second visit":  {engine.CatalogueWrite{BrandID: b, Fences: []store.Fence{aCircle(t, shop.ID, store.Visit)}}, engine.ErrAlreadyExists},
		"unknown brand": {engine.CatalogueWrite{BrandID: uuid.New(), Stores: []store.Store{shop}}, engine.ErrNotFound},
	} {
		_, err := s.Write(t.Context(), c.write)
		require.ErrorIs(t, err, c.want, name)
	}
	_, err = s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Fences: []store.Fence{shapeless}})
	require.Error(t, err)
	versions, err := s.Versions(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[uuid.UUID]int64{b: 2}, versions, "a refused write changes no version")
	require.ErrorIs(t, s.CreateBrand(t.Context(), brand.Brand{ID: b, CreatedAt: noon}), engine.ErrAlreadyExists)
}

// While two nodes write, a reader who has seen version N never later finds a row of N or below that it had not seen.
func TestCatalogueVersionsCommitInOrder(t *testing.T) {
	url := postgrestest.URL(t)
	nodes := []*postgres.Store{postgrestest.Open(t, url, postgres.Options{}), postgrestest.Open(t, url, postgres.Options{})}
	b := newBrand(t, nodes[0])
	var writers sync.WaitGroup
	errs := make([]error, 4)
	for g := range errs {
		writers.Go(func() {
			for range 25 {
				if _, err := nodes[g%2].Write(t.Context(), engine.CatalogueWrite{BrandID: b, Stores: []store.Store{aStore("")}}); err != nil {
					errs[g] = err
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	seen := map[uuid.UUID]bool{}
	var at int64
	read := func() {
		change, err := nodes[0].Changes(t.Context(), b, at)
		require.NoError(t, err)
		for _, s := range change.Stores {
			seen[s.ID] = true
		}
		at = change.Version
		require.Len(t, seen, int(at)-1, "one store a version: none up to %d is missing", at)
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		read()
	}
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, int64(101), at)
}
