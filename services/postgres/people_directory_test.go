package postgres_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

func personNamed(brandID uuid.UUID, external string) engine.Registration {
	r := registration(brandID, "")
	r.Profile.ExternalID = external
	return r
}

// Of two nodes that make the same people at once, each id has one winner, and the losers leave nothing.
func TestNewPeopleRace(t *testing.T) {
	url := postgrestest.URL(t)
	nodes := []*postgres.Store{postgrestest.Open(t, url, postgres.Options{}), postgrestest.Open(t, url, postgres.Options{})}
	b, other := newBrand(t, nodes[0]), newBrand(t, nodes[0])
	const people = 40
	made := make([][]bool, 4)
	errs := make([]error, len(made))
	var wg sync.WaitGroup
	for g := range made {
		wg.Go(func() {
			regs := make([]engine.Registration, people)
			for i := range regs {
				regs[i] = personNamed(b, fmt.Sprintf("m%d", (i*7+g)%people)) // each in another order
			}
			made[g], errs[g] = nodes[g%2].NewPeople(t.Context(), regs)
		})
	}
	wg.Wait()
	won := 0
	for g := range made {
		require.NoError(t, errs[g])
		for _, ok := range made[g] {
			if ok {
				won++
			}
		}
	}
	require.Equal(t, people, won)
	ids := []string{"nobody"}
	for i := range people {
		ids = append(ids, fmt.Sprintf("m%d", i))
	}
	holders, err := nodes[0].PeopleByExternalID(t.Context(), b, ids)
	require.NoError(t, err)
	require.Len(t, holders, people)
	all, err := nodes[0].Scan(t.Context(), b, uuid.Nil, 2*people)
	require.NoError(t, err)
	require.Len(t, all, people, "nobody was made for nothing")
	for id, person := range holders {
		require.Equal(t, id, load(t, nodes[0], engine.PersonKey{BrandID: b, PersonID: person}).Profile.ExternalID)
	}
	theirs, err := nodes[0].PeopleByExternalID(t.Context(), other, ids)
	require.NoError(t, err)
	require.Empty(t, theirs)
	none, err := nodes[0].NewPeople(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

// What is left of an erased person's own id tells that it was theirs, to the brand whose it was, and not the id itself.
func TestErasedOwnIDs(t *testing.T) {
	s := postgrestest.New(t)
	b, other := newBrand(t, s), newBrand(t, s)
	r := personNamed(b, "member-77")
	_, err := s.NewPeople(t.Context(), []engine.Registration{r})
	require.NoError(t, err)
	key := engine.PersonKey{BrandID: b, PersonID: r.Device.PersonID}
	erased := func(brandID uuid.UUID) map[string]bool {
		found, err := s.ErasedExternalIDs(t.Context(), brandID, []string{"member-77", "member-78"})
		require.NoError(t, err)
		return found
	}
	require.Empty(t, erased(b))
	require.Equal(t, []bool{true}, commit(t, s, engine.PersonWrite{Key: key, Version: 1, WriteID: uuid.New(), State: []byte{}, Status: engine.PersonErasing}))
	require.NoError(t, s.Erase(t.Context(), key, uuid.New(), noon))
	require.Equal(t, map[string]bool{"member-77": true}, erased(b))
	require.Empty(t, erased(other))
	require.Equal(t, []string{"tombstone"}, tablesNaming(t, s, "member-77", key.PersonID.String()))
	made, err := s.NewPeople(t.Context(), []engine.Registration{r})
	require.NoError(t, err)
	require.Equal(t, []bool{false}, made, "the very person is not made again")
}

// A sale is written with the person's row or not at all, and never twice.
func TestPurchasesAreKeptOnce(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, _ := newPeople(t, s, b, 2)
	sale := audience.Purchase{ID: "r-1", At: noon, Amount: 4500, Currency: "KRW", StoreID: uuid.New()}
	write := func(key engine.PersonKey, version int64, sales ...audience.Purchase) engine.PersonWrite {
		return engine.PersonWrite{Key: key, Version: version, WriteID: uuid.New(), State: []byte{1}, At: noon, Purchases: sales}
	}
	require.Equal(t, []bool{true, true}, commit(t, s, write(keys[0], 1, sale), write(keys[1], 1, sale)), "one till, two people")
	require.Equal(t, []bool{false}, commit(t, s, write(keys[0], 1, audience.Purchase{ID: "r-2", At: noon, Currency: "KRW"})), "the row moved on")
	_, err := s.Commit(t.Context(), []engine.PersonWrite{write(keys[0], 2, sale)})
	require.Error(t, err, "it would be counted twice")
	require.Equal(t, int64(2), load(t, s, keys[0]).Version)
	known, err := s.Purchased(t.Context(), b, []uuid.UUID{keys[0].PersonID, keys[1].PersonID}, []string{"r-1", "r-2"})
	require.NoError(t, err)
	require.Equal(t, map[engine.PurchaseKey]bool{{PersonID: keys[0].PersonID, ID: "r-1"}: true, {PersonID: keys[1].PersonID, ID: "r-1"}: true}, known)
	theirs, err := s.Purchased(t.Context(), newBrand(t, s), []uuid.UUID{keys[0].PersonID}, []string{"r-1"})
	require.NoError(t, err)
	require.Empty(t, theirs)
}

func TestSegmentsOfTheCatalogue(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	list := audience.Segment{ID: uuid.New(), ExternalID: "vip", Name: "VIP", List: uuid.New(), Retired: []uuid.UUID{uuid.New()}, CreatedAt: noon, UpdatedAt: noon}
	rule := audience.Segment{ID: uuid.New(), Rule: "person.staff", CreatedAt: noon, UpdatedAt: noon}
	v, err := s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Actor: "key:1", Segments: []audience.Segment{list, rule}})
	require.NoError(t, err)
	all, err := s.Changes(t.Context(), b, 0)
	require.NoError(t, err)
	list.Version, rule.Version = v, v
	require.ElementsMatch(t, []audience.Segment{list, rule}, all.Segments)
	twice := audience.Segment{ID: uuid.New(), ExternalID: "vip", List: uuid.New()}
	_, err = s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Segments: []audience.Segment{twice}})
	require.ErrorIs(t, err, engine.ErrAlreadyExists)
	_, err = s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Segments: []audience.Segment{list}, Expect: map[uuid.UUID]int64{list.ID: v + 7}})
	require.ErrorIs(t, err, engine.ErrStale)
	list.DeletedAt = noon.Add(time.Hour)
	_, err = s.Write(t.Context(), engine.CatalogueWrite{BrandID: b, Segments: []audience.Segment{list, twice}})
	require.NoError(t, err, "an own id changes hands")
	since, err := s.Changes(t.Context(), b, v)
	require.NoError(t, err)
	require.Len(t, since.Segments, 2)
}
