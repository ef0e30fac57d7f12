package postgres_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
	"github.com/wantgo/wantgo/services/store"
)

// A fence whose body repeats what has columns of its own, as bodies once did, is the same fence.
func TestFenceWithAFullBody(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	f := aCircle(t, uuid.New(), store.Visit)
	f.ExternalID, f.Tags = "f-1", []string{"a", "b"}
	plain := aCircle(t, uuid.Nil, store.Near)
	plain.Rules = nil
	_, err := s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Fences: []store.Fence{f, plain}})
	require.NoError(t, err)
	read := func() map[uuid.UUID]store.Fence {
		change, err := s.Changes(t.Context(), b, 0)
		require.NoError(t, err)
		all := map[uuid.UUID]store.Fence{}
		for _, f := range change.Fences {
			all[f.ID] = f
		}
		return all
	}
	want := read()
	f.Version, plain.Version = 2, 2
	require.Equal(t, map[uuid.UUID]store.Fence{f.ID: f, plain.ID: plain}, want)
	_, err = postgres.Pool(s).Exec(t.Context(), `UPDATE fence SET body = body || jsonb_build_object('id', id, 'external_id', external_id, 'store_id', store_id, 'purpose', purpose)`)
	require.NoError(t, err)
	require.Equal(t, want, read())
}

func TestVisited(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 2)
	var visited []uuid.UUID
	for i, k := range keys {
		w := fullWrite(k, 1, devices[i].ID, noon)
		require.Equal(t, []bool{true}, commit(t, s, w))
		visited = append(visited, w.Opened[0].FenceID)
	}
	asked := append([]uuid.UUID{uuid.New()}, visited...)
	got, err := s.Visited(t.Context(), b, asked)
	require.NoError(t, err)
	require.ElementsMatch(t, unique(visited), got)
	got, err = s.Visited(t.Context(), uuid.New(), asked)
	require.NoError(t, err)
	require.Empty(t, got)
	got, err = s.Visited(t.Context(), b, asked[:1])
	require.NoError(t, err)
	require.Empty(t, got)
}

func unique(ids []uuid.UUID) (list []uuid.UUID) {
	for _, id := range ids {
		if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}
