package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/store"
)

func freeFence(t *testing.T, i int, tags ...string) store.Fence {
	t.Helper()
	circle, err := geo.NewCircle(near(storePlace(0), 2000+float64(100*i)), 60)
	require.NoError(t, err)
	return store.Fence{ID: uuid.New(), ExternalID: fmt.Sprintf("own-%d", i), Purpose: store.Near, Circle: &circle, Tags: tags}
}

// What a node takes from its own write is what it, and the others, read from the database.
func TestFencesOfOwnWritesAreThoseOfTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	w.open(2, 60, nil)
	a, b := w.node(), w.node()
	same := func() {
		t.Helper()
		require.NoError(t, b.FollowCatalogue(w.ctx))
		require.Equal(t, w.node().Fences(w.brand.ID), a.Fences(w.brand.ID))
		require.Equal(t, a.Fences(w.brand.ID), b.Fences(w.brand.ID))
		for _, f := range a.Fences(w.brand.ID) {
			found := a.FencesByExternalID(w.brand.ID, []string{f.ExternalID, "nobody's"})
			require.Equal(t, []*store.Fence{f, nil}, found)
			require.Equal(t, f.StoreID != uuid.Nil, slices.Contains(a.FencesOf(w.brand.ID, f.StoreID), f))
		}
	}
	var fences []store.Fence
	for i := range 200 {
		fences = append(fences, freeFence(t, i, "all", fmt.Sprint(i%3)))
	}
	for i := range 40 {
		fences[i].StoreID = w.stores[i%2].ID
		rules := presence.Defaults(presence.Strict)
		fences[i].Rules = &rules
	}
	w.writeOn(a, engine.CatalogueWrite{Fences: fences})
	same()
	require.Len(t, a.FencesOf(w.brand.ID, w.stores[0].ID), 21)
	fences[0].DeletedAt = w.clock.Now() // its own id changes hands
	fences[1].StoreID, fences[2].Purpose = uuid.Nil, store.Other
	heir := freeFence(t, 0)
	w.writeOn(a, engine.CatalogueWrite{Fences: []store.Fence{heir, fences[0], fences[1], fences[2]}})
	same()
	require.Equal(t, heir.ID, a.FencesByExternalID(w.brand.ID, []string{"own-0"})[0].ID)
	require.Len(t, a.FencesOf(w.brand.ID, w.stores[0].ID), 20)
	w.writeOn(b, engine.CatalogueWrite{Fences: fences[3:9]})
	w.writeOn(a, engine.CatalogueWrite{Fences: fences[5:20]}) // two versions behind: it reads
	same()
}

// Of very many fences that change at once, the visits of those that are visited end.
func TestVisitsEndAmongManyChangedFences(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Standard, nil)
	w.open(1, 60, nil)
	a := w.node()
	var others []store.Fence
	for i := range 100 {
		others = append(others, freeFence(t, i))
	}
	w.writeOn(a, engine.CatalogueWrite{Fences: others})
	p := w.phone(a)
	w.pass(2 * time.Minute)
	p.enters(a)
	changed := append(others, w.fences[0])
	for i := range changed {
		circle := *changed[i].Circle
		circle.Radius = 80
		changed[i].Circle = &circle
	}
	w.writeOn(a, engine.CatalogueWrite{Fences: changed})
	require.Equal(t, 1, w.count(`SELECT count(*) FROM place WHERE kind = 'exited' AND reason = 'fence_changed'`))
	require.Zero(t, w.count(`SELECT count(*) FROM open_visit`))
}
