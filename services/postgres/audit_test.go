package postgres_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
	"github.com/wantgo/wantgo/services/store"
)

func TestCampaignChanges(t *testing.T) {
	s := postgrestest.New(t)
	b, other := newBrand(t, s), newBrand(t, s)
	c := campaign.Campaign{ID: uuid.New(), ExternalID: "c", Name: "점심", State: campaign.Draft, Texts: map[string]campaign.Text{"ko": {Title: "t", Body: "b"}}}
	put := func(actor, action, note string) int64 {
		v, err := s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Actor: actor, Action: action, Note: note, Campaigns: []campaign.Campaign{c}})
		require.NoError(t, err)
		return v
	}
	first := put("key:1", "create", "")
	for range 3 { // what is written in between is no change of it
		_, err := s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Stores: []store.Store{aStore(uuid.NewString())}})
		require.NoError(t, err)
	}
	c.State, c.Priority = campaign.Live, 3
	second := put("key:2", "activate", "because")
	c.Texts = map[string]campaign.Text{"ko": {Title: "t", Body: "c"}, "en": {Body: "d"}}
	third := put("key:1", "update", "")

	changes, err := s.CampaignChanges(t.Context(), b, c.ID, third, 10)
	require.NoError(t, err)
	require.Len(t, changes, 3)
	require.Equal(t, []int64{third, second, first}, []int64{changes[0].Version, changes[1].Version, changes[2].Version})
	require.Equal(t, []int64{second, first, 0}, []int64{changes[0].From, changes[1].From, changes[2].From})
	require.Equal(t, []string{"key:2", "activate", "because"}, []string{changes[1].Actor, changes[1].Action, changes[1].Note})
	require.Len(t, changes[1].Before, 2)
	require.JSONEq(t, `"draft"`, string(changes[1].Before["state"]))
	require.JSONEq(t, `3`, string(changes[1].After["priority"]))
	require.Len(t, changes[0].After, 1)
	require.JSONEq(t, `{"ko":{"title":"t","body":"c"},"en":{"title":"","body":"d"}}`, string(changes[0].After["texts"]))
	require.Empty(t, changes[2].Before)
	require.JSONEq(t, `"점심"`, string(changes[2].After["name"]))
	require.False(t, changes[0].At.Before(changes[2].At))

	page, err := s.CampaignChanges(t.Context(), b, c.ID, third, 2)
	require.NoError(t, err)
	require.Equal(t, changes[:2], page)
	page, err = s.CampaignChanges(t.Context(), b, c.ID, page[1].From, 2)
	require.NoError(t, err)
	require.Equal(t, changes[2:], page)
	for _, brandID := range []uuid.UUID{other, uuid.New()} {
		none, err := s.CampaignChanges(t.Context(), brandID, c.ID, third, 10)
		require.NoError(t, err)
		require.Empty(t, none)
	}
	none, err := s.CampaignChanges(t.Context(), b, uuid.New(), third, 10)
	require.NoError(t, err)
	require.Empty(t, none)
}
