package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

func keyOf(d *pusher.Delivery) pusher.Key {
	return pusher.Key{BrandID: d.BrandID, PersonID: d.PersonID, ID: d.ID}
}

// waiting commits one delivery per person, leased for lease.
func waiting(t testing.TB, s *postgres.Store, n int, lease time.Duration) (node uuid.UUID, keys []pusher.Key, people []engine.PersonKey) {
	t.Helper()
	node = uuid.New()
	b := newBrand(t, s)
	people, devices := newPeople(t, s, b, n)
	var writes []engine.PersonWrite
	for i := range people {
		w := fullWrite(people[i], 1, devices[i].ID, noon)
		w.Deliveries[0].Lease, w.Deliveries[0].LeaseNode = lease, node
		writes = append(writes, w)
		keys = append(keys, keyOf(&w.Deliveries[0].Delivery))
	}
	for _, ok := range commit(t, s, writes...) {
		require.True(t, ok)
	}
	return node, keys, people
}

func delivery(t testing.TB, s *postgres.Store, k pusher.Key) pusher.Delivery {
	t.Helper()
	all, err := s.Deliveries(t.Context(), engine.PersonKey{BrandID: k.BrandID, PersonID: k.PersonID}, nil)
	require.NoError(t, err)
	for _, d := range all {
		if d.ID == k.ID {
			return d
		}
	}
	t.Fatalf("no delivery %s", k.ID)
	return pusher.Delivery{}
}

// While a lease lives nobody else gets the delivery; when it has ended exactly one node does, and the old one is out.
func TestLeaseGoesOver(t *testing.T) {
	s := postgrestest.New(t)
	maker, keys, _ := waiting(t, s, 1, time.Hour)
	other := uuid.New()
	claimed, err := s.Claim(t.Context(), other, time.Minute, 10)
	require.NoError(t, err)
	require.Empty(t, claimed)

	begun, err := s.Begin(t.Context(), maker, time.Microsecond, keys) // a lease that has ended by the next statement
	require.NoError(t, err)
	require.Equal(t, keys, begun)
	claimed, err = s.Claim(t.Context(), other, time.Minute, 10)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	require.Equal(t, 3, claimed[0].Attempt)
	require.Equal(t, other, claimed[0].LeaseNode)

	begun, err = s.Begin(t.Context(), maker, time.Minute, keys)
	require.NoError(t, err)
	require.Empty(t, begun)
	end := pusher.End{Key: keys[0], State: pusher.Accepted, Code: "ok", ProviderID: "p1"}
	ended, err := s.Finish(t.Context(), maker, []pusher.End{end})
	require.NoError(t, err)
	require.Empty(t, ended)
	ended, err = s.Finish(t.Context(), other, []pusher.End{end})
	require.NoError(t, err)
	require.Equal(t, keys, ended)
	require.Equal(t, pusher.Accepted, delivery(t, s, keys[0]).State)
	ended, err = s.Finish(t.Context(), other, []pusher.End{end})
	require.NoError(t, err)
	require.Equal(t, keys, ended, "the same end again: its answer may have been lost")
	end.State = pusher.Failed
	ended, err = s.Finish(t.Context(), other, []pusher.End{end})
	require.NoError(t, err)
	require.Empty(t, ended, "an end happens once")
	require.Equal(t, pusher.Accepted, delivery(t, s, keys[0]).State)
}

