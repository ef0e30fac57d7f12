package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

func partitions(t testing.TB, s *postgres.Store) (n int) {
	t.Helper()
	require.NoError(t, postgres.Pool(s).QueryRow(t.Context(), `SELECT count(*) FROM pg_inherits WHERE inhparent = 'place'::regclass`).Scan(&n))
	return n
}

// Places are summed once, when their brand's retention has passed, and their partitions go.
func TestPlacesFold(t *testing.T) {
	s := postgrestest.New(t)
	long := newBrand(t, s)
	short := uuid.New()
	require.NoError(t, s.CreateBrand(t.Context(), brand.Brand{ID: short, CreatedAt: noon, Settings: brand.Settings{PlaceRetention: time.Hour}}))
	first, err := s.KeepHouse(t.Context(), noon)
	require.NoError(t, err)
	require.Equal(t, 26, first.PartitionsMade)
	again, err := s.KeepHouse(t.Context(), noon)
	require.NoError(t, err)
	require.Equal(t, engine.HouseReport{}, again)

	longKeys, longDevices := newPeople(t, s, long, 3)
	shortKeys, shortDevices := newPeople(t, s, short, 2)
	var writes []engine.PersonWrite
	store, campaign := uuid.New(), uuid.New()
	add := func(key engine.PersonKey, device uuid.UUID, at time.Time) {
		w := fullWrite(key, 1, device, at)
		w.Places[0].StoreID, w.Traces[0].CampaignID = store, campaign
		writes = append(writes, w)
	}
	for i := range longKeys {
		add(longKeys[i], longDevices[i].ID, noon.Add(5*time.Minute))
	}
	add(shortKeys[0], shortDevices[0].ID, noon.Add(6*time.Minute))
	add(shortKeys[1], shortDevices[1].ID, noon.Add(-500*time.Hour)) // no partition
	for _, ok := range commit(t, s, writes...) {
		require.True(t, ok)
	}
	require.Equal(t, 5, countRows(t, s, "place"))
	require.Equal(t, 1, countRows(t, s, "place_default"))

	report, err := s.KeepHouse(t.Context(), noon.Add(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 2, report.PlacesFolded, "the short brand's")
	require.Zero(t, report.PartitionsDropped)
	require.Equal(t, 3, countRows(t, s, "place"))
	report, err = s.KeepHouse(t.Context(), noon.Add(25*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 3, report.PlacesFolded)
	require.Equal(t, 1, report.PartitionsDropped)
	require.Zero(t, countRows(t, s, "place"))

	type sum struct {
		Brand, Campaign uuid.UUID
		Hour            int
		Kind, Reason    string
		Count           int64
	}
	rows, err := postgres.Pool(s).Query(t.Context(), `SELECT brand_id, campaign_id, hour, kind, reason, count FROM place_sum WHERE day = '2026-05-04' AND store_id = $1`, store)
	require.NoError(t, err)
	sums, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sum])
	require.NoError(t, err)
	require.ElementsMatch(t, []sum{
		{long, uuid.Nil, 12, presence.Entered.String(), presence.Moved.String(), 3},
		{long, campaign, 12, "entered", "WON", 3},
		{short, uuid.Nil, 12, presence.Entered.String(), presence.Moved.String(), 1},
		{short, campaign, 12, "entered", "WON", 1},
	}, sums)
	require.Equal(t, 5, countRows(t, s, "trace"), "traces are kept")
	require.LessOrEqual(t, partitions(t, s), 27+25)
}

