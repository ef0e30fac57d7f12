package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

func aSending(b, c uuid.UUID, at time.Time) engine.Sending {
	return engine.Sending{ID: engine.SendingID(c, at), BrandID: b, CampaignID: c, At: at, Deadline: at.Add(24 * time.Hour), State: engine.SendingEstimating, NextAt: at,
		SendingBody: engine.SendingBody{Kind: campaign.Scheduled, PerMinute: 60, CreatedAt: at}}
}

func TestSendingIsOneAnOccurrence(t *testing.T) {
	s := postgrestest.New(t)
	b, c, at := newBrand(t, s), uuid.New(), time.Date(2026, 5, 13, 3, 0, 0, 0, time.UTC)
	want := aSending(b, c, at)
	for i, made := range []bool{true, false} {
		got, err := s.PlanSending(t.Context(), want)
		require.NoError(t, err)
		require.Equal(t, made, got, "%d", i)
	}
	want.Version = 1
	got, err := s.Sending(t.Context(), b, want.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = s.Sending(t.Context(), uuid.New(), want.ID)
	require.ErrorIs(t, err, engine.ErrNotFound)
	for day := 1; day <= 3; day++ {
		_, err = s.PlanSending(t.Context(), aSending(b, c, at.AddDate(0, 0, day)))
		require.NoError(t, err)
	}
	_, err = s.PlanSending(t.Context(), aSending(b, uuid.New(), at.AddDate(0, 0, 9)))
	require.NoError(t, err)
	first, err := s.Sendings(t.Context(), b, uuid.Nil, engine.Sending{}, 3)
	require.NoError(t, err)
	rest, err := s.Sendings(t.Context(), b, uuid.Nil, first[2], 3)
	require.NoError(t, err)
	require.Len(t, append(first, rest...), 5)
	require.Equal(t, at.AddDate(0, 0, 9), first[0].At)
	require.Equal(t, at, rest[1].At)
	ofOne, err := s.Sendings(t.Context(), b, c, engine.Sending{}, 9)
	require.NoError(t, err)
	require.Len(t, ofOne, 4)
	none, err := s.Sendings(t.Context(), uuid.New(), uuid.Nil, engine.Sending{}, 9)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestSendingLeases(t *testing.T) {
	s := postgrestest.New(t)
	b, at := newBrand(t, s), time.Date(2026, 5, 13, 3, 0, 0, 0, time.UTC)
	planned := aSending(b, uuid.New(), at)
	_, err := s.PlanSending(t.Context(), planned)
	require.NoError(t, err)
	one, two := uuid.New(), uuid.New()
	take := func(node uuid.UUID, now time.Time) []engine.Sending {
		taken, err := s.TakeSendings(t.Context(), node, time.Minute, now, 10)
		require.NoError(t, err)
		return taken
	}
	require.Empty(t, take(one, at.Add(-time.Second)), "not due")
	mine := take(one, at)
	require.Len(t, mine, 1)
	require.Empty(t, take(two, at))
	v := mine[0]
	v.State, v.Cursor.Person, v.Counts.Won, v.NextAt = engine.SendingRunning, uuid.New(), 3, at.Add(time.Second)
	_, err = s.PutSending(t.Context(), v, two, time.Minute)
	require.ErrorIs(t, err, engine.ErrStale)
	version, err := s.PutSending(t.Context(), v, one, time.Minute)
	require.NoError(t, err)
	_, err = s.PutSending(t.Context(), v, one, time.Minute)
	require.ErrorIs(t, err, engine.ErrStale, "an old version")
	v.Version = version
	got, err := s.Sending(t.Context(), b, v.ID)
	require.NoError(t, err)
	require.Equal(t, v, got)
	_, err = s.PutSending(t.Context(), v, one, 0)
	require.NoError(t, err)
	theirs := take(two, at.Add(time.Second))
	require.Len(t, theirs, 1, "it was given up")

	ended, err := s.CancelSending(t.Context(), b, v.ID, "key:x", at.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, engine.SendingCancelled, ended.State)
	require.Equal(t, "key:x", ended.Code)
	require.Equal(t, at.Add(time.Minute), ended.EndedAt)
	require.Zero(t, ended.Cursor)
	require.EqualValues(t, 3, ended.Counts.Won)
	_, err = s.PutSending(t.Context(), theirs[0], two, time.Minute)
	require.ErrorIs(t, err, engine.ErrStale)
	again, err := s.CancelSending(t.Context(), b, v.ID, "key:y", at.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, ended, again)
	_, err = s.CancelSending(t.Context(), uuid.New(), v.ID, "key:x", at)
	require.ErrorIs(t, err, engine.ErrNotFound)
	for since, n := range map[time.Time]int{at: 1, at.Add(2 * time.Minute): 0} {
		cancelled, err := s.CancelledSendings(t.Context(), since)
		require.NoError(t, err)
		require.Len(t, cancelled, n)
	}
}

func TestBatchIsWithdrawn(t *testing.T) {
	s := postgrestest.New(t)
	b, batch, now := newBrand(t, s), uuid.New(), time.Now().UTC()
	keys, devices := newPeople(t, s, b, 4)
	for i, key := range keys {
		w := fullWrite(key, 1, devices[i].ID, now)
		w.Deliveries = w.Deliveries[:1]
		w.Deliveries[0].Notification.Batch = batch
		switch i {
		case 1: // a node has it
			w.Deliveries[0].Lease, w.Deliveries[0].LeaseNode = time.Minute, uuid.New()
		case 2:
			w.Deliveries[0].Lease, w.Deliveries[0].LeaseNode = 0, uuid.Nil
			w.Deliveries[0].Notification.Batch = uuid.New()
		default:
			w.Deliveries[0].Lease, w.Deliveries[0].LeaseNode = 0, uuid.Nil
		}
		w.Deliveries[0].State = pusher.Pending
		commit(t, s, w)
	}
	for n := 2; n >= 0; n-- {
		gone, err := s.WithdrawBatch(t.Context(), b, batch, "SENDING_CANCELLED", 1)
		require.NoError(t, err)
		require.Len(t, gone, min(n, 1))
		for _, g := range gone {
			require.True(t, g.SurelyNot)
			require.Contains(t, []engine.PersonKey{keys[0], keys[3]}, g.Key)
		}
	}
	none, err := s.WithdrawBatch(t.Context(), uuid.New(), batch, "x", 10)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestCouponEnds(t *testing.T) {
	s := postgrestest.New(t)
	b, now := newBrand(t, s), time.Date(2026, 5, 13, 3, 0, 0, 0, time.UTC)
	keys, devices := newPeople(t, s, b, 3)
	for i, key := range keys {
		w := fullWrite(key, 1, devices[i].ID, now)
		first := w.Coupons[0]
		w.Coupons = nil
		for day := range 3 {
			c := first
			c.ID, c.Code, c.ExpiresAt = uuid.New(), uuid.NewString()[:12], now.Add(time.Duration(day)*12*time.Hour)
			w.Coupons = append(w.Coupons, c)
		}
		commit(t, s, w)
	}
	var found []engine.CouponEnd
	after := engine.CouponEnd{}
	for {
		page, err := s.CouponEnds(t.Context(), b, now, now.Add(24*time.Hour), after, 2)
		require.NoError(t, err)
		if found = append(found, page...); len(page) < 2 {
			break
		}
		after = page[1]
	}
	require.Len(t, found, 6, "two of each person's three end on the day")
	other, err := s.CouponEnds(t.Context(), uuid.New(), now, now.Add(24*time.Hour), engine.CouponEnd{}, 9)
	require.NoError(t, err)
	require.Empty(t, other)
	_, err = postgres.Pool(s).Exec(t.Context(), `UPDATE coupon SET redemption_id = gen_random_uuid() WHERE person_id = $1 AND brand_id = $2`, keys[0].PersonID, b)
	require.NoError(t, err)
	left, err := s.CouponEnds(t.Context(), b, now, now.Add(24*time.Hour), engine.CouponEnd{}, 9)
	require.NoError(t, err)
	require.Len(t, left, 4, "what is redeemed ends no more")
}
