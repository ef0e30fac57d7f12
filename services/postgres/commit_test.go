package postgres_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

// Everything written by a commit reads back as it was, prepared and through a pooler's way alike.
func TestCommitReadsBack(t *testing.T) {
	url := postgrestest.URL(t)
	for name, options := range map[string]postgres.Options{"prepared": {}, "pooled": {Pooled: true}} {
		t.Run(name, func(t *testing.T) {
			s := postgrestest.Open(t, url, options)
			b := newBrand(t, s)
			keys, devices := newPeople(t, s, b, 1)
			w := fullWrite(keys[0], 1, devices[0].ID, noon)
			require.Equal(t, []bool{true}, commit(t, s, w))

			row := load(t, s, keys[0])
			require.Equal(t, int64(2), row.Version)
			require.Equal(t, w.State, row.State)
			require.Equal(t, int32(2), row.MinWriter)
			require.Equal(t, *w.Profile, row.Profile)
			require.Equal(t, []audience.Device{devices[0]}, row.Devices)

			traces, err := s.Traces(t.Context(), keys[0], engine.TraceFilter{Reason: string(campaign.Won)})
			require.NoError(t, err)
			require.Equal(t, []engine.TraceRow{{Trace: w.Traces[0], Place: &w.Places[0]}}, traces)
			places, momentTraces, err := s.FactsOf(t.Context(), keys[0], []uuid.UUID{w.Places[0].PingID})
			require.NoError(t, err)
			require.Equal(t, w.Places, places)
			require.Equal(t, w.Traces, momentTraces)

			coupons, err := s.Coupons(t.Context(), keys[0], true, noon, 10)
			require.NoError(t, err)
			require.Equal(t, []campaign.Coupon{w.Coupons[0].Coupon}, coupons)
			byCode, err := s.CouponByCode(t.Context(), b, w.Coupons[0].Code)
			require.NoError(t, err)
			require.Equal(t, w.Coupons[0].Coupon, byCode)

			deliveries, err := s.Deliveries(t.Context(), keys[0], nil)
			require.NoError(t, err)
			require.Len(t, deliveries, 1)
			want := w.Deliveries[0].Delivery
			want.State, want.Attempt, want.LeaseUntil = pusher.Pending, 1, deliveries[0].LeaseUntil
			require.Equal(t, want, deliveries[0])
			now, err := s.Now(t.Context())
			require.NoError(t, err)
			require.WithinDuration(t, now.Add(time.Minute), want.LeaseUntil, 30*time.Second)
			who, err := s.PersonOfDelivery(t.Context(), b, want.Notification.ID, uuid.Nil)
			require.NoError(t, err)
			require.Equal(t, keys[0].PersonID, who)

			uses, err := s.LocationUses(t.Context(), keys[0], time.Time{}, time.Time{}, 10)
			require.NoError(t, err)
			require.Equal(t, w.Uses, uses)
			consents, err := s.Consents(t.Context(), keys[0])
			require.NoError(t, err)
			require.Equal(t, w.Consents, consents)
			inside, err := s.Inside(t.Context(), b, w.Opened[0].FenceID, uuid.Nil, 10)
			require.NoError(t, err)
			require.Equal(t, keys, inside)
			due, err := s.Due(t.Context(), noon.Add(time.Hour), 10)
			require.NoError(t, err)
			require.Contains(t, due, keys[0])
			revoked, err := s.Revocations(t.Context(), now.Add(-time.Minute))
			require.NoError(t, err)
			require.True(t, slices.ContainsFunc(revoked, func(r engine.Revocation) bool { return r.Key == keys[0] && r.Reason == "consent" }))
		})
	}
}

// Of many writers on one version exactly one wins, and only its facts exist.
func TestOneWriterWins(t *testing.T) {
	url := postgrestest.URL(t)
	nodes := []*postgres.Store{postgrestest.Open(t, url, postgres.Options{}), postgrestest.Open(t, url, postgres.Options{})}
	b := newBrand(t, nodes[0])
	keys, devices := newPeople(t, nodes[0], b, 1)
	var won atomic.Int32
	var winner atomic.Pointer[engine.PersonWrite]
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			w := fullWrite(keys[0], 1, devices[0].ID, noon)
			done, err := nodes[i%2].Commit(t.Context(), []engine.PersonWrite{w})
			if err == nil && done[0] {
				won.Add(1)
				winner.Store(&w)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, won.Load())
	w := winner.Load()
	require.Equal(t, w.State, load(t, nodes[0], keys[0]).State)
	traces, err := nodes[0].Traces(t.Context(), keys[0], engine.TraceFilter{})
	require.NoError(t, err)
	require.Equal(t, []engine.TraceRow{{Trace: w.Traces[0], Place: &w.Places[0]}}, traces)
	coupons, err := nodes[0].Coupons(t.Context(), keys[0], false, noon, 10)
	require.NoError(t, err)
	require.Len(t, coupons, 1)
	deliveries, err := nodes[0].Deliveries(t.Context(), keys[0], nil)
	require.NoError(t, err)
	require.Len(t, deliveries, 1)
}

