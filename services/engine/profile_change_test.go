package engine_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

// changes changes people by own id and wants every change taken.
func (w *world) changes(e *engine.Engine, create bool, changes ...engine.ProfileChange) []engine.ProfileOutcome {
	w.t.Helper()
	done, err := e.ChangeProfiles(w.ctx, engine.ProfileChanges{BrandID: w.brand.ID, Create: create, Changes: changes})
	require.NoError(w.t, err)
	for _, d := range done {
		require.NoError(w.t, d.Err)
	}
	return done
}

// What a brand tells one node of a person, and which list it puts them on, another node decides by, although it has the
// person in hand.
func TestAnotherNodeDecidesByWhatWasImported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, func(s *brand.Settings) {
		s.Attributes = []brand.Attribute{{Name: "points", Type: brand.TypeNumber}}
	})
	w.open(1, 100, nil)
	vip := audience.Segment{ID: uuid.New(), ExternalID: "vip", List: uuid.New()}
	w.write(engine.CatalogueWrite{Segments: []audience.Segment{vip}})
	w.run(latte(false, func(c *campaign.Campaign) {
		c.Audience, c.Segments = "person.points >= 10.0", []uuid.UUID{vip.ID}
	}))
	told, decides := w.node(), w.node()
	p := w.phone(decides)
	require.NoError(t, p.becomes(decides, "m1"))
	_, err := decides.RecordConsents(w.ctx, w.brand.ID, p.id, submissions(noon.Add(-time.Minute), true, audience.MarketingProfile))
	require.NoError(t, err)
	visit := func() []string {
		w.pass(time.Minute)
		p.tell(decides, nowhere)
		w.pass(time.Minute)
		return reasons(p.tell(decides, storePlace(0)).Decisions)
	}
	require.Equal(t, []string{"NOT_IN_SEGMENT"}, visit())
	listed, err := told.PutOnList(w.ctx, w.brand.ID, vip.List, []string{"m1", "nobody"}, true)
	require.NoError(t, err)
	require.Equal(t, engine.Updated, listed[0].Changed)
	require.ErrorIs(t, listed[1].Err, engine.ErrNotFound)
	require.NoError(t, decides.FollowRevocations(w.ctx))
	require.Equal(t, []string{"NOT_IN_AUDIENCE"}, visit())
	w.changes(told, false, engine.ProfileChange{ExternalID: "m1", Apply: func(p *audience.Profile) error {
		p.SetAttributes(map[string]any{"points": 12.0})
		return nil
	}})
	require.NoError(t, decides.FollowRevocations(w.ctx))
	require.Equal(t, []string{"WON"}, visit())
	next := uuid.New()
	_, err = told.UseList(w.ctx, w.brand.ID, vip.ID, next, "test")
	require.NoError(t, err)
	require.NoError(t, decides.FollowCatalogue(w.ctx))
	require.Equal(t, []string{"NOT_IN_SEGMENT"}, visit(), "the new list is empty")
}