func TestOldRecordsGo(t *testing.T) {
	s := postgrestest.New(t)
	b := newBrand(t, s)
	keys, devices := newPeople(t, s, b, 1)
	commit(t, s, fullWrite(keys[0], 1, devices[0].ID, noon))
	report, err := s.KeepHouse(t.Context(), noon.Add(183*24*time.Hour))
	require.NoError(t, err)
	require.Zero(t, report.UsesDropped)
	report, err = s.KeepHouse(t.Context(), noon.Add(186*24*time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, report.UsesDropped)
}

func TestFirstIDOrdersLikeUUIDv7(t *testing.T) {
	at := time.UnixMilli(time.Now().UnixMilli())
	require.Less(t, postgres.FirstID(at.Add(-time.Millisecond)).String(), id7(at).String()[:13])
	require.LessOrEqual(t, postgres.FirstID(at).String()[:13], id7(at).String()[:13])
	require.Greater(t, postgres.FirstID(at.Add(time.Millisecond)).String(), id7(at).String())
}

func TestNamesOfTransitions(t *testing.T) {
	require.Equal(t, presence.Dwelled, postgres.KindByName["dwelled"])
	require.Len(t, postgres.KindByName, 4)
	require.Equal(t, presence.Approached, postgres.KindByName["approached"])
	require.Equal(t, presence.Silence, postgres.ReasonByName["silence"])
	require.Contains(t, postgres.ReasonByName, presence.RecordMissing.String())
}

func TestEpoch(t *testing.T) {
	url := postgrestest.URL(t)
	var told []string
	s := postgrestest.Open(t, url, postgres.Options{MaxConns: 1, OnEpoch: func(e string) { told = append(told, e) }})
	epoch, err := s.Epoch(t.Context())
	require.NoError(t, err)
	if postgrestest.ShapeOf(t) != postgrestest.Citus {
		require.Regexp(t, `^\d+-00000001$`, epoch)
	}
	require.Equal(t, []string{epoch}, told)
}

func TestRequests(t *testing.T) {
	s := postgrestest.New(t)
	b, r := uuid.New(), s.Requests()
	claim := func(scope, answered string) time.Time {
		t.Helper()
		answer, at, err := r.Claim(t.Context(), b, scope, "r1")
		require.NoError(t, err)
		require.Equal(t, answered, string(answer))
		return at
	}
	mine := claim("device:1", "")
	require.False(t, mine.IsZero())
	require.True(t, claim("device:1", "").IsZero(), "running")
	require.NoError(t, r.Remember(t.Context(), b, "device:1", "r1", []byte("yes")))
	require.NoError(t, r.Remember(t.Context(), b, "device:1", "r1", []byte("no")))
	require.True(t, claim("device:1", "yes").IsZero())
	require.NoError(t, r.Forget(t.Context(), b, "device:1", "r1", mine), "an answered one stays")
	require.True(t, claim("device:1", "yes").IsZero())
	other := claim("device:2", "")
	require.False(t, other.IsZero(), "another's")
	require.NoError(t, r.Forget(t.Context(), b, "device:2", "r1", other))
	require.False(t, claim("device:2", "").IsZero())
}

// The claim of a node that died is taken over when it was not renewed for a while, whichever way the clock went since.
// Whoever held it before can neither renew it nor give it up; what it did all the same is remembered.
func TestClaimsOfTheDead(t *testing.T) {
	s := postgrestest.New(t)
	b, r := uuid.New(), s.Requests()
	claim := func() time.Time {
		t.Helper()
		_, at, err := r.Claim(t.Context(), b, "s", "r1")
		require.NoError(t, err)
		return at
	}
	aged := func(by time.Duration) (at time.Time) {
		t.Helper()
		err := postgres.Pool(s).QueryRow(t.Context(), `UPDATE request SET claimed_at = clock_timestamp() - $1::bigint * interval '1 microsecond' RETURNING claimed_at`,
			by.Microseconds()).Scan(&at)
		require.NoError(t, err)
		return at
	}
	require.False(t, claim().IsZero())
	for _, by := range []time.Duration{engine.ClaimLease / 2, -engine.ClaimLease / 2} {
		dead := aged(by)
		require.True(t, claim().IsZero(), "it may be running")
		renewed, err := r.Renew(t.Context(), b, "s", "r1", dead)
		require.NoError(t, err)
		require.False(t, renewed.IsZero())
		require.NotEqual(t, dead, renewed)
	}
	for _, by := range []time.Duration{engine.ClaimLease + time.Second, -engine.ClaimLease - time.Minute} {
		dead := aged(by)
		taken := claim()
		require.False(t, taken.IsZero())
		renewed, err := r.Renew(t.Context(), b, "s", "r1", dead)
		require.NoError(t, err)
		require.True(t, renewed.IsZero(), "it is another's")
		require.NoError(t, r.Forget(t.Context(), b, "s", "r1", dead))
		require.True(t, claim().IsZero())
	}
	require.NoError(t, r.Remember(t.Context(), b, "s", "r1", []byte("done")))
	answer, at, err := r.Claim(t.Context(), b, "s", "r1")
	require.NoError(t, err)
	require.True(t, at.IsZero())
	require.Equal(t, "done", string(answer))
}