// Batches that name the same people in opposite orders neither deadlock nor lose a write: every version is won once.
func TestCommitInAnyOrder(t *testing.T) {
	url := postgrestest.URL(t)
	nodes := []*postgres.Store{postgrestest.Open(t, url, postgres.Options{}), postgrestest.Open(t, url, postgres.Options{})}
	b := newBrand(t, nodes[0])
	keys, devices := newPeople(t, nodes[0], b, 60)
	rng := seeded(t)
	rounds := 20
	if postgrestest.ShapeOf(t) != postgrestest.Plain {
		rounds = 2 // a commit a person
	}
	orders := make([][]int, 8)
	for i := range orders {
		orders[i] = rng.Perm(len(keys))
	}
	wins := make([][]int, len(orders))
	errs := make([]error, len(orders))
	var wg sync.WaitGroup
	for g := range orders {
		wins[g] = make([]int, len(keys))
		wg.Go(func() {
			versions := make([]int64, len(keys))
			for i := range versions {
				versions[i] = 1
			}
			for range rounds {
				writes := make([]engine.PersonWrite, 0, len(keys))
				for _, i := range orders[g] {
					w := fullWrite(keys[i], versions[i], devices[i].ID, noon)
					w.CancelDeliveries = "again"
					writes = append(writes, w)
				}
				done, err := nodes[g%2].Commit(t.Context(), writes)
				if err != nil {
					errs[g] = err
					return
				}
				rows, err := nodes[g%2].Load(t.Context(), keys)
				if err != nil {
					errs[g] = err
					return
				}
				for n, i := range orders[g] {
					if done[n] {
						wins[g][i]++
					}
				}
				for i := range rows {
					versions[i] = rows[i].Version
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	rows, err := nodes[0].Load(t.Context(), keys)
	require.NoError(t, err)
	for i, row := range rows {
		total := 0
		for g := range wins {
			total += wins[g][i]
		}
		require.Equal(t, row.Version-1, int64(total), "person %d", i)
		traces, err := nodes[0].Traces(t.Context(), keys[i], engine.TraceFilter{Limit: 1000})
		require.NoError(t, err)
		require.Len(t, traces, total)
	}
}

func TestLosersLeaveNothing(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 4)
	stale := fullWrite(keys[1], 9, devices[1].ID, noon)
	repeated := fullWrite(keys[0], 1, devices[0].ID, noon)
	stranger := fullWrite(engine.PersonKey{BrandID: b, PersonID: uuid.New()}, 1, uuid.New(), noon)
	foreign := fullWrite(engine.PersonKey{BrandID: uuid.New(), PersonID: keys[2].PersonID}, 1, devices[2].ID, noon)
	first := fullWrite(keys[0], 1, devices[0].ID, noon)
	writes := []engine.PersonWrite{stale, first, repeated, stranger, foreign}
	require.Equal(t, []bool{false, true, false, false, false}, commit(t, s, writes...))
	known, err := s.Committed(t.Context(), writes)
	require.NoError(t, err)
	require.Equal(t, []bool{false, true, false, false, false}, known)
	for _, w := range []engine.PersonWrite{stale, stranger, foreign} {
		traces, err := s.Traces(t.Context(), w.Key, engine.TraceFilter{})
		require.NoError(t, err)
		require.Empty(t, traces)
		deliveries, err := s.Deliveries(t.Context(), w.Key, nil)
		require.NoError(t, err)
		require.Empty(t, deliveries)
	}
	// A row that moved on still tells what was committed, by its facts.
	require.Equal(t, []bool{true}, commit(t, s, fullWrite(keys[0], 2, devices[0].ID, noon)))
	known, err = s.Committed(t.Context(), writes)
	require.NoError(t, err)
	require.Equal(t, []bool{false, true, false, false, false}, known)
}

// One write with a fault fails the whole statement and nothing of it stays; the rest commits without it.
func TestFaultyWriteFailsWhole(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 2)
	good, bad := fullWrite(keys[0], 1, devices[0].ID, noon), fullWrite(keys[1], 1, devices[1].ID, noon)
	bad.Coupons[0].Title = "zero\x00byte"
	_, err := s.Commit(t.Context(), []engine.PersonWrite{good, bad})
	require.Error(t, err)
	require.Equal(t, int64(1), load(t, s, keys[0]).Version)
	require.Equal(t, []bool{true}, commit(t, s, good))
}

func TestStatusForbids(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 1)
	giving := engine.PersonWrite{Key: keys[0], Version: 1, WriteID: uuid.New(), State: []byte{2}, Status: engine.PersonGiving, SuccessorID: uuid.New()}
	require.Equal(t, []bool{true}, commit(t, s, giving))
	row := load(t, s, keys[0])
	require.Equal(t, engine.PersonGiving, row.Status)
	require.Equal(t, giving.SuccessorID, row.SuccessorID)
	erasing := engine.PersonWrite{Key: keys[0], Version: 2, WriteID: uuid.New(), State: []byte{}, Status: engine.PersonErasing}
	require.Equal(t, []bool{true}, commit(t, s, erasing))
	require.Equal(t, []bool{false}, commit(t, s, fullWrite(keys[0], 3, devices[0].ID, noon)))
}

func TestVisitsOpenAndClose(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 1)
	fences := []uuid.UUID{uuid.New(), uuid.New()}
	visit := func(f uuid.UUID) engine.OpenVisit {
		return engine.OpenVisit{DeviceID: devices[0].ID, FenceID: f, Since: noon}
	}
	version := int64(0)
	write := func(opened, closed []engine.OpenVisit) {
		version++
		w := engine.PersonWrite{Key: keys[0], Version: version, WriteID: uuid.New(), State: []byte{1}, Opened: opened, Closed: closed}
		require.Equal(t, []bool{true}, commit(t, s, w))
	}
	inside := func(f uuid.UUID) int {
		found, err := s.Inside(t.Context(), b, f, uuid.Nil, 10)
		require.NoError(t, err)
		return len(found)
	}
	write([]engine.OpenVisit{visit(fences[0]), visit(fences[1]), visit(fences[0])}, nil)
	require.Equal(t, []int{1, 1}, []int{inside(fences[0]), inside(fences[1])})
	write([]engine.OpenVisit{visit(fences[0])}, []engine.OpenVisit{visit(fences[0]), visit(fences[1])})
	require.Equal(t, []int{1, 0}, []int{inside(fences[0]), inside(fences[1])}, "closed and opened again stays open")
	write([]engine.OpenVisit{visit(fences[0])}, nil)
	require.Equal(t, []int{1, 0}, []int{inside(fences[0]), inside(fences[1])}, "one that is open already, though nobody should say so, is no fault")
	write(nil, []engine.OpenVisit{visit(fences[0]), visit(fences[1])})
	require.Equal(t, []int{0, 0}, []int{inside(fences[0]), inside(fences[1])})

	var many []engine.OpenVisit
	for range 40 {
		many = append(many, visit(uuid.New()))
	}
	write(append(many, many[0]), nil)
	write(many[:30], many)
	for i, v := range many {
		require.Equal(t, map[bool]int{true: 1}[i < 30], inside(v.FenceID), i)
	}
}

func TestRedeemOnce(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 1)
	w := fullWrite(keys[0], 1, devices[0].ID, noon)
	commit(t, s, w)
	redeem := func(version int64) engine.PersonWrite {
		c := w.Coupons[0].Coupon
		c.Redemption = &campaign.Redemption{ID: uuid.New(), StoreID: uuid.New(), At: noon.Add(time.Minute), By: "key:1"}
		return engine.PersonWrite{Key: keys[0], Version: version, WriteID: uuid.New(), State: []byte{3}, Coupons: []engine.CouponWrite{{Coupon: c, Redeem: true}}}
	}
	first := redeem(2)
	require.Equal(t, []bool{true}, commit(t, s, first))
	require.Equal(t, []bool{false}, commit(t, s, redeem(2)))
	got, err := s.Coupon(t.Context(), keys[0], w.Coupons[0].ID)
	require.NoError(t, err)
	require.Equal(t, first.Coupons[0].Coupon, got)
	live, err := s.Coupons(t.Context(), keys[0], true, noon, 10)
	require.NoError(t, err)
	require.Empty(t, live)
}

func TestDueIsALowerBound(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, _ := newPeople(t, s, b, 1)
	version := int64(0)
	write := func(at, due time.Time) {
		version++
		require.Equal(t, []bool{true}, commit(t, s, engine.PersonWrite{Key: keys[0], Version: version, WriteID: uuid.New(), State: []byte{1}, At: at, DueAt: due}))
	}
	due := func(at time.Time) int {
		found, err := s.Due(t.Context(), at, 10)
		require.NoError(t, err)
		return len(found)
	}
	write(noon, noon.Add(10*time.Minute))
	write(noon.Add(time.Minute), noon.Add(20*time.Minute))
	require.Equal(t, 1, due(noon.Add(10*time.Minute)), "later is not written while the earlier is ahead")
	write(noon.Add(10*time.Minute), noon.Add(20*time.Minute))
	require.Equal(t, 0, due(noon.Add(10*time.Minute)), "what has come is moved")
	write(noon.Add(11*time.Minute), noon.Add(12*time.Minute))
	require.Equal(t, 1, due(noon.Add(12*time.Minute)), "earlier is written")
	write(noon.Add(12*time.Minute), time.Time{})
	require.Equal(t, 0, due(noon.Add(time.Hour)))
}