// Tills tell the same sales again and again, of people who are in other hands too: each counts once, whatever loses its
// race.
func TestSalesCountOnceAcrossNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	nodes := []*engine.Engine{w.node(), w.node()}
	const people, sales = 6, 12
	for i := range people {
		w.changes(nodes[0], true, engine.ProfileChange{ExternalID: fmt.Sprint("m", i)})
	}
	rng := seeded(t)
	var files [4][]engine.ProfileChange
	for f := range files {
		for range 60 {
			n := rng.IntN(sales)
			files[f] = append(files[f], engine.ProfileChange{ExternalID: fmt.Sprint("m", rng.IntN(people)),
				Purchase: &audience.Purchase{ID: fmt.Sprint("r", n), At: noon.Add(-time.Duration(n) * time.Hour), Amount: float64(n), Currency: "KRW"}})
		}
	}
	want := map[string]map[string]float64{}
	for _, file := range files {
		for _, c := range file {
			if want[c.ExternalID] == nil {
				want[c.ExternalID] = map[string]float64{}
			}
			want[c.ExternalID][c.Purchase.ID] = c.Purchase.Amount
		}
	}
	errs := make([]error, len(files))
	var wg sync.WaitGroup
	for f := range files {
		wg.Go(func() {
			for range 2 { // and the whole file once more
				done, err := nodes[f%2].ChangeProfiles(w.ctx, engine.ProfileChanges{BrandID: w.brand.ID, Changes: files[f]})
				errs[f] = errors.Join(errs[f], err)
				for _, d := range done {
					errs[f] = errors.Join(errs[f], d.Err)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	for id, sold := range want {
		person, err := w.store.PersonByExternalID(w.ctx, w.brand.ID, id)
		require.NoError(t, err)
		row, err := nodes[0].ProfileOf(w.ctx, w.brand.ID, person)
		require.NoError(t, err)
		sum := 0.0
		for _, amount := range sold {
			sum += amount
		}
		require.Equal(t, len(sold), row.Profile.Purchases.Count, id)
		require.InDelta(t, sum, row.Profile.Purchases.Amount["KRW"], 1e-9)
		require.Equal(t, len(sold), w.count(`SELECT count(*) FROM purchase WHERE person_id = $1`, person))
	}
}

// One change that is refused costs no other, of the same person or another.
func TestARefusedChangeCostsNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, nil)
	e := w.node()
	no := errors.New("no")
	tier := func(name string) func(*audience.Profile) error {
		return func(p *audience.Profile) error {
			if p.Tier = name; name == "bad" {
				return no
			}
			return nil
		}
	}
	for _, dry := range []bool{true, false, false} {
		done, err := e.ChangeProfiles(w.ctx, engine.ProfileChanges{BrandID: w.brand.ID, Create: true, DryRun: dry, Changes: []engine.ProfileChange{
			{ExternalID: "a", Apply: tier("gold")}, {ExternalID: "b", Apply: tier("bad")}, {ExternalID: "a", Apply: tier("bad")}, {ExternalID: "c", Apply: tier("silver")},
			{ExternalID: "d", Purchase: &audience.Purchase{ID: "r", At: noon, Currency: "KRW"}},
		}})
		require.NoError(t, err)
		require.ErrorIs(t, done[1].Err, no)
		require.ErrorIs(t, done[2].Err, no)
		require.ErrorIs(t, done[4].Err, engine.ErrNotFound, "a sale makes nobody")
		require.NoError(t, done[0].Err)
		require.Equal(t, "gold", done[0].Profile.Tier)
		require.Equal(t, "silver", done[3].Profile.Tier)
		keys, err := w.store.Scan(w.ctx, w.brand.ID, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, keys, map[bool]int{true: 0, false: 2}[dry])
	}
}

func TestLimitsReachOtherNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, presence.Exact, func(s *brand.Settings) { s.Topics = []string{"coffee"} })
	w.open(1, 100, nil)
	w.run(latte(false, func(c *campaign.Campaign) { c.Tags = []string{"coffee"} }))
	told, decides := w.node(), w.node()
	p := w.phone(decides)
	visit := func() []string {
		w.pass(time.Minute)
		p.tell(decides, nowhere)
		w.pass(time.Minute)
		return reasons(p.tell(decides, storePlace(0)).Decisions)
	}
	require.Equal(t, []string{"WON"}, visit())
	muted := func(topics ...string) error {
		_, err := told.PutLimits(w.ctx, w.brand.ID, p.who.PersonID, func(l audience.Limits) audience.Limits {
			l.MutedTopics = topics
			return l
		})
		return err
	}
	require.Error(t, muted("tea"))
	require.NoError(t, muted("coffee"))
	require.NoError(t, decides.FollowRevocations(w.ctx))
	require.NotEqual(t, []string{"WON"}, visit())
	require.NoError(t, muted())
	require.NoError(t, decides.FollowRevocations(w.ctx))
	require.Equal(t, []string{"WON"}, visit())
	limits, err := decides.Limits(w.ctx, w.brand.ID, p.who.PersonID)
	require.NoError(t, err)
	require.Nil(t, limits)
}