// Many nodes claim at once: every delivery goes to exactly one of them.
func TestClaimsDoNotOverlap(t *testing.T) {
	url := postgrestest.URL(t)
	s := postgrestest.Open(t, url, postgres.Options{})
	_, keys, _ := waiting(t, s, 200, 0)
	var mu sync.Mutex
	got := map[uuid.UUID]int{}
	var wg sync.WaitGroup
	for range 6 {
		node := uuid.New()
		wg.Go(func() {
			for idle := 0; idle < 3; {
				claimed, err := s.Claim(t.Context(), node, time.Hour, 7)
				if err != nil || len(claimed) == 0 {
					idle++
					continue
				}
				mu.Lock()
				for _, d := range claimed {
					got[d.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	rest, err := s.Claim(t.Context(), uuid.New(), time.Hour, 1000)
	require.NoError(t, err)
	for _, d := range rest {
		got[d.ID]++
	}
	require.Len(t, got, len(keys))
	for id, n := range got {
		require.Equal(t, 1, n, "delivery %s", id)
	}
}

// A moment's next attempt goes before any bulk, however long that is due, and bulk keeps its share; so it does when the
// node that held all of them has died.
func TestClaimsByRank(t *testing.T) {
	s := postgrestest.New(t)
	node, keys, _ := waiting(t, s, 120, time.Hour)
	now, err := s.Now(t.Context())
	require.NoError(t, err)
	ranks := map[uuid.UUID]pusher.Rank{}
	var waits []pusher.Wait
	for i, k := range keys { // bulk is longest due, moments came last
		ranks[k.ID] = pusher.RankBulk - pusher.Rank(i/40)
		_, err := postgres.Pool(s).Exec(t.Context(), `UPDATE delivery SET notification = notification || jsonb_build_object('rank', $2::int) WHERE id = $1`,
			k.ID, int(ranks[k.ID]))
		require.NoError(t, err)
		waits = append(waits, pusher.Wait{Key: k, NotBefore: now.Add(time.Duration(i-200) * time.Second)})
	}
	require.NoError(t, s.Postpone(t.Context(), node, waits))
	claims := func(node uuid.UUID, unsure bool) (claims [][3]int) {
		for {
			claimed, err := s.Claim(t.Context(), node, time.Hour, 32)
			require.NoError(t, err)
			if len(claimed) == 0 {
				return claims
			}
			var of [3]int
			for _, d := range claimed {
				require.Equal(t, ranks[d.ID], d.Notification.Rank)
				require.Equal(t, unsure, d.Unsure)
				of[ranks[d.ID]]++
			}
			claims = append(claims, of)
		}
	}
	byRank := [][3]int{{28, 2, 2}, {12, 18, 2}, {0, 20, 12}, {0, 0, 24}}
	require.Equal(t, byRank, claims(node, false))
	require.Empty(t, claims(uuid.New(), false), "while it lives")
	_, err = postgres.Pool(s).Exec(t.Context(), `UPDATE delivery SET lease_until = now(), next_at = now()`)
	require.NoError(t, err)
	require.Equal(t, byRank, claims(uuid.New(), true))
}

func TestPostponeWaits(t *testing.T) {
	s := postgrestest.New(t)
	node, keys, _ := waiting(t, s, 2, time.Hour)
	now, err := s.Now(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Postpone(t.Context(), node, []pusher.Wait{
		{Key: keys[0], NotBefore: now.Add(time.Hour), Unsure: true, Code: "UNAVAILABLE"},
		{Key: keys[1], NotBefore: now.Add(-time.Second)},
	}))
	claimed, err := s.Claim(t.Context(), node, time.Minute, 10)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	require.Equal(t, keys[1].ID, claimed[0].ID)
	require.Equal(t, 2, claimed[0].Attempt)
	later := delivery(t, s, keys[0])
	require.True(t, later.Unsure)
	require.Equal(t, 1, later.Attempt)
	require.Equal(t, uuid.Nil, later.LeaseNode)
	require.WithinDuration(t, now.Add(time.Hour), later.NotBefore, time.Millisecond)
}

// An attempt that was counted and not made is taken back; what was begun once stays begun.
func TestUnusedAttempts(t *testing.T) {
	s := postgrestest.New(t)
	node, keys, _ := waiting(t, s, 2, time.Hour)
	_, err := s.Begin(t.Context(), node, time.Hour, keys[:1])
	require.NoError(t, err)
	wait := func(k pusher.Key) pusher.Wait { return pusher.Wait{Key: k, NotBefore: time.Now(), Unused: true} }
	for range 2 {
		require.NoError(t, s.Postpone(t.Context(), node, []pusher.Wait{wait(keys[0]), wait(keys[1])}))
		require.Equal(t, 1, delivery(t, s, keys[0]).Attempt)
		require.Equal(t, 1, delivery(t, s, keys[1]).Attempt)
	}
}

// Nobody knows what the holder of a lease did that ran out; of what was given back everything is known.
func TestClaimOfAnEndedLeaseIsUnsure(t *testing.T) {
	s := postgrestest.New(t)
	node, keys, _ := waiting(t, s, 2, time.Hour)
	_, err := s.Begin(t.Context(), node, time.Microsecond, keys[:1])
	require.NoError(t, err)
	require.NoError(t, s.Postpone(t.Context(), node, []pusher.Wait{{Key: keys[1], NotBefore: time.Now().Add(-time.Second)}}))
	claimed, err := s.Claim(t.Context(), uuid.New(), time.Minute, 10)
	require.NoError(t, err)
	require.Len(t, claimed, 2)
	for _, d := range claimed {
		require.Equal(t, d.ID == keys[0].ID, d.Unsure)
		require.Equal(t, d.Unsure, delivery(t, s, keyOf(&d)).Unsure)
	}
}

func TestCancelled(t *testing.T) {
	s := postgrestest.New(t)
	node, keys, people := waiting(t, s, 2, time.Hour)
	shown := delivery(t, s, keys[1]).Notification.ID
	fresh := fullWrite(people[0], 2, uuid.New(), noon)
	fresh.CancelDeliveries = "paused"
	one := engine.PersonWrite{Key: people[1], Version: 2, WriteID: uuid.New(), State: []byte{1}, CancelNotifications: []uuid.UUID{uuid.New(), shown}}
	require.Equal(t, []bool{true, true}, commit(t, s, fresh, one))
	require.Equal(t, pusher.Cancelled, delivery(t, s, keys[0]).State)
	require.Equal(t, pusher.Cancelled, delivery(t, s, keys[1]).State)
	require.Equal(t, pusher.Pending, delivery(t, s, keyOf(&fresh.Deliveries[0].Delivery)).State, "what the same write makes stays")
	ended, err := s.Finish(t.Context(), node, []pusher.End{{Key: keys[0], State: pusher.Accepted}})
	require.NoError(t, err)
	require.Empty(t, ended)
}

// A delivery that somebody else was changing when its end came is ended all the same, with the others.
func TestFinishAfterAnotherChange(t *testing.T) {
	url := postgrestest.URL(t)
	s, other := postgrestest.Open(t, url, postgres.Options{}), postgrestest.Open(t, url, postgres.Options{})
	node, keys, _ := waiting(t, s, 3, time.Hour)
	holder, err := postgres.Pool(other).Begin(t.Context())
	require.NoError(t, err)
	_, err = holder.Exec(t.Context(), `UPDATE delivery SET unsure = true WHERE id = $1`, keys[1].ID)
	require.NoError(t, err)
	var ends []pusher.End
	for _, k := range keys {
		ends = append(ends, pusher.End{Key: k, State: pusher.Accepted, Code: "OK"})
	}
	var ended []pusher.Key
	var wg sync.WaitGroup
	wg.Go(func() {
		var err error
		if ended, err = s.Finish(t.Context(), node, ends); err != nil {
			t.Error(err)
		}
	})
	require.Eventually(t, func() (waits bool) {
		require.NoError(t, postgres.Pool(other).QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waits))
		return waits
	}, time.Minute, time.Millisecond)
	require.NoError(t, holder.Commit(t.Context()))
	wg.Wait()
	require.ElementsMatch(t, keys, ended)
	for _, k := range keys {
		require.Equal(t, pusher.Accepted, delivery(t, s, k).State)
	}
	require.True(t, delivery(t, s, keys[1]).Unsure)
}
