package engine

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/index"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

// lettersTurn is a turn of a brand with webhooks, and a fence of each purpose.
func lettersTurn(t *testing.T, hooks ...brand.Webhook) (*turn, map[store.Purpose]uuid.UUID) {
	t.Helper()
	b := &brand.Brand{ID: uuid.New(), Settings: brand.Default(brand.KR)}
	ids := map[store.Purpose]uuid.UUID{}
	tables := newBrandTables()
	tables.brand = b
	v := &view{brand: b, webhooks: hooks, campaigns: campaign.NewIndex(nil)}
	var fences []*index.Fence
	for i, purpose := range []store.Purpose{store.Visit, store.Near} {
		circle, err := geo.NewCircle(geo.Point{Lat: 37 + float64(i), Lng: 127}, 50)
		require.NoError(t, err)
		f := &store.Fence{ID: uuid.New(), Purpose: purpose, Circle: &circle}
		ids[purpose] = f.ID
		fences = append(fences, tables.indexed(v, f))
	}
	var err error
	v.fences, err = index.Build(fences)
	require.NoError(t, err)
	return &turn{v: v, p: &person{profile: audience.Profile{ExternalID: "member-7"}}}, ids
}

func TestLettersOfAWrite(t *testing.T) {
	now := time.Date(2026, 5, 13, 14, 30, 0, 0, time.UTC) // 23:30 in Seoul
	midnight := time.Date(2026, 5, 13, 15, 0, 0, 0, time.UTC)
	all := brand.Webhook{ID: uuid.New(), Events: brand.WebhookEvents, Recipient: brand.OwnSystem, Place: true}
	coarse := brand.Webhook{ID: uuid.New(), Events: []brand.WebhookEvent{brand.VisitEntered, brand.DeliveryEnded}, Recipient: brand.Processor}
	stranger := brand.Webhook{ID: uuid.New(), Events: []brand.WebhookEvent{brand.PersonErased}, Recipient: brand.ThirdParty}
	paused := brand.Webhook{ID: uuid.New(), Events: brand.WebhookEvents, Recipient: brand.OwnSystem, Place: true, Paused: true}
	tn, fences := lettersTurn(t, all, coarse, stranger, paused)
	place := func(fence uuid.UUID, k presence.Kind) Place { return Place{ID: newID(now), FenceID: fence, Kind: k} }
	tn.write = PersonWrite{
		Places: []Place{place(fences[store.Visit], presence.Entered), place(fences[store.Near], presence.Entered), place(uuid.New(), presence.Exited),
			place(uuid.New(), presence.Entered)},
		Traces:     []Trace{{ID: newID(now)}},
		Deliveries: []DeliveryWrite{{}},
		Coupons:    []CouponWrite{{}, {Redeem: true}},
	}
	tn.write.Deliveries[0].ID = newID(now)
	got := tn.letters(now)
	var events []brand.WebhookEvent
	for i, l := range got {
		require.Equal(t, int32(i), l.Ordinal)
		require.Equal(t, uuid.Version(4), l.ID.Version(), "an id that tells no time")
		require.Equal(t, l.Event == brand.DeliveryEnded, l.Awaits)
		if l.WebhookID == all.ID {
			events = append(events, l.Event)
			require.Zero(t, l.NotBefore)
			continue
		}
		require.Equal(t, coarse.ID, l.WebhookID)
		require.False(t, l.NotBefore.Before(midnight), "told after the day")
		require.True(t, l.NotBefore.Before(midnight.Add(time.Hour)))
	}
	require.Equal(t, []brand.WebhookEvent{brand.VisitEntered, brand.VisitExited, brand.DecisionMade, brand.DeliveryEnded, brand.CouponRedeemed}, events)
	require.Len(t, got, 7)

	// A third party that is told places: of visits and decisions by the consent that stands with the write, of the others
	// without it after the day.
	mall := brand.Webhook{ID: uuid.New(), Events: brand.WebhookEvents, Recipient: brand.ThirdParty, RecipientName: "Mall", RecipientPurpose: "footfall", Place: true}
	hooks := tn.v.webhooks
	tn.v.webhooks = []brand.Webhook{mall}
	tn.v.brand.Settings.Filing = brand.Filing{Mode: brand.FilingRegistered, Number: "1", Date: now.AddDate(-1, 0, 0)}
	agreed := audience.Profile{OfAge: true, Consents: map[audience.Purpose]audience.Standing{audience.LocUse: {Granted: true, At: now}},
		ThirdParties: map[string]audience.Standing{"Mall": {Granted: true, At: now, For: "footfall"}}}
	withdrawn := agreed
	withdrawn.ThirdParties = nil
	for _, c := range []struct {
		before  audience.Profile
		written *audience.Profile
		place   bool
	}{{agreed, nil, true}, {withdrawn, nil, false}, {agreed, &withdrawn, false}, {withdrawn, &agreed, true}} {
		tn.p.profile, tn.write.Profile = c.before, c.written
		events = nil
		for _, l := range tn.letters(now) {
			events = append(events, l.Event)
			require.Equal(t, c.place, l.NotBefore.IsZero(), l.Event)
		}
		if c.place {
			require.Len(t, events, 5)
		} else {
			require.Equal(t, []brand.WebhookEvent{brand.DeliveryEnded, brand.CouponRedeemed}, events)
		}
	}
	tn.v.webhooks, tn.p.profile = hooks, audience.Profile{ExternalID: "member-7"}

	tn.write = PersonWrite{Key: PersonKey{PersonID: uuid.New()}, Status: PersonErasing}
	got = tn.letters(now)
	require.Len(t, got, 2)
	require.Equal(t, "member-7", got[0].ExternalID)
	require.Empty(t, got[1].ExternalID, "a third party knows no ids of the brand's")
	require.True(t, got[0].Awaits)
	tn.v.webhooks = nil
	require.Empty(t, tn.letters(now))
}
