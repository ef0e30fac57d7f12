package postgres_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

func TestItemsOfTheCatalogue(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	latte := item.Item{ID: uuid.New(), ExternalID: "latte", Names: map[string]string{"ko": "라떼"}, Category: "coffee", Keywords: []string{"우유"},
		Price: 4500, Currency: "KRW", ImageURL: "https://x.kr/a.png", Link: "app://latte", Stores: []uuid.UUID{uuid.New()}}
	bun := item.Item{ID: uuid.New(), ExternalID: "bun", Names: map[string]string{"ko": "빵"}}
	v, err := s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Actor: "key:1", Items: []item.Item{latte, bun}})
	require.NoError(t, err)
	all, err := s.Changes(t.Context(), b, 0)
	require.NoError(t, err)
	latte.Version, bun.Version = v, v
	require.ElementsMatch(t, []item.Item{latte, bun}, all.Items)
	twice := item.Item{ID: uuid.New(), ExternalID: "latte", Names: map[string]string{"ko": "x"}}
	_, err = s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Items: []item.Item{twice}})
	require.ErrorIs(t, err, engine.ErrAlreadyExists)
	_, err = s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Items: []item.Item{latte}, Expect: map[uuid.UUID]int64{latte.ID: v + 7}})
	require.ErrorIs(t, err, engine.ErrStale)
	latte.DeletedAt = noon
	_, err = s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Items: []item.Item{latte, twice}, Expect: map[uuid.UUID]int64{latte.ID: v}})
	require.NoError(t, err, "a deleted one's own id is free at once")
	since, err := s.Changes(t.Context(), b, v)
	require.NoError(t, err)
	require.Len(t, since.Items, 2)
	other, err := s.Changes(t.Context(), newBrand(t, s), 0)
	require.NoError(t, err)
	require.Empty(t, other.Items)
}

// An AppEvent is a moment itself: its decisions are found by its id, without a place.
func TestFactsOfAnAppEvent(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 2)
	moment := uuid.New()
	w := engine.PersonWrite{Key: keys[0], Version: 1, WriteID: uuid.New(), MinWriter: 1, At: noon}
	w.Traces = []engine.Trace{{ID: id7(noon), MomentID: moment, DeviceID: devices[0].ID, CampaignID: uuid.New(), Kind: "viewed", Reason: "WON", At: noon}}
	require.Equal(t, []bool{true}, commit(t, s, w))
	places, traces, err := s.FactsOf(t.Context(), keys[0], []uuid.UUID{moment})
	require.NoError(t, err)
	require.Empty(t, places)
	require.Equal(t, w.Traces, traces)
	_, traces, err = s.FactsOf(t.Context(), keys[1], []uuid.UUID{moment})
	require.NoError(t, err)
	require.Empty(t, traces)
}
